"""What the program must leave in its memory, found without it: by Python's hashlib, zlib, datetime and integers."""

import hashlib
import math
import struct
import zlib
from datetime import date, timedelta

# The places of work.h.
INPUT_SIZE = 0x2000
SIZE = 0xE000
RESULT = 0x80000002
"""What it returns, an unsigned 32-bit integer."""

_U32 = (1 << 32) - 1


def _rotated(value: int, count: int) -> int:
    return (value >> count | value << (32 - count)) & _U32


def _murmur(data: bytes) -> int:
    h = 0x9747B28C
    for (word,) in struct.iter_unpack(">I", data):
        k = word * 0xCC9E2D51 & _U32
        h ^= _rotated(k, 17) * 0x1B873593 & _U32
        h = _rotated(h, 19) * 5 + 0xE6546B64 & _U32
    return h


def _folded(data: bytes) -> int:
    h, total = 0xCBF29CE484222325, 0
    for byte in data:
        h = (h ^ byte) * 0x100000001B3 & (1 << 64) - 1
        total = total * 31 + ((h & _U32) >> 5) + (h >> 32) % 1000 & _U32
    return total


def _fibonacci(number: int) -> int:
    a, b = 0, 1
    for _ in range(number):
        a, b = b, a + b
    return a


def _day(value: int) -> tuple[int, int, int]:
    # C's remainder has the sign of the dividend; datetime begins with year 1, which a shift by eras of 400 years makes up for.
    days = math.fmod(value, 700000)
    eras = 10
    at = date(1970, 1, 1) + timedelta(days=int(days) + eras * 146097 - 5 * 146097)
    return at.year - 400 * (eras - 5), at.month, at.day


def answers(data: bytes, byte_order: str) -> dict[int, bytes]:
    """For each place in memory what must be there, from the input of INPUT_SIZE bytes; the byte order is "little" or "big"."""
    order = "<" if byte_order == "little" else ">"
    words = struct.unpack(f"{order}2048i", data[:0x2000])
    halves = struct.unpack(f"{order}2048h", data[:0x1000])
    return {
        0x4000: hashlib.sha256(data).digest(),
        0x4020: struct.pack(f"{order}4I", zlib.crc32(data), zlib.adler32(data), _murmur(data), _folded(data)),
        0x5000: struct.pack(f"{order}2048i", *sorted(words)),
        0x7000: struct.pack(f"{order}2048h", *sorted(halves)),
        0x9000: str(math.factorial(200)).encode() + b"\0",
        0xA000: str(_fibonacci(2000)).encode() + b"\0",
        0xB000: b"".join(struct.pack(f"{order}3i", *_day(value)) for value in words[:512]),
    }
