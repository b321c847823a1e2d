"""Big-number multiplication: Python integers."""

import hashlib
import struct

from ebpf.program import ByteOrder


def limbs(number: int, count: int, byte_order: ByteOrder) -> bytes:
    """The number as u32 in that byte order, the least significant first."""
    return struct.pack(f"{'>' if byte_order == 'big' else '<'}{count}I", *(number >> 32 * at & 0xFFFFFFFF for at in range(count)))


def answers(byte_order: ByteOrder) -> list[tuple[bytes, int, bytes]]:
    random = hashlib.shake_128(b"big number").digest(64)
    pairs = (
        (int.from_bytes(random[:32], "big"), int.from_bytes(random[32:], "big")),
        (2**256 - 1, 2**256 - 1),
        (2**255, 3),
        (0, 2**200),
        (2**31 + 1, 2**33 - 1),
    )
    results = [(bytes(127), 2**64 - 1, bytes(127))]
    for first, second in pairs:
        factors = limbs(first, 8, byte_order) + limbs(second, 8, byte_order)
        results.append((factors + b"\xa5" * 64, (first * second).bit_length(), factors + limbs(first * second, 16, byte_order)))
    return results
