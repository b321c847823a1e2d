"""Continued fractions: fractions.Fraction; pi and the golden ratio are among them."""

import struct
from fractions import Fraction

from ebpf.program import ByteOrder

TERMS = (
    (3, 7, 15, 1, 292, 1, 1, 1),
    (1, 1, 1, 1, 1, 1, 1, 1),
    (2, 1, 2, 1, 1, 4, 1, 1),
    (0, 9, 8, 7, 6, 5, 4, 3),
    (255, 254, 253, 252, 251, 250, 249, 248),
)


def tails(terms: tuple[int, ...]) -> list[Fraction]:
    """The values of a0…a7, a1…a7 and so on."""
    values = [Fraction(terms[-1])]
    for term in reversed(terms[:-1]):
        values.insert(0, term + 1 / values[0])
    return values


def answers(byte_order: ByteOrder) -> list[tuple[bytes, int, bytes]]:
    layout = struct.Struct(">8I2Q" if byte_order == "big" else "<8I2Q")
    results = []
    for run in (TERMS, TERMS[1:2], ()):
        values = [tails(terms) for terms in run]
        memory = b"".join(layout.pack(*terms, 1, 2) for terms in run)
        after = b"".join(layout.pack(*terms, value[0].numerator, value[0].denominator) for terms, value in zip(run, values, strict=True))
        results.append((memory, sum(level * value[level].numerator for value in values for level in range(1, 8)) % 2**64, after))
    zero = layout.pack(1, 2, 3, 4, 5, 6, 7, 0, 8, 9)
    return [*results, (zero, 2**64 - 1, zero)]
