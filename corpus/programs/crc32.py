"""CRC-32: zlib."""

import hashlib
import zlib

from ebpf.program import ByteOrder


def answers(byte_order: ByteOrder) -> list[tuple[bytes, int, bytes]]:
    inputs = (b"123456789", b"\x00", b"\xff" * 33, hashlib.shake_128(b"crc32").digest(200))
    return [(data, zlib.crc32(data), data) for data in inputs]
