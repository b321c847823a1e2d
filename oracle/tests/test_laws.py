"""Laws of arithmetic that hold whatever the operands, and the same computed in another way (exact fractions, bytes, single bits)."""

import math
import struct
from collections.abc import Callable
from fractions import Fraction
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ebpf.program import ByteOrder
from oracle import arithmetic, conditions
from oracle.tests.building import EXIT, ORDERS, constant, execute, make_world, slot

EDGES = sorted(
    {(sign * (1 << power) + delta) % (1 << 64) for sign in (1, -1) for power in (0, 7, 8, 15, 16, 31, 32, 33, 62, 63) for delta in (-1, 0, 1)}
)
words = st.one_of(st.sampled_from(EDGES), st.integers(0, (1 << 64) - 1), st.integers(0, 40))
fast = settings(max_examples=60, deadline=None)
WIDTHS = [32, 64]
Binary = Callable[[int, int], int]


def function(name: str, width: int) -> Callable[..., Any]:
    found: Callable[..., Any] = getattr(conditions if name.startswith("j") else arithmetic, f"{name}{width}")
    return found


def unsigned(value: int, width: int) -> int:
    return value % (1 << width)


def signed(value: int, width: int) -> int:
    result: int = struct.unpack("<i" if width == 32 else "<q", unsigned(value, width).to_bytes(width // 8, "little"))[0]
    return result


@given(words)
@fast
def test_signed_and_unsigned_readings(a: int) -> None:
    unpacked = struct.unpack("<bxxxxxxx hxxxxxx ixxxx q Bxxxxxxx Hxxxxxx Ixxxx Q".replace(" ", ""), a.to_bytes(8, "little") * 8)
    readings = (arithmetic.s8, arithmetic.s16, arithmetic.s32, arithmetic.s64, arithmetic.u8, arithmetic.u16, arithmetic.u32, arithmetic.u64)
    assert tuple(reading(a) for reading in readings) == unpacked


@pytest.mark.parametrize("width", WIDTHS)
@pytest.mark.parametrize("name", ["add", "sub", "mul", "div", "sdiv", "or", "and", "lsh", "rsh", "mod", "smod", "xor", "arsh"])
@given(a=words, b=words)
@fast
def test_results_have_the_width_and_depend_on_no_more_than_it(name: str, width: int, a: int, b: int) -> None:
    operation = function(name, width)
    assert 0 <= operation(a, b) < 1 << width
    assert operation(a, b) == operation(unsigned(a, width), unsigned(b, width))


@pytest.mark.parametrize("width", WIDTHS)
@given(a=words, b=words, c=words)
@fast
def test_ring(width: int, a: int, b: int, c: int) -> None:
    add, sub, mul, neg = (function(name, width) for name in ("add", "sub", "mul", "neg"))
    assert sub(add(a, b), b) == unsigned(a, width)
    assert add(a, neg(a)) == 0
    assert sub(a, b) == add(a, neg(b))
    assert mul(a, add(b, c)) == add(mul(a, b), mul(a, c))
    assert mul(a, b) == mul(b, a) == unsigned(signed(a, width) * signed(b, width), width)


@pytest.mark.parametrize("width", WIDTHS)
@given(a=words, b=words)
@fast
def test_division(width: int, a: int, b: int) -> None:
    for div, mod, number in (("div", "mod", unsigned), ("sdiv", "smod", signed)):
        quotient, remainder = function(div, width)(a, b), function(mod, width)(a, b)
        assert function("add", width)(function("mul", width)(quotient, b), remainder) == unsigned(a, width)
        if unsigned(b, width) == 0:
            assert (quotient, remainder) == (0, unsigned(a, width))
        else:
            exact = math.trunc(Fraction(number(a, width), number(b, width)))
            assert quotient == unsigned(exact, width)
            assert abs(number(remainder, width)) < abs(number(b, width))
            assert number(remainder, width) * number(a, width) >= 0


@pytest.mark.parametrize("width", WIDTHS)
@given(a=words, b=words)
@fast
def test_shifts(width: int, a: int, b: int) -> None:
    lsh, rsh, arsh = (function(name, width) for name in ("lsh", "rsh", "arsh"))
    count = b % width
    assert lsh(a, b) == function("mul", width)(a, 1 << count)
    assert rsh(a, b) == function("div", width)(a, 1 << count)
    assert arsh(a, b) == unsigned(math.floor(Fraction(signed(a, width), 1 << count)), width)
    for shift in (lsh, rsh, arsh):
        assert shift(a, b) == shift(a, b + width) == shift(a, count)


@pytest.mark.parametrize("width", WIDTHS)
@given(a=words, b=words)
@fast
def test_logic_bit_by_bit(width: int, a: int, b: int) -> None:
    pairs = [(a >> bit & 1, b >> bit & 1) for bit in range(width)]
    assert function("or", width)(a, b) == sum(max(x, y) << bit for bit, (x, y) in enumerate(pairs))
    assert function("and", width)(a, b) == sum(x * y << bit for bit, (x, y) in enumerate(pairs))
    assert function("xor", width)(a, b) == sum((x != y) << bit for bit, (x, y) in enumerate(pairs))


@given(words)
@fast
def test_moves(a: int) -> None:
    assert (arithmetic.mov32(a), arithmetic.mov64(a)) == (unsigned(a, 32), a)
    for width in WIDTHS:
        assert function("neg", width)(function("neg", width)(a)) == unsigned(a, width)
    for bits, at_32, at_64 in ((8, arithmetic.movsx32_8, arithmetic.movsx64_8), (16, arithmetic.movsx32_16, arithmetic.movsx64_16)):
        assert at_64(a) == arithmetic.arsh64(arithmetic.lsh64(a, 64 - bits), 64 - bits)
        assert at_32(a) == unsigned(at_64(a), 32)
    assert arithmetic.movsx64_32(a) == arithmetic.arsh64(arithmetic.lsh64(a, 32), 32)


@pytest.mark.parametrize("width", [16, 32, 64])
@given(a=words)
@fast
def test_byte_swaps(width: int, a: int) -> None:
    swap, to_le, to_be = (getattr(arithmetic, f"{name}{width}") for name in ("bswap", "le", "be"))
    low = unsigned(a, width)
    assert [swap(a) >> 8 * byte & 0xFF for byte in range(8)] == [a >> width - 8 - 8 * byte & 0xFF if 8 * byte < width else 0 for byte in range(8)]
    assert swap(swap(a)) == low
    for order in ORDERS:
        assert to_le(to_le(a, order), order) == to_be(to_be(a, order), order) == low
        assert {to_le(a, order), to_be(a, order)} == {low, swap(a)}
        # What a conversion is for: stored as the host stores it, the value lies in memory in the order that was asked for.
        assert to_le(a, order).to_bytes(width // 8, order) == low.to_bytes(width // 8, "little")
        assert to_be(a, order).to_bytes(width // 8, order) == low.to_bytes(width // 8, "big")


@pytest.mark.parametrize("width", WIDTHS)
@given(a=words, b=words)
@fast
def test_conditions(width: int, a: int, b: int) -> None:
    holds = {name: function(name, width)(a, b) for name in ("jeq", "jne", "jgt", "jge", "jlt", "jle", "jsgt", "jsge", "jslt", "jsle", "jset")}
    assert holds["jne"] is not holds["jeq"]
    assert holds["jlt"] is not holds["jge"]
    assert holds["jle"] is not holds["jgt"]
    assert holds["jslt"] is not holds["jsge"]
    assert holds["jsle"] is not holds["jsgt"]
    assert holds["jge"] == (holds["jgt"] or holds["jeq"])
    assert holds["jsge"] == (holds["jsgt"] or holds["jeq"])
    assert holds["jset"] == any(a >> bit & b >> bit & 1 for bit in range(width))
    # Turning the sign bit over turns unsigned order into signed order.
    sign = 1 << width - 1
    assert holds["jsgt"] == function("jgt", width)(a ^ sign, b ^ sign)
    assert holds["jgt"] == (unsigned(a, width) > unsigned(b, width))


@pytest.mark.parametrize("order", ORDERS)
@pytest.mark.parametrize(("size", "letter"), [(4, "W"), (8, "DW")])
@pytest.mark.parametrize("operation", ["ADD", "OR", "AND", "XOR"])
@given(before=words, operand=words)
@settings(max_examples=15, deadline=None)
def test_atomic_operation_is_load_operate_store(operation: str, size: int, letter: str, order: ByteOrder, before: int, operand: int) -> None:
    world = make_world(unsigned(before, size * 8).to_bytes(size, order) + bytes(8), byte_order=order)
    start = constant(3, operand), slot("MOV64_IMM", 0)
    atomic = execute(*start, slot(f"ATOMIC_FETCH_{operation}_{letter}", 1, 3), EXIT, world=world)
    silent = execute(*start, slot(f"ATOMIC_{operation}_{letter}", 1, 3), EXIT, world=world)
    steps = slot(f"LDX_{letter}", 4, 1), slot("MOV64_REG", 5, 4), slot(f"{operation}64_REG", 5, 3), slot(f"STX_{letter}", 1, 5)
    plain = execute(*start, *steps, slot("MOV64_REG", 3, 4), EXIT, world=world)
    assert atomic.memory == plain.memory == silent.memory
    assert atomic.registers[3] == plain.registers[3]
    assert silent.registers[3] == operand


@pytest.mark.parametrize("order", ORDERS)
@pytest.mark.parametrize(("size", "letter"), [(1, "B"), (2, "H"), (4, "W"), (8, "DW")])
@given(value=words)
@settings(max_examples=15, deadline=None)
def test_load_of_what_was_stored(size: int, letter: str, order: ByteOrder, value: int) -> None:
    world = make_world(b"\x99" * 16, byte_order=order)
    loads = slot(f"LDX_{letter}", 0, 1, 8), slot(f"LOAD_ACQUIRE_{letter}", 4, 1, 8)
    plain = execute(constant(3, value), slot(f"STX_{letter}", 1, 3, 8), *loads, EXIT, world=world)
    ordered = execute(constant(3, value), slot(f"STORE_RELEASE_{letter}", 1, 3, 8), *loads, EXIT, world=world)
    assert plain.registers[0] == plain.registers[4] == unsigned(value, size * 8)
    assert ordered.memory == plain.memory
    assert ordered.registers == plain.registers
    assert plain.memory["context"][:8] + plain.memory["context"][8 + size :] == b"\x99" * (16 - size)
    if size < 8:
        extended = execute(constant(3, value), slot(f"STX_{letter}", 1, 3, 8), slot(f"LDXSX_{letter}", 0, 1, 8), EXIT, world=world)
        shift = 64 - 8 * size
        assert extended.registers[0] == arithmetic.arsh64(arithmetic.lsh64(value, shift), shift)
