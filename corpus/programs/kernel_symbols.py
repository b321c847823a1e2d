"""Symbols of the kernel: a variable holds SHAKE-128 of its name; arguments that are equal by their types give equal results."""

import hashlib
import struct

from ebpf.program import ByteOrder


def answers(byte_order: ByteOrder) -> list[tuple[bytes, int, bytes]]:
    order = "<" if byte_order == "little" else ">"
    variables = {name: hashlib.shake_128(name.encode()).digest(size) for name, size in (("clock", 8), ("table", 10), ("level", 1))}
    value = sum(struct.unpack(f"{order}q", variables["clock"]) + struct.unpack("b", variables["level"]))
    for entry in struct.unpack(f"{order}5H", variables["table"]):
        value = value * 31 + entry
    results = [(bytes(7), 0, bytes(7))]
    for numbers in ((), (0,), (0x80, 0x7F, 0xFFFF, 0x8000, 2**31, 2**64 - 1, 0x123456789ABCDEF0)):
        rest = struct.pack(f"{order}{len(numbers)}Q", *numbers)
        results.append((bytes(8) + rest, 4 * len(numbers), struct.pack(f"{order}Q", value % 2**64) + rest))
    return results
