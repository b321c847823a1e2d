"""bpf_loop: how often the callback is called and with what, what it leaves, and what a verifier would refuse."""

from typing import Any

import pytest

from ebpf.assembler import assemble
from oracle.interpreter import run
from oracle.outcome import Fault, FaultKind, Outcome
from oracle.tests.building import FRAME_POINTER, make_world

CALLBACK = 0x7000
"""The address of the function at the label `callback`."""

LOOPS = """
    r6 = 6
    *(u64 *)(r10 - 8) = r6
    r1 = {count} ll
    r2 = {callback}
    r3 = r10
    r3 += {context}
    r4 = {flags} ll
    call 181
    r7 = *(u64 *)(r10 - 8)
    exit
"""
ADDS = """
callback:
    r6 = r1
    r7 = *(u64 *)(r2 + 0)
    r7 += r6
    *(u64 *)(r2 + 0) = r7
    *(u64 *)(r10 - 8) = r6
    r0 = 0
    if r6 != 4 goto out
    r0 = 1
out:
    exit
"""
START = 12
"""The slot of the callback."""


def execute(callback: str = ADDS, count: int = 3, flags: int = 0, context: int = -8, function: int = CALLBACK, **changes: Any) -> Outcome:
    program = assemble(LOOPS.format(count=count, callback=function, context=context, flags=flags) + callback)
    return run(program.slots, make_world(functions={CALLBACK: START}, throw=9, **changes))


def test_the_callback_gets_the_index_and_what_r3_was() -> None:
    outcome = execute()
    assert outcome.registers == (3, *(None,) * 5, 6, 6 + 0 + 1 + 2, None, None, FRAME_POINTER)
    assert outcome.memory["stack"][-512 - 8 : -512] == (2).to_bytes(8, "little")


@pytest.mark.parametrize(("count", "calls"), [(0, 0), (1, 1), (4, 4), (5, 5), (6, 5), (1 << 23, 5), (0x7_0000_0002, 2), (1 << 32, 0)])
def test_r0_is_the_number_of_calls_up_to_the_one_that_returns_1(count: int, calls: int) -> None:
    outcome = execute(count=count)
    assert (outcome.fault, outcome.registers[0], outcome.registers[7]) == (None, calls, 6 + sum(range(calls)))


@pytest.mark.parametrize(
    ("count", "flags", "error"),
    [((1 << 23) + 1, 0, -7), (0xFFFFFFFF, 0, -7), (3, 1, -22), (3, 1 << 32, -22), (0, 1 << 63, -22), (0xFFFFFFFF, 2, -22)],
)
def test_errors(count: int, flags: int, error: int) -> None:
    outcome = execute(count=count, flags=flags)
    assert (outcome.fault, outcome.registers[0], outcome.registers[7]) == (None, error & (1 << 64) - 1, 6)


@pytest.mark.parametrize("register", [0, 3, 4, 5, 6, 9])
def test_other_registers_hold_nothing_in_the_callback(register: int) -> None:
    # In the second call: the first one leaves something in each.
    text = f"callback:\nif r1 == 0 goto first\nr0 = r{register}\nexit\nfirst:\nr0 = 0\n{'; '.join(f'r{n} = 7' for n in range(1, 10))}\nexit"
    fault = execute(text).fault
    assert fault == Fault(FaultKind.UNINITIALISED, START + 1, detail=f"r{register}")


@pytest.mark.parametrize(
    ("changes", "what"),
    [
        ({"function": 0x7008}, "r2 is 0x7008, which is no function of the program"),
        ({"context": 8}, f"r3 is {FRAME_POINTER + 8:#x}, which is neither 0 nor an address of the stack"),
        ({"context": -520}, f"r3 is {FRAME_POINTER - 520:#x}, which is neither 0 nor an address of the stack"),
    ],
)
def test_wrong_arguments(changes: dict[str, Any], what: str) -> None:
    fault = execute(**changes).fault
    assert fault == Fault(FaultKind.ARGUMENT, 9, detail=f"bpf_loop: {what}")


def test_the_callback_returns_0_or_1() -> None:
    fault = execute("callback:\nr0 = 2\nexit").fault
    assert fault == Fault(FaultKind.ARGUMENT, START + 1, detail="bpf_loop: the callback returns 0x2, which is neither 0 nor 1")
    assert execute("callback:\nexit").fault == Fault(FaultKind.UNINITIALISED, START, detail="r0")


def test_the_callback_does_not_throw() -> None:
    fault = execute("callback:\ncall f\nr0 = 0\nexit\nf:\nr1 = 5\ncall kernel 9\nexit").fault
    assert fault == Fault(FaultKind.ARGUMENT, START + 4, detail="bpf_throw: called from a callback of bpf_loop")


def test_loops_in_loops_go_to_the_full_depth() -> None:
    text = "callback:\nif r1 != 0 goto out\nr6 = r2\nr1 = 1\nr2 = 0x7000\nr3 = 0\nr4 = 0\ncall 181\nout:\nr0 = 1\nexit"
    assert execute(text).fault == Fault(FaultKind.CALL_DEPTH, START + 6)
    bounded = text.replace(
        "if r1 != 0 goto out", "r3 = r10\nr4 = 0x30000 - 3584".replace("0x30000 - 3584", str(0x30000 - 3584)) + "\nif r3 == r4 goto out"
    )
    outcome = execute(bounded)
    assert (outcome.fault, outcome.registers[0]) == (None, 1)


def test_each_call_has_iterations_of_its_own() -> None:
    text = "callback:\nr0 = 0\nagain:\nmay_goto out\nr3 = *(u64 *)(r2 + 0)\nr3 += 1\n*(u64 *)(r2 + 0) = r3\ngoto again\nout:\nexit"
    assert execute(text, loops=4).registers[7] == 6 + 3 * 4
