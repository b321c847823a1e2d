"""Shifts by register counts: slices of strings of binary digits."""

import struct

from ebpf.program import ByteOrder

VALUES = (0x8000000000000001, 0x123456789ABCDEF0, 0xFFFFFFFFFFFFFFFF, 0x00000000DEADBEEF)
PLACES = ((0, 1), (0, 8), (4, 8), (0, 64), (63, 1), (31, 1), (31, 2), (32, 32), (1, 31), (33, 31), (20, 40), (60, 4), (0, 33), (8, 24))
"""Position and width."""


def field(value: int, bits: int, position: int, width: int) -> tuple[int, int]:
    """The field as an unsigned and as a signed number."""
    digits = format(value, f"0{bits}b")[::-1][position : position + width][::-1]
    return int(digits, 2), int(digits, 2) - (2**width if digits[0] == "1" else 0)


def answers(byte_order: ByteOrder) -> list[tuple[bytes, int, bytes]]:
    layout = struct.Struct(">Q2IQqQIi" if byte_order == "big" else "<Q2IQqQIi")
    results = []
    for value in VALUES:
        memory, after, total = [], [], 0
        for position, width in PLACES:
            unsigned, signed = field(value, 64, position, width)
            half = (77, -77)
            total += signed
            if width % 32 and position % 32 + width % 32 <= 32:
                half = field(value % 2**32, 32, position % 32, width % 32)
                total += half[1]
            memory.append(layout.pack(value, position, width, 1, 2, 3, 77, -77))
            after.append(layout.pack(value, position, width, unsigned, signed, value - (unsigned << position), *half))
        results.append((b"".join(memory), total % 2**64, b"".join(after)))
    for position, width in ((0, 0), (1, 64), (0, 65), (2**32 - 1, 2)):
        memory_bad = layout.pack(5, position, width, 0, 0, 0, 0, 0)
        results.append((memory_bad, 2**64 - 1, memory_bad))
    return results
