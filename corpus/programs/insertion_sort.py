"""Insertion sort: sorted(); the number of moves is the number of inversions, counted over all pairs."""

import hashlib
import struct
from itertools import combinations

from ebpf.program import ByteOrder


def answers(byte_order: ByteOrder) -> list[tuple[bytes, int, bytes]]:
    random = list(struct.unpack("<40i", hashlib.shake_128(b"insertion").digest(160)))
    edges = [2**31 - 1, -1, 0, -(2**31), 1, -1, 2**31 - 1, 5, -(2**31) + 1]
    results = []
    for numbers in (random, edges, sorted(random), [], [-7]):
        layout = struct.Struct(f"{'>' if byte_order == 'big' else '<'}{len(numbers)}i")
        inversions = sum(first > second for first, second in combinations(numbers, 2))
        results.append((layout.pack(*numbers), inversions, layout.pack(*sorted(numbers))))
    return results
