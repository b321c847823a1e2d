"""Findings in the state of a campaign: what is kept does not depend on when reductions end; commands that read it."""

import html
import json
import os
import random
import re
import shlex
import subprocess
import sys
import tempfile
import tomllib
from dataclasses import replace
from pathlib import Path
from urllib.parse import unquote
from xml.etree import ElementTree

import pytest
from click.testing import CliRunner
from hypothesis import given, settings
from hypothesis import strategies as st

import fuzz
from ebpf.assembler import assemble
from fuzz.campaign.record import load
from fuzz.campaign.state import Plan, State
from fuzz.campaign.unit import BatchResult
from fuzz.case import Input
from fuzz.casefile import text_of
from fuzz.cli.main import main
from fuzz.findings.finding import Finding, read, read_or_tell, text
from fuzz.findings.side_by_side import Step
from fuzz.tests.campaigns import Seeded, campaign, contents

PLAN = Plan("test", 1, "all", ("mips1-32le",), "all", None)


def _seen(symptom: str, batch: int, size: int) -> Finding:
    program = assemble("; ".join(["r0 = 0"] * size + ["exit"]), "made")
    return Finding(
        symptom, symptom, "DIFFER", program, (Input(b""),), "mips1-32le", ("mips1-32le",), (), origin=f"batch {batch}, {symptom}", row="NEG64"
    )


def _small(finding: Finding) -> Finding:
    """What a reduction makes of it, and nothing else decides: symptoms of one bug get one fingerprint."""
    size = 1 + len(finding.program.slots) // 4
    small = _seen(finding.symptom, 0, size)
    return replace(small, fingerprint=finding.symptom.split()[0], origin=finding.origin, reduced=True, condition="everywhere")


BATCHES = [
    [_seen("a one", 0, 20), _seen("b one", 0, 9)],
    [_seen("a two", 1, 12), _seen("a one", 1, 30)],
    [_seen("a one", 2, 8), _seen("a two", 2, 12)],
    [],
    [_seen("b one", 4, 9), _seen("c one", 4, 5)],
]


def _campaign(directory: Path, late: int) -> State:
    """Reductions end in an order drawn from `late`, up to two batches after they began; all in the end."""
    state, draw = State(directory), random.Random(late)
    state.create(PLAN)
    under_way: list[Finding] = []
    for number, findings in enumerate(BATCHES):
        under_way += state.apply(BatchResult(number, findings=list(findings)), float(number))
        draw.shuffle(under_way)
        for finding in [under_way.pop() for _ in range(draw.randint(0, len(under_way)))]:
            state.replace(_small(finding))
    for finding in under_way:
        state.replace(_small(finding))
    return state


def _contents(state: State) -> tuple[object, ...]:
    files = {path.name: path.read_text() for path in (state.directory / "findings").iterdir()}
    return files, list(state.database.execute("SELECT symptom, fingerprint, file, cases, origin, slots FROM finding ORDER BY symptom"))


@pytest.mark.parametrize("late", range(1, 9))
def test_what_is_kept_does_not_depend_on_when_reductions_end(tmp_path: Path, late: int) -> None:
    first, other = _campaign(tmp_path / "first", 0), _campaign(tmp_path / "other", late)
    assert _contents(first) == _contents(other)
    assert set(first.buckets) == {"a", "b", "c"}
    assert first.seen("a") == 5
    # The smallest case of a bucket, whatever its symptom.
    assert first.buckets["a"].symptom == "a one"


def test_the_number_of_jobs_changes_no_finding(tmp_path: Path) -> None:
    """Two bugs at once, and reductions that end in any order."""
    compiler = Seeded("load-byte-sign", "mov32-copies")
    found = []
    for jobs in (1, 2):
        state = campaign(tmp_path / str(jobs), compiler, cases=48, jobs=jobs, ahead=2 * jobs, configs=("mips32r2-32be",))
        found.append(contents(state))
        assert {"upper bits LDX_B", "upper bits MOV32_REG o32"} <= set(state.buckets)
        state.close()
    assert found[0] == found[1]


def test_a_campaign_is_read_as_it_is(tmp_path: Path) -> None:
    state = _campaign(tmp_path, 0)
    before = _contents(state)
    state.close()
    found = load(tmp_path)
    assert {bucket.finding.fingerprint: (bucket.seen, bucket.symptoms) for bucket in found.buckets} == {
        "a": (5, ("a one", "a two")),
        "b": (2, ("b one",)),
        "c": (1, ("c one",)),
    }
    again = State(tmp_path)
    again.resume()
    assert _contents(again) == before
    assert set(again.buckets) == {"a", "b", "c"}
    again.close()


def test_a_report_of_what_is_no_campaign_is_one_line(tmp_path: Path) -> None:
    found = CliRunner().invoke(main, ["report", str(tmp_path)])
    assert (found.exit_code, found.stderr) == (2, f"{tmp_path}: no campaign: campaign.sqlite is missing\n")
    (tmp_path / "campaign.sqlite").write_text("no database at all, but a text that is long enough")
    found = CliRunner().invoke(main, ["report", str(tmp_path)])
    assert found.exit_code == 2
    assert found.stderr == f"{tmp_path / 'campaign.sqlite'}: file is not a database\n"


def _commands(directory: Path) -> dict[str, set[str]]:
    """The commands of each file of a report, and where they are to be run."""
    page = html.unescape((directory / "report.html").read_text())
    whole = json.loads((directory / "report.json").read_text())
    failures = "".join(ElementTree.fromstring((directory / "junit.xml").read_text()).itertext())
    return {
        "page": set(re.findall(r'class="command">(.*?) --explain<', page)),
        "markdown in the page": {line.strip() for line in re.findall(r"^    (bpfmips replay .*)$", page, re.MULTILINE)},
        "json": {finding["replay"] for finding in whole["findings"]},
        "junit": set(re.findall(rf"^in {re.escape(whole['campaign']['where'])}: (.*)$", failures, re.MULTILINE)),
        "summary": set(re.findall(r"`(bpfmips replay .*?)`", (directory / "summary.md").read_text())),
    }


@pytest.mark.parametrize("absolute", [False, True])
def test_the_commands_of_a_report_are_run_where_it_says(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, absolute: bool) -> None:
    base = tmp_path / "a directory"
    base.mkdir()
    monkeypatch.chdir(base)
    _campaign(base / "last night's", 0).close()
    name = str(base / "last night's") if absolute else "last night's"
    assert CliRunner().invoke(main, ["report", name, "--out", str(tmp_path / "out")]).exit_code == 0
    found = _commands(tmp_path / "out")
    (commands,) = {frozenset(each) for each in found.values()}
    assert len(commands) == 3
    where = json.loads((tmp_path / "out" / "report.json").read_text())["campaign"]["where"]
    for file in ("report.html", "summary.md"):
        assert f"Commands are for <code>{where}</code>" in (told := (tmp_path / "out" / file).read_text()) or f"`{where}`" in told
    command = shlex.split(min(commands))
    assert command[0] == "bpfmips"
    path = str(Path(fuzz.__file__).parents[1])
    again = subprocess.run(
        [sys.executable, "-m", "fuzz", *command[1:]], cwd=where, env={**os.environ, "PYTHONPATH": path}, capture_output=True, text=True, check=False
    )
    assert (again.returncode, again.stderr) == (0, "")
    assert again.stdout.startswith("PASS a")
    assert all((Path(where) / shlex.split(each)[2]).is_file() for each in commands)


def test_places_in_sarif_are_relative_to_the_repository(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    inside = tmp_path / "repository" / "nightly runs"
    inside.mkdir(parents=True)
    monkeypatch.chdir(inside)
    _campaign(inside / "one", 0).close()
    for begun in (False, True):
        if begun:
            subprocess.run(["git", "init", "--quiet", str(tmp_path / "repository")], check=True)
        assert CliRunner().invoke(main, ["report", "one"]).exit_code == 0
        (run,) = json.loads((inside / "one" / "report.sarif").read_text())["runs"]
        uris = [result["locations"][0]["physicalLocation"]["artifactLocation"]["uri"] for result in run["results"]]
        assert len(uris) == 3
        for uri in uris:
            assert uri.startswith("nightly%20runs/one/findings/" if begun else "file:///")
            assert (tmp_path / "repository" / unquote(uri.removeprefix("file://"))).is_file()


def test_the_command_of_an_exported_issue_names_the_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    Path("the finding.toml").write_text(text(_seen("value NEG64 o32", 0, 2)))
    told = CliRunner().invoke(main, ["export", "the finding.toml", "--as", "markdown"]).stdout
    assert "    bpfmips replay 'the finding.toml'\n" in told


def _spoilt(path: Path, how: str) -> str:
    """Do this to the file of a finding; what is said of it."""
    if how == "truncated":
        path.write_text(path.read_text()[:-40])
        return "Unterminated string"
    if how == "binary":
        path.write_bytes(b"\xff\xfe\x00")
        return "byte 0 is not UTF-8"
    if how == "foreign":
        path.write_text("# the notes of somebody\nformat = 7\n")
        return "not a finding of format 2"
    if how == "of another campaign":
        path.write_text(text(_seen("z one", 0, 3)))
        return "not of this campaign: its fingerprint is z one"
    path.unlink()
    return "No such file or directory"


HOW = ("truncated", "binary", "foreign", "of another campaign", "missing")


@pytest.mark.parametrize("how", HOW)
def test_a_report_says_the_rest_and_which_file_cannot_be_read(tmp_path: Path, how: str) -> None:
    state = _campaign(tmp_path, 0)
    state.close()
    path = tmp_path / "findings" / "b.toml"
    reason = _spoilt(path, how)
    found = CliRunner().invoke(main, ["report", str(tmp_path)])
    assert found.exit_code == 2
    (line,) = found.stderr.splitlines()
    assert line.startswith(f"{path}: ")
    assert reason in line
    whole = json.loads((tmp_path / "report.json").read_text())
    assert [each["fingerprint"] for each in whole["findings"]] == ["a", "c"]
    assert [each["file"] for each in whole["unreadable"]] == [str(path)]
    for name in ("report.html", "report.sarif", "summary.md", "junit.xml"):
        assert str(path) in (tmp_path / name).read_text()
    for name in ("report.html", "summary.md"):
        assert ", 1 that cannot be read" in (tmp_path / name).read_text()
    suite = ElementTree.fromstring((tmp_path / "junit.xml").read_text()).find("testsuite")
    assert suite is not None
    assert (suite.get("errors"), suite.get("tests")) == ("1", str(len(suite)))
    # One that cannot be read has not gone.
    later = CliRunner().invoke(main, ["report", str(tmp_path), "--before", str(tmp_path), "--out", str(tmp_path / "again")])
    assert len(later.stderr.splitlines()) == 2
    assert json.loads((tmp_path / "again" / "report.json").read_text())["gone"] == []


@settings(max_examples=100)
@given(st.data())
def test_whatever_a_file_holds_is_told_in_one_line(data: st.DataObject) -> None:
    whole = text(_seen("value NEG64 o32", 0, 3)).encode()
    at = data.draw(st.integers(0, len(whole)))
    other = data.draw(st.sampled_from((b"", b"\n", b"'", b"[", b"9" * 30, b"\x00", b"[" * 5000, b"\xc3\xa9", b"-1")))
    kept = data.draw(st.integers(at, len(whole)))
    with tempfile.TemporaryDirectory() as directory:
        path = Path(directory) / "finding.toml"
        path.write_bytes(whole[:at] + other + whole[kept:])
        found = read_or_tell(path)
    assert isinstance(found, Finding) or (found.reason and "\n" not in found.reason and found.path == path)


REFUSED: list[tuple[dict[str, object], str]] = [
    ({"format": None}, "not a finding of format 2: it has none"),
    ({"format": 7}, "not a finding of format 2: its format is 7"),
    ({"status": "BOGUS"}, "status: 'BOGUS' is not one of DIFFER, TRIPPED, ENGINE, HARNESS"),
    ({"status": None}, "'status' is missing"),
    ({"config": None}, "'config' is missing"),
    ({"config": "mips9"}, "config: unknown configuration 'mips9'; see `bpfmips configs`"),
    ({"configs": []}, "configs: no configuration"),
    ({"configs": ["mips1-32le", 3]}, "configs 1: not text"),
    ({"configs": ["mips1-32le", "mips9"]}, "configs 1: unknown configuration 'mips9'; see `bpfmips configs`"),
    ({"statsu": "DIFFER"}, "unknown field 'statsu'"),
    ({"reduced": 1}, "reduced: not true or false"),
    ({"versions": {"python": 3}}, "versions: python: not text"),
    ({"steps": [{"slot": 1}]}, "steps 0: 'text' is missing"),
    ({"inputs": [3]}, "not a case: inputs 0: not a table"),
    ({"program": {"assembly": "w1 -=", "section": "s"}}, "program: assembly: line 1: not an instruction: w1 -="),
]


@pytest.mark.parametrize(("changed", "reason"), REFUSED, ids=[reason for _, reason in REFUSED])
def test_what_is_no_finding_is_told_with_file_field_and_reason(changed: dict[str, object], reason: str, tmp_path: Path) -> None:
    whole = {**tomllib.loads(text(_seen("value NEG64 o32", 0, 2))), **changed}
    path = tmp_path / "finding.toml"
    path.write_text(text_of({name: value for name, value in whole.items() if value is not None}))
    found = CliRunner().invoke(main, ["replay", str(path)])
    assert (found.exit_code, found.stdout, found.stderr) == (125, "", f"{path}: {reason}\n")


def test_what_a_finding_need_not_say(tmp_path: Path) -> None:
    """Somebody may have written it: without configurations it is one of its own."""
    whole = tomllib.loads(text(_seen("value NEG64 o32", 0, 2)))
    path = tmp_path / "finding.toml"
    path.write_text(text_of({name: whole[name] for name in ("format", "fingerprint", "status", "config", "program", "inputs")}))
    found = read(str(path))
    assert (found.configs, found.details, found.symptom) == (("mips1-32le",), (), "")


@pytest.mark.parametrize("status", ["DIFFER", "TRIPPED", "ENGINE", "HARNESS"])
def test_a_finding_is_read_as_it_was_written(status: str, tmp_path: Path) -> None:
    path = tmp_path / "finding.toml"
    steps = (Step(0, "r0 = 0", ("0x1000: 00001025 or v0, zero, zero",), "r0=0x0", "r0=0x1", True), Step(1, "exit", (), "", "-"))
    trampoline = "function = 'void ()'\ncalls = [[[], 0]]\n[[fentry]]\nprogram = 'r0 = 0; exit'\n"
    seen = _seen("value NEG64 o32", 0, 2)
    made = replace(seen, status=status, steps=steps, versions={"python": "3"}, words=("or",), trampoline=trampoline, reduced=True)
    path.write_text(text(made))
    found = read(str(path))
    assert replace(found, program=made.program) == made
    assert found.program.slots == made.program.slots


def test_a_finding_is_exported(tmp_path: Path) -> None:
    path = tmp_path / "finding.toml"
    path.write_text(text(_seen("value NEG64 o32", 0, 2)))
    assert ".code = 0x95" in CliRunner().invoke(main, ["export", str(path), "--as", "c"]).stdout
    assert CliRunner().invoke(main, ["export", str(path), "--as", "elf"]).exit_code == 2
    assert CliRunner().invoke(main, ["export", str(path), "--as", "elf", "-o", str(tmp_path / "made.o")]).exit_code == 0
    assert CliRunner().invoke(main, ["check", str(tmp_path / "made.o"), "--config", "mips64r2-64le"]).exit_code == 0
