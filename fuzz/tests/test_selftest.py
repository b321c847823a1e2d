"""Every seeded bug is caught, and the compiler as it is trips nothing on the same programs."""

import json
from fnmatch import fnmatchcase
from pathlib import Path

import pytest
from click.testing import CliRunner

from ebpf.opcodes import BY_NAME
from fuzz.case import Case, Input
from fuzz.cli.selftest import selftest as command
from fuzz.layout import place
from fuzz.selftest import selftest
from fuzz.selftest.seeded_bug import Bug, Change, drop, in_cells, operands, rename, rewrite
from fuzz.selftest.selftest import TRAMPOLINES, Capture, Result, bugs, cases, compiler, examine, sample, verdicts
from fuzz.suite.suites import suites
from fuzz.unicorn.target import UnicornTarget
from fuzz.verdict import Status
from jit.code import Emitter, Item, Label, branch
from jit.compiler import PARTS, compile_program
from jit.config import Config

BUGS = 60
"""At least so many bugs there must be."""

HIDDEN = 15
"""At least so many of them must be such that no value shows them."""

_results: dict[str, Result] = {}


def result(bug: Bug, target: UnicornTarget) -> Result:
    """What came of a bug, examined once."""
    if bug.name not in _results:
        _results[bug.name] = examine(bug, target)
    return _results[bug.name]


@pytest.mark.parametrize("bug", bugs(), ids=lambda bug: bug.name)
def test_bug_is_caught_wherever_it_is_judged(bug: Bug, target: UnicornTarget) -> None:
    found = result(bug, target)
    assert found.caught, [str(capture.config) for capture in found.captures if not capture.by]


# By family of programs and configuration, each once. That trampolines agree as they are is tested elsewhere (`test_trampoline`).
_JUDGED = {(bug.suites, bug.program, config): (bug, config) for bug in bugs() if bug.trampoline is None for config in sample(bug)}


@pytest.mark.parametrize("config", sorted({config for _, config in _JUDGED.values()}), ids=str)
def test_the_compiler_as_it_is_trips_nothing(config: Config, target: UnicornTarget) -> None:
    for bug, judged in _JUDGED.values():
        if judged == config:
            found = list(verdicts(bug, config, target, compile_program))
            assert found
            assert [str(verdict) for verdict in found if verdict.status is not Status.AGREE] == []


def test_there_are_enough_bugs_and_enough_that_no_value_shows(target: UnicornTarget) -> None:
    assert len(bugs()) >= BUGS
    hidden = 0
    for bug in bugs():
        if hidden < HIDDEN:
            hidden += not result(bug, target).by_values
    assert hidden >= HIDDEN


@pytest.mark.parametrize("bug", bugs(), ids=lambda bug: bug.name)
def test_bug_is_described_applies_and_names_what_there_is(bug: Bug) -> None:
    assert bug.kind
    assert bug.description.endswith(".")
    for glob in bug.configs:
        assert any(fnmatchcase(str(config), glob) for config in bug.applies()), glob
    for glob in bug.suites:
        assert any(fnmatchcase(row, glob) for row in BY_NAME), glob
        assert any(fnmatchcase(suite.row_name, glob) for suite in suites()), glob
    if bug.trampoline is None:
        assert cases(bug, bug.applies()[0])
    else:
        assert (bug.suites, bug.program) == ((), "")
        for glob in bug.trampoline[1]:
            assert list(TRAMPOLINES.glob(f"{glob}.toml")), glob


def test_two_bugs_of_one_name_are_refused(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    text = "from fuzz.selftest.seeded_bug import Bug\nfrom jit.compiler import PARTS\nBUGS = (Bug('twin', 'x', 'X.', PARTS, (), ()),)\n"
    for name in ("a.py", "b.py"):
        (tmp_path / name).write_text(text)
    monkeypatch.setattr(selftest, "BUGS", tmp_path)
    with pytest.raises(ValueError, match="twin"):
        bugs.__wrapped__()


NO_BUG = Bug("no-bug", "none", "Nothing is wrong.", PARTS, ("MOV64_REG",), ("mips64r2-64le", "mips1-32be"))


def test_what_is_no_bug_is_not_caught(target: UnicornTarget) -> None:
    found = examine(NO_BUG, target)
    assert not found.caught
    assert not found.by_values
    assert found.first is None


LITTLE, BIG = Config.parse("mips1-32le"), Config.parse("mips1-32be")
NOTHING = Capture(LITTLE, (), (), ())


@pytest.mark.parametrize(
    ("captures", "caught", "by_values", "first"),
    [
        ((), False, False, None),
        ((NOTHING,), False, False, None),
        ((NOTHING, Capture(BIG, ("register",), (), ())), False, True, BIG),
        ((Capture(BIG, ("register",), (), ()), NOTHING), False, True, BIG),
        ((Capture(LITTLE, (), ("abi",), ()), Capture(BIG, (), (), ("register",))), True, False, LITTLE),
        ((Capture(BIG, (), ("abi",), ()), Capture(LITTLE, ("memory",), (), ())), True, True, BIG),
    ],
)
def test_a_bug_is_caught_where_all_of_its_captures_have_something(
    captures: tuple[Capture, ...], caught: bool, by_values: bool, first: Config | None
) -> None:
    found = Result(NO_BUG, captures)
    assert (found.caught, found.by_values) == (caught, by_values)
    assert (found.first.config if found.first else None) == first


def test_what_shows_a_bug() -> None:
    assert Capture(LITTLE, ("register",), ("abi",), ("memory",)).by == ("register", "abi")
    assert Capture(LITTLE, (), (), ("memory",)).by == ("memory",)


def test_a_bug_that_applies_nowhere_is_not_caught(target: UnicornTarget) -> None:
    assert not examine(NO_BUG._replace(configs=()), target).caught


def test_the_sample_is_the_first_and_the_last_configuration() -> None:
    assert [str(config) for config in sample(NO_BUG)] == ["mips1-32be", "mips64r2-64le"]
    assert [str(config) for config in sample(NO_BUG._replace(configs=("mips1-32be",)))] == ["mips1-32be"]


def _bug(name: str) -> Bug:
    return next(bug for bug in bugs() if bug.name == name)


def test_command_prints_a_line_for_each_bug() -> None:
    done = CliRunner().invoke(command, ["--bug", "div32-d*"])
    assert done.exit_code == 0
    lines = done.output.splitlines()
    assert [line.split()[0] for line in lines[1:-1]] == ["div32-divisor", "div32-dividend"]
    assert "sign-extension" in lines[2]
    assert lines[2].endswith("no")
    assert lines[-1].startswith("2 seeded bugs, 2 caught")


def test_command_in_json() -> None:
    done = CliRunner().invoke(command, ["--bug", "gp-clobbered", "--json"])
    assert done.exit_code == 0
    (entry,) = json.loads(done.output)
    assert entry["bug"] == "gp-clobbered"
    assert entry["caught"]
    assert not entry["values_alone"]
    assert all(shown["tripwires"] == ["abi"] for shown in entry["configurations"].values())


def test_command_everywhere() -> None:
    done = CliRunner().invoke(command, ["--bug", "load-byte-sign", "--everywhere", "--json"])
    (entry,) = json.loads(done.output)
    assert list(entry["configurations"]) == ["mips32r1-32le", "mips32r1-32be", "mips3-64le", "mips3-64be"]


def test_command_fails_when_a_bug_is_not_caught(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(selftest, "bugs", lambda: (NO_BUG,))
    done = CliRunner().invoke(command, [])
    assert done.exit_code == 1
    assert "NOT CAUGHT" in done.output


def test_a_bug_is_in_its_own_compiler_only() -> None:
    bug, config = _bug("sub64-order"), Config.parse("mips64r2-64le")
    program = cases(bug, config)[0][0]
    placed = place(Case(program, Input(b"")), config)
    words = compile_program(placed.slots, config, placed.addresses).words
    assert compiler(bug)(placed.slots, config, placed.addresses).words != words
    assert compile_program(placed.slots, config, placed.addresses).words == words


# The tools that bugs are made with.


def edited(change: Change, config: str = "mips32r2-32le") -> list[str]:
    """The code `addu; label; bne with addu in its slot; addu` after a change, as mnemonics, slots in brackets."""
    e = Emitter(Config.parse(config))
    add = e.make("addu", 2, 3, 4)
    items: list[Item] = [add, Label(-1), branch(e.rows["bne"], (2, 0), -1, add), e.make("addu", 5, 6, 7)]
    result = []
    for item in change(e, items):
        if isinstance(item, Label):
            result.append("label")
            continue
        slot = f" [{item.slot.row.mnemonic} {item.slot.operands}]" if item.slot else ""
        result.append(f"{item.row.mnemonic} {item.operands}{slot}")
    return result


ADD, LAST = "addu (2, 3, 4)", "addu (5, 6, 7)"
BRANCH = "bne (2, 0)"


@pytest.mark.parametrize(
    ("change", "after"),
    [
        (drop("addu"), ["label", BRANCH]),
        (drop("addu", nth=0), ["label", f"{BRANCH} [{ADD}]", LAST]),
        (drop("addu", nth=1), [ADD, "label", BRANCH, LAST]),
        (drop("addu", when=lambda rd, rs, rt: rd == 5), [ADD, "label", f"{BRANCH} [{ADD}]"]),
        (drop("addu", nth=0, when=lambda rd, rs, rt: rd == 5), [ADD, "label", f"{BRANCH} [{ADD}]"]),
        (drop("subu"), [ADD, "label", f"{BRANCH} [{ADD}]", LAST]),
        (drop("bne"), [ADD, "label", LAST]),
        (rename({"addu": "subu"}, nth=2), [ADD, "label", f"{BRANCH} [{ADD}]", "subu (5, 6, 7)"]),
        (rename({"bne": "beq"}), [ADD, "label", f"beq (2, 0) [{ADD}]", LAST]),
        (operands("addu", lambda rd, rs, rt: (rd, rt, rs), nth=2), [ADD, "label", f"{BRANCH} [{ADD}]", "addu (5, 7, 6)"]),
        (operands("bne", lambda rs, rt: (rt, rs)), [ADD, "label", f"bne (0, 2) [{ADD}]", LAST]),
        (rewrite("addu", lambda e, op: [op, op], nth=2), [ADD, "label", f"{BRANCH} [{ADD}]", LAST, LAST]),
    ],
)
def test_edits(change: Change, after: list[str]) -> None:
    assert edited(change) == after


def test_cells_of_other_instructions_stay() -> None:
    parts = in_cells("ADD64_* SUB64_REG", drop("addu"))
    changed = {name for name, row in parts.lowering.items() if row != PARTS.lowering[name]}
    assert changed == {"ADD64_REG", "ADD64_IMM", "SUB64_REG"}
