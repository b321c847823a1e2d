"""What lies in the directories of a campaign: its own leftovers go, what others have put there stays, and what others have changed is told."""

import itertools
import shutil
from collections.abc import Callable
from contextlib import suppress
from dataclasses import replace
from pathlib import Path

import pytest
from click.testing import CliRunner

from ebpf.assembler import assemble
from ebpf.program import ProgramError
from fuzz.campaign.generation import generate
from fuzz.campaign.state import Plan, State
from fuzz.campaign.unit import BatchResult
from fuzz.case import Input
from fuzz.cli.fuzz import _version
from fuzz.cli.main import main
from fuzz.findings.finding import Finding, read, text
from fuzz.tests.campaigns import contents


def seen(symptom: str, batch: int, size: int = 9) -> Finding:
    program = assemble("; ".join(["r0 = 0"] * size + ["exit"]), "made")
    return Finding(symptom, symptom, "DIFFER", program, (Input(b""),), "mips1-32le", ("mips1-32le",), (), origin=f"seed 1, tier all, batch {batch}")


def small(finding: Finding) -> Finding:
    return replace(seen(finding.symptom, 0, 1), fingerprint="small " + finding.symptom.split()[0], origin=finding.origin, reduced=True)


def result(number: int, *findings: Finding) -> BatchResult:
    made = BatchResult(number, findings=list(findings))
    made.cases = dict(enumerate(generate(1, 1, "all", 1)))
    made.coverage = {f"feature {number}": 0}
    return made


@pytest.fixture
def directory(tmp_path: Path) -> Path:
    """A campaign of two batches, with two symptoms of one bug and another one."""
    made = tmp_path / "campaign"
    state = State(made)
    state.create(Plan(_version(), 1, "all", ("mips32r2-32le",), "all", None))
    for number, names in enumerate((["a one", "a two"], ["b one"])):
        for finding in state.apply(result(number, *(seen(name, number) for name in names)), 1.0):
            state.replace(small(finding))
    state.close()
    return made


def listing(directory: Path) -> dict[str, bytes]:
    return {str(path.relative_to(directory)): path.read_bytes() for path in sorted(directory.rglob("*.toml*")) if path.is_file()}


def resumed(directory: Path) -> State:
    state = State(directory)
    state.resume()
    return state


OTHERS = (
    *(
        "corpus/notes.toml",
        "corpus/000000-5.toml",
        "corpus/000009-0.toml.bak",
        "corpus/000009-x.toml",
        "corpus/.000009-0.toml",
        "corpus/000009-0.toml.new",
    ),
    *(
        "findings/notes.toml",
        "findings/small-a (copy).toml",
        "findings/exports/small-a.toml",
        "findings/.notes.toml.new",
        "corpus/000009-1.toml/x.toml",
    ),
)


@pytest.mark.parametrize("minimised", [False, True])
def test_what_others_put_there_stays(minimised: bool, directory: Path) -> None:
    for name in OTHERS:
        (directory / name).parent.mkdir(exist_ok=True)
        (directory / name).write_text("of somebody")
    copied = directory / "findings" / "b-one.toml"
    # A finding of another campaign, under the name that such a one has.
    copied.write_text(text(seen("b one", 7)))
    (directory / "corpus" / "000009-3.toml").symlink_to(copied)
    before = listing(directory)
    if minimised:
        assert CliRunner().invoke(main, ["fuzz", "--resume", str(directory), "--minimize-corpus"]).exit_code == 0
        before = {name: before[name] for name in before if name not in ("corpus/000000-0.toml", "corpus/000001-0.toml")}
        assert set(before.items()) <= set(listing(directory).items())
    else:
        resumed(directory).close()
        assert listing(directory) == before


def test_what_was_written_for_a_batch_that_was_not_applied_goes(directory: Path) -> None:
    before = listing(directory)
    for name in ("000002-0.toml", "000002-1.toml", ".000002-1.toml.new"):
        (directory / "corpus" / name).write_text("half")
    resumed(directory).close()
    assert listing(directory) == before


class Killed(BaseException):
    """The process is killed."""


@pytest.mark.parametrize("what", ["apply", "replace"])
@pytest.mark.parametrize("at", range(36))
def test_killed_at_any_step_the_same_is_there_in_the_end(what: str, at: int, directory: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    whole = directory.with_name("whole")
    shutil.copytree(directory, whole)
    # One finding is smaller than the one that is kept, one is new.
    batch = result(2, seen("b one", 2, 3), seen("c one", 2), seen("a two", 2, 4))

    def finish(state: State) -> None:
        if state.next_batch == 2:
            state.apply(batch, 2.0)
        for finding in list(state.symptoms.values()):
            if not finding.reduced:
                state.replace(small(finding))

    state = resumed(whole)
    finish(state)
    expected = contents(state)
    state.close()
    state = resumed(directory)
    if what == "replace":
        state.apply(batch, 2.0)
    steps = itertools.count()

    def stepping(change: Callable[..., object]) -> Callable[..., object]:
        def changed(*arguments: object, **options: object) -> object:
            if next(steps) == at:
                raise Killed
            found = change(*arguments, **options)
            if next(steps) == at:
                raise Killed
            return found

        return changed

    with monkeypatch.context() as patched, suppress(Killed):
        for owner, name in ((Path, "replace"), (Path, "unlink"), (State, "_keep"), (State, "_remove_touched")):
            patched.setattr(owner, name, stepping(getattr(owner, name)))
        finish(state)
    state.close()
    again = resumed(directory)
    assert not list(directory.rglob("*.new"))
    finish(again)
    assert contents(again) == expected


def _copy(directory: Path) -> Path:
    """One finding in the place of another."""
    path = directory / "findings" / "small-a.toml"
    path.write_text((directory / "findings" / "small-b.toml").read_text())
    return path


def _edit(fingerprint: str, symptom: str) -> Callable[[Path], Path]:
    def edit(directory: Path) -> Path:
        path = directory / "findings" / "small-a.toml"
        path.write_text(text(replace(read(str(path)), fingerprint=fingerprint, symptom=symptom)))
        return path

    return edit


CHANGES = (
    (_copy, "fingerprint: 'small b', in campaign.sqlite 'small a'"),
    (_edit("small a.", "a one"), "fingerprint: 'small a.', in campaign.sqlite 'small a'"),
    (_edit("small a", "a three"), "symptom: 'a three', in campaign.sqlite 'a one' or 'a two'"),
)


@pytest.mark.parametrize(("change", "reason"), CHANGES, ids=[reason for _, reason in CHANGES])
def test_a_finding_that_somebody_has_changed_is_told(change: Callable[[Path], Path], reason: str, directory: Path) -> None:
    path = change(directory)
    (directory / "corpus" / "000009-0.toml").write_text("of a batch that was not applied")
    before = listing(directory)
    found = CliRunner().invoke(main, ["fuzz", "--resume", str(directory), "--jobs", "1"])
    assert (found.exit_code, found.output) == (2, f"{path}: changed by somebody: {reason}\n")
    assert listing(directory) == before


def test_a_finding_that_was_being_written_may_say_something_else(directory: Path) -> None:
    """A smaller one of the same bug, of a batch that was not applied, or a reduction."""
    _edit("small a", "a three")(directory)
    state = State(directory)
    state._open()
    with state.database:
        state.database.execute("INSERT INTO touched VALUES ('small-a.toml')")
    state.close()
    assert resumed(directory).symptoms["a one"].symptom == "a three"


@pytest.mark.parametrize("name", ["corpus", "findings"])
def test_a_link_to_what_is_another_campaigns_is_refused(name: str, directory: Path) -> None:
    other = directory.with_name("other")
    shutil.copytree(directory, other)
    (directory / name).rename(directory.with_name("away"))
    (directory / name).symlink_to(other / name)
    (other / "corpus" / "000009-0.toml").write_text("of a later batch")
    before = listing(other)
    with pytest.raises(ProgramError, match=f"{name}: a link to that of another campaign, {other}$"):
        State(directory).resume()
    assert listing(other) == before


def test_cases_elsewhere_are_left_alone(directory: Path) -> None:
    other = directory.with_name("other")
    (directory / "corpus").rename(other)
    (directory / "corpus").symlink_to(other)
    (other / "000009-0.toml").write_text("of a later batch, of somebody")
    before = listing(other)
    resumed(directory).close()
    assert listing(other) == before
