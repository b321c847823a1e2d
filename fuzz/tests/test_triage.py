"""Triage: the states of findings between two campaigns, and a bisection over a real branch."""

import json
import os
import shutil
import signal
import subprocess
import sys
import time
from dataclasses import replace
from pathlib import Path

import pytest
from click.testing import CliRunner

from ebpf.program import ProgramError
from fuzz.cli.main import main
from fuzz.findings import triage
from fuzz.findings.bisect import _IMAGE, TRAMPOLINE, Culprit, _image, bisect, words_of
from fuzz.findings.finding import Finding, read, text
from fuzz.findings.known import Known
from fuzz.findings.replay import CANNOT_JUDGE, FAIL, PASS
from fuzz.findings.triage import FIXED, KNOWN, NEW, REOPENED, STILL, UNREADABLE, between_campaigns, between_commits, of_repository, settle
from fuzz.tests.campaigns import Seeded, campaign

ROOT = Path(__file__).parent.parent.parent
CONFIGS = ("mips32r2-32be",)


@pytest.fixture(scope="module")
def campaigns(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Path]:
    """One with a bug, and one with another."""
    directory = tmp_path_factory.mktemp("campaigns")
    found = []
    for name in ("load-halves", "mov32-copies"):
        state = campaign(directory / name, Seeded(name), cases=24, configs=CONFIGS)
        assert state.buckets
        state.close()
        found.append(directory / name)
    return found[0], found[1]


def _known(name: str) -> dict[str, Known]:
    import datetime

    return {name: Known(name, "waits", "https://example.org", datetime.date(2100, 1, 1))}


def test_what_is_new_fixed_and_still_there(campaigns: tuple[Path, Path], tmp_path: Path) -> None:
    first, second = campaigns
    states = {one.fingerprint: one.state for one in between_campaigns(first, second, {}, lambda path: PASS, tmp_path)}
    assert set(states.values()) == {NEW, FIXED}
    assert states["value LDX_DW o32"] == FIXED
    states = {one.fingerprint: one.state for one in between_campaigns(first, second, {}, lambda path: FAIL, tmp_path)}
    assert states["value LDX_DW o32"] == STILL
    (same,) = {one.state for one in between_campaigns(first, first, {}, lambda path: FAIL, tmp_path)}
    assert same == STILL


def test_what_is_known_or_was_fixed(campaigns: tuple[Path, Path], tmp_path: Path) -> None:
    first, second = campaigns
    (file,) = (first / "findings").glob("value-LDX-DW-o32.toml")
    states = {one.fingerprint: one.state for one in between_campaigns(second, first, _known("value LDX_DW o32"), lambda path: PASS, tmp_path)}
    assert states["value LDX_DW o32"] == KNOWN
    shutil.copy(file, tmp_path)
    states = {one.fingerprint: one.state for one in between_campaigns(second, first, {}, lambda path: PASS, tmp_path)}
    assert states["value LDX_DW o32"] == REOPENED


def test_a_known_one_that_does_not_fail_is_told(campaigns: tuple[Path, Path], tmp_path: Path) -> None:
    first, _ = campaigns
    told = between_campaigns(first, first, _known("value NEG64"), lambda path: FAIL, tmp_path)
    assert any(one.fingerprint == "value NEG64" and one.state == KNOWN and "not seen" in one.note for one in told)


PASSES = "known, but passes: the entry can go"


def test_a_known_one_that_passes_is_told_and_one_that_fails_is_known(campaigns: tuple[Path, Path], tmp_path: Path) -> None:
    """However it is asked: between campaigns where it was not seen again, and of a directory."""
    first, second = campaigns
    name = "value LDX_DW o32"

    def notes(found: tuple[triage.Triaged, ...]) -> list[tuple[str, str]]:
        return [(one.state, one.note) for one in found if one.fingerprint == name]

    for status, expected in ((PASS, (FIXED, PASSES)), (FAIL, (KNOWN, "not seen again, and fails"))):
        assert notes(between_campaigns(first, second, _known(name), lambda path, status=status: status, tmp_path)) == [expected]  # type: ignore[misc]
    assert notes(of_repository(_known(name), lambda path: PASS, first / "findings", tmp_path)) == [(FIXED, PASSES)]
    assert notes(of_repository(_known(name), lambda path: FAIL, first / "findings", tmp_path)) == [(KNOWN, "")]
    # As a regression that fails again.
    assert notes(of_repository(_known(name), lambda path: FAIL, tmp_path, first / "findings")) == [(KNOWN, "")]
    assert notes(of_repository(_known(name), lambda path: FAIL, tmp_path, tmp_path)) == [(KNOWN, "no finding of it: waits")]


def test_what_is_fixed_moves_to_the_regressions(campaigns: tuple[Path, Path], tmp_path: Path) -> None:
    first, _ = campaigns
    findings, regressions = tmp_path / "findings", tmp_path / "regressions"
    regressions.mkdir()
    shutil.copytree(first / "findings", findings)
    assert {one.state for one in of_repository({}, lambda path: FAIL, findings, regressions)} == {STILL}
    found = of_repository({}, lambda path: PASS, findings, regressions)
    assert {one.state for one in found} == {FIXED}
    moved = settle(found, regressions)
    assert [path.parent for path in moved] == [regressions]
    assert not list(findings.iterdir())
    assert {one.state for one in of_repository({}, lambda path: FAIL, findings, regressions)} == {REOPENED}
    # This compiler has no such bug.
    assert triage.replayed()(moved[0]) == PASS


def test_not_a_campaign_is_one_line(tmp_path: Path) -> None:
    for name in ("a", "b"):
        (tmp_path / name).mkdir()
    found = CliRunner().invoke(main, ["triage", str(tmp_path / "a"), str(tmp_path / "b")])
    assert found.exit_code == 2
    assert found.stderr == f"{tmp_path / 'a'}: no campaign: campaign.sqlite is missing\n"
    found = CliRunner().invoke(main, ["triage", "no-such-revision", "HEAD"])
    assert found.exit_code == 2
    assert found.stderr.startswith("'no-such-revision': no commit of ")
    assert len(found.stderr.splitlines()) == 1
    found = CliRunner().invoke(main, ["triage", str(tmp_path / "a"), "HEAD"])
    assert (found.exit_code, len(found.stderr.splitlines())) == (2, 1)
    assert "is a directory and 'HEAD' is none" in found.stderr


@pytest.mark.parametrize(
    ("options", "reason"),
    [
        (["--good", "no-such-revision"], "'no-such-revision': no commit of "),
        (["--good", "--help"], "'--help': no commit of "),
        (["--good", "HEAD", "--repository", "missing"], "missing: not a directory"),
        (["--good", "HEAD", "--repository", "."], "not a git repository"),
    ],
)
def test_what_cannot_be_bisected_is_one_line(options: list[str], reason: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    found = CliRunner().invoke(main, ["triage", "bisect", str(_finding(tmp_path / "finding.toml", "SUB64_REG", "r0 -= r1")), *options])
    assert (found.exit_code, len(found.stderr.splitlines())) == (2, 1)
    assert reason in found.stderr


def test_two_files_of_one_fingerprint_are_both_judged(tmp_path: Path) -> None:
    """A finding that was fixed, and is seen again."""
    findings, regressions = tmp_path / "findings", tmp_path / "regressions"
    files = [_finding(findings / name, "SUB64_REG", "r0 -= r1") for name in ("first.toml", "second.toml")]
    files.append(_finding(regressions / "first.toml", "SUB64_REG", "r0 -= r1"))
    found = of_repository({}, lambda path: FAIL, findings, regressions)
    assert sorted(one.path for one in found) == sorted(files)
    assert sorted(one.state for one in found) == sorted((STILL, STILL, REOPENED))
    passing = of_repository({}, lambda path: PASS, findings, regressions)
    with pytest.raises(ProgramError, match="is there already"):
        settle(passing, regressions)
    assert all(path.exists() for path in files)


def test_what_is_no_finding_is_told_and_the_rest_is_judged(tmp_path: Path) -> None:
    findings, regressions = tmp_path / "findings", tmp_path / "regressions"
    good = _finding(findings / "good.toml", "SUB64_REG", "r0 -= r1")
    for directory in (findings, regressions):
        directory.mkdir(exist_ok=True)
        (directory / "bad.toml").write_text(good.read_text()[:300])
    found = of_repository({}, lambda path: PASS, findings, regressions)
    assert [(one.state, one.path) for one in found] == [
        (FIXED, good),
        (UNREADABLE, findings / "bad.toml"),
        (UNREADABLE, regressions / "bad.toml"),
    ]
    assert all(one.note and "\n" not in one.note for one in found[1:])
    assert settle(found, regressions) == (regressions / "good.toml",)


def test_between_campaigns_what_cannot_be_read_is_neither_new_nor_fixed(campaigns: tuple[Path, Path], tmp_path: Path) -> None:
    first, second = (shutil.copytree(each, tmp_path / each.name) for each in campaigns)
    bad = first / "findings" / "value-LDX-DW-o32.toml"
    bad.write_text("format = 2\n")
    for before, after in ((first, second), (second, first), (first, campaigns[0]), (campaigns[0], first)):
        found = between_campaigns(before, after, {}, lambda path: PASS, tmp_path / "none")
        states = {one.state for one in found if one.fingerprint == "value LDX_DW o32"}
        assert states == ({UNREADABLE, STILL} if after == campaigns[0] else {UNREADABLE})
    told = CliRunner().invoke(main, ["triage", str(campaigns[0]), str(first)])
    assert (told.exit_code, told.stderr) == (2, f"{bad}: not a case: 'program' is missing\n")
    assert "1 unreadable" in told.stdout


def _git(directory: Path, *arguments: str) -> str:
    identity = ("-c", "user.name=test", "-c", "user.email=test@example.org")
    return subprocess.run(["git", *identity, *arguments], cwd=directory, check=True, capture_output=True, text=True).stdout.strip()


def _exchange(lowering: Path, first: str, second: str) -> None:
    """Let each of two instructions have the code of the other."""
    before = lowering.read_text()
    after = before.replace(f'"{first}"', '"?"').replace(f'"{second}"', f'"{first}"').replace('"?"', f'"{second}"')
    assert after != before
    lowering.write_text(after)


def _finding(path: Path, operation: str, line: str) -> Path:
    """A finding that somebody has written by hand."""
    from ebpf.assembler import assemble
    from fuzz.case import Input

    name, program = f"value {operation}", assemble(f"r0 = 7; r1 = 3; {line}; exit", "finding")
    finding = Finding(name, name, "DIFFER", program, (Input(b""),), "mips64r2-64le", ("mips64r2-64le",), ())
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text(finding))
    assert replace(read(str(path)), versions=None, program=program) == replace(finding, program=program)
    return path


@pytest.fixture(scope="module")
def branch(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, str]:
    """A repository with the working tree as it is, where two instructions have each other's code. One of the seven commits of a branch mends that,
    another one does the same to two others; the hash of that one. At those in the middle there is nothing but a traceback."""
    directory = tmp_path_factory.mktemp("branch") / "repository"
    directory.mkdir()
    for name in ("ebpf", "oracle", "jit", "fuzz", "reports"):
        shutil.copytree(ROOT / name, directory / name, ignore=shutil.ignore_patterns("tests", "*.nbi", "*.nbc", "*.pyc"))
    _finding(directory / "corpus" / "findings" / "sub.toml", "SUB64_REG", "r0 -= r1")
    _finding(directory / "corpus" / "findings" / "or.toml", "OR64_REG", "r0 |= r1")
    _finding(directory / "corpus" / "regressions" / "add.toml", "ADD64_REG", "r0 += r1")
    _finding(directory / "corpus" / "regressions" / "xor.toml", "XOR64_REG", "r0 ^= r1")
    shutil.copy(ROOT / "corpus" / "known.toml", directory / "corpus")
    lowering = directory / "jit" / "lowering.py"
    _exchange(lowering, "OR64_REG", "XOR64_REG")
    _git(directory, "init", "--quiet")
    _git(directory, "add", "--all")
    _git(directory, "commit", "--quiet", "--message", "The compiler as it was")
    _git(directory, "tag", "good")
    _git(directory, "checkout", "--quiet", "-b", "work")
    planted, start = "", directory / "fuzz" / "__main__.py"
    starts = start.read_text()
    for number in range(7):
        start.write_text("raise ValueError\n" if number in (2, 3) else starts)
        if number == 1:
            _exchange(lowering, "OR64_REG", "XOR64_REG")
        if number == 5:
            _exchange(lowering, "SUB64_REG", "ADD64_REG")
        (directory / "notes.txt").write_text(f"{number}\n")
        _git(directory, "add", "--all")
        _git(directory, "commit", "--quiet", "--message", "Planted" if number == 5 else f"Harmless {number}")
        planted = _git(directory, "rev-parse", "HEAD") if number == 5 else planted
    return directory, planted


def test_what_is_new_fixed_and_reopened_between_two_commits(branch: tuple[Path, str]) -> None:
    repository, _ = branch
    found = between_commits("good", "work", {}, repository)
    assert {one.path.name: one.state for one in found} == {"sub.toml": NEW, "add.toml": REOPENED, "or.toml": FIXED, "xor.toml": FIXED}
    assert [one.state for one in found][:2] == [NEW, REOPENED]
    assert all(not one.path.is_absolute() for one in found)
    assert _git(repository, "worktree", "list").count("\n") == 0


def test_bisection_names_the_commit_and_the_word(branch: tuple[Path, str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def at_one_time(*arguments: str, where: Path) -> str:
        """Commits whose files have been written in the same second; the one that is planted changes no size either."""
        said = triage.git(*arguments, where=where)
        for path in (where / "jit").glob("*.py"):
            os.utime(path, (1_700_000_000, 1_700_000_000))
        return said

    monkeypatch.delenv("PYTHONDONTWRITEBYTECODE", raising=False)
    monkeypatch.setattr("fuzz.findings.bisect.git", at_one_time)
    repository, planted = branch
    found = bisect(_finding(tmp_path / "finding.toml", "SUB64_REG", "r0 -= r1"), "good", "work", repository)
    assert found.commit == planted
    assert found.subject == "Planted"
    assert found.slot == 2
    assert "dsubu" in found.before
    assert "daddu" in found.after
    assert _git(repository, "worktree", "list").count("\n") == 0
    with pytest.raises(ProgramError, match="fails at work, which is to be the good one"):
        bisect(tmp_path / "finding.toml", "work", "work", repository)


def test_what_cannot_be_compiled_is_another_thing_than_the_same_words(
    branch: tuple[Path, str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    repository = tmp_path / "repository"
    shutil.copytree(branch[0], repository)
    _git(repository, "checkout", "--quiet", "-b", "raising", "good")
    compiler = repository / "jit" / "compiler.py"
    compiler.write_text(compiler.read_text() + "\n\ndef compile_program(*arguments: object) -> object:\n    raise ValueError('no\\nway')\n")
    _git(repository, "commit", "--quiet", "--all", "--message", "Raising")
    culprit = _git(repository, "rev-parse", "--short=12", "HEAD")
    finding = _finding(tmp_path / "finding.toml", "SUB64_REG", "r0 -= r1")
    with triage.working_tree("raising", repository) as tree:
        words = _image(tree, "raising^", finding)
        assert not isinstance(words, str)
        reason = f"cannot be compiled at {culprit}: way"
        assert words_of(words, words) == ("", "", None, ())
        assert words_of(words, _image(tree, "raising", finding)) == ("", "", None, (reason,))
        _git(tree, "commit", "--quiet", "--allow-empty", "--message", "Later")
        assert _image(tree, f"{_git(tree, 'rev-parse', 'HEAD')}^", finding) == f"cannot be compiled at {culprit} (its parent): way"
    options = ["triage", "bisect", str(finding), "--good", "good"]
    for without, told in (((reason,), f"not known: {reason}"), ((), "none: the words are the same, and something else has changed")):
        monkeypatch.setattr("fuzz.findings.bisect.bisect", lambda *_, without=without, **__: Culprit(culprit, "Raising", 2, "", "", None, without))
        said = CliRunner().invoke(main, options).stdout
        assert [line.partition("  ")[2].strip() for line in said.splitlines() if "word" in line] == [told]


@pytest.mark.parametrize(
    ("line", "reason"),
    [
        ("while True: pass", "it took more than 10 s"),
        ("os.kill(os.getpid(), 11)", "Python died: Segmentation fault"),
        ("raise SystemExit", "Python ended with status 0"),
    ],
)
def test_a_compiler_that_dies_or_hangs_makes_no_image(
    line: str, reason: str, branch: tuple[Path, str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("fuzz.findings.bisect._PATIENCE", 10.0)
    repository = tmp_path / "repository"
    shutil.copytree(branch[0], repository)
    _git(repository, "checkout", "--quiet", "good")
    compiler = repository / "jit" / "compiler.py"
    compiler.write_text(f"{compiler.read_text()}\n\ndef compile_program(*arguments: object) -> object:\n    import os\n    {line}\n")
    _git(repository, "commit", "--quiet", "--all", "--message", "Broken")
    commit = _git(repository, "rev-parse", "--short=12", "HEAD")
    finding = _finding(tmp_path / "finding.toml", "SUB64_REG", "r0 -= r1")
    assert _image(repository, "HEAD", finding) == f"cannot be compiled at {commit}: {reason}"


def test_trampolines_have_words_as_well(tmp_path: Path) -> None:
    from ebpf.trampoline import parse
    from fuzz.case import Input

    described = sorted((ROOT / "corpus" / "trampolines").glob("*.toml"))[0].read_text()
    program = parse(described, "made").trampoline.programs[0].program
    configs = ("mips32r2-32be",)
    finding = Finding("trampoline -", "trampoline -", "DIFFER", program, (Input(b""),), configs[0], configs, (), trampoline=described)
    path = tmp_path / finding.file_name
    path.write_text(text(finding))
    made = subprocess.run([sys.executable, "-c", _IMAGE, str(path)], cwd=ROOT, capture_output=True, text=True, check=True).stdout
    words = json.loads(made)
    assert {owner for owner, _ in words} == {TRAMPOLINE}
    assert any("jr $ra" in line for _, line in words)


def _replay(tree: Path, finding: Path, *options: str) -> subprocess.CompletedProcess[str]:
    environment = {**os.environ, "PYTHONPATH": str(tree)}
    command = [sys.executable, "-m", "fuzz", "replay", str(finding), *options]
    return subprocess.run(command, cwd=tree, env=environment, capture_output=True, text=True, check=False)


@pytest.mark.parametrize(
    ("module", "line"), [("jit/compiler.py", "def ("), ("jit/config.py", "1 / 0"), ("fuzz/cli/check.py", "import no_such_module")]
)
def test_where_modules_cannot_be_imported_nothing_is_judged(branch: tuple[Path, str], tmp_path: Path, module: str, line: str) -> None:
    repository, _ = branch
    finding = _finding(tmp_path / "finding.toml", "SUB64_REG", "r0 -= r1")
    with triage.working_tree("work", repository) as tree:
        with (tree / module).open("a") as file:
            file.write(f"\n{line}\n")
        found = _replay(tree, finding)
        assert (found.returncode, found.stdout, len(found.stderr.splitlines())) == (125, "", 1)
        assert triage.replayed(tree)(finding) == CANNOT_JUDGE


def test_a_wrong_command_line_is_no_bad_commit(tmp_path: Path) -> None:
    finding = _finding(tmp_path / "finding.toml", "SUB64_REG", "r0 -= r1")
    found = _replay(ROOT, finding, "--no-such-option")
    assert (found.returncode, len(found.stderr.splitlines())) == (125, 1)


def test_a_traceback_is_no_failure(tmp_path: Path) -> None:
    """Of commits that know nothing of this: Python ends with status 1 for a traceback."""
    package = tmp_path / "fuzz"
    package.mkdir()
    (package / "__init__.py").touch()
    for program, status in (
        ("raise ValueError", CANNOT_JUDGE),
        ("print('FAIL x'); raise SystemExit(1)", FAIL),
        ("print('PASS x')", PASS),
        ("", CANNOT_JUDGE),
    ):
        (package / "__main__.py").write_text(program)
        assert triage.replayed(tmp_path)(tmp_path / "finding.toml") == status


def test_an_ended_bisection_leaves_no_working_tree(branch: tuple[Path, str], tmp_path: Path) -> None:
    repository, _ = branch
    finding = _finding(tmp_path / "finding.toml", "SUB64_REG", "r0 -= r1")
    command = [sys.executable, "-m", "fuzz", "triage", "bisect", str(finding), "--good", "good", "--bad", "work", "--repository", str(repository)]
    temporary = tmp_path / "temporary"
    temporary.mkdir()
    environment = {**os.environ, "TMPDIR": str(temporary)}
    with subprocess.Popen(command, cwd=ROOT, env=environment, stdout=subprocess.PIPE, stderr=subprocess.PIPE) as running:
        while running.poll() is None and _git(repository, "worktree", "list").count("\n") == 0:
            time.sleep(0.1)
        running.terminate()
        assert running.wait() == 128 + signal.SIGTERM
    assert _git(repository, "worktree", "list").count("\n") == 0
    assert not list(temporary.iterdir())
