"""The proof of the model on a sample; that each seeded fault in a meaning is seen by it; Python's and numba's form of a meaning are the same text."""

import inspect
from collections.abc import Callable
from typing import Any

import pytest
from click.testing import CliRunner

from fuzz.cli.main import main
from fuzz.model import bits, meanings
from fuzz.model.prove import OPEN, Proof, prove, subjects
from jit.mips import ROWS

CONFIGS = ("mips1-32be", "mips32r2-32le", "mips32r6-32be", "mips3-64le", "mips64r2-64be", "mips64r6-64le")


@pytest.mark.parametrize("config", CONFIGS)
def test_every_row_agrees(config: str) -> None:
    total = Proof()
    for row, on in subjects("*", (config,)):
        total.add(prove(row, on, 16))
    assert [str(each) for each in total.disagreements] == []
    assert total.states >= 900


def test_every_row_is_proved_somewhere() -> None:
    assert {row for row, _ in subjects()} == set(ROWS)


def test_what_is_left_open_does_differ() -> None:
    """A reason that is never needed would hide a mistake."""
    total = Proof()
    for glob in ("addu", "subu", "sra", "div*", "mul", "lwr"):
        for row, on in subjects(glob, ("mips64r2-64le",)):
            total.add(prove(row, on, 256))
    assert {each.name for each in OPEN} - set(total.open) <= {"HI and LO after mul"}


def _faulty(function: Callable[..., Any]) -> Callable[..., Any]:
    """The meaning with a fault that shows only where the first operand is negative."""

    def faulty(*arguments: int) -> Any:
        result = function(*arguments)
        wrong = arguments[0] < 0 or (len(arguments) > 1 and arguments[1] < 0)
        return result if not wrong else not result if isinstance(result, bool) else result ^ 2

    return faulty


_SEEN = {
    "product": "mult", "unsigned_product": "maddu", "accumulator": "madd", "high_word": "madd", "and_": "and", "or_": "or", "add_overflows": "add",
    "sub_overflows": "sub", "dadd_overflows": "dadd", "dsub_overflows": "dsub", "load_left": "lwl", "load_right": "lwr", "store_left": "swl",
    "jump_target": "j", "addiupc": "lwpc",
}  # fmt: skip
"""The row on which a meaning shows, where it has not its name."""

_MEANINGS = [name for name, value in inspect.getmembers(meanings, inspect.isfunction) if value.__module__ == meanings.__name__]


@pytest.mark.parametrize("name", _MEANINGS)
def test_a_seeded_fault_is_seen(monkeypatch: pytest.MonkeyPatch, name: str) -> None:
    """The reference with the fault differs from the compiled engine without it."""
    function = getattr(meanings, name)
    of_address = name in ("addiupc", "auipc", "aluipc", "ldpc", "jump_target")
    faulty = (lambda pc, immediate: function(pc, immediate) ^ 4) if of_address else _faulty(function)
    monkeypatch.setattr(meanings, name, faulty)
    monkeypatch.setattr(f"fuzz.model.reference.{name}", faulty, raising=False)
    chosen = list(subjects(_SEEN.get(name, name)))[-3:]
    assert [each for row, on in chosen for each in prove(row, on, 128).disagreements]


@pytest.mark.parametrize("name", ["plus", "minus", "times"])
def test_what_has_two_texts_wraps_in_both(name: str) -> None:
    from numba import njit

    function = getattr(bits, name)
    compiled = njit(lambda x, y: function(x, y))
    for x in (0, 1, -1, 1 << 62, -(1 << 63), (1 << 63) - 1, 0xFFFFFFFF):
        for y in (0, 1, -1, 3, -(1 << 63), (1 << 63) - 1, 0xFFFFFFFF):
            assert compiled(x, y) == function(x, y)


def test_the_command_reports() -> None:
    result = CliRunner().invoke(main, ["prove-model", "--row", "addu", "--config", "mips1-32be", "--states", "16"])
    assert result.exit_code == 0
    assert "1 rows × ISA × byte order, 16 states, 0 disagreements" in result.output


def test_the_command_refuses_what_matches_nothing() -> None:
    result = CliRunner().invoke(main, ["prove-model", "--row", "nothing"])
    assert result.exit_code == 2
