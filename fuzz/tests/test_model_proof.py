"""The proof of the model on a sample; that each seeded fault in a meaning is seen by it; Python's and numba's form of a meaning are the same text."""

import inspect
from collections.abc import Callable, Iterator
from typing import Any

import pytest
from click.testing import CliRunner

from fuzz.cli.main import main
from fuzz.model import bits, meanings, rows
from fuzz.model.decode import table
from fuzz.model.prove import LACKING, MISTAKES, MODEL, OPEN, QEMU, UNICORN, Proof, engines, prove, subjects
from fuzz.model.rows import Meaning
from jit.mips import ROWS

CONFIGS = ("mips1-32be", "mips32r2-32le", "mips32r6-32be", "mips3-64le", "mips64r2-64be", "mips64r6-64le")


@pytest.fixture(autouse=True)
def nothing_is_known(monkeypatch: pytest.MonkeyPatch) -> None:
    """What the reference has said with a fault does not count in the next test."""
    monkeypatch.setattr("fuzz.model.prove._last", [])


@pytest.mark.parametrize("config", CONFIGS)
def test_every_row_agrees(config: str) -> None:
    total = Proof()
    for row, on in subjects("*", (config,)):
        total.add(prove(row, on, 16))
    assert [str(each) for each in total.disagreements] == []
    assert total.states >= 900


def test_every_row_is_proved_somewhere() -> None:
    assert {row for row, _ in subjects()} == set(ROWS)


def test_what_is_left_open_and_what_is_a_mistake_does_differ() -> None:
    """A reason that is never needed would hide a mistake."""
    total = Proof()
    for glob, config in (("addu", "mips64r2-64le"), ("div*", "mips64r2-64le"), ("lwr", "mips64r2-64le"), ("b[on]v*", "mips*r6-*")):
        for row, on in subjects(glob, (config,)):
            total.add(prove(row, on, 256))
    assert {name for _, name in total.open} == {each.name for each in (*OPEN, *MISTAKES)}
    assert {engine for engine, _ in total.open} == set(engines()) - {MODEL}


def test_what_unicorn_lacks_it_lacks() -> None:
    for row, on in subjects("*", ("mips64r6-64le",)):
        assert prove(row, on, 16).lacking[UNICORN] == (row.mnemonic in LACKING[UNICORN])


def test_isas_of_a_class_are_compared_on_the_same_states() -> None:
    """On each of them, with what the reference said once."""
    found = [prove(row, on, 64) for row, on in subjects("addu", ("mips64r[125]-64le", "mips[345]-64le"))]
    assert len(found) == 6
    assert [each.states for each in found] == [64] * 6
    assert [each.calculated for each in found] == [64, 0, 0, 0, 0, 0]


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


def _faults(what: Meaning) -> Iterator[Meaning]:
    """What a row may be by mistake: another operation, an operand that is not read or written, an immediate that is lost, another size."""
    if what.kind in (rows.BRANCH, rows.TRAP):
        # Not ALWAYS: what always traps has no state to begin with.
        yield what._replace(operation=1 + (what.operation + 1) % rows.GEU)
    elif operations := {rows.COMPUTE: 62, rows.OVERFLOW: 4, rows.MULTIPLY: 12}.get(what.kind):
        yield what._replace(operation=(what.operation + 2) % operations)
    if what.x not in ("", "zero"):
        yield what._replace(x="zero")
    if what.y:
        yield what._replace(y="zero")
    if what.d:
        yield what._replace(d="zero")
    if what.i:
        yield what._replace(i="")
    if what.j.isdigit():
        yield what._replace(j={"1": "2", "2": "4", "4": "8" if what.operation == rows.WHOLE else "2", "8": "4"}[what.j])
    if what.kind in (rows.EXCEPTION, rows.NOTHING):
        yield what._replace(kind=rows.NOTHING if what.kind == rows.EXCEPTION else rows.EXCEPTION)


_ROWS = [(key, place, fault) for key, what in rows._MEANINGS.items() for place, fault in enumerate(_faults(what))]


@pytest.mark.parametrize(("key", "fault"), [(key, fault) for key, _, fault in _ROWS], ids=[f"{key}-{place}" for key, place, _ in _ROWS])
def test_a_seeded_fault_in_a_row_is_seen(monkeypatch: pytest.MonkeyPatch, key: str, fault: Meaning) -> None:
    """Model and reference have it both: engines by others show it."""
    monkeypatch.setattr(rows, "_MEANINGS", {**rows._MEANINGS, key: fault})
    *_, (row, on) = ((row, on) for row, on in subjects(key.partition(" ")[0]) if rows._key(row) == key)
    other = QEMU if row.mnemonic in LACKING[UNICORN] else UNICORN
    if other not in engines():
        pytest.skip("Unicorn lacks it, and there is no QEMU here")
    # QEMU waits for what runs on.
    monkeypatch.setattr("fuzz.model.prove.engines", lambda: {name: engines()[name] for name in (MODEL, other)})
    table.cache_clear()
    try:
        # The proof takes more than twice as many: equal operands are rare.
        assert any(prove(row, on, count).disagreements for count in (64, 4096))
    except (IndexError, KeyError, OverflowError, ValueError, RuntimeError):
        # The reference has left the record, the registers, or its operands; or there is no state to begin with.
        pass
    finally:
        table.cache_clear()


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
    assert "1 rows × ISA × byte order, 16 states on model, Unicorn" in result.output
    assert "16 of them calculated by the reference, 0 disagreements" in result.output


def test_the_command_refuses_what_matches_nothing() -> None:
    result = CliRunner().invoke(main, ["prove-model", "--row", "nothing"])
    assert result.exit_code == 2
