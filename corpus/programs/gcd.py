"""Greatest common divisors: math.gcd() and math.lcm()."""

import math
import struct

from ebpf.program import ByteOrder

RUNS = (
    ((12, 18), (0, 0), (0, 2**64 - 1), (2**63, 2**31), (17, 4), (1, 1)),
    ((2971215073, 1836311903), (12200160415121876738, 7540113804746346429), (2**32 + 6, 2**33 + 9)),
    ((0xFFFFFFFFFFFFFFFF, 0xFFFFFFFF), (600851475143, 6857 * 71), (2**64 - 59, 2**64 - 83)),
    (),
)
"""Pairs; Fibonacci numbers take the most steps."""


def answers(byte_order: ByteOrder) -> list[tuple[bytes, int, bytes]]:
    layout = struct.Struct(">4Q2I" if byte_order == "big" else "<4Q2I")
    results = []
    for run in RUNS:
        after = []
        for a, b in run:
            low = a % 2**32, b % 2**32
            after.append(layout.pack(a, b, math.gcd(a, b), math.lcm(a, b) % 2**64, math.gcd(*low), math.lcm(*low) % 2**32))
        memory = b"".join(layout.pack(a, b, 1, 2, 3, 4) for a, b in run)
        results.append((memory, sum(math.gcd(a, b) == 1 for a, b in run), b"".join(after)))
    return results
