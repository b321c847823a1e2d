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
