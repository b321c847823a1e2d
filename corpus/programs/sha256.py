"""SHA-256: hashlib."""

import hashlib

from ebpf.program import ByteOrder

MESSAGES = (b"", b"abc", bytes(range(55)), b"a" * 56, hashlib.shake_128(b"sha256").digest(70))


def answers(byte_order: ByteOrder) -> list[tuple[bytes, int, bytes]]:
    hashed = [(bytes(32) + message, (len(message) + 9 + 63) // 64, hashlib.sha256(message).digest() + message) for message in MESSAGES]
    return [(bytes(31), 0, bytes(31)), *hashed]
