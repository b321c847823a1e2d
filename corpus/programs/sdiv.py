"""Signed division: exact rationals truncated towards zero (fractions, math.trunc), of operands of all sign combinations and edges."""

import math
import struct
from fractions import Fraction
from itertools import product

from ebpf.program import ByteOrder

MASK = (1 << 64) - 1
EDGES = (0, 1, -1, 7, -7, 10, -10, 127, -128, 32767, -32768, (1 << 31) - 1, -(1 << 31), 1 << 31, -(1 << 31) - 1, (1 << 63) - 1, -(1 << 63))
LARGE = (0x0123456789ABCDEF, -0x0123456789ABCDEF, 0x7EDCBA9876543210, 1000003 * 5000, -1000003 * 5001)


def quotient(dividend: int, divisor: int) -> int:
    """The quotient truncated towards zero."""
    return math.trunc(Fraction(dividend, divisor))


def remainder(dividend: int, divisor: int) -> int:
    """The remainder that belongs to the truncated quotient."""
    return dividend - quotient(dividend, divisor) * divisor


def narrow(value: int, bits: int) -> int:
    """The low `bits` bits as a signed integer."""
    low = value % (1 << bits)
    return low - (1 << bits) if low >> (bits - 1) else low


def terms(dividend: int, divisor: int) -> list[int]:
    """What one pair adds to the result, in order."""
    found = []
    if divisor and (dividend, divisor) != (-(1 << 63), -1):
        found.append(quotient(dividend, -10) + remainder(dividend, 1000003))
    if dividend and (divisor, dividend) != (-(1 << 63), -1):
        found.append(remainder(divisor, dividend))
    a, b = narrow(dividend, 32), narrow(divisor, 32)
    if b and (a, b) != (-(1 << 31), -1):
        found.append(quotient(a, b) + remainder(a, b))
    found.append(quotient(a, -7) + remainder(a, 10))
    a, b = narrow(dividend, 16), narrow(divisor, 16)
    if b:
        found.append(quotient(a, b))
    a, b = narrow(dividend, 8), narrow(divisor, 8)
    if b:
        found.append(remainder(a, b))
    return found


def answers(byte_order: ByteOrder) -> list[tuple[bytes, int, bytes]]:
    results = []
    for pairs in (list(product(EDGES[:7], repeat=2)), list(product(EDGES[7:], repeat=2)), list(product(LARGE, EDGES)), []):
        mixed, after = 0, []
        for dividend, divisor in pairs:
            for term in terms(dividend, divisor):
                mixed = (mixed * 31 + term) & MASK
            divides = divisor and (dividend, divisor) != (-(1 << 63), -1)
            after.append((quotient(dividend, divisor), remainder(dividend, divisor)) if divides else (dividend, divisor))
        layout = struct.Struct(">2q" if byte_order == "big" else "<2q")
        results.append((b"".join(layout.pack(*pair) for pair in pairs), mixed, b"".join(layout.pack(*pair) for pair in after)))
    return results
