"""Tail calls: what the program that is called finds, what is left when there is none, and how many there may be."""

import pytest

from ebpf.instruction import TAIL_CALL
from oracle.outcome import Fault, FaultKind
from oracle.tests.building import CONTEXT, EXIT, FRAME_POINTER, Piece, constant, execute, make_world, slot

ARRAY = 0x7000
CALL = slot("CALL", imm=TAIL_CALL)
KEPT = tuple(constant(register, register) for register in range(6, 10))


def _arguments(index: int, array: int = ARRAY) -> tuple[Piece, ...]:
    return constant(2, array), constant(3, index)


def test_the_program_that_is_called_finds_the_context_and_the_frame() -> None:
    main = (slot("MOV64_IMM", 0, imm=5), *KEPT, *_arguments(1), CALL, EXIT)
    world = make_world(prog_arrays={ARRAY: (None, 15)})
    outcome = execute(*main, slot("MOV64_REG", 0, 10), EXIT, world=world, trace=True)
    assert outcome.trace[-2] == (15, (None, CONTEXT, *(None,) * 8, FRAME_POINTER))
    assert outcome.registers == (FRAME_POINTER, CONTEXT, *(None,) * 8, FRAME_POINTER)


@pytest.mark.parametrize(
    ("index", "found"), [(0, False), (1, True), (2, False), (1 << 32 | 1, True), (0xFFFF_FFFF_0000_0000, False), (1 << 31, False)]
)
def test_the_index_is_a_word_and_r0_stays_where_there_is_nothing(index: int, found: bool) -> None:
    main = (slot("MOV64_IMM", 0, imm=5), *KEPT, *_arguments(index), CALL, EXIT)
    outcome = execute(*main, slot("MOV64_IMM", 0, imm=6), EXIT, world=make_world(prog_arrays={ARRAY: (None, 15)}))
    assert outcome.registers[0] == (6 if found else 5)
    if not found:
        assert outcome.registers[1:10] == (*(None,) * 5, 6, 7, 8, 9)


def test_a_program_in_the_place_of_a_function_returns_to_its_caller() -> None:
    main: tuple[Piece, ...] = (*KEPT, slot("CALL_LOCAL", imm=2), slot("ADD64_IMM", 0, imm=1), EXIT)
    function = (*_arguments(0), CALL, slot("MOV64_IMM", 0), EXIT)
    program = slot("ST_DW", 10, 0, -8, 7), slot("MOV64_REG", 0, 10), EXIT
    outcome = execute(*main, *function, *program, world=make_world(prog_arrays={ARRAY: (18,)}))
    assert outcome.registers == (FRAME_POINTER - 511, *(None,) * 5, 6, 7, 8, 9, FRAME_POINTER)
    assert outcome.memory["stack"][-520:-512] == b"\x07" + bytes(7)


def test_there_are_at_most_33() -> None:
    """A program that counts its runs and calls itself."""
    program = (slot("LDX_W", 0, 1), slot("ADD64_IMM", 0, imm=1), slot("STX_W", 1, 0), *_arguments(0), CALL, EXIT)
    outcome = execute(*program, world=make_world(prog_arrays={ARRAY: (0,)}))
    assert (outcome.return_value, outcome.memory["context"][0]) == (34, 34)


def test_those_of_functions_count_and_empty_slots_do_not() -> None:
    count = (slot("LDX_W", 4, 1), slot("ADD64_IMM", 4, imm=1), slot("STX_W", 1, 4))
    main = (slot("MOV64_REG", 6, 1), slot("CALL_LOCAL", imm=4), slot("MOV64_REG", 1, 6), slot("JNE64_IMM", 0, 0, -3, 9), slot("LDX_W", 0, 6), EXIT)
    again = (slot("MOV64_REG", 1, 7), *_arguments(0), CALL)
    function = (slot("MOV64_REG", 7, 1), *_arguments(1), CALL, *again, slot("MOV64_IMM", 0, imm=9), EXIT)
    program = (*count, slot("MOV64_IMM", 0, imm=1), EXIT)
    outcome = execute(*main, *function, *program, world=make_world(prog_arrays={ARRAY: (20, None)}))
    assert outcome.return_value == 33


@pytest.mark.parametrize("address", [0, ARRAY + 8, CONTEXT])
def test_there_must_be_a_prog_array(address: int) -> None:
    outcome = execute(*_arguments(0, address), CALL, EXIT, world=make_world(prog_arrays={ARRAY: (0,)}))
    assert outcome.fault == Fault(FaultKind.ARGUMENT, 4, detail=f"tail_call: r2 is {address:#x}, which is no prog array")
