"""Determinants: Gaussian elimination over fractions.Fraction."""

import hashlib
import struct
from fractions import Fraction

from ebpf.program import ByteOrder


def determinant(numbers: list[int]) -> int:
    """The determinant of a 5 x 5 matrix given row by row."""
    rows = [[Fraction(number) for number in numbers[at : at + 5]] for at in range(0, 25, 5)]
    product = Fraction(1)
    for column in range(5):
        pivot = next((row for row in range(column, 5) if rows[row][column]), None)
        if pivot is None:
            return 0
        if pivot != column:
            rows[column], rows[pivot], product = rows[pivot], rows[column], -product
        product *= rows[column][column]
        for row in rows[column + 1 :]:
            factor = row[column] / rows[column][column]
            row[:] = [value - factor * top for value, top in zip(row, rows[column], strict=True)]
    assert product.denominator == 1
    return product.numerator


NOISE = list(struct.unpack("<50b", hashlib.shake_128(b"matrix").digest(50)))
RUNS = (
    [[number * 20 for number in NOISE[:25]]],
    [[int(row == (column + 1) % 5) * -3 for row in range(5) for column in range(5)], list(range(25)), [0] * 25],
    [NOISE[25:]],
)


def answers(byte_order: ByteOrder) -> list[tuple[bytes, int, bytes]]:
    results = []
    for run in RUNS:
        memory = b"".join(struct.pack(">25i" if byte_order == "big" else "<25i", *numbers) for numbers in run)
        results.append((memory, sum(determinant(numbers) for numbers in run) % 2**64, memory))
    return results
