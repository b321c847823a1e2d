"""Global variables: collections.Counter, sum, min, max; the running value is computed at once, from the last bytes that it can still remember."""

import hashlib
import struct
from collections import Counter
from functools import reduce
from operator import xor

from ebpf.program import ByteOrder

OFFSETS = (-300, 0, 7, 32767)


def answers(byte_order: ByteOrder) -> list[tuple[bytes, int, bytes]]:
    layout = struct.Struct(f"{'>' if byte_order == 'big' else '<'}8I2QiH2BQ")
    results = [(bytes(63), 0, bytes(63))]
    for data in (bytes(64), bytes(range(3, 253)), hashlib.shake_128(b"globals").digest(150), b"\xff" * 64):
        counted = data[:200]
        bins = Counter(byte // 32 for byte in counted)
        # A byte is gone after 16 / 3 shifts, as is what the variable held at the start.
        last = reduce(xor, (byte << 3 * at for at, byte in enumerate(reversed(counted[-6:])))) % 2**16
        balance = sum(OFFSETS[byte % 4] for byte in counted) - 5
        after = layout.pack(*(bins[bin_] for bin_ in range(8)), sum(counted), 2**32 + len(counted), balance, last, min(counted), max(counted), 0)
        results.append((data, len(counted), after + data[64:]))
    return results
