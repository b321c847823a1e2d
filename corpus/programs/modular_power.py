"""Modular exponentiation: pow() with three arguments."""

import struct

from ebpf.program import ByteOrder

RUNS = (
    ((3, 65537, 4294967291), (2**64 - 1, 2**20 - 1, 2**32 - 1)),
    ((2, 2**32, 4294967279), (7, 0, 1), (7, 0, 2), (0, 5, 9)),
    ((0xDEADBEEFCAFEF00D, 0xFFFFFFFFFFFFFFFF, 0xFFFFFFFB),),
    (),
)
"""Triples of base, exponent and modulus."""


def answers(byte_order: ByteOrder) -> list[tuple[bytes, int, bytes]]:
    layout = struct.Struct(">3Q" if byte_order == "big" else "<3Q")
    results = []
    for run in RUNS:
        powers = [pow(*triple) for triple in run]
        after = b"".join(layout.pack(power, *triple[1:]) for power, triple in zip(powers, run, strict=True))
        results.append((b"".join(layout.pack(*triple) for triple in run), sum(powers), after))
    good, bad, large = layout.pack(5, 3, 100), layout.pack(5, 3, 0), layout.pack(1, 1, 2**32)
    return [*results, (good + bad, 2**64 - 1, layout.pack(25, 3, 100) + bad), (large, 2**64 - 1, large)]
