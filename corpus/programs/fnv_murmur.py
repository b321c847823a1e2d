"""FNV-1a and the MurmurHash3 finalisers: Python integers; the steps of the finalisers are checked to be undone by the inverse multipliers."""

import hashlib
import struct

from ebpf.program import ByteOrder


def fnv1a(data: bytes) -> int:
    """64-bit FNV-1a; the published values of "a" and "foobar" are asserted below."""
    hash_ = 14695981039346656037
    for byte in data:
        hash_ = (hash_ ^ byte) * 1099511628211 % 2**64
    return hash_


def finalise(value: int, bits: int, shifts: tuple[int, int, int], factors: tuple[int, int]) -> int:
    """A MurmurHash3 finaliser of that width."""
    for shift, factor in zip(shifts, (*factors, 1), strict=True):
        mixed = (value ^ value // 2**shift) * factor % 2**bits
        assert mixed * pow(factor, -1, 2**bits) % 2**bits == value ^ value // 2**shift
        value = mixed
    return value


assert (fnv1a(b"a"), fnv1a(b"foobar")) == (0xAF63DC4C8601EC8C, 0x85944171F73967E8)


def answers(byte_order: ByteOrder) -> list[tuple[bytes, int, bytes]]:
    results = [(b"x" * 23, 0, b"x" * 23)]
    for data in (bytes(24), bytes(range(64)), hashlib.shake_128(b"fnv").digest(101)):
        hash_ = fnv1a(data)
        narrow = [finalise(half, 32, (16, 13, 16), (0x85EBCA6B, 0xC2B2AE35)) for half in (hash_ % 2**32, hash_ // 2**32)]
        wide = finalise(hash_, 64, (33, 33, 33), (0xFF51AFD7ED558CCD, 0xC4CEB9FE1A85EC53))
        stored = struct.pack(">3Q" if byte_order == "big" else "<3Q", wide, *narrow)
        results.append((data, hash_, stored + data[24:]))
    return results
