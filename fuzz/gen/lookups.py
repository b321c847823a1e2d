"""Statements that work on maps: a look-up with what is done with the value, an update, a deletion.

key in the frame;  r1 = map;  r2 = address of the key;  call lookup;  if r0 == 0 goto N;  block that may access the value;  N:
"""

from typing import NamedTuple

from ebpf.instruction import FRAME_POINTER
from ebpf.opcodes import BY_NAME
from ebpf.program import Map, MapKind
from fuzz.environment.functions import MAP_DELETE_ELEM, MAP_LOOKUP_ELEM, MAP_UPDATE_ELEM
from fuzz.gen.calls import may_call, returned
from fuzz.gen.flow import Block
from fuzz.gen.state import Pointer, Region, Scalar
from fuzz.gen.writer import ADD_IMM, MOV_IMM, MOV_REG, Writer

MAPS: tuple[Map, ...] = (
    Map("array", MapKind.ARRAY, 4, 24, 3),
    Map("hash", MapKind.HASH, 8, 17, 2),
    Map("lru", MapKind.LRU_HASH, 16, 64, 2),
    Map("percpu", MapKind.PERCPU_ARRAY, 4, 8, 1),
)
"""The maps of a program that has some."""

_CALL, _JEQ, _JNE, _JA, _LDDW_MAP = (BY_NAME[name] for name in ("CALL", "JEQ64_IMM", "JNE64_IMM", "JA", "LDDW_MAP_FD"))
_STORE, _STORE_W = BY_NAME["ST_DW"], BY_NAME["ST_W"]
_LARGEST = max(declared.key_size for declared in MAPS)
_KEYS = 4
"""So many different keys there are, more than a map has entries."""


class _Chosen(NamedTuple):
    number: int
    map: Map


def _prepare(w: Writer) -> _Chosen:
    """A key in the frame, its address in r2, a map in r1."""
    number = w.choose.number(0, len(MAPS) - 1)
    declared = MAPS[number]
    place = _room(w, _LARGEST)
    key = w.choose.number(0, _KEYS - 1)
    for at in range(0, declared.key_size, 8):
        w.emit(_STORE if declared.key_size >= 8 else _STORE_W, FRAME_POINTER, 0, place + at, key if not at else -1)
    _point(w, 2, place)
    w.emit(_LDDW_MAP, 1, imm=w.first_map + number)
    w.wrote(1, None)
    return _Chosen(number, declared)


def _room(w: Writer, size: int) -> int:
    """A place in the frame, aligned to 8 bytes, with room for so many."""
    return w.choose.number(w.frame.low // 8, (w.frame.high - size) // 8) * 8


def _point(w: Writer, register: int, place: int) -> None:
    w.emit(MOV_REG, register, FRAME_POINTER)
    w.emit(ADD_IMM, register, imm=place)
    w.wrote(register, Pointer(w.frame, place))


def look_up(w: Writer, block: Block) -> None:
    """A look-up. Only where it has found something r0 is an address."""
    if not may_call(w):
        return
    chosen = _prepare(w)
    w.emit(_CALL, imm=MAP_LOOKUP_ELEM)
    returned(w, Scalar())
    after = w.new_place()
    if w.choose.rarely(3):
        found = w.new_place()
        w.emit(_JNE, 0, target=found)
        w.emit(_JA, target=after)
        w.place(found)
    else:
        w.emit(_JEQ, 0, target=after)
    w.wrote(0, None)
    before = w.state.copy()
    w.wrote(0, Pointer(Region("value", 0, chosen.map.value_size)))
    block(w)
    w.state.join(before)
    w.place(after)


def change(w: Writer) -> None:
    """An update or a deletion."""
    if not may_call(w):
        return
    if w.choose.rarely(4):
        _prepare(w)
        w.emit(_CALL, imm=MAP_DELETE_ELEM)
    else:
        chosen = _prepare(w)
        _point(w, 3, _room(w, chosen.map.value_size))
        w.emit(MOV_IMM, 4, imm=w.choose.pick((0, 0, 0, 1, 2, 3)))
        w.wrote(4, Scalar(3))
        w.emit(_CALL, imm=MAP_UPDATE_ELEM)
    returned(w, Scalar())
