"""The comparison: nothing when two runs are equal, and exactly what differs when they are not."""

from dataclasses import replace

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ebpf.instruction import Instruction
from ebpf.program import DataSection, Program
from fuzz.case import Case, Input
from fuzz.compare import compare
from fuzz.engine.target import Run
from fuzz.environment.functions import Call
from fuzz.environment.maps import Entry
from fuzz.layout import STACK_SIZE, Placement, place
from fuzz.tests.images import image
from fuzz.verdict import Difference
from jit.config import Config
from oracle.outcome import Fault, FaultKind, Outcome

CONFIG = Config.parse("mips32r2-32be")
PROGRAM = Program("test", "main", (Instruction(0x95),), (DataSection(".data", bytes(40), True),))
AT: Placement = place(Case(PROGRAM, Input(bytes(range(24)))), CONFIG)
COMPILED = image(CONFIG, [])
STACK = AT.world.stack
MEMORY = {"context": bytes(range(24)), ".data": bytes(40), "stack": STACK}
OUTCOME = Outcome((5, 6, None, 8, 9, 10, 11, 12, 13, 14, 15), 5, MEMORY)
CALLS = (Call("ktime_get_ns", (), 5), Call("mix", (1, 2, 3, 4, 5), 6))
RUN = Run(OUTCOME, CALLS)
FAULTS = st.builds(Fault, st.sampled_from(FaultKind), st.none() | st.integers(0, 9), st.none(), st.just(0))


def _changed(**fields: object) -> Run:
    return replace(RUN, outcome=replace(OUTCOME, **fields))  # type: ignore[arg-type]


def _found(actual: Run, expected: Run = RUN) -> list[tuple[str, str]]:
    return [(difference.kind, difference.place) for difference in compare(expected, actual, COMPILED, AT)]


def _bytes(name: str, *offsets: int) -> dict[str, bytes]:
    contents = bytearray(MEMORY[name])
    for offset in offsets:
        contents[offset] ^= 0xFF
    return {**MEMORY, name: bytes(contents)}


def test_equal_runs_agree() -> None:
    assert _found(RUN) == []


@given(st.integers(0, 10), st.integers(0, 63))
def test_registers(number: int, bit: int) -> None:
    """Every bit counts, but for a register in which the oracle has nothing."""
    held = OUTCOME.registers[number]
    registers = (*OUTCOME.registers[:number], (held or 0) ^ 1 << bit, *OUTCOME.registers[number + 1 :])
    assert _found(_changed(registers=registers)) == ([] if held is None else [("register", f"r{number}")])


def test_registers_that_the_image_does_not_keep() -> None:
    assert _found(_changed(registers=(None,) * 11)) == []


def test_return_value() -> None:
    assert [str(difference) for difference in compare(RUN, _changed(return_value=7), COMPILED, AT)] == ["return value: expected 0x5, got 0x7"]


@given(st.sampled_from(["context", ".data"]), st.integers(0, 23), st.integers(0, 23))
def test_memory(name: str, first: int, second: int) -> None:
    first, second = sorted((first, second))
    apart = [(first, first + 1), (second, second + 1)] if second - first > 1 else [(first, second + 1)]
    places = [f"{name}[{start}:{end}]" for start, end in apart]
    assert _found(_changed(memory=_bytes(name, *{first, second}))) == [("memory", place) for place in places]


@given(st.integers(0, STACK_SIZE - 1))
def test_the_programs_stack_is_compared_and_no_more(offset: int) -> None:
    below = STACK_SIZE - offset
    expected = [("memory", f"stack [r10-{below}:r10-{below - 1}]")] if below <= COMPILED.stack_size else []
    assert _found(_changed(memory=_bytes("stack", offset))) == expected
    # What the program wrote must lie within the stack that the image has for it.
    run = _changed(memory=_bytes("stack", offset))
    expected = [] if below <= COMPILED.stack_size else [("memory", "stack below r10-512")]
    assert _found(run, run) == expected


def test_long_stretches_are_cut() -> None:
    zeros, ones = _changed(memory={**MEMORY, ".data": bytes(40)}), _changed(memory={**MEMORY, ".data": b"\x01" * 40})
    (difference,) = compare(zeros, ones, COMPILED, AT)
    assert str(difference) == f"memory .data[0:40]: expected {'00' * 32}… (40 bytes), got {'01' * 32}… (40 bytes)"


def test_runs_must_have_the_same_regions() -> None:
    with pytest.raises(ValueError, match="different regions: context"):
        compare(RUN, _changed(memory={name: MEMORY[name] for name in (".data", "stack")}), COMPILED, AT)


# fmt: off
OTHER_CALLS = (
    (CALLS[:1],                                    ["number 2"]),
    (CALLS[::-1],                                  ["number 1", "number 2"]),
    ((*CALLS, CALLS[0]),                           ["number 3"]),
    ((CALLS[0], Call("mix", (1, 2, 3, 5, 4), 6)),  ["number 2"]),
)
# fmt: on


@pytest.mark.parametrize(("calls", "places"), OTHER_CALLS)
def test_calls(calls: tuple[Call, ...], places: list[str]) -> None:
    assert _found(replace(RUN, calls=calls)) == [("calls", place) for place in places]


def test_entries_of_maps() -> None:
    before = replace(RUN, maps={"m": (Entry(b"\1", b"ab"), Entry(b"\2", b"cd"))})
    after = replace(RUN, maps={"m": (Entry(b"\1", b"ax"), Entry(b"\3", b"cd"))})
    assert compare(before, before, COMPILED, AT) == ()
    assert [str(difference) for difference in compare(before, after, COMPILED, AT)] == [
        "map m[01]: expected 6162, got 6178",
        "map m[02]: expected 6364, got no entry",
        "map m[03]: expected no entry, got 6364",
    ]


def test_bytes_that_a_call_read() -> None:
    assert _found(replace(RUN, calls=(CALLS[0]._replace(data=(b"x",)), CALLS[1]))) == [("calls", "number 1")]


def test_breaches_of_the_abi_are_for_a_tripwire() -> None:
    unread, breach = Difference("register", "r0 to r10", "an exit word", "none"), Difference("callee-saved", "$s0", "0x1", "0x2")
    assert compare(RUN, replace(RUN, violations=(breach, unread)), COMPILED, AT) == (unread,)


@given(st.none() | FAULTS, st.none() | FAULTS)
@settings(max_examples=200)
def test_faults(expected: Fault | None, actual: Fault | None) -> None:
    runs = [_changed(fault=fault, return_value=None if fault else 5) for fault in (expected, actual)]
    same = (expected and (expected.kind, expected.slot)) == (actual and (actual.kind, actual.slot))
    assert _found(runs[1], runs[0]) == ([] if same else [("fault", "")])


@pytest.mark.parametrize("name", ["context", ".data", "stack"])
def test_bytes_of_a_faulting_access_are_not_compared(name: str) -> None:
    base = {region.name: region.address for region in AT.world.regions} | {"stack": AT.world.frame_pointer - STACK_SIZE}
    at = STACK_SIZE - 100 if name == "stack" else 8
    fault = Fault(FaultKind.MISALIGNED, 3, base[name] + at, 4)
    before = _changed(fault=fault, return_value=None)
    for offset in range(at - 2, at + 6):
        run = _changed(fault=fault, return_value=None, memory=_bytes(name, offset))
        assert len(_found(run, before)) == (0 if at <= offset < at + 4 else 1)
