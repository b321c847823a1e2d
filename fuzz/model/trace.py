"""What the engine records on the way: the same rows as other targets record (`fuzz.record`), in arrays with room for several runs.

A counter goes on when its array has no room left, so that what was lost is known.
"""

from ebpf.instruction import REGISTERS as BPF_REGISTERS
from fuzz.model.bits import Numbers, choose, low, native
from fuzz.native_record import (
    MAXIMUM_ACCESSES,
    MAXIMUM_BOUNDARIES,
    MAXIMUM_EDGES,
    MAXIMUM_OPERANDS,
    OUTSIDE,
    SET_SIZE,
)

__all__ = ["OUTSIDE"]
COUNT_EDGES, COUNT_OPERANDS, COUNT_ACCESSES, COUNT_BOUNDARIES = range(4)


@native
def edge(counts: Numbers, edges: Numbers, known: Numbers, source: int, target: int) -> None:
    """Record an edge unless it is known; -1 stands for a target outside the image."""
    at = (source * 2654435761 + target * 40503) & (SET_SIZE - 1)
    key = (source + 3) << 32 | (target + 3)
    while known[at] != 0:
        if known[at] == key:
            return
        at = (at + 1) & (SET_SIZE - 1)
    count = counts[COUNT_EDGES]
    counts[COUNT_EDGES] = count + 1
    if count < MAXIMUM_EDGES:
        known[at] = key
        edges[count, 0] = max(source, -1)
        edges[count, 1] = target
        edges[count, 2] = at


@native
def operand(counts: Numbers, operands: Numbers, word: int, register: int, value: int) -> None:
    """Record a word operand that is no word."""
    count = counts[COUNT_OPERANDS]
    counts[COUNT_OPERANDS] = count + 1
    if count < MAXIMUM_OPERANDS:
        operands[count, 0] = word
        operands[count, 1] = register
        operands[count, 2] = value


@native
def access(counts: Numbers, accesses: Numbers, slot: int, address: int, size: int, written: int, word: int) -> None:
    """Record a load or store that is begun."""
    count = counts[COUNT_ACCESSES]
    counts[COUNT_ACCESSES] = count + 1
    if count < MAXIMUM_ACCESSES:
        accesses[count, 0] = slot
        accesses[count, 1] = address
        accesses[count, 2] = size
        accesses[count, 3] = written
        accesses[count, 4] = word


@native
def boundary(counts: Numbers, boundaries: Numbers, slot: int, places: Numbers, registers: Numbers, cpu_64: bool) -> None:
    """Record the eBPF registers; `places` has for each the MIPS register of its low half or all of it, and of the other half, -1 for none."""
    count = counts[COUNT_BOUNDARIES]
    counts[COUNT_BOUNDARIES] = count + 1
    if count < MAXIMUM_BOUNDARIES:
        row = boundaries[count]
        row[0] = slot
        for number in range(BPF_REGISTERS):
            value = registers[places[number, 0]]
            high = places[number, 1]
            upper = registers[max(high, 0)] << 32
            row[1 + number] = choose(high < 0, choose(cpu_64, value, low(value)), low(value) | upper)
