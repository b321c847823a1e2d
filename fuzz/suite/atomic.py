"""Suites of the atomic read-modify-write operations.

A variant loads its base register, its second operand and, for CMPXCHG, the expected value in r0, operates on a cell of its own, and keeps
what came back in the frame. The expected value is what the cell holds, exclusive-or an operand: when that is zero the exchange happens; for
words it happens whatever the high half is. Aliases: base == second operand, either of them r0, r10 on either side where the row permits it.
"""

from collections.abc import Sequence

from ebpf.instruction import FRAME_POINTER
from ebpf.opcodes import ROWS, Row
from fuzz.suite.memory import OFFSETS, access_size, is_store, point, register_pairs
from fuzz.suite.program import CONTEXT, RUNS, Assembly, Suite, load_ring, make_suite, permutation, start
from fuzz.suite.values import EDGES_32, EDGES_64, pairs

CELLS = 33
"""So many variants a program has at most."""

_PARTS_OF_COMPARE = 2

# What the expected value differs by from what is there: nothing, the lowest bit, the sign of either half, and a high half that a word must not see.
_DIFFERENCES = (0, 1 << 32, 1, 0, 0xFFFFFFFF00000000, 1 << 31, 0, 1 << 63)


def is_atomic(row: Row) -> bool:
    """Whether the row is a read-modify-write operation."""
    return row.offset == "memory" and row.dst == "r" and not is_store(row)


def _compares(row: Row) -> bool:
    return row.name.startswith("CMPXCHG")


def _expect(assembly: Assembly, row: Row, base: int, src: int, cell: int, number: int) -> None:
    """Load r0 with what the cell holds, or nearly; `src` is overwritten."""
    load = "LDX_W" if access_size(row) == 4 else "LDX_DW"
    assembly.emit("LDX_DW", base, FRAME_POINTER, CONTEXT)
    assembly.emit(load, 0, base, cell)
    assembly.emit("LDX_DW", src, base, 8 * (2 * CELLS + number % len(_DIFFERENCES)))
    assembly.emit("XOR64_REG", 0, src)


def _variant(assembly: Assembly, row: Row, number: int, src: int, base: int) -> None:
    """One operation on cell `number`, with the offset whose turn it is, and a store of what it returned."""
    offset = OFFSETS[number % len(OFFSETS)]
    cell = 8 * number + (access_size(row) * number) % 8
    if _compares(row) and 0 not in (src, base):
        _expect(assembly, row, base, src, cell, number)
    if src != base:
        assembly.emit("LDX_DW", base, FRAME_POINTER, CONTEXT)
        assembly.emit("LDX_DW", src, base, 8 * (CELLS + number))
    point(assembly, base, cell, offset)
    if _compares(row) and base == 0 and number % 2:
        assembly.emit("STX_W" if access_size(row) == 4 else "STX_DW", base, base, offset)
    assembly.emit(row.name, base, src, offset)
    if _compares(row):
        assembly.emit("STX_DW", FRAME_POINTER, 0, -64 - 8 * number)
    elif row.src == "rw":
        assembly.emit("STX_DW", FRAME_POINTER, src, -64 - 8 * number)


def _in_frame(assembly: Assembly, row: Row, sources: Sequence[int]) -> None:
    """Operations on the frame, with r10 as the base and, where the second operand is not written, as that as well."""
    assembly.emit("LDX_DW", 8, FRAME_POINTER, CONTEXT)
    for number, src in enumerate(sources):
        value = 6 if src == 7 else 7
        assembly.emit("LDX_DW", value, 8, 8 * number)
        assembly.emit("STX_DW", FRAME_POINTER, value, -16 - 8 * number)
        if src == 8:
            assembly.emit("LDX_DW", src, src, 8 * (CELLS + number))
        else:
            assembly.emit("LDX_DW", src, 8, 8 * (CELLS + number))
        assembly.emit(row.name, FRAME_POINTER, src, -16 - 8 * number + (access_size(row) * number) % 8)
        assembly.emit("LDX_DW", 8, FRAME_POINTER, CONTEXT)
    if row.src == "r":
        assembly.emit("STX_DW", FRAME_POINTER, 7, -40)
        assembly.emit(row.name, FRAME_POINTER, FRAME_POINTER, -40)


def _tables(row: Row, runs: int) -> list[list[int]]:
    # A cell and the operand of the same number meet: neighbours in the sequence of pairs.
    values = pairs(EDGES_64 if access_size(row) == 8 else EDGES_32)
    tables = []
    for run in range(runs):
        first = [(run * CELLS + cell) % len(values) for cell in range(CELLS)]
        differences = [_DIFFERENCES[(at + run) % len(_DIFFERENCES)] for at in range(len(_DIFFERENCES))]
        tables.append([*(values[at] for at in first), *(values[(at + 1) % len(values)] for at in first), *differences])
    return tables


def atomic_suite(
    row: Row, chosen: Sequence[tuple[int, tuple[int, int]]], sources: Sequence[int] = (0, 3, 9), runs: int = RUNS, part: int = 0
) -> Suite:
    """Variants with numbers below 33, each with its second operand and its base register, and three second operands that meet the frame."""
    assembly = Assembly()
    start(assembly)
    load_ring(assembly, permutation(1), 0)
    for number, (src, base) in chosen:
        _variant(assembly, row, number, src, base)
    _in_frame(assembly, row, sources)
    assembly.emit("EXIT")
    return make_suite(row.name, assembly, _tables(row, runs), part=part)


def _suites(row: Row) -> list[Suite]:
    chosen = list(enumerate(register_pairs()))[:CELLS]
    parts = _PARTS_OF_COMPARE if _compares(row) else 1
    return [atomic_suite(row, chosen[part::parts], part=part + 1 if parts > 1 else 0) for part in range(parts)]


def atomic_suites() -> list[Suite]:
    """The suites of all atomic read-modify-write operations."""
    return [suite for row in ROWS if is_atomic(row) for suite in _suites(row)]
