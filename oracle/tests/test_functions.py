"""Calls of helpers, kernel functions and local functions, and exits."""

import pytest

from oracle.outcome import Fault, FaultKind
from oracle.tests.building import CONTEXT, EXIT, FRAME_POINTER, READ_ONLY, RETURN_0, constant, execute, make_world, slot
from oracle.world import Helper, HelperMemory, RefusedCallError

ARGUMENTS = tuple(constant(register, 0x1111_1111_1111_1111 * register) for register in range(1, 6))
KEPT = tuple(constant(register, 0x2222_2222_0000_0000 + register) for register in range(6, 10))
KEPT_VALUES = tuple(0x2222_2222_0000_0000 + register for register in range(6, 10))


@pytest.mark.parametrize("name", ["CALL", "CALL_KERNEL"])
@pytest.mark.parametrize("count", range(6))
def test_a_helper_sees_the_arguments_that_it_declares(name: str, count: int) -> None:
    seen: list[tuple[int, ...]] = []

    def helper(*arguments: int) -> int:
        seen.append(arguments)
        return 0xFEDC_BA98_7654_3210

    table = {7: Helper("seven", count, helper), -1: Helper("other", 0, lambda: 1)}
    world = make_world(helpers=table) if name == "CALL" else make_world(kernel_functions=table)
    outcome = execute(*ARGUMENTS[: max(count, 2)], *KEPT, slot(name, imm=7), EXIT, world=world)
    assert seen == [tuple(0x1111_1111_1111_1111 * register for register in range(1, count + 1))]
    assert outcome.registers == (0xFEDC_BA98_7654_3210, None, None, None, None, None, *KEPT_VALUES, FRAME_POINTER)
    assert outcome.return_value == 0x7654_3210


def test_a_declared_argument_must_hold_something() -> None:
    world = make_world(helpers={1: Helper("three", 3, lambda a, b, c: 0)})
    assert execute(slot("CALL", imm=1), EXIT, world=world).fault == Fault(FaultKind.UNINITIALISED, 0, detail="r3")


def test_a_function_may_read_and_write_memory() -> None:
    def copy(memory: HelperMemory, to: int, size: int) -> int:
        memory.write(to + 3, memory.read(READ_ONLY + 1, size))
        return 0

    world = make_world(helpers={1: Helper("copy", 2, copy, memory=True)})
    outcome = execute(constant(2, 5), slot("CALL", imm=1), EXIT, world=world)
    assert outcome.fault is None
    assert outcome.memory["context"][:9] == bytes((0, 0, 0, 1, 2, 3, 4, 5, 0))
    assert execute(constant(2, 32), slot("CALL", imm=1), EXIT, world=world).fault == Fault(FaultKind.OUT_OF_BOUNDS, 2, READ_ONLY + 1, 32, "copy")
    outcome = execute(constant(1, READ_ONLY), constant(2, 5), slot("CALL", imm=1), EXIT, world=world)
    assert outcome.fault == Fault(FaultKind.READ_ONLY, 4, READ_ONLY + 3, 5, "region constants, copy")


def test_a_function_may_refuse_its_arguments() -> None:
    def refuse(first: int) -> int:
        raise RefusedCallError(f"r1 is {first:#x}")

    world = make_world(helpers={1: Helper("picky", 1, refuse)})
    assert execute(slot("CALL", imm=1), EXIT, world=world).fault == Fault(FaultKind.ARGUMENT, 0, detail=f"picky: r1 is {CONTEXT:#x}")


@pytest.mark.parametrize("number", [9, -9])
@pytest.mark.parametrize(("name", "kind"), [("CALL", "helper function"), ("CALL_KERNEL", "kernel function")])
def test_unknown_function(name: str, kind: str, number: int) -> None:
    table = {number: Helper("known", 0, lambda: 0)}
    world = make_world(kernel_functions=table) if name == "CALL" else make_world(helpers=table)
    outcome = execute(slot(name, imm=number), EXIT, world=world)
    assert outcome.fault == Fault(FaultKind.UNKNOWN_FUNCTION, 0, detail=f"{kind} {number}")
    assert outcome.registers[1] == CONTEXT


@pytest.mark.parametrize("result", [0, (1 << 64) - 1])
@pytest.mark.parametrize("number", [-0x8000_0000, -1, 0, 0x7FFF_FFFF])
def test_numbers_and_results_at_their_edges(number: int, result: int) -> None:
    table = {number: Helper("edge", 0, lambda: result)}
    for name in ("CALL", "CALL_KERNEL"):
        outcome = execute(slot(name, imm=number), EXIT, world=make_world(helpers=table, kernel_functions=table))
        assert (outcome.registers[0], outcome.fault) == (result, None)


@pytest.mark.parametrize("result", [-1, 1 << 64])
def test_a_result_that_does_not_fit_is_refused(result: int) -> None:
    with pytest.raises(ValueError, match=f"helper function wrong returned {result}: not an unsigned 64-bit value"):
        execute(slot("CALL", imm=1), EXIT, world=make_world(helpers={1: Helper("wrong", 0, lambda: result)}))


@pytest.mark.parametrize("count", [-1, 6])
def test_a_helper_has_at_most_five_arguments(count: int) -> None:
    with pytest.raises(ValueError, match=f"many: {count} arguments; a helper has 0 to 5"):
        Helper("many", count, lambda: 0)


def test_registers_of_a_local_function() -> None:
    """r0 and r6 to r9 hold nothing in it, r1 to r5 are the caller's, r10 is 512 lower; afterwards r1 to r5 hold nothing."""
    call = slot("CALL_LOCAL", imm=1)
    function = slot("MOV64_IMM", 6, imm=1), slot("MOV64_REG", 0, 10), EXIT
    outcome = execute(constant(0, 9), *ARGUMENTS, *KEPT, call, EXIT, *function, trace=True)
    assert outcome.trace[-4] == (22, (None, *(0x1111_1111_1111_1111 * n for n in range(1, 6)), None, None, None, None, FRAME_POINTER - 512))
    assert outcome.trace[-1] == (21, outcome.registers)
    assert outcome.registers == (FRAME_POINTER - 512, None, None, None, None, None, *KEPT_VALUES, FRAME_POINTER)


def test_call_through_a_register() -> None:
    """The same as a local call, whatever register holds the address."""
    for register in range(1, 10):
        function = slot("MOV64_IMM", 6, imm=1), slot("MOV64_REG", 0, 10), EXIT
        world = make_world(functions={0xABC0: 22})
        outcome = execute(*ARGUMENTS, *KEPT, constant(register, 0xABC0), slot("CALLX", register), EXIT, *function, world=world, trace=True)
        assert outcome.trace[-4][1][register] == (None if register > 5 else 0xABC0)
        kept = tuple(0xABC0 if number == register else value for number, value in enumerate(KEPT_VALUES, 6))
        assert outcome.registers == (FRAME_POINTER - 512, None, None, None, None, None, *kept, FRAME_POINTER)


@pytest.mark.parametrize("address", [0, 0xABC4, 0x1_0000_ABC0])
def test_there_must_be_a_function_at_the_address(address: int) -> None:
    outcome = execute(constant(3, address), slot("CALLX", 3), EXIT, slot("MOV64_IMM", 0), EXIT, world=make_world(functions={0xABC0: 4}))
    assert outcome.fault == Fault(FaultKind.UNKNOWN_FUNCTION, 2, detail=f"there is none at {address:#x}")
    assert execute(slot("CALLX", 3), EXIT).fault == Fault(FaultKind.UNINITIALISED, 0, detail="r3")


def test_frames_of_local_functions() -> None:
    """Caller and callee see each other's frame while both are active; a frame that is no longer active cannot be reached."""
    main = (
        slot("MOV64_REG", 1, 10),
        slot("ST_DW", 10, 0, -8, 1),
        slot("CALL_LOCAL", imm=3),
        slot("LDX_DW", 3, 10, -8),
        slot("LDX_B", 4, 10, -520),
        EXIT,
    )
    function = slot("ST_DW", 10, 0, -512, 2), slot("ST_DW", 1, 0, -8, 3), slot("MOV64_IMM", 0), EXIT
    outcome = execute(*main, *function)
    assert outcome.registers[3] == 3
    assert outcome.fault == Fault(FaultKind.OUT_OF_BOUNDS, 4, FRAME_POINTER - 520, 1)
    assert outcome.memory["stack"] == bytes(3072) + b"\x02" + bytes(1015) + b"\x03" + bytes(7)


@pytest.mark.parametrize("depth", range(1, 10))
def test_depth_of_calls(depth: int) -> None:
    """A chain of functions, each calling the next; eight may be active at once."""
    chain = [piece for _ in range(depth - 1) for piece in (slot("CALL_LOCAL", imm=1), EXIT)]
    outcome = execute(*chain, slot("MOV64_REG", 0, 10), EXIT)
    if depth <= 8:
        assert (outcome.registers[0], outcome.registers[10]) == (FRAME_POINTER - 512 * (depth - 1), FRAME_POINTER)
    else:
        assert outcome.fault == Fault(FaultKind.CALL_DEPTH, 14)


def test_depth_is_of_active_functions() -> None:
    calls = [slot("CALL_LOCAL", imm=distance) for distance in range(20, 0, -1)]
    outcome = execute(*calls, EXIT, slot("MOV64_IMM", 0, imm=4), EXIT)
    assert (outcome.return_value, outcome.executed) == (4, 61)


def test_backward_call_and_recursion() -> None:
    """fact(5), the argument kept in r6 over the inner call."""
    function = (
        slot("MOV64_REG", 6, 1),
        slot("JGT64_IMM", 6, 0, 2, 1),
        slot("MOV64_IMM", 0, imm=1),
        EXIT,
        slot("ADD64_IMM", 1, imm=-1),
        slot("CALL_LOCAL", imm=-6),
        slot("MUL64_REG", 0, 6),
        EXIT,
    )
    outcome = execute(slot("JA", offset=8), *function, slot("MOV64_IMM", 1, imm=5), slot("CALL_LOCAL", imm=-10), EXIT)
    assert (outcome.registers[0], outcome.fault) == (120, None)


def test_a_local_function_may_leave_r0_unwritten() -> None:
    outcome = execute(slot("CALL_LOCAL", imm=1), EXIT, EXIT)
    assert outcome.fault == Fault(FaultKind.UNINITIALISED, 1, detail="r0")
    assert execute(slot("CALL_LOCAL", imm=2), RETURN_0, EXIT).fault is None


@pytest.mark.parametrize("value", [0, 0xFFFF_FFFF, 0x8000_0000, 0x1234_5678_9ABC_DEF0, 0xFFFF_FFFF_0000_0000])
def test_return_value_is_the_low_word_of_r0(value: int) -> None:
    outcome = execute(constant(0, value), EXIT)
    assert outcome.registers == (value, CONTEXT, 64, None, None, None, None, None, None, None, FRAME_POINTER)
    assert outcome.return_value == value % (1 << 32)


def test_exit_without_a_result() -> None:
    outcome = execute(EXIT)
    assert (outcome.fault, outcome.return_value, outcome.executed) == (Fault(FaultKind.UNINITIALISED, 0, detail="r0"), None, 1)
