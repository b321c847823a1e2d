"""Known answers of atomic operations, in both byte orders: the location before and after, and the registers."""

import pytest

from ebpf.program import ByteOrder
from oracle.tests.building import EXIT, ORDERS, RETURN_0, constant, execute, make_world, slot

GARBAGE = 0xDEAD_BEEF_0000_0000

# fmt: off
MODIFIED_32 = (
    # operation     location    operand     location afterwards
    ("ADD",         0xffffffff, 0x00000001, 0x00000000), ("ADD", 0x7fffffff, 0x00000001, 0x80000000), ("ADD", 0x80000000, 0x80000000, 0x00000000),
    ("ADD",         0x00000005, 0xffffffff, 0x00000004), ("ADD", 0x12345678, 0x00000000, 0x12345678),
    ("OR",          0x80000000, 0x7fffffff, 0xffffffff), ("OR",  0x12345678, 0x0f0f0f0f, 0x1f3f5f7f),
    ("AND",         0x80000001, 0x7fffffff, 0x00000001), ("AND", 0x12345678, 0x0f0f0f0f, 0x02040608),
    ("XOR",         0xffffffff, 0x80000000, 0x7fffffff), ("XOR", 0x12345678, 0x12345678, 0x00000000),
)
MODIFIED_64 = (
    ("ADD", 0xffffffffffffffff, 0x0000000000000001, 0x0000000000000000), ("ADD", 0x00000000ffffffff, 0x0000000000000001, 0x0000000100000000),
    ("ADD", 0x7fffffffffffffff, 0x0000000000000001, 0x8000000000000000), ("ADD", 0x0000000100000000, 0xffffffffffffffff, 0x00000000ffffffff),
    ("OR",  0x8000000000000000, 0x7fffffffffffffff, 0xffffffffffffffff), ("OR",  0x1234567800000000, 0x000000009abcdef0, 0x123456789abcdef0),
    ("AND", 0x8000000000000001, 0x7fffffffffffffff, 0x0000000000000001), ("AND", 0x123456789abcdef0, 0xffffffff00000000, 0x1234567800000000),
    ("XOR", 0xffffffffffffffff, 0x8000000000000000, 0x7fffffffffffffff), ("XOR", 0x123456789abcdef0, 0x123456789abcdef0, 0x0000000000000000),
)
EXCHANGED = (
    # name          location            r0                  src                 location afterwards r0 afterwards
    ("CMPXCHG_W",           0x00000005, 0x0000000000000005, 0x0000000000000007,         0x00000007, 0x0000000000000005),
    ("CMPXCHG_W",           0x00000005, 0xdeadbeef00000005, 0xdeadbeef00000007,         0x00000007, 0x0000000000000005),
    ("CMPXCHG_W",           0x80000000, 0xffffffff80000000, 0x00000000ffffffff,         0xffffffff, 0x0000000080000000),
    ("CMPXCHG_W",           0x80000000, 0xffffffff80000001, 0x00000000ffffffff,         0x80000000, 0x0000000080000000),
    ("CMPXCHG_W",           0xffffffff, 0x1234567800000000, 0x0000000000000001,         0xffffffff, 0x00000000ffffffff),
    ("CMPXCHG_DW", 0x0000000500000005, 0x0000000500000005, 0x8000000000000001, 0x8000000000000001, 0x0000000500000005),
    ("CMPXCHG_DW", 0x0000000500000005, 0x0000000600000005, 0x8000000000000001, 0x0000000500000005, 0x0000000500000005),
    ("CMPXCHG_DW", 0x0000000500000005, 0x0000000500000006, 0x8000000000000001, 0x0000000500000005, 0x0000000500000005),
    ("CMPXCHG_DW", 0xffffffffffffffff, 0xffffffffffffffff, 0x0000000000000000, 0x0000000000000000, 0xffffffffffffffff),
)
# fmt: on
MODIFIED = [(4, "W", *line) for line in MODIFIED_32] + [(8, "DW", *line) for line in MODIFIED_64]


def context(value: int, size: int, order: ByteOrder) -> bytes:
    """16 bytes with the location in the second half, and bytes around it that must stay."""
    return b"\x55" * 8 + value.to_bytes(size, order) + b"\xaa" * (8 - size)


@pytest.mark.parametrize("order", ORDERS)
@pytest.mark.parametrize(("size", "letter", "operation", "location", "operand", "after"), MODIFIED)
def test_modify(size: int, letter: str, operation: str, location: int, operand: int, after: int, order: ByteOrder) -> None:
    src = operand | GARBAGE if size == 4 else operand
    world = make_world(context(location, size, order), byte_order=order)
    outcome = execute(constant(3, src), slot(f"ATOMIC_{operation}_{letter}", 1, 3, 8), RETURN_0, world=world)
    assert outcome.memory["context"] == context(after, size, order)
    assert (outcome.registers[3], outcome.fault) == (src, None)


@pytest.mark.parametrize("order", ORDERS)
@pytest.mark.parametrize(("size", "letter", "operation", "location", "operand", "after"), MODIFIED)
def test_fetch_and_modify(size: int, letter: str, operation: str, location: int, operand: int, after: int, order: ByteOrder) -> None:
    src = operand | GARBAGE if size == 4 else operand
    world = make_world(context(location, size, order), byte_order=order)
    outcome = execute(constant(3, src), slot(f"ATOMIC_FETCH_{operation}_{letter}", 1, 3, 8), RETURN_0, world=world)
    assert outcome.memory["context"] == context(after, size, order)
    assert (outcome.registers[3], outcome.fault) == (location, None)


@pytest.mark.parametrize("order", ORDERS)
@pytest.mark.parametrize(
    ("size", "name", "location", "src", "after"),
    [(4, "XCHG_W", 0x8000_0001, GARBAGE | 7, 7), (8, "XCHG_DW", 0x8000_0001_0000_0002, 0x0123_4567_89AB_CDEF, 0x0123_4567_89AB_CDEF)],
)
def test_exchange(size: int, name: str, location: int, src: int, after: int, order: ByteOrder) -> None:
    outcome = execute(constant(9, src), slot(name, 1, 9, 8), RETURN_0, world=make_world(context(location, size, order), byte_order=order))
    assert outcome.memory["context"] == context(after, size, order)
    assert (outcome.registers[9], outcome.fault) == (location, None)


@pytest.mark.parametrize("order", ORDERS)
@pytest.mark.parametrize(("name", "location", "r0", "src", "after", "r0_after"), EXCHANGED)
def test_compare_and_exchange(name: str, location: int, r0: int, src: int, after: int, r0_after: int, order: ByteOrder) -> None:
    size = 4 if name.endswith("_W") else 8
    world = make_world(context(location, size, order), byte_order=order)
    outcome = execute(constant(0, r0), constant(4, src), slot(name, 1, 4, 8), EXIT, world=world)
    assert outcome.memory["context"] == context(after, size, order)
    assert (outcome.registers[0], outcome.registers[4], outcome.fault) == (r0_after, src, None)


def test_base_and_source_may_be_the_same_register() -> None:
    outcome = execute(slot("ATOMIC_FETCH_ADD_DW", 1, 1, 8), RETURN_0, world=make_world(context(3, 8, "little")))
    assert outcome.memory["context"] == context(0x0010_0003, 8, "little")
    assert outcome.registers[1] == 3


def test_compare_and_exchange_with_r0_as_source_and_as_base() -> None:
    same = execute(constant(0, 3), slot("CMPXCHG_DW", 1, 0, 8), EXIT, world=make_world(context(3, 8, "little")))
    assert (same.memory["context"], same.registers[0]) == (context(3, 8, "little"), 3)
    base = execute(slot("MOV64_REG", 0, 1), slot("CMPXCHG_DW", 0, 1, 8), EXIT, world=make_world(context(0x0010_0000, 8, "little")))
    assert (base.memory["context"], base.registers[0]) == (context(0x0010_0000, 8, "little"), 0x0010_0000)


def test_fetch_into_r0_of_a_location_on_the_stack() -> None:
    code = slot("ST_DW", 10, 0, -8, -1), slot("MOV64_IMM", 0, imm=2), slot("ATOMIC_FETCH_ADD_W", 10, 0, -8), EXIT
    outcome = execute(*code)
    assert outcome.registers[0] == 0xFFFF_FFFF
    assert outcome.memory["stack"][-8:] == bytes.fromhex("01000000ffffffff")


@pytest.mark.parametrize("name", ["CMPXCHG_W", "CMPXCHG_DW"])
def test_compare_and_exchange_reads_r0(name: str) -> None:
    outcome = execute(slot("MOV64_IMM", 4), slot(name, 1, 4), EXIT)
    assert str(outcome.fault) == "instruction 1: read of an uninitialised register: r0"
