"""Commands on maps: dict, OrderedDict and lists. Results as Linux documents them (bpf-helpers(7)); which entry an LRU hash gives up is ours."""

import random
import struct
from collections import OrderedDict

from ebpf.program import ByteOrder

ENOENT, E2BIG, EEXIST, EINVAL = 2, 7, 17, 22
MASK = 2**64 - 1
NOTHING = MASK


class Table:
    """A map that holds pairs of the value and the 32 bits behind it in memory, where it has so many."""

    def __init__(self, entries: int, array: bool, evicts: bool) -> None:
        self.entries, self.array, self.evicts = entries, array, evicts
        self.values: OrderedDict[int, tuple[int, int]] = OrderedDict((key, (0, 0)) for key in range(entries if array else 0))

    def perform(self, operation: int, key: int, value: int, behind: int) -> int:
        known = key in self.values
        if operation == 4:
            if self.array:
                return -EINVAL
            return 0 if self.values.pop(key, None) is not None else -ENOENT
        if operation in (1, 2, 3):
            if self.array and (not known or operation == 2):
                return -EEXIST if known else -E2BIG
            if known and operation == 2:
                return -EEXIST
            if not known and operation == 3:
                return -ENOENT
            if not known and len(self.values) == self.entries:
                if not self.evicts:
                    return -E2BIG
                self.values.popitem(last=False)
            self.values[key] = value, behind
            self.values.move_to_end(key)
            return 0
        if not known:
            return NOTHING
        self.values.move_to_end(key)
        held, after = self.values[key]
        if operation == 5:
            held = (held + value) & MASK
            self.values[key] = held, after
        return held ^ after << 32


def answers(byte_order: ByteOrder) -> list[tuple[bytes, int, bytes]]:
    command = struct.Struct(f"{'>' if byte_order == 'big' else '<'}IIQ")
    results: list[tuple[bytes, int, bytes]] = [(b"", 0, b""), (command.pack(0, 7, 1), 1, command.pack(0, 7, NOTHING))]
    for seed in range(3):
        source = random.Random(seed)
        tables = (Table(4, False, False), Table(3, False, True), Table(5, True, False), Table(2, True, False))
        before = after = b""
        for _ in range(90):
            number, operation = source.randrange(4), source.choice((0, 0, 1, 1, 2, 3, 4, 5, 5))
            key, value = source.randrange(7), source.getrandbits(64)
            # What lies behind the first 8 bytes of a value: the first 4 of the inverted one.
            inverted = (value ^ MASK).to_bytes(8, byte_order)
            behind = int.from_bytes(inverted[:4], byte_order) if number in (1, 2) else 0
            before += command.pack(number << 3 | operation, key, value)
            after += command.pack(number << 3 | operation, key, tables[number].perform(operation, key, value, behind) & MASK)
        results.append((before, 90, after))
    return results
