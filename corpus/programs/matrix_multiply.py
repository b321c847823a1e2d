"""Matrix product: Python integers, by rows and columns; the trace is that of the product in reverse order."""

import hashlib
import struct

from ebpf.program import ByteOrder

Matrix = tuple[tuple[int, ...], ...]


def product(left: Matrix, right: Matrix) -> Matrix:
    """The product, exact."""
    return tuple(tuple(sum(a * b for a, b in zip(row, column, strict=True)) for column in zip(*right, strict=True)) for row in left)


def wrap(value: int) -> int:
    """The low 64 bits as a signed number."""
    return (value + 2**63) % 2**64 - 2**63


def matrix(name: str, order: int) -> Matrix:
    """A matrix of noise."""
    numbers = struct.unpack(f"<{order * order}i", hashlib.shake_128(name.encode()).digest(4 * order * order))
    return tuple(numbers[at : at + order] for at in range(0, len(numbers), order))


def answers(byte_order: ByteOrder) -> list[tuple[bytes, int, bytes]]:
    order_sign = ">" if byte_order == "big" else "<"
    least = ((-(2**31),) * 2,) * 2
    results = []
    for left, right in ((matrix("left", 6), matrix("right", 6)), (least, least), (((-7,),), ((9,),)), (matrix("a", 8), matrix("b", 8))):
        order = len(left)
        start = struct.pack(f"{order_sign}Q{2 * order * order}i", order, *(number for factor in (left, right) for row in factor for number in row))
        swapped = product(right, left)
        stored = struct.pack(f"{order_sign}{order * order}q", *(wrap(number) for row in product(left, right) for number in row))
        results.append((start + b"\x11" * len(stored), sum(swapped[at][at] for at in range(order)) % 2**64, start + stored))
    bad = [struct.pack(f"{order_sign}Q", order) + bytes(size) for order, size in ((0, 0), (9, 2000), (2**63, 64), (2, 63))]
    return results + [(memory, 2**64 - 1, memory) for memory in [*bad, bytes(7)]]
