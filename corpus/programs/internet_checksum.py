"""Internet checksum: the sum modulo 65535 of big-endian words in Python integers, and the example of RFC 1071 section 3."""

import hashlib

from ebpf.program import ByteOrder


def checksum(data: bytes) -> int:
    """The checksum by arithmetic modulo 65535, with the representative that the folding of carries arrives at (0 only for all zeros)."""
    total = int.from_bytes(data + bytes(len(data) % 2), "big")
    return 0xFFFF - ((total - 1) % 0xFFFF + 1 if total else 0)


def answers(byte_order: ByteOrder) -> list[tuple[bytes, int, bytes]]:
    example = bytes.fromhex("0001f203f4f5f6f7")
    rest = (bytes(20), b"\xff" * 40, b"\x01", hashlib.shake_128(b"checksum").digest(1501))
    return [(example, 0x220D, example), *((data, checksum(data), data) for data in rest)]
