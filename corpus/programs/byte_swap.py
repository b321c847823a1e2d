"""Byte swaps: reversed byte strings and int.from_bytes()."""

import hashlib

from ebpf.program import ByteOrder

FIELDS = (8, 4, 4, 2, 2, 2, 2)


def cut(record: bytes) -> list[bytes]:
    """The fields of a record."""
    ends = [sum(FIELDS[: at + 1]) for at in range(len(FIELDS))]
    return [record[end - size : end] for end, size in zip(ends, FIELDS, strict=True)]


def total(records: list[bytes]) -> int:
    """What r0 must be."""
    sum_ = 0
    for record in records:
        whole, *parts = cut(record)
        sum_ += int.from_bytes(whole, "big") ^ int.from_bytes(whole, "little")
        orders: list[ByteOrder] = ["big", "little", "big", "big", "little", "little"]
        sum_ += sum(int.from_bytes(part, order) for part, order in zip(parts, orders, strict=True))
        low = ((sum_ + 0xFFFEFDFCFBFAF9F8) % 2**64).to_bytes(8, "little")
        sum_ = (sum_ + int.from_bytes(low[:2], "big") + int.from_bytes(low[:4], "big")) % 2**64
    return sum_


def answers(byte_order: ByteOrder) -> list[tuple[bytes, int, bytes]]:
    noise = hashlib.shake_128(b"swaps").digest(24 * 10)
    results = []
    for data in (bytes(range(1, 25)), bytes(range(0xE0, 0xE0 + 24)), noise, b"\x80" + bytes(46) + b"\xff"):
        records = [data[at : at + 24] for at in range(0, len(data), 24)]
        results.append((data, total(records), b"".join(field[::-1] for record in records for field in cut(record))))
    return results
