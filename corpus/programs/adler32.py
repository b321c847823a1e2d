"""Adler-32: zlib."""

import hashlib
import zlib

from ebpf.program import ByteOrder


def answers(byte_order: ByteOrder) -> list[tuple[bytes, int, bytes]]:
    inputs = (b"", b"Wikipedia", b"\xff" * 600, hashlib.shake_128(b"adler").digest(700))
    return [(data, zlib.adler32(data), data) for data in inputs]
