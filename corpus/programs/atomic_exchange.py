"""Exchange and compare-and-exchange: the slots are lagged sequences, the maxima running ones (itertools.accumulate)."""

import struct
from itertools import accumulate, pairwise

from ebpf.program import ByteOrder

Shared = tuple[int, int, int, int]
RUNS: tuple[tuple[Shared, tuple[int, ...]], ...] = (
    ((0, 0, 2**32 - 1, 0), (7, 7, 2**32 - 1, 7, 0, 7, 7, 1)),
    ((0xDEADBEEF00000000, 5, 1, 2**31), (2**31, 2**63, 2**31 + 1, 2**64 - 1, 2**33, 7, 3, 2**64 - 2, 0xFFFFFFFF)),
    ((1, 2**64 - 1, 2, 2**32 - 1), tuple((at * 0xD1342543DE82EF95) % 2**64 for at in range(40))),
    ((3, 4, 5, 6), ()),
)
"""The wide slot and maximum, the narrow slot and maximum, and the samples."""


def stored(slot: int, samples: tuple[int, ...], awaited: int, modulus: int) -> list[int]:
    """What the slot holds before each sample and at the end."""
    held = [slot]
    for sample in samples:
        held.append(held[-1] if sample == 7 and held[-1] != awaited else sample % modulus)
    return held


def growths(maximum: int, samples: list[int]) -> tuple[int, int]:
    """How often the running maximum grew, and its end."""
    running = list(accumulate(samples, max, initial=maximum))
    return sum(first < second for first, second in pairwise(running)), running[-1]


def answers(byte_order: ByteOrder) -> list[tuple[bytes, int, bytes]]:
    order = ">" if byte_order == "big" else "<"
    results = [(bytes(23), 2**64 - 1, bytes(23))]
    for shared, samples in RUNS:
        wide = stored(shared[0], samples, 0, 2**64)
        narrow = stored(shared[2], samples, 2**32 - 1, 2**32)
        swapped = [sample for sample in samples if sample != 7]
        wide_grown, wide_maximum = growths(shared[1], swapped)
        narrow_grown, narrow_maximum = growths(shared[3], [sample % 2**32 for sample in swapped])
        replaced = []
        for at, sample in enumerate(samples):
            won = (wide[at] == 0) + (narrow[at] == 2**32 - 1)
            replaced.append(won if sample == 7 else wide[at] if sample % 2 else narrow[at])
        layout = struct.Struct(f"{order}2Q2I{len(samples)}Q")
        after = layout.pack(wide[-1], wide_maximum, narrow[-1], narrow_maximum, *replaced)
        results.append((layout.pack(*shared, *samples), wide_grown + narrow_grown, after))
    return results
