"""What the runtime routines of `jit.runtime` do, in Python, for targets to serve when the image calls them.

Atomicity needs no care here: one CPU, and nothing interrupts a routine. Read-modify-write operations insist on natural alignment, as LL and SC do.
Ordered loads and stores are ordinary accesses and need what those need.
"""

import operator
from collections.abc import Callable, Mapping
from types import MappingProxyType
from typing import Protocol

from jit.runtime import ROUTINES
from oracle.outcome import Fault, FaultKind
from oracle.world import Packet

_U64 = (1 << 64) - 1

OUTSIDE = 1 << 63
"""What `packet_load` returns for an access outside the packet: the negative number that differs from -1 in the most bits."""


class RoutineError(Exception):
    """A call that ends the run; `fault` lacks the slot, which the target knows."""

    def __init__(self, fault: Fault) -> None:
        super().__init__(str(fault))
        self.fault = fault


class Memory(Protocol):
    """The memory of the program. `alignment` is what an ordinary access of 8 bytes must have, in bytes; `context` is where the context is."""

    @property
    def alignment(self) -> int:
        """In bytes."""

    @property
    def context(self) -> int:
        """An address."""

    def load(self, address: int, size: int) -> int:
        """The unsigned integer there; raises RoutineError when it is not wholly in one region."""

    def read(self, address: int, size: int) -> bytes:
        """The bytes there; raises RoutineError when they are not wholly in one region."""

    def store(self, address: int, size: int, value: int) -> None:
        """Store an unsigned integer; raises RoutineError when it is not wholly in one writable region."""


Meaning = Callable[..., int]
"""(memory, packet, *arguments) to the result."""


def _signed(value: int, bits: int) -> int:
    return value - (1 << bits) if value >> bits - 1 else value


def _division(name: str) -> Meaning:
    def divide(memory: Memory, packet: Packet, dividend: int, divisor: int) -> int:
        if divisor == 0:
            raise RoutineError(Fault(FaultKind.ENGINE, None, detail=f"{name} called with divisor 0"))
        if name[0] == "s":
            dividend, divisor = _signed(dividend, 64), _signed(divisor, 64)
        quotient = abs(dividend) // abs(divisor)
        if (dividend < 0) != (divisor < 0):
            quotient = -quotient
        return (quotient if "div" in name else dividend - quotient * divisor) & _U64

    return divide


def _check_alignment(address: int, size: int, alignment: int) -> None:
    if address % alignment:
        raise RoutineError(Fault(FaultKind.MISALIGNED, None, address, size))


def _exchange(size: int, update: Callable[[int, int], int]) -> Meaning:
    def exchange(memory: Memory, packet: Packet, address: int, operand: int) -> int:
        _check_alignment(address, size, size)
        old = memory.load(address, size)
        memory.store(address, size, update(old, operand) & (1 << 8 * size) - 1)
        return old

    return exchange


def _compare_exchange(size: int) -> Meaning:
    def compare_exchange(memory: Memory, packet: Packet, address: int, expected: int, new: int) -> int:
        _check_alignment(address, size, size)
        old = memory.load(address, size)
        if old == expected:
            memory.store(address, size, new)
        return old

    return compare_exchange


def _load(memory: Memory, packet: Packet, address: int) -> int:
    _check_alignment(address, 8, memory.alignment)
    return memory.load(address, 8)


def _store(memory: Memory, packet: Packet, address: int, value: int) -> int:
    _check_alignment(address, 8, memory.alignment)
    memory.store(address, 8, value)
    return 0


def _packet_load(memory: Memory, packet: Packet, context: int, offset: int, size: int) -> int:
    if size not in (1, 2, 4):
        raise RoutineError(Fault(FaultKind.ENGINE, None, detail=f"packet_load called with size {size}"))
    if context != memory.context:
        raise RoutineError(Fault(FaultKind.ENGINE, None, detail=f"packet_load called with context {context:#x}"))
    # By unsigned offset: the packet below 2^31, the link header from ffe00000 on, the network header from fff00000 on.
    for base, header in ((0xFFF0_0000, packet.network_header), (0xFFE0_0000, 0), (0x8000_0000, None), (0, 0)):
        if offset >= base:
            start = None if header is None else header + offset - base
            break
    if start is None or len(packet.contents) - start < size:
        return OUTSIDE
    found = packet.contents[start : start + size] if packet.address is None else memory.read(packet.address + start, size)
    return int.from_bytes(found, "big")


def _meanings() -> dict[str, Meaning]:
    table: dict[str, Meaning] = {name: _division(name) for name in ("udiv64", "umod64", "sdiv64", "smod64")}
    for size in (4, 8):
        prefix = f"atomic{8 * size}_"
        for name, update in (("add", operator.add), ("and", operator.and_), ("or", operator.or_), ("xor", operator.xor)):
            table[f"{prefix}fetch_{name}"] = _exchange(size, update)
        table[f"{prefix}xchg"] = _exchange(size, lambda old, new: new)
        table[f"{prefix}cmpxchg"] = _compare_exchange(size)
    return table | {"atomic64_load": _load, "atomic64_store": _store, "packet_load": _packet_load}


MEANINGS: Mapping[str, Meaning] = MappingProxyType(_meanings())
"""By name, with the names of `jit.runtime.ROUTINES`. The result of a "void" routine is 0 and means nothing."""

if MEANINGS.keys() != ROUTINES.keys():
    raise ValueError(f"runtime routines without a meaning, or the other way round: {MEANINGS.keys() ^ ROUTINES.keys()}")
