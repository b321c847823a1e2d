"""Statements that access memory: always inside a region, at every size, alignment and edge."""

from collections.abc import Sequence
from typing import NamedTuple

from ebpf.instruction import FRAME_POINTER
from ebpf.opcodes import Row
from fuzz.gen.code import row
from fuzz.gen.rows import compares
from fuzz.gen.state import Pointer, Region, Scalar, Value
from fuzz.gen.values import immediate
from fuzz.gen.writer import ADD_IMM, LOAD_DW, MOV_IMM, MOV_REG, Writer
from fuzz.suite.memory import OFFSETS, access_size

_ADD_REG, _AND_IMM, _LOAD_W = row("ADD64_REG"), row("AND64_IMM"), row("LDX_W")
_FAR = tuple(offset for offset in OFFSETS if abs(offset) > 0xFF)
_EXTREME = tuple(offset for offset in OFFSETS if abs(offset) >= 0x7FF0)
_REACHES = (8, 16, 32, 64)
_EDGE = 4
"""Once in so many times an access is at an edge of what it may access."""


class Access(NamedTuple):
    """A base register and an offset that lead to memory inside a region."""

    base: int
    offset: int


def _places(pointer: Pointer, size: int, aligned: bool) -> range:
    """The offsets at which an access through a pointer stays in its region, and is as aligned as it is wanted."""
    region = pointer.region
    first, last = max(region.low - pointer.offset, -0x8000), min(region.high - pointer.reach - size - pointer.offset, 0x7FFF)
    if not aligned:
        return range(first, last + 1)
    first += -(first + pointer.offset) % size
    return range(first, last + 1, size)


def access(w: Writer, row: Row, atomic: bool, written: bool) -> Access | None:
    """Somewhere that an instruction may access, None when no register leads anywhere."""
    size = access_size(row)
    aligned = atomic or not (w.features.misaligned and w.choose.rarely(16))
    bases: list[tuple[int, Pointer]] = [(FRAME_POINTER, Pointer(w.frame)), *w.state.pointers()]
    usable = [
        (register, places)
        for register, pointer in bases
        if (pointer.region.writable or not written)
        and (not aligned or 1 << min(pointer.zeros, 3) >= size)
        and (places := _places(pointer, size, aligned))
    ]
    if not usable:
        return None
    register, places = w.choose.pick(usable)
    at = w.choose.number(0, len(places) + len(places) // _EDGE)
    return Access(register, places[at] if at < len(places) else places[0] if at % 2 else places[-1])


def load(w: Writer) -> None:
    """A load into any register."""
    read(w, w.choose.pick(w.features.loads))


def read(w: Writer, row: Row) -> None:
    """A load of this row."""
    found = access(w, row, row.name.startswith("LOAD"), False)
    if found is None:
        return
    dst = found.base if found.base in w.state.writable() and w.choose.rarely(6) else w.any_writable()
    w.emit(row, dst, found.base, found.offset)
    w.wrote(dst, Scalar() if row.name.startswith("LDXSX") else Scalar((1 << 8 * access_size(row)) - 1))


def store(w: Writer) -> None:
    """A store of a register or of an immediate."""
    write(w, w.choose.pick(w.features.stores))


def write(w: Writer, row: Row) -> None:
    """A store of this row; rarely of the address itself."""
    found = access(w, row, row.name.startswith("STORE"), True)
    if found is None:
        return
    if row.src == 0:
        w.emit(row, found.base, 0, found.offset, immediate(w.choose))
    else:
        w.emit(row, found.base, _source(w, found.base), found.offset)


def far(w: Writer) -> None:
    """An access whose offset is at an edge of 16 bits, or beside it, as often of eight bytes as of others."""
    rows = (*w.features.loads, *w.features.stores)
    wide = [one for one in rows if access_size(one) == 8]
    if not rows:
        return
    row = w.choose.pick(wide if wide and w.choose.mostly(3) else rows)
    size, written = access_size(row), not row.name.startswith("L")
    regions = [region for region in (w.frame, *w.regions) if region.high - region.low >= 2 * size and (region.writable or not written)]
    region, offset, base = w.choose.pick(regions), w.choose.pick(_EXTREME), w.any_writable()
    if w.choose.rarely(2):
        # It begins where an offset may, and may end where none does.
        offset = 0x7FFF - w.choose.number(0, size - 1)
    place = size * w.choose.number(-(-region.low // size), region.high // size - 1)
    w.pointer_to(region, base, place - offset)
    if not written:
        dst = w.any_writable()
        w.emit(row, dst, base, offset)
        w.wrote(dst, Scalar() if row.name.startswith("LDXSX") else Scalar((1 << 8 * size) - 1))
    elif row.src == 0:
        w.emit(row, base, 0, offset, immediate(w.choose))
    else:
        w.emit(row, base, _source(w, base), offset)


def _source(w: Writer, base: int) -> int:
    """A register to be stored."""
    if w.choose.rarely(12):
        return base
    return w.some_scalar((base,))


def _exchanged(w: Writer, base: int) -> int:
    """A register to be stored and overwritten."""
    if base in w.state.writable() and w.choose.rarely(8):
        return base
    known = [register for register in w.state.scalars() if register not in w.state.pinned]
    return w.choose.pick(known) if known else w.constant((base,))


def atomic(w: Writer) -> None:
    """An atomic read-modify-write operation."""
    update(w, w.choose.pick(w.features.atomics))


def update(w: Writer, row: Row) -> None:
    """An atomic operation of this row; what it compares with is a number, and often what is in memory."""
    if compares(row) and 0 in w.state.pinned:
        return
    if compares(row) and not isinstance(w.state.values[0], Scalar):
        w.arithmetic(MOV_IMM, 0, imm=immediate(w.choose))
    found = access(w, row, True, True)
    if found is None:
        return
    size = access_size(row)
    writes = row.src == "rw"
    if compares(row) and w.choose.mostly(3):
        w.emit(_LOAD_W if size == 4 else LOAD_DW, 0, found.base, found.offset)
        w.wrote(0, Scalar())
    src = _exchanged(w, found.base) if writes else _source(w, found.base)
    w.emit(row, found.base, src, found.offset)
    known = Scalar((1 << 8 * size) - 1)
    if compares(row):
        w.read(0)
        w.wrote(0, known)
    elif writes:
        w.wrote(src, known)


def point(w: Writer) -> None:
    """Make a register point somewhere: into a region, far outside so that the offset of an access leads back, or to a place that a number decides."""
    regions: Sequence[Region] = (w.frame, *w.regions)
    region = w.choose.pick(regions)
    register = w.any_writable()
    kind = w.choose.number(0, 3)
    inside = w.choose.number(region.low, region.high - 1)
    if kind == 1:
        inside = inside - w.choose.pick(_FAR)
    if kind >= 2:
        _vary(w, region, register)
        return
    w.pointer_to(region, register, inside)


def _vary(w: Writer, region: Region, register: int) -> None:
    """A pointer with a variable part: a number that is small enough, or made so, is added."""
    small = [one for one in w.state.scalars() if one != register and _bound(w.state.values[one]) < 64]
    if small and w.choose.mostly(3):
        index = w.choose.pick(small)
    else:
        index = w.choose.pick([one for one in w.state.scalars() if one != register and one not in w.state.pinned] or [-1])
        if index < 0:
            return
        reach, step = w.choose.pick(_REACHES), w.choose.pick((1, 2, 4, 8))
        w.arithmetic(_AND_IMM, index, imm=reach - 1 & -step)
    known = w.state.values[index]
    assert isinstance(known, Scalar)
    # Where the variable part may be as long as the region, the pointer begins where the region does.
    w.pointer_to(region, register, region.low)
    w.emit(_ADD_REG, register, index)
    w.wrote(register, Pointer(region, region.low, known.maximum, known.zeros))


def _bound(known: Value) -> int:
    return known.maximum if isinstance(known, Scalar) else 1 << 64


def move(w: Writer) -> None:
    """Copy an address into a register, the same one often, and move it within its region."""
    found = list(w.state.pointers())
    if not found:
        return
    source, pointer = w.choose.pick(found)
    register = w.any_writable() if source in w.state.pinned or w.choose.rarely(3) else source
    if register != source:
        w.emit(MOV_REG, register, source)
    distance = w.choose.number(pointer.region.low, pointer.region.high - 1) - pointer.offset
    w.emit(ADD_IMM, register, imm=distance)
    w.wrote(register, pointer._replace(offset=pointer.offset + distance))
