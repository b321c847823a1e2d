"""The operand values of the instruction suites, and the orders in which they meet.

All lists are unsigned 64-bit values unless they say otherwise. The lists for two-operand instructions have at most 26 values, because a
suite of 16 runs with 5 rounds of 9 variants sees 720 pairs of operands, and 26 * 26 = 676 pairs are all there are.
"""

import random
from collections.abc import Sequence

_MASK = 0xFFFFFFFFFFFFFFFF

# fmt: off
EDGES_64 = (
    0, 1, 2, 3, 7, _MASK, _MASK - 1,
    0x7FFFFFFF, 0x80000000, 0x80000001, 0xFFFFFFFF, 0x100000000, 0x100000001, 0x1FFFFFFFF,
    0xFFFFFFFF7FFFFFFF, 0xFFFFFFFF80000000, 0xFFFFFFFF00000000,
    0x7FFFFFFFFFFFFFFF, 0x8000000000000000, 0x8000000000000001, 0x7FFFFFFF00000000, 0x7FFFFFFF80000000, 0x80000000FFFFFFFF,
    0x0123456789ABCDEF, 0xFEDCBA9876543210, 0x55555555AAAAAAAA,
)
"""For 64-bit operations: the edges of both halves, values that differ in one half only, and three with all nibbles in motion."""

EDGES_32 = (
    0, 0xFFFFFFFF00000000, 1, 0x8000000000000001, 0x5A5A5A5A00000002, 3, 0xFFFFFFFF00000007,
    0x7FFF, 0xDEADBEEF00008000, 0xFFFF, 0x10000, 0xFFFFFFFFFFFF8000,
    0x7FFFFFFF, 0xFFFFFFFF7FFFFFFF, 0x80000000, 0xFFFFFFFF80000000, 0x7FFFFFFF80000000, 0x80000001,
    0xFFFFFFFF, _MASK, 0x1FFFFFFFF, 0x00000000FFFFFFFE, 0xFFFFFFFFFFFFFFFE,
    0x0123456789ABCDEF, 0xFEDCBA9876543210, 0x55555555AAAAAAAA,
)
"""For 32-bit operations: the edges of the low word under high words that are clear, set, and arbitrary, so that neither a sign-extended nor a
zero-extended nor a dirty operand stays untried."""

SHIFTS = (
    0, 1, 2, 7, 16, 31, 32, 33, 62, 63, 64, 65, 255, _MASK, 0x80000000, 0x100000000, 0x10000001F, 0xFFFFFFFF00000020,
    0x7FFFFFFF, 0xFFFFFFFF80000000, 0x7FFFFFFFFFFFFFFF, 0x8000000000000000, 0x8000000000000001,
    0x0123456789ABCDEF, 0xFEDCBA9876543210, 0x55555555AAAAAAAA,
)
"""For shifts by a register: counts up to, at and past both widths, counts whose high bits must not count, and values to shift."""

EDGES_NARROW = (
    0, 1, 0x7F, 0x80, 0xFF, 0x100, 0x7FFF, 0x8000, 0xFFFF, 0x10000, 0x8080, 0xFF7F, 0xFFFFFFFFFFFFFF80, 0xFFFFFFFFFFFF8000, 0xFFFFFFFFFFFFFF7F,
    0x7FFFFFFF, 0x80000000, 0xFFFFFFFF, 0x100000000, 0x7FFFFFFFFFFFFFFF, 0x8000000000000000, _MASK, 0xFFFFFFFF00000000,
    0x0123456789ABCDEF, 0xFEDCBA9876543210, 0x55AA33CC807F00FF,
)
"""For instructions that take bytes, half-words or words out of a register: the edges of all four sizes, and bytes that all differ."""

IMMEDIATES = (
    0, 1, -1, 2, -2, 3, -3, 5, 7, -33554433,
    8, 1048575, -1048577, 16, 33554431, 131071, 127, 33554432, -131072, 255,
    256, -256, 131072, -131073, 1048576, 32767, 32768, -32767, -32768, -32769,
    65535, 65536, 65537, -65535, -65536, 0x7FFFFFFF, 0x7FFFFFFE, -0x80000000, -0x7FFFFFFF, 0x12345678,
    0x0000FF00, 0x00FF00FF, 0x00FFFF00, 0x7FFF0000, 0x7FFF8000, 0x0FFFFFFE, 0x40000000, -0x0000FF01, -0x00FF0100, -0x789ABCDF,
)
"""Signed 32-bit immediates: small ones of both signs, the edges of what MIPS encodes in 16 signed and 16 unsigned bits and of its fields of 18, 21
and 26 bits, powers of two, contiguous masks and their complements, and arbitrary ones."""

CONSTANTS = (
    *(1 << bit for bit in (0, 1, 14, 15, 16, 30, 31, 32, 33, 46, 47, 48, 62, 63)),
    *((1 << bit) - 1 for bit in (8, 15, 16, 31, 32, 33, 47, 48, 63, 64)),
    *(_MASK ^ ((1 << bit) - 1) for bit in (1, 15, 16, 17, 31, 32, 33, 48)),
    0, 0x8000800080008000, 0x7FFF7FFF7FFF7FFF, 0x0123456789ABCDEF, 0xFEDCBA9876543210, 0x8899AABBCCDDEEFF,
    0x1234567812345678, 0x8765432187654321, 0xFFFF0000FFFF0000, 0x0000FFFF0000FFFF, 0x00FF00FF00FF00FF, 0xFFFFFFFF00008000,
    0xFFFFFFFF7FFFFFFF, 0x000000007FFF8000, 0x00000000FFFF8000, 0xFFFFFFFFFFFF7FFF, 0x0000800000000000, 0x00007FFF80000000,
    0xFFFF800000000000, 0xFFFF7FFFFFFFFFFF, 0x1234000000000000, 0x0000123400000000, 0x0000000012340000, 0x1234000000005678, 0x0000123456780000,
    0x0000800080008000, 0x7FFF800080008000, 0x9000000000000001,
)
"""For wide loads: edges of each quarter, which is what MIPS builds constants from, and of their carries into the next."""
# fmt: on

_POWERS = tuple((1 << bit) + step for bit in range(65) for step in (-1, 0, 1))

MAGNITUDES: tuple[int, ...] = tuple(dict.fromkeys(value & _MASK for power in _POWERS for value in (power, -power)))
"""For the systematic suites: all powers of two up to 2^64, their neighbours, and the negatives of these."""

IMMEDIATE_MAGNITUDES: tuple[int, ...] = tuple(
    dict.fromkeys(value for power in _POWERS for value in (power, -power) if -0x80000000 <= value <= 0x7FFFFFFF)
)
"""The same of signed 32-bit immediates."""

ALL_COUNTS = (*range(-1, 257), 0x7FFFFFFF, -0x80000000, 0x10000, 0x10001F, 0x10003F)
"""Every shift count that there is, and what must not count of it."""

SHIFT_COUNTS_32 = (*range(32), 32, 33, 63, 64, 255, 0x10000, -1, -0x80000000)
"""Immediate counts of 32-bit shifts: all, and some past the width, which are masked (RFC 9669 section 4.1)."""

SHIFT_COUNTS_64 = (*range(64), 64, 95, 255, 0x10000, -1, -0x80000000)
"""Immediate counts of 64-bit shifts."""


def pairs(values: Sequence[int]) -> tuple[int, ...]:
    """A cyclic sequence in which each ordered pair of values occurs once as neighbours: a de Bruijn sequence of order 2, len(values) ** 2 long."""
    sequence = []
    for number, value in enumerate(values):
        sequence.append(value)
        for other in values[number + 1 :]:
            sequence += [value, other]
    return tuple(sequence)


def stream(values: Sequence[int], length: int) -> tuple[int, ...]:
    """`length` values: the pairs of `values`, then pseudo-random ones."""
    known = pairs(values)
    known += known[:1]
    source = random.Random(length)
    return (*known, *(source.getrandbits(64) for _ in range(length - len(known))))[:length]


def related(immediate: int, run: int, number: int) -> int:
    """The operand that meets a signed 32-bit immediate in that run: in the first ten it stands close to the immediate, later it is an edge.

    `number` is the number of the variant, which sees another part of the edges than its neighbours.
    """
    value = immediate & _MASK
    close = (
        value,
        value + 1,
        value - 1,
        value & 0xFFFFFFFF,
        value ^ (1 << 32),
        value ^ (0xFFFFFFFF << 32),
        value ^ (1 << 63),
        value ^ (1 << 31),
        ~value,
        value * 3,
    )
    if run < len(close):
        return close[run] & _MASK
    edges = EDGES_64 if number % 2 else EDGES_32
    return edges[(number * 6 + run) % len(edges)]
