"""The Collatz sequence with Python integers, cut after 37 steps, for at most 37 records."""

import hashlib
import struct

from ebpf.program import ByteOrder

ITERATIONS = 37
BIG = struct.unpack("<40Q", hashlib.shake_128(b"Collatz").digest(320))
RUNS = (
    (),
    (1, 2, 3, 6, 7, 9, 27, 2**37, 2**38, 2**63),
    tuple(range(1, 38)),
    tuple(range(1, 40)),
    BIG,
    (5, 4, 0, 3),
    (0,),
)


def steps(number: int) -> int:
    for count in range(ITERATIONS):
        if number == 1:
            return count
        number = (3 * number + 1) % 2**64 if number % 2 else number // 2
    return ITERATIONS if number == 1 else number | 1 << 63


def answers(byte_order: ByteOrder) -> list[tuple[bytes, int, bytes]]:
    layout = struct.Struct(">2Q" if byte_order == "big" else "<2Q")
    results = []
    for run in RUNS:
        looked_at = run[: run.index(0)] if 0 in run else run[:ITERATIONS]
        after = [layout.pack(number, steps(number) if at < len(looked_at) else 7) for at, number in enumerate(run)]
        results.append((b"".join(layout.pack(number, 7) for number in run), len(looked_at), b"".join(after)))
    return results
