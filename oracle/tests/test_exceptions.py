"""bpf_throw: from any depth to the main program's caller, or to the exception callback."""

from typing import Any

import pytest

from ebpf.assembler import assemble
from oracle.interpreter import run
from oracle.outcome import Fault, FaultKind, Outcome
from oracle.tests.building import FRAME_POINTER, make_world

THROW = 9
DEEP = """
    r6 = 1
    call f
    r0 = 5
    exit
f:
    r6 = 2
    r1 = 0x123456789a ll
    call g
    exit
g:
    r6 = 3
    *(u64 *)(r10 - 8) = r1
    call kernel 9
    exit
"""


def execute(text: str, **changes: Any) -> Outcome:
    program = assemble(text)
    return run(program.slots, make_world(throw=THROW, exception_callback=program.exception_callback, **changes))


def test_the_cookie_is_what_the_program_returns() -> None:
    outcome = execute(DEEP)
    assert outcome.registers == (0x123456789A, *(None,) * 9, FRAME_POINTER)
    assert outcome.return_value == 0x3456789A
    assert outcome.memory["stack"][-2 * 512 - 8 : -2 * 512] == (0x123456789A).to_bytes(8, "little")


def test_the_callback_gets_the_cookie_and_the_frame_of_the_main_program() -> None:
    outcome = execute(f"{DEEP}exception_callback:\n*(u64 *)(r10 - 512) = r1\nr7 = r1\nr0 = 7\nexit")
    assert outcome.registers == (7, 0x123456789A, *(None,) * 5, 0x123456789A, *(None,) * 2, FRAME_POINTER)
    assert outcome.memory["stack"][-512:-504] == (0x123456789A).to_bytes(8, "little")


@pytest.mark.parametrize("register", [0, 2, 6, 9])
def test_other_registers_hold_nothing_in_the_callback(register: int) -> None:
    outcome = execute(f"{DEEP}exception_callback:\nr0 = r{register}\nexit")
    assert outcome.fault == Fault(FaultKind.UNINITIALISED, 13, detail=f"r{register}")


def test_the_callback_may_not_use_the_frames_that_were_left() -> None:
    outcome = execute(f"{DEEP}exception_callback:\nr0 = *(u64 *)(r10 - 520)\nexit")
    assert outcome.fault is not None
    assert outcome.fault.kind is FaultKind.OUT_OF_BOUNDS


def test_the_callback_may_call_to_the_full_depth() -> None:
    """Seven more frames fit, as from the main program."""
    text = f"{DEEP}exception_callback:\nr1 = 0\ncall down\nexit\ndown:\nr0 = r1\nif r1 == 6 goto +3\nr1 += 1\ncall down\nexit\nexit\nexit"
    assert execute(text).registers[0] == 6


def test_the_callback_has_iterations_of_its_own() -> None:
    text = f"may_goto +0\nmay_goto +0\n{DEEP}exception_callback:\nr0 = 0\nagain:\nmay_goto +2\nr0 += 1\ngoto again\nexit"
    assert execute(text, loops=3).registers[0] == 3


def test_the_cookie_must_hold_something() -> None:
    assert execute("call 5\ncall kernel 9\nexit").fault == Fault(FaultKind.UNKNOWN_FUNCTION, 0, detail="helper function 5")
    assert execute("r6 = r1\ncall f\nexit\nf:\ncall g\ncall kernel 9\nexit\ng:\nr0 = 0\nexit").fault == Fault(FaultKind.UNINITIALISED, 4, detail="r1")


def test_without_the_function_there_is_none() -> None:
    fault = run(assemble("r1 = 0\ncall kernel 9\nexit").slots, make_world()).fault
    assert fault == Fault(FaultKind.UNKNOWN_FUNCTION, 1, detail="kernel function 9")


PROGRAMS = """
.map table prog_array 4 4 2
.program table 0 other
.program table 1 main
main:
    r6 = 6
    call f
    r0 += r6
    exit
f:
    r7 = 7
    r2 = 0x7000
    r3 = {index}
    call 12
    r0 = 1
    exit
other:
    *(u64 *)(r10 - 8) = r1
    r1 = 0x500
    call g
    r0 = 2
    exit
g:
    call kernel 9
    r0 = 3
    exit
"""


def _programs(index: int, callback: str = "") -> Outcome:
    text = PROGRAMS.format(index=index) + callback
    starts = dict(assemble(text).maps[0].programs)
    return execute(text, prog_arrays={0x7000: (starts[0], starts[1])})


def test_a_program_that_a_tail_call_has_reached_returns_the_cookie_to_the_caller_whose_place_it_took() -> None:
    outcome = _programs(0)
    assert outcome.registers == (0x506, *(None,) * 5, 6, None, None, None, FRAME_POINTER)
    assert outcome.memory["stack"][-512 - 8 : -512] != bytes(8)


def test_the_callback_is_that_of_the_main_program_alone() -> None:
    assert _programs(0, "exception_callback:\nr0 = 0x900\nexit").registers[0] == 0x506


def test_the_main_program_has_its_callback_where_a_tail_call_has_reached_it() -> None:
    text = """
.map table prog_array 4 4 1
.program table 0 main
main:
    r6 = r10
    r7 = 0x30000 ll
    if r6 != r7 goto again
    r1 = 5
    call f
    r0 += 1
    exit
again:
    call kernel 9
    exit
f:
    r2 = 0x7000
    r3 = 0
    call 12
    exit
exception_callback:
    *(u64 *)(r10 - 8) = r1
    r0 = r1
    r0 += 0x70
    exit
"""
    outcome = execute(text, prog_arrays={0x7000: (0,)})
    assert (outcome.registers[0], outcome.registers[10]) == (0x76, FRAME_POINTER)
    assert outcome.memory["stack"][-512 - 8 : -512] == (5).to_bytes(8, "little")


def test_the_callback_does_not_throw() -> None:
    for behind in ("call kernel 9\nexit", "call f\nexit\nf:\ncall kernel 9\nexit"):
        outcome = execute(f"r1 = 5\ncall kernel 9\nexit\nexception_callback:\nr1 += 1\n{behind}")
        assert outcome.fault is not None
        assert outcome.fault.detail == "bpf_throw: called from the exception callback, or from a function that it calls"
