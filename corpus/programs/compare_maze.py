"""Comparisons: those of Python integers, in the order of the program's branches."""

import struct
from itertools import product

from ebpf.program import ByteOrder

OPERANDS = (0, 1, 2**31 - 1, 2**31, 2**32 - 1, 2**32, 2**63 - 1, 2**63, 2**64 - 1, 0xFFFFFFFF80000000, 0x8000000000000001, 0x123456789, 0x40000000)


def order(a: int, b: int) -> list[bool]:
    """The six relations."""
    return [a == b, a != b, a < b, a <= b, a > b, a >= b]


def signed(value: int, bits: int) -> int:
    """The number as two's complement."""
    return value - 2**bits if value >= 2 ** (bits - 1) else value


def compare64(a: int, b: int) -> list[bool]:
    """What the 64-bit branches say."""
    s = signed(a, 64)
    constants = [a > 2**31 - 2, a >= 2**64 - 2**31, a < 4096, a == 2**64 - 1, s > -2, s < -(2**31) + 1, s >= 2**31 - 1, s <= 0, a != 0x123456789]
    return [*order(a, b), *order(s, signed(b, 64)), a & b != 0, a & 0x40000001 != 0, *constants]


def compare32(a: int, b: int) -> list[bool]:
    """What the 32-bit branches say."""
    s = signed(a, 32)
    constants = [a > 2**31 - 2, a >= 2**31 + 1, a < 4096, a == 2**32 - 1, s > -2, s < -(2**31) + 1, s >= 2**31 - 1, s <= 0, a != 0x23456789]
    return [*order(a, b), *order(s, signed(b, 32)), a & b != 0, a & 0x40000001 != 0, a >= 2**31, *constants]


def answers(byte_order: ByteOrder) -> list[tuple[bytes, int, bytes]]:
    layout = struct.Struct(">3Q" if byte_order == "big" else "<3Q")
    pairs = list(product(OPERANDS, repeat=2))
    results = []
    for run in (pairs[0::3], pairs[1::3], pairs[2::3]):
        result, after = 0, b""
        for a, b in run:
            high, low = (sum(bit << at for at, bit in enumerate(reversed(bits))) for bits in (compare64(a, b), compare32(a % 2**32, b % 2**32)))
            bits = high << 32 | low
            result = result * 2 % 2**64 + result // 2**63 ^ bits
            after += layout.pack(a, b, bits)
        results.append((b"".join(layout.pack(*pair, 0) for pair in run), result, after))
    return results
