"""What of the instruction set programs have reached: each instruction with each class of its operands, and with each way in which registers coincide.

    (row, operand, class)    operand "dst", "src" or "imm"; the class that the value has when the instruction is executed (`fuzz.gen.values`)
    (row, "alias", how)      "same" or "different" registers, or "frame": one of them is r10

Addresses are no operands here: base registers of accesses count for the alias only.
"""

from collections.abc import Iterator, Sequence
from functools import cache

from ebpf.instruction import FRAME_POINTER, Instruction
from ebpf.opcodes import Row, lookup
from fuzz.gen.rows import ARITHMETIC, ATOMICS, BRANCHES, LOADS, STORES, is_shift
from fuzz.gen.values import COUNTS, IMMEDIATE_CLASSES, VALUE_CLASSES, immediate_class, value_class

Pair = tuple[str, str, str]
Trace = Sequence[tuple[int, tuple[int | None, ...]]]

ALIASES = ("same", "different", "frame")
_ACCESSES = frozenset(row.name for row in (*LOADS, *STORES, *ATOMICS))
_COUNT_CLASSES = tuple(dict.fromkeys(map(immediate_class, COUNTS)))


def _operands(row: Row) -> tuple[str, ...]:
    """Which register operands have a class."""
    access = row.name in _ACCESSES
    first = ("dst",) if row.dst in ("r", "rw") and not access else ()
    return first + (("src",) if row.src in ("r", "rw") and not (access and row.dst == "w") else ())


@cache
def wanted() -> frozenset[Pair]:
    """All pairs of arithmetic, conditional jumps, loads, stores and atomic operations."""
    pairs: set[Pair] = set()
    for row in (*ARITHMETIC, *BRANCHES, *LOADS, *STORES, *ATOMICS):
        for operand in _operands(row):
            pairs |= {(row.name, operand, known) for known in VALUE_CLASSES}
        if row.imm == "imm":
            pairs |= {(row.name, "imm", known) for known in (_COUNT_CLASSES if is_shift(row) else IMMEDIATE_CLASSES)}
        if isinstance(row.dst, str) and isinstance(row.src, str):
            pairs |= {(row.name, "alias", how) for how in ALIASES}
    return frozenset(pairs)


def _alias(slot: Instruction) -> str:
    if FRAME_POINTER in (slot.dst, slot.src):
        return "frame"
    return "same" if slot.dst == slot.src else "different"


def _of(row: Row, slot: Instruction, registers: Sequence[int | None]) -> Iterator[Pair]:
    for operand in _operands(row):
        held = registers[slot.dst if operand == "dst" else slot.src]
        if held is not None:
            yield row.name, operand, value_class(held)
    if row.imm == "imm":
        yield row.name, "imm", immediate_class(slot.imm)
    if isinstance(row.dst, str) and isinstance(row.src, str):
        yield row.name, "alias", _alias(slot)


def reached(slots: Sequence[Instruction], trace: Trace) -> set[Pair]:
    """What of `wanted` one run has reached, from the trace of the oracle; `slots` are the linked program."""
    rows = {at: row for at in {at for at, _ in trace} if (row := lookup(slots[at])) is not None}
    return {pair for at, registers in trace for pair in _of(rows[at], slots[at], registers)} & wanted()
