"""Atomic counters: Python integers, operator by operator."""

import operator
import struct

from ebpf.program import ByteOrder

OPERATORS = (operator.add, operator.sub, operator.or_, operator.and_, operator.xor)
OPERANDS = (1, 2**32 - 1, 2**64 - 1, 0x8000000080000000, 0x123456789ABCDEF0, 2**32, 0)

ALL = tuple(base + at for base in (0, 8, 16, 24) for at in range(5))
RUNS = (
    (2**64 - 1, 2**32 - 1, tuple((operation, OPERANDS[at % 7]) for at, operation in enumerate(ALL))),
    (0x0123456789ABCDEF, 0x80000000, tuple((operation, OPERANDS[at % 6]) for at, operation in enumerate(reversed(ALL * 3)))),
    (0, 0, tuple((ALL[at * 7 % 20], (at * 0x9E3779B97F4A7C15) % 2**64) for at in range(60))),
    (5, 6, ()),
)
"""The counters at the start, and records of operation and operand."""


def answers(byte_order: ByteOrder) -> list[tuple[bytes, int, bytes]]:
    order = ">" if byte_order == "big" else "<"
    results = [(bytes(15), 2**64 - 1, bytes(15))]
    unknown = struct.pack(f"{order}Q2IQ2I", 1, 2, 3, 4, 5, 6)
    results.append((unknown, 2**64 - 1, unknown))
    for wide, narrow, records in RUNS:
        counters = [wide, narrow]
        sizes = (2**64, 2**32)
        total, before, after = 0, b"", b""
        for operation, operand in records:
            which = operation // 8 % 2
            old = counters[which] if operation < 16 else 0
            counters[which] = OPERATORS[operation % 8](counters[which], operand % sizes[which]) % sizes[which]
            total += old
            before += struct.pack(f"{order}Q2I", operand, operation, 0xABABABAB)
            after += struct.pack(f"{order}Q2I", operand, operation, old % 2**32)
        ends = [(counter + len(records)) % size for counter, size in zip(counters, sizes, strict=True)]
        result = (total + 2**32 + len(records)) % 2**64
        results.append((struct.pack(f"{order}Q2I", wide, narrow, 9) + before, result, struct.pack(f"{order}Q2I", *ends, 9) + after))
    return results
