"""Signed narrow loads: struct reads and writes the samples, int.from_bytes(signed=True) truncates."""

import hashlib
import math
import struct

from ebpf.program import ByteOrder

Record = tuple[int, int, int, int]
EDGES: list[Record] = [
    (127, 127, 32767, 2**31 - 1),
    (-128, -128, -32768, -(2**31)),
    (127, -128, -32768, -(2**31)),
    (-1, 1, 1, 65536),
    (1, -1, -1, -1),
    (64, 0, 128, -65536),
    (-64, -1, 255, 65535),
]
NOISE: list[Record] = [struct.unpack_from("<2bhi", hashlib.shake_128(b"sound").digest(240), 8 * at) for at in range(30)]


def low(value: int, size: int) -> int:
    """The low bytes as a signed number."""
    return int.from_bytes((value % 2**64).to_bytes(8, "little")[:size], "little", signed=True)


def answers(byte_order: ByteOrder) -> list[tuple[bytes, int, bytes]]:
    order = ">" if byte_order == "big" else "<"
    results = [(bytes(15), 0, bytes(15))]
    for records, start in ((EDGES, (-5, 2**40)), (NOISE, (0, 0)), ([], (1, -1))):
        all_sum, clipped_sum = start
        mixtures, after = [0], b""
        for gain, small, middle, large in records:
            mixtures.append(math.floor((small * 256 + middle + math.floor(large / 65536)) * gain / 64))
            clipped = min(max(mixtures[-1], -32768), 32767)
            samples = small + middle + large
            all_sum += samples
            clipped_sum += clipped + sum(low(samples, size) for size in (1, 2, 4))
            upper = clipped.to_bytes(2, "big", signed=True)[0]
            after += struct.pack(f"{order}2bhihBB4x", gain, small, middle, large, clipped, upper, clipped != mixtures[-1])
        memory = struct.pack(f"{order}2q", *start) + b"".join(struct.pack(f"{order}2bhihbB4x", *record, 0, 0, 9) for record in records)
        results.append((memory, min(mixtures) % 2**64, struct.pack(f"{order}2q", all_sum, clipped_sum) + after))
    return results
