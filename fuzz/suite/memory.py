"""Suites of the loads and stores, ordinary and ordered, and of misaligned accesses.

A variant loads the context pointer into its base register, moves it by so much that the offset under test leads to the wanted place, and
accesses that:

    base = *(u64 *)(r10 - 8)
    base += place - offset
    the instruction, with base and offset

Offsets stand at the edges of what MIPS encodes: 16 signed bits, also for the second word of an 8-byte access (offset + 4), and the 9 signed
bits of release 6. The places are naturally aligned, among the operands for loads and in a cell of their own for stores, whose neighbours show
it when too much is written.
"""

from collections.abc import Iterator, Sequence
from functools import cache
from typing import NamedTuple

from ebpf.instruction import FRAME_POINTER, FRAME_SIZE
from ebpf.opcodes import ROWS, Row
from fuzz.suite.program import CONTEXT, RING, RUNS, Assembly, Suite, load_ring, make_suite, permutation, start
from fuzz.suite.values import EDGES_64, EDGES_NARROW, IMMEDIATES

# fmt: off
OFFSETS = (
    0, 8, -8, 1, -1, 4, -4, 24, 127, 128, -128, -129, 252, 255, 256, -256, -257, 2047, 4096,
    32767, 32766, 32765, 32764, 32763, 32760, 32756, 16384, -16384, -32768, -32767, -32766, -32764, -32760,
)
"""Offsets in bytes of loads, stores and atomic operations."""
# fmt: on

_SIZES = {"W": 4, "H": 2, "B": 1, "DW": 8}
_TABLE = 40
_PATTERNS = (EDGES_NARROW, EDGES_64)
_FRAME_BASES = (-16, -24, -64, -FRAME_SIZE)


def access_size(row: Row) -> int:
    """Bytes that a load, a store or an atomic operation accesses: 1, 2, 4 or 8."""
    return _SIZES[row.name.rsplit("_", 1)[1]]


def is_store(row: Row) -> bool:
    """Whether the row is a store, of an immediate or of a register, and not a read-modify-write operation."""
    return row.offset == "memory" and row.dst == "r" and row.name.startswith(("ST_", "STX_", "STORE_"))


def register_pairs() -> Iterator[tuple[int, int]]:
    """36 pairs: each of r0 to r9 three times on either side, and six times both the same."""
    for number, same in ((1, (0, 5, 9)), (2, (2, 3, 6)), (3, ())):
        order = permutation(number)
        yield from zip(order, (*order[1:], order[0]), strict=True)
        yield from ((register, register) for register in same)


class Variant(NamedTuple):
    """One access: its number decides where, the offset that leads there, and both registers."""

    number: int
    offset: int
    register: int
    base: int


def variants() -> Iterator[Variant]:
    """Those of the suites."""
    for number, (register, base) in enumerate(register_pairs()):
        yield Variant(number, OFFSETS[number % len(OFFSETS)], register, base)


def point(assembly: Assembly, base: int, place: int, offset: int) -> None:
    """Make `base` + `offset` the address of byte `place` of the context."""
    assembly.emit("LDX_DW", base, FRAME_POINTER, CONTEXT)
    if place != offset:
        assembly.emit("ADD64_IMM", base, imm=place - offset)


def _tables() -> list[list[int]]:
    tables = []
    for run in range(RUNS):
        values = _PATTERNS[run % len(_PATTERNS)]
        tables.append([values[(run * 5 + at) % len(values)] for at in range(_TABLE)])
    return tables


def is_load(row: Row) -> bool:
    """Whether the row is a load, ordinary or ordered."""
    return row.offset == "memory" and row.dst == "w"


def load_suite(row: Row, chosen: Sequence[Variant], part: int = 0) -> Suite:
    """Each result goes to the frame; so do, first, four operands that are then loaded from there. There is room for 50 variants."""
    size = access_size(row)
    assembly = Assembly()
    start(assembly)
    load_ring(assembly, permutation(1), 0)
    for register, offset in enumerate(_FRAME_BASES):
        assembly.emit("STX_DW", FRAME_POINTER, register, offset)
    result = -64
    for number, offset, dst, base in chosen:
        place = 8 * (number % _TABLE) + number * size % 8
        point(assembly, base, place, offset)
        assembly.emit(row.name, dst, base, offset)
        result -= 8
        assembly.emit("STX_DW", FRAME_POINTER, dst, result)
    for number, offset in enumerate(_FRAME_BASES):
        dst = 3 * number
        assembly.emit(row.name, dst, FRAME_POINTER, offset + number * size % 8)
        result -= 8
        assembly.emit("STX_DW", FRAME_POINTER, dst, result)
    assembly.emit("EXIT")
    return make_suite(row.name, assembly, _tables(), part=part)


def store_suite(row: Row, chosen: Sequence[Variant], part: int = 0) -> Suite:
    """Where the row stores a register, the register is loaded first; when it is the base as well, the pointer is stored."""
    size = access_size(row)
    cells = 8 * _TABLE
    assembly = Assembly()
    start(assembly)
    load_ring(assembly, permutation(1), 0)
    for at, (number, offset, src, base) in enumerate(chosen):
        if row.src == "r" and src != base:
            assembly.emit("LDX_DW", base, FRAME_POINTER, CONTEXT)
            assembly.emit("LDX_DW", src, base, 8 * (number % _TABLE))
        point(assembly, base, cells + 8 * at + number * size % 8, offset)
        if row.src == "r":
            assembly.emit(row.name, base, src, offset)
        else:
            assembly.emit(row.name, base, 0, offset, IMMEDIATES[(7 * number) % len(IMMEDIATES)])
    for number, offset in enumerate(_FRAME_BASES):
        place = offset + number * size % 8
        if row.src == "r":
            assembly.emit(row.name, FRAME_POINTER, 3 * number, place)
        else:
            assembly.emit(row.name, FRAME_POINTER, 0, place, IMMEDIATES[-1 - number])
    if row.src == "r":
        assembly.emit(row.name, FRAME_POINTER, FRAME_POINTER, -128)
    assembly.emit("EXIT")
    return make_suite(row.name, assembly, _tables(), 8 * len(chosen), part=part)


def memory_suites() -> list[Suite]:
    """The suites of all loads and stores, load-acquire and store-release among them."""
    return [(load_suite if is_load(row) else store_suite)(row, tuple(variants())) for row in ROWS if is_load(row) or is_store(row)]


def _misaligned_suite(row: Row, misalignment: int) -> Suite:
    """One access that is `misalignment` bytes off; the second register holds what a store would write."""
    assembly = Assembly()
    start(assembly)
    load_ring(assembly, permutation(0), 0)
    point(assembly, 1, 8 * RING, 0)
    if row.dst == "w":
        assembly.emit(row.name, 0, 1, misalignment)
    elif row.src == 0:
        assembly.emit(row.name, 1, 0, misalignment, 0x12345678)
    else:
        assembly.emit(row.name, 1, 2, misalignment)
    assembly.emit("EXIT")
    tables = _tables()[:2]
    return make_suite(row.name, assembly, tables)


@cache
def misaligned_suites() -> tuple[Suite, ...]:
    """One program for each row that accesses more than one byte and each way to be misaligned: 1 byte off, half the size off, size - 1 off.

    8 bytes off by 4 are aligned enough for 32-bit code, whose accesses are of 4 bytes.
    """
    suites = []
    for row in ROWS:
        if row.offset != "memory" or access_size(row) == 1:
            continue
        size = access_size(row)
        suites += [_misaligned_suite(row, misalignment) for misalignment in sorted({1, size // 2, size - 1})]
    return tuple(suites)
