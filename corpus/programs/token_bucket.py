"""Token bucket: exact rationals, with tokens that come in whole."""

import hashlib
import struct
from fractions import Fraction
from math import floor

from ebpf.program import ByteOrder

Bucket = tuple[int, int, int, int]
Events = list[tuple[int, int]]


def police(bucket: Bucket, events: Events) -> tuple[Bucket, list[int]]:
    """The bucket (rate, burst, tokens, time) after all events (time, bytes), and their verdicts."""
    rate, burst, tokens, updated = bucket
    verdicts = []
    for time, size in events:
        elapsed = Fraction(time - updated, 10**9)
        gained = floor(elapsed * rate) if elapsed > 0 else 0
        if elapsed > 0 and tokens + gained >= burst:
            tokens, updated = burst, time
        elif gained:
            seconds = (time - updated) // 10**9
            updated += seconds * 10**9 + floor(Fraction(gained - seconds * rate, rate) * 10**9)
            tokens += gained
        verdicts.append(1 if tokens >= size else 2)
        tokens -= size if verdicts[-1] == 1 else 0
    return (rate, burst, tokens, updated), verdicts


def runs() -> list[tuple[Bucket, Events]]:
    """Some traffic: steady, starved, with clock steps, at the largest rate, with pauses of hours."""
    noise = hashlib.shake_128(b"traffic").digest(60)
    times = [1_000_000 * sum(noise[: at + 1]) + noise[at] * 977 for at in range(30)]
    random = [(time, noise[30 + at] * 7) for at, time in enumerate(times)]
    return [
        ((125_000, 2000, 0, 0), random),
        ((1, 10, 5, 10**18), [(10**18 + step * 700_000_000, 1) for step in range(12)]),
        ((2**32 - 1, 2**32 - 1, 0, 7), [(10, 5), (10**9, 2**32 - 1), (10**9 + 1, 100), (5, 1), (3 * 10**9, 2**31), (9 * 3600 * 10**9, 2**32 - 1)]),
        ((3, 100, 100, 50), [(40, 100), (50, 1), (333333383, 1), (333333384, 1), (333333385, 1), (12 * 10**9 + 1, 30)]),
        ((7, 0, 0, 0), [(1, 0), (2, 1)]),
    ]


def answers(byte_order: ByteOrder) -> list[tuple[bytes, int, bytes]]:
    order = ">" if byte_order == "big" else "<"
    results = []
    for bucket, events in runs():
        after, verdicts = police(bucket, events)
        passed = sum(size for (_, size), verdict in zip(events, verdicts, strict=True) if verdict == 1)
        before = b"".join(struct.pack(f"{order}Q2I", *event, 0) for event in events)
        judged = b"".join(struct.pack(f"{order}Q2I", *event, verdict) for event, verdict in zip(events, verdicts, strict=True))
        results.append((struct.pack(f"{order}4Q", *bucket) + before, passed, struct.pack(f"{order}4Q", *after) + judged))
    for bad in (
        bytes(31),
        struct.pack(f"{order}4Q", 0, 1, 1, 1),
        struct.pack(f"{order}4Q", 2**32, 1, 1, 1),
        struct.pack(f"{order}4Q", 1, 2**32, 1, 1),
    ):
        results.append((bad, 2**64 - 1, bad))
    return results
