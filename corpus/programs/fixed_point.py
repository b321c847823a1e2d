"""Fixed point: Fraction and math.floor for the product, math.isqrt for the root, and for the sine the same polynomial in exact rationals rounded
down after each product, which is asserted to lie within 0.0006 of math.sin."""

import math
import struct
from fractions import Fraction

from ebpf.program import ByteOrder

ONE = 65536
NUMBERS = (
    0,
    1,
    -1,
    32768,
    -32768,
    ONE,
    3 * ONE // 2,
    -5 * ONE // 2,
    102943,
    102944,
    -102944,
    205887,
    -205887,
    205888,
    2**31 - 1,
    -(2**31),
    123456,
    -98765,
)


def floor_product(x: int, y: int) -> int:
    """The product of two numbers with 16 fraction bits, rounded down."""
    return math.floor(Fraction(x, ONE) * Fraction(y, ONE) * ONE)


def sine(x: int) -> int:
    """The polynomial of the program."""
    if abs(x) > 205887:
        return 0
    folded = x if abs(x) <= 102943 else int(math.copysign(205887, x)) - x
    square = floor_product(folded, folded)
    sum_ = 0
    for coefficient in (-13, 546, -10923, ONE):
        sum_ = coefficient + floor_product(sum_, square)
    found = floor_product(sum_, folded)
    assert abs(found / ONE - math.sin(x / ONE)) < 0.0006, (x, found / ONE, math.sin(x / ONE))
    return found


def wrap32(value: int) -> int:
    """The low 32 bits as a signed number, as the program stores a product."""
    return (value + 2**31) % 2**32 - 2**31


def answers(byte_order: ByteOrder) -> list[tuple[bytes, int, bytes]]:
    layout = struct.Struct(">4i" if byte_order == "big" else "<4i")
    results = []
    for numbers in (NUMBERS[:7], NUMBERS[7:13], NUMBERS[13:]):
        pairs = list(zip(numbers, reversed(NUMBERS), strict=False))
        memory = b"".join(layout.pack(x, y, 0x5555, -0x5555) for x, y in pairs)
        after = b"".join(layout.pack(x, y, wrap32(floor_product(x, y)), sine(x)) for x, y in pairs)
        results.append((memory + b"tail", sum(math.isqrt(abs(x) * ONE) for x, _ in pairs), after + b"tail"))
    return results
