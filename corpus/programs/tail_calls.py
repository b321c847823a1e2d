"""Tail calls: the programs as Python functions that return what to call next; a loop counts the calls of a run, and Python keeps the callers."""

import random
import struct
from collections.abc import Callable, Iterator

from ebpf.program import ByteOrder

LIMIT = 33
MASK32, MASK64 = 2**32 - 1, 2**64 - 1


class Machine:
    """A function is a generator: it yields the index of a tail call, gets control back when that fails, and returns its result."""

    def __init__(self, steps: bytes, state: int, count: int, total: int) -> None:
        self.steps, self.state, self.count, self.total, self.calls = steps, state, count, total, 0
        self.table: dict[int, Callable[[], Iterator[int]]] = {0: self.again, 1: self.doubling, 3: self.through, 5: self.ending}
        self.result = 0

    def run(self, function: Callable[[], Iterator[int]]) -> int:
        """What the function returns, or the one that has taken its place."""
        running = function()
        while True:
            index = next(running, None)
            if index is None:
                return self.result
            if index in self.table and self.calls < LIMIT:
                self.calls += 1
                running = self.table[index]()

    def next(self) -> int:
        step = self.steps[self.count % 48]
        self.count = (self.count + 1) & MASK32
        self.total = (self.total + step // 8) & MASK64
        return step % 8

    def again(self) -> Iterator[int]:
        kept = self.total + self.count + 1
        yield self.next()
        self.result = kept & MASK64

    def doubling(self) -> Iterator[int]:
        self.total = self.total * 2 & MASK64
        yield self.next()
        self.state ^= 0x100
        yield 5
        self.result = 2

    def leaving(self, salt: int) -> Callable[[], Iterator[int]]:
        def function() -> Iterator[int]:
            self.state = (self.state + salt) & MASK32
            yield self.next()
            self.result = (salt * 3 + 7) & MASK64

        return function

    def through(self) -> Iterator[int]:
        before = self.total
        result = self.run(self.leaving(self.count))
        self.state = (self.state + 1) & MASK32
        self.result = (result + 1000 + before % 2) & MASK64
        yield from ()

    def ending(self) -> Iterator[int]:
        self.state |= 0x8000
        self.result = self.total
        yield from ()


def answers(byte_order: ByteOrder) -> list[tuple[bytes, int, bytes]]:
    layout = struct.Struct(f"{'>' if byte_order == 'big' else '<'}IIQ48s")
    results = [(bytes(63), 0, bytes(63))]
    source = random.Random(12)
    # Never ending but for the limit; through both kinds of programs; short ways to an empty slot; anything, at depths that calls may have.
    chosen = [bytes(48), bytes([0, 1] * 24), bytes([8, 9, 16, 2] * 12), bytes([1, 4] * 24), bytes([0, 8, 3, 0, 1, 3, 5, 0] * 6)]
    chosen += [bytes(source.choice((0, 0, 1, 1, 1, 3, 5, 2, 4, 6, 7)) + 8 * source.randrange(32) for _ in range(48)) for _ in range(6)]
    for number, steps in enumerate(chosen):
        state, count, total = (0, 0, 0) if number < 2 else (source.getrandbits(32), number, source.getrandbits(64))
        machine = Machine(steps, state, count, total)
        r0 = machine.run(machine.again)
        results.append((layout.pack(state, count, total, steps), r0, layout.pack(machine.state, machine.count, machine.total, steps)))
    return results
