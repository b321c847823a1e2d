"""Ring buffer: a list of slots in Python, rotated so that the head comes first."""

import hashlib
import struct
from itertools import takewhile

from ebpf.program import ByteOrder

Slot = tuple[int, int, int, int, int]


def consume(total: int, slots: list[Slot]) -> tuple[int, list[Slot]]:
    """The total and the slots, all of them ready, after their consumption."""
    after = []
    for _, tag, sequence, value, stamp in slots:
        total = (total + sequence + value + stamp) % 2**64
        after.append((2, tag, (sequence + 1) % 2**16, 2**32 - 1 - value, total))
    return total, after


def answers(byte_order: ByteOrder) -> list[tuple[bytes, int, bytes]]:
    order = ">" if byte_order == "big" else "<"
    slot_layout, header = struct.Struct(f"{order}2BHIQ"), struct.Struct(f"{order}Q2I")
    results = [(bytes(143), 2**64 - 1, bytes(143))]
    for head, tail, total, states in (
        (0, 8, 2**64 - 5, (1,) * 8),
        (6, 9, 10, (1, 0, 1, 1, 1, 1, 1, 1)),
        (2**32 - 2, 3, 0, (1, 1, 1, 3, 0, 0, 1, 1)),
        (1, 5, 77, (1, 1, 1, 0x81, 1, 1, 1, 1)),
        (4, 4, 1, (1,) * 8),
    ):
        noise = hashlib.shake_128(bytes(states)).digest(16 * 8)
        slots = [(state, *struct.unpack_from("<BHIQ", noise, 16 * at)) for at, state in enumerate(states)]
        slots[0] = (*slots[0][:2], 0xFFFF, *slots[0][3:])
        first = head % 8
        rotated = slots[first:] + slots[:first]
        ready = list(takewhile(lambda slot: slot[0] == 1, rotated[: (tail - head) % 2**32]))
        end, used = consume(total, ready)
        rotated[: len(used)] = used
        after = rotated[8 - first :] + rotated[: 8 - first]
        before_bytes = header.pack(total, head, tail) + b"".join(slot_layout.pack(*slot) for slot in slots)
        after_bytes = header.pack(end, (head + len(used)) % 2**32, tail) + b"".join(slot_layout.pack(*slot) for slot in after)
        results.append((before_bytes, len(used), after_bytes))
    return results
