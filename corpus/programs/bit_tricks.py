"""Bit tricks: strings of binary digits."""

import struct

from ebpf.program import ByteOrder

RUNS = (
    (0, 1, 2**63, 2**64 - 1),
    (0x0123456789ABCDEF, 0x8000000080000000, 0x7FFFFFFF80000001, 0x0000000100000000),
    (0xFFFFFFFF00000000, 0x00000000FFFFFFFF, 0x5555555555555555, 0xDEADBEEF00010000, 3 << 40),
)


def record(layout: struct.Struct, argument: int) -> bytes:
    """The record of one argument, computed."""
    digits = format(argument, "064b")
    high, low = digits[:32], digits[32:]
    interleaved = "".join(first + second for first, second in zip(high, low, strict=True))
    half = argument % 2**32
    power = 0 if half == 0 else 2 ** len(format(half - 1, "b")) if half > 1 else 1
    counts = digits.count("1"), len(digits) - len(digits.lstrip("0")), len(digits) - len(digits.rstrip("0")), high.count("1") % 2
    return layout.pack(argument, int(digits[::-1], 2), int(interleaved, 2), power % 2**32, *counts)


def answers(byte_order: ByteOrder) -> list[tuple[bytes, int, bytes]]:
    layout = struct.Struct(">3QI4B" if byte_order == "big" else "<3QI4B")
    results = []
    for arguments in RUNS:
        lowest = 0
        for argument in arguments:
            lowest ^= 2 ** format(argument, "b")[::-1].find("1") if argument else 0
        memory = b"".join(layout.pack(argument, 1, 2, 3, 4, 5, 6, 7) for argument in arguments)
        results.append((memory, lowest, b"".join(record(layout, argument) for argument in arguments)))
    return results
