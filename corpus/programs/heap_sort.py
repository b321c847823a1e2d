"""Heap sort: sorted() and statistics.median_high()."""

import hashlib
import statistics
import struct

from ebpf.program import ByteOrder


def answers(byte_order: ByteOrder) -> list[tuple[bytes, int, bytes]]:
    random = list(struct.unpack("<30Q", hashlib.shake_128(b"heap").digest(240)))
    halves = [high << 32 | low for high in (0, 1, 2**31, 2**32 - 1) for low in (2**32 - 1, 0, 2**31, 2**31 - 1)]
    results = []
    for numbers in (random, halves, [3] * 7, [2**64 - 1], []):
        layout = struct.Struct(f"{'>' if byte_order == 'big' else '<'}{len(numbers)}Q")
        median = statistics.median_high(numbers) if numbers else 0
        results.append((layout.pack(*numbers), median, layout.pack(*sorted(numbers))))
    return results
