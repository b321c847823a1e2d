"""Suites of the atomic read-modify-write operations.

A variant loads its base register, its second operand and, for CMPXCHG, the expected value in r0, operates on a cell of its own, and keeps
what came back in the frame. The expected value is what the cell holds, exclusive-or an operand: when that is zero the exchange happens; for
words it happens whatever the high half is. Aliases: base == second operand, either of them r0, r10 on either side where the row permits it.
"""

from ebpf.instruction import FRAME_POINTER
from ebpf.opcodes import ROWS, Row
from fuzz.suite_memory import OFFSETS, access_size, is_store, point, register_pairs
from fuzz.suite_program import CONTEXT, RUNS, Assembly, Suite, load_ring, make_suite, permutation, start
from fuzz.suite_values import EDGES_32, EDGES_64, pairs

_CELLS = 33
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
    assembly.emit("LDX_DW", src, base, 8 * (2 * _CELLS + number % len(_DIFFERENCES)))
    assembly.emit("XOR64_REG", 0, src)


def _variant(assembly: Assembly, row: Row, number: int, src: int, base: int) -> None:
    """One operation on cell `number`, with the offset whose turn it is, and a store of what it returned."""
    offset = OFFSETS[number % len(OFFSETS)]
    cell = 8 * number + (access_size(row) * number) % 8
    if _compares(row) and 0 not in (src, base):
        _expect(assembly, row, base, src, cell, number)
    if src != base:
        assembly.emit("LDX_DW", base, FRAME_POINTER, CONTEXT)
        assembly.emit("LDX_DW", src, base, 8 * (_CELLS + number))
    point(assembly, base, cell, offset)
    if _compares(row) and base == 0 and number % 2:
        assembly.emit("STX_W" if access_size(row) == 4 else "STX_DW", base, base, offset)
    assembly.emit(row.name, base, src, offset)
    if _compares(row):
        assembly.emit("STX_DW", FRAME_POINTER, 0, -64 - 8 * number)
    elif row.src == "rw":
        assembly.emit("STX_DW", FRAME_POINTER, src, -64 - 8 * number)


def _in_frame(assembly: Assembly, row: Row) -> None:
    """Operations on the frame, with r10 as the base and, where the second operand is not written, as that as well."""
    assembly.emit("LDX_DW", 8, FRAME_POINTER, CONTEXT)
    for number, src in enumerate((0, 3, 9)):
        assembly.emit("LDX_DW", src, 8, 8 * (_CELLS + number))
        assembly.emit("LDX_DW", 7, 8, 8 * number)
        assembly.emit("STX_DW", FRAME_POINTER, 7, -16 - 8 * number)
        assembly.emit(row.name, FRAME_POINTER, src, -16 - 8 * number + (access_size(row) * number) % 8)
    if row.src == "r":
        assembly.emit("STX_DW", FRAME_POINTER, 7, -40)
        assembly.emit(row.name, FRAME_POINTER, FRAME_POINTER, -40)


def _suites(row: Row) -> list[Suite]:
    chosen = list(enumerate(register_pairs()))[:_CELLS]
    parts = _PARTS_OF_COMPARE if _compares(row) else 1
    # A cell and the operand of the same number meet: neighbours in the sequence of pairs.
    values = pairs(EDGES_64 if access_size(row) == 8 else EDGES_32)
    tables = []
    for run in range(RUNS):
        first = [(run * _CELLS + cell) % len(values) for cell in range(_CELLS)]
        differences = [_DIFFERENCES[(at + run) % len(_DIFFERENCES)] for at in range(len(_DIFFERENCES))]
        tables.append([*(values[at] for at in first), *(values[(at + 1) % len(values)] for at in first), *differences])
    suites = []
    for part in range(parts):
        assembly = Assembly()
        start(assembly)
        load_ring(assembly, permutation(1), 0)
        for number, (src, base) in chosen[part::parts]:
            _variant(assembly, row, number, src, base)
        _in_frame(assembly, row)
        assembly.emit("EXIT")
        suites.append(make_suite(row.name, assembly, tables, part=part + 1 if parts > 1 else 0))
    return suites


def atomic_suites() -> list[Suite]:
    """The suites of all atomic read-modify-write operations."""
    return [suite for row in ROWS if is_atomic(row) for suite in _suites(row)]
