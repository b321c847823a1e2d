"""What holds for all instructions: completeness, uninitialised registers, invalid instructions, the limit, the trace, independence of runs."""

from dataclasses import replace

import pytest

from ebpf.instruction import Instruction
from ebpf.opcodes import BY_NAME, ROWS, Row
from oracle import operations
from oracle.interpreter import decode, run
from oracle.machine import Operation
from oracle.outcome import Fault, FaultKind
from oracle.tests import test_arithmetic, test_atomics, test_jumps, test_memory
from oracle.tests.building import CONTEXT, EXIT, FRAME_POINTER, RETURN_0, constant, execute, make_world, slot
from oracle.world import Helper

SYMBOLIC = tuple(name for name in BY_NAME if name.startswith("LDDW_"))


def test_every_row_has_exactly_one_meaning() -> None:
    assert list(operations.OPERATIONS) == [row.name for row in ROWS]


@pytest.mark.parametrize(
    ("wrong", "name"),
    [
        (operations._MEANINGS[1:], "ADD32_IMM"),
        ((*operations._MEANINGS, operations._MEANINGS[5]), "MUL32_REG"),
        ((*operations._MEANINGS, ("ADD33_IMM", operations.OPERATIONS["EXIT"])), "ADD33_IMM"),
    ],
)
def test_a_table_with_a_row_missing_doubled_or_unknown_is_refused(wrong: tuple[tuple[str, Operation], ...], name: str) -> None:
    with pytest.raises(ValueError, match=f"not exactly one meaning for {name}$"):
        operations._defend(wrong)


def test_every_row_has_known_answers() -> None:
    answered = {f"{case[0]}_REG" for case in (*test_arithmetic.CASES, *test_jumps.CASES)}
    answered |= {f"{case[0]}_IMM" for case in (*test_arithmetic.IMMEDIATE_CASES, *test_jumps.IMMEDIATE_CASES)}
    tables = (
        test_arithmetic.UNARY,
        test_arithmetic.MOVED_IMMEDIATES,
        test_arithmetic.SWAPS,
        test_memory.LOADS,
        test_memory.STORES,
        test_atomics.EXCHANGED,
    )
    answered |= {line[0] for table in tables for line in table}
    answered |= {f"ATOMIC_{fetch}{line[2]}_{line[1]}" for line in test_atomics.MODIFIED for fetch in ("", "FETCH_")}
    elsewhere = {"XCHG_W", "XCHG_DW", "JA", "JA32", "CALL", "CALL_LOCAL", "CALL_KERNEL", "CALLX", "EXIT", "LDDW", "MAY_GOTO", "NOSPEC", *SYMBOLIC}
    elsewhere |= {f"{access}_{size}" for access in ("LDABS", "LDIND") for size in "BHW"}
    assert answered | elsewhere == set(BY_NAME)
    assert not answered & elsewhere


def of_row(row: Row, dst: int, src: int) -> Instruction:
    """The instruction with these registers, as far as it has any, and zero elsewhere."""
    return slot(row.name, dst if isinstance(row.dst, str) else 0, src if isinstance(row.src, str) else 0)


@pytest.mark.parametrize(
    ("row", "field"),
    [pytest.param(row, field, id=f"{row.name}-{field}") for row in ROWS for field in ("dst", "src") if "r" in str(getattr(row, field))],
)
def test_reading_a_register_that_holds_nothing(row: Row, field: str) -> None:
    """r7 holds nothing; all that the instruction reads besides does."""
    others = slot("MOV64_IMM", 0), slot("MOV64_REG", 6, 1)
    instruction = of_row(row, 7, 1) if field == "dst" else of_row(row, 1, 7)
    outcome = execute(*others, instruction, EXIT)
    assert outcome.fault == Fault(FaultKind.UNINITIALISED, 2, detail="r7")
    assert str(outcome.fault) == "instruction 2: read of an uninitialised register: r7"
    assert outcome.memory == execute(RETURN_0).memory


@pytest.mark.parametrize("row", [row for row in ROWS if row.dst == "w"], ids=lambda row: str(row.name))
def test_writing_a_register_needs_nothing_in_it(row: Row) -> None:
    following = (Instruction(0),) if row.slots == 2 else ()
    outcome = execute(of_row(row, 7, 1), following, RETURN_0)
    if row.name in SYMBOLIC:
        assert outcome.fault == Fault(FaultKind.INVALID, 0, detail="a symbolic wide load: the program is not linked")
    else:
        assert outcome.fault is None
        assert outcome.registers[7] is not None


@pytest.mark.parametrize("row", [row for row in ROWS if "w" in (str(row.dst) + str(row.src))], ids=lambda row: str(row.name))
def test_the_frame_pointer_is_read_only(row: Row) -> None:
    following = (Instruction(0),) if row.slots == 2 else ()
    writes_src = "w" in str(row.src)
    outcome = execute(of_row(row, 1, 10) if writes_src else of_row(row, 10, 1), following, RETURN_0)
    assert outcome.fault == Fault(FaultKind.INVALID, 0, detail="r10 is read-only")
    assert outcome.registers[10] == FRAME_POINTER


@pytest.mark.parametrize(
    ("wrong", "detail"),
    [
        ((Instruction(0xFF),), "no instruction has opcode 0xff with these fields"),
        ((Instruction(0x07, 1, 2, 0, 5),), "no instruction has opcode 0x07 with these fields"),
        ((Instruction(0xBF, 1, 2, 7, 0),), "no instruction has opcode 0xbf with these fields"),
        ((slot("MOV64_IMM", 11),), "there is no r11"),
        ((slot("MOV64_REG", 1, 15),), "there is no r15"),
        (constant(1, 5)[:1], "the second half of a wide instruction is missing"),
        ((constant(1, 5)[0], Instruction(0, 1)), "the second half of a wide instruction is missing"),
        ((slot("JA32", imm=2_000_000_000),), "jump to 2000000002, outside the program"),
        ((slot("CALL_LOCAL", imm=-3),), "jump to -1, outside the program"),
    ],
)
def test_invalid_instructions_fault_when_they_are_reached(wrong: tuple[Instruction, ...], detail: str) -> None:
    reached = execute(slot("MOV64_IMM", 0), *wrong, EXIT) if len(wrong) > 1 or wrong[0].opcode != 0x18 else execute(slot("MOV64_IMM", 0), *wrong)
    assert reached.fault == Fault(FaultKind.INVALID, 1, detail=detail)
    assert execute(slot("MOV64_IMM", 0), slot("JA", offset=len(wrong)), *wrong, EXIT).fault is None


def test_an_empty_program() -> None:
    assert execute().fault == Fault(FaultKind.INVALID, 0, detail="the program runs past its end")


def test_instruction_limit() -> None:
    code = slot("MOV64_IMM", 0), slot("MOV64_IMM", 6), EXIT
    enough = execute(*code, world=make_world(instruction_limit=3))
    assert (enough.fault, enough.executed) == (None, 3)
    short = execute(*code, world=make_world(instruction_limit=2), trace=True)
    assert short.fault == Fault(FaultKind.INSTRUCTION_LIMIT, 2, detail="2")
    assert (short.executed, len(short.trace), short.return_value, short.registers[6]) == (2, 2, None, 0)
    endless = execute(slot("JA", offset=-1), world=make_world(instruction_limit=1000))
    assert (endless.fault, endless.executed) == (Fault(FaultKind.INSTRUCTION_LIMIT, 0, detail="1000"), 1000)


def test_trace_has_the_registers_before_each_instruction() -> None:
    start = (None, CONTEXT, 64, *(None,) * 7, FRAME_POINTER)
    outcome = execute(constant(0, 1 << 40), slot("ADD64_REG", 0, 2), EXIT, trace=True)
    assert outcome.trace == ((0, start), (2, (1 << 40, *start[1:])), (3, ((1 << 40) + 64, *start[1:])))
    assert execute(constant(0, 1 << 40), EXIT).trace == ()


def test_a_fault_leaves_registers_and_memory_as_they_were_and_ends_the_trace() -> None:
    code = slot("ST_B", 1, 0, 0, 7), slot("MOV64_IMM", 0, imm=3), slot("LDX_W", 0, 1, 1), EXIT
    outcome = execute(*code, trace=True)
    assert outcome.fault == Fault(FaultKind.MISALIGNED, 2, CONTEXT + 1, 4)
    assert str(outcome.fault) == f"instruction 2: misaligned access of 4 bytes at {CONTEXT + 1:#x}"
    assert (outcome.registers[0], outcome.return_value, outcome.executed) == (3, None, 3)
    assert [at for at, _ in outcome.trace] == [0, 1, 2]
    assert outcome.memory["context"][0] == 7


def test_runs_are_independent() -> None:
    """Decoded once, a program runs in any world, and neither run nor world knows of another run."""
    slots = (slot("LDX_W", 0, 1), slot("ADD64_IMM", 0, imm=1), slot("STX_W", 1, 0), slot("STX_W", 10, 0, -4), slot("CALL", imm=5), EXIT)
    world = make_world(bytes(8), helpers={5: Helper("five", 0, lambda: 5)})
    first = run(slots, world)
    second = run(slots, world)
    big = run(slots, replace(world, byte_order="big"))
    assert first == second
    assert (first.memory["context"], big.memory["context"]) == (bytes.fromhex("0100000000000000"), bytes.fromhex("0000000100000000"))
    assert decode(slots) is decode(tuple(slots))
