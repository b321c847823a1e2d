"""Known answers of arithmetic and byte swaps, executed as programs."""

import pytest

from ebpf.program import ByteOrder
from oracle.tests.arithmetic_answers import ANSWERS_32, ANSWERS_64
from oracle.tests.building import EXIT, ORDERS, as_imm, constant, execute, make_world, slot

CASES = [(operation, *answer) for answers in (ANSWERS_32, ANSWERS_64) for operation, table in answers.items() for answer in table]
IMMEDIATE_CASES = [(operation, dst, imm, answer) for operation, dst, src, answer in CASES if (imm := as_imm(src, int(operation[-2:]))) is not None]
UPPER_HALVES = (0, 0xFFFF_FFFF, 0x8000_0000, 0x1234_5678)

# fmt: off
UNARY = (
    # name         operand              answer
    ("NEG32",      0x0000000000000000, 0x0000000000000000), ("NEG32",      0x0000000000000001, 0x00000000ffffffff),
    ("NEG32",      0x0000000080000000, 0x0000000080000000), ("NEG32",      0x00000000ffffffff, 0x0000000000000001),
    ("NEG32",      0x000000007fffffff, 0x0000000080000001), ("NEG32",      0xffffffff00000000, 0x0000000000000000),
    ("NEG32",      0x1234567800000002, 0x00000000fffffffe), ("NEG32",      0x0000000080000001, 0x000000007fffffff),
    ("NEG64",      0x0000000000000000, 0x0000000000000000), ("NEG64",      0x0000000000000001, 0xffffffffffffffff),
    ("NEG64",      0x8000000000000000, 0x8000000000000000), ("NEG64",      0xffffffffffffffff, 0x0000000000000001),
    ("NEG64",      0x0000000100000000, 0xffffffff00000000), ("NEG64",      0x0000000080000000, 0xffffffff80000000),
    ("NEG64",      0x7fffffffffffffff, 0x8000000000000001), ("NEG64",      0x00000000ffffffff, 0xffffffff00000001),
    ("MOV32_REG",  0xffffffffffffffff, 0x00000000ffffffff), ("MOV32_REG",  0x1234567880000000, 0x0000000080000000),
    ("MOV64_REG",  0xffffffffffffffff, 0xffffffffffffffff), ("MOV64_REG",  0x1234567880000001, 0x1234567880000001),
    ("ZEXT",       0xffffffff80000001, 0x0000000080000001), ("ZEXT",       0x1234567800000000, 0x0000000000000000),
    ("MOVSX32_8",  0x123456789abcde7f, 0x000000000000007f), ("MOVSX32_8",  0x123456789abcde80, 0x00000000ffffff80),
    ("MOVSX32_8",  0x00000000000000ff, 0x00000000ffffffff), ("MOVSX32_8",  0xffffffffffffff00, 0x0000000000000000),
    ("MOVSX32_16", 0x123456789abc7fff, 0x0000000000007fff), ("MOVSX32_16", 0x123456789abc8000, 0x00000000ffff8000),
    ("MOVSX32_16", 0x000000000000ffff, 0x00000000ffffffff), ("MOVSX32_16", 0xffffffffffff0000, 0x0000000000000000),
    ("MOVSX64_8",  0x123456789abcde7f, 0x000000000000007f), ("MOVSX64_8",  0x123456789abcde80, 0xffffffffffffff80),
    ("MOVSX64_16", 0x123456789abc7fff, 0x0000000000007fff), ("MOVSX64_16", 0x123456789abc8000, 0xffffffffffff8000),
    ("MOVSX64_32", 0x123456787fffffff, 0x000000007fffffff), ("MOVSX64_32", 0x1234567880000000, 0xffffffff80000000),
    ("MOVSX64_32", 0x00000000ffffffff, 0xffffffffffffffff), ("MOVSX64_32", 0xffffffff00000000, 0x0000000000000000),
    ("BSWAP16",    0x0123456789abcdef, 0x000000000000efcd), ("BSWAP16",    0xffffffffffff0080, 0x0000000000008000),
    ("BSWAP32",    0x0123456789abcdef, 0x00000000efcdab89), ("BSWAP32",    0xffffffff00000080, 0x0000000080000000),
    ("BSWAP64",    0x0123456789abcdef, 0xefcdab8967452301), ("BSWAP64",    0x0000000000000080, 0x8000000000000000),
    ("BSWAP64",    0x8000000000000001, 0x0100000000000080), ("BSWAP64",    0xffffffffffffff7f, 0x7fffffffffffffff),
)
MOVED_IMMEDIATES = (
    # name         imm          answer
    ("MOV32_IMM",  0x00000000,  0x0000000000000000), ("MOV32_IMM",  0x7fffffff,  0x000000007fffffff),
    ("MOV32_IMM", -0x00000001,  0x00000000ffffffff), ("MOV32_IMM", -0x80000000,  0x0000000080000000),
    ("MOV64_IMM",  0x00000000,  0x0000000000000000), ("MOV64_IMM",  0x7fffffff,  0x000000007fffffff),
    ("MOV64_IMM", -0x00000001,  0xffffffffffffffff), ("MOV64_IMM", -0x80000000,  0xffffffff80000000),
)
SWAPS = (
    # name   operand             on a little-endian  on a big-endian host
    ("LE16", 0x0123456789abcdef, 0x000000000000cdef, 0x000000000000efcd), ("LE16", 0xffffffffffff0080, 0x0000000000000080, 0x0000000000008000),
    ("LE32", 0x0123456789abcdef, 0x0000000089abcdef, 0x00000000efcdab89), ("LE32", 0xffffffff00000080, 0x0000000000000080, 0x0000000080000000),
    ("LE64", 0x0123456789abcdef, 0x0123456789abcdef, 0xefcdab8967452301), ("LE64", 0x0000000000000080, 0x0000000000000080, 0x8000000000000000),
    ("BE16", 0x0123456789abcdef, 0x000000000000efcd, 0x000000000000cdef), ("BE16", 0xffffffffffff0080, 0x0000000000008000, 0x0000000000000080),
    ("BE32", 0x0123456789abcdef, 0x00000000efcdab89, 0x0000000089abcdef), ("BE32", 0xffffffff00000080, 0x0000000080000000, 0x0000000000000080),
    ("BE64", 0x0123456789abcdef, 0xefcdab8967452301, 0x0123456789abcdef), ("BE64", 0x0000000000000080, 0x8000000000000000, 0x0000000000000080),
    ("LE64", 0x8000000000000001, 0x8000000000000001, 0x0100000000000080), ("BE64", 0x8000000000000001, 0x0100000000000080, 0x8000000000000001),
)
WIDE = (
    0x0000000000000000, 0x0000000000000001, 0x000000007fffffff, 0x0000000080000000, 0x0000000080000001, 0x00000000ffffffff,
    0x0000000100000000, 0x123456789abcdef0, 0x7fffffffffffffff, 0x8000000000000000, 0xffffffffffffffff,
)
# fmt: on


def upper_halves(operation: str) -> tuple[int, ...]:
    """What may stand above the operands of the operation without changing the answer."""
    return UPPER_HALVES if operation.endswith("32") else (0,)


@pytest.mark.parametrize(("operation", "dst", "src", "answer"), CASES)
def test_register_form(operation: str, dst: int, src: int, answer: int) -> None:
    for above in upper_halves(operation):
        operand = src | (above ^ 0x8000_0001) << 32 if above else src
        outcome = execute(constant(0, dst | above << 32), constant(6, operand), slot(f"{operation}_REG", 0, 6), EXIT)
        assert (outcome.registers[0], outcome.registers[6], outcome.fault) == (answer, operand, None)


@pytest.mark.parametrize(("operation", "dst", "imm", "answer"), IMMEDIATE_CASES)
def test_immediate_form(operation: str, dst: int, imm: int, answer: int) -> None:
    for above in upper_halves(operation):
        outcome = execute(constant(9, dst | above << 32), slot(f"{operation}_IMM", 9, imm=imm), slot("MOV64_REG", 0, 9), EXIT)
        assert (outcome.registers[0], outcome.fault) == (answer, None)


@pytest.mark.parametrize(("operation", "dst", "src", "answer"), [case for case in CASES if case[1] == case[2]])
def test_register_with_itself(operation: str, dst: int, src: int, answer: int) -> None:
    for above in upper_halves(operation):
        outcome = execute(constant(3, dst | above << 32), slot(f"{operation}_REG", 3, 3), slot("MOV64_IMM", 0), EXIT)
        assert outcome.registers[3] == answer


def test_every_register_as_dst_and_as_src() -> None:
    for dst in range(10):
        for src in range(11):
            operands = [constant(register, 1000 + register * register) for register in range(10)]
            before = [1000 + register * register for register in range(10)] + [0x0003_0000]
            outcome = execute(*operands, slot("SUB64_REG", dst, src), EXIT)
            after = [*before[:dst], (before[dst] - before[src]) % (1 << 64), *before[dst + 1 :]]
            assert list(outcome.registers) == after, (dst, src)


@pytest.mark.parametrize(("name", "operand", "answer"), UNARY)
def test_unary(name: str, operand: int, answer: int) -> None:
    dst, src = (0, 4) if name.startswith(("MOV", "ZEXT")) else (4, 0)
    outcome = execute(constant(4, operand), slot(name, dst, src), slot("MOV64_REG", 0, dst), EXIT)
    assert (outcome.registers[0], outcome.fault) == (answer, None)


@pytest.mark.parametrize(("name", "imm", "answer"), MOVED_IMMEDIATES)
def test_moved_immediate(name: str, imm: int, answer: int) -> None:
    outcome = execute(constant(0, 0x5555_5555_5555_5555), slot(name, 0, imm=imm), EXIT)
    assert outcome.registers[0] == answer


@pytest.mark.parametrize("order", ORDERS)
@pytest.mark.parametrize(("name", "operand", "little", "big"), SWAPS)
def test_swap_to_order(name: str, operand: int, little: int, big: int, order: ByteOrder) -> None:
    outcome = execute(constant(7, operand), slot(name, 7), slot("MOV64_REG", 0, 7), EXIT, world=make_world(byte_order=order))
    assert outcome.registers[0] == (little if order == "little" else big)


@pytest.mark.parametrize("order", ORDERS)
@pytest.mark.parametrize("value", WIDE)
def test_wide_immediate(value: int, order: ByteOrder) -> None:
    outcome = execute(constant(0, value), EXIT, world=make_world(byte_order=order))
    assert (outcome.registers[0], outcome.return_value, outcome.executed) == (value, value % (1 << 32), 2)
