"""Statements that leave for good: tail calls into other programs, and exceptions.

tail call    r1 = memory that the other program is given;  r2 = prog array;  r3 = index;  call 12;  what follows where there is no such program
exception    r1 = cookie;  call bpf_throw

Programs that tail calls reach get 64 bytes of memory and nothing else, count in it that they have run, and may make tail calls themselves, to
themselves as well: there are 33 at most in a run, and what comes after the last one is reached whatever the programs do.
"""

from dataclasses import dataclass

from ebpf.instruction import TAIL_CALL
from ebpf.program import Map, MapKind
from fuzz.environment.functions import THROW
from fuzz.gen.calls import may_call
from fuzz.gen.code import Code, row
from fuzz.gen.state import Pointer, Region, Scalar
from fuzz.gen.values import immediate
from fuzz.gen.writer import ADD_IMM, LDDW, LOAD_DW, MOV_IMM, MOV_REG, Writer

SHARED = Region("shared", 0, 64)
"""What a program that a tail call reaches is given."""

_CALL, _CALL_KERNEL, _LDDW_MAP, _AND, _STORE = row("CALL"), row("CALL_KERNEL"), row("LDDW_MAP_FD"), row("AND64_IMM"), row("STX_DW")
_ALIGNMENT = 8


@dataclass(frozen=True, slots=True)
class Target:
    """A program that tail calls reach: its first instruction, and its code."""

    place: int
    code: Code


def prog_array(places: list[int], slots: dict[int, int]) -> Map:
    """The prog array with the programs at these places, of which `slots` says where they are. Between and behind them are empty entries."""
    return Map("programs", MapKind.PROG_ARRAY, 4, 4, 2 * len(places), tuple((2 * at, slots[place]) for at, place in enumerate(places)))


def tail_call(w: Writer, array: int, programs: int, sure: bool = False) -> bool:
    """A tail call by the prog array with this number, which holds so many programs; false where there is nothing that a program could be given.

    A sure one reaches a program, unless there were too many before.
    """
    if not may_call(w) or not _give(w):
        return False
    w.emit(_LDDW_MAP, 2, imm=array)
    _index(w, programs, sure)
    w.emit(_CALL, imm=TAIL_CALL)
    w.state.forget_arguments()
    w.state.fresh -= frozenset(range(1, 6))
    return True


def _give(w: Writer) -> bool:
    """The address of 64 bytes in r1."""
    held = [(register, known) for register, known in w.state.pointers() if not known.reach and _room(known.region)]
    made = [region for region in w.regions if _room(region)]
    if not held and not made:
        return False
    at = w.choose.number(0, len(held) + len(made) - 1)
    if at >= len(held):
        region = made[at - len(held)]
        w.pointer_to(region, 1, _place(w, region))
        return True
    register, known = held[at]
    if register != 1:
        w.emit(MOV_REG, 1, register)
    distance = _place(w, known.region) - known.offset
    if distance:
        w.emit(ADD_IMM, 1, imm=distance)
    w.wrote(1, Pointer(known.region, known.offset + distance))
    return True


def _room(region: Region) -> bool:
    return region.writable and region.name not in ("frame", "value") and region.high - region.low >= SHARED.high


def _place(w: Writer, region: Region) -> int:
    return w.choose.number(0, (region.high - region.low - SHARED.high) // _ALIGNMENT) * _ALIGNMENT + region.low


def _index(w: Writer, programs: int, sure: bool) -> None:
    """The index of a program; but for sure ones rarely of an empty entry, one outside, or one that only the word in r3 says."""
    kind = 5 * w.choose.number(0, 1) if sure else w.choose.number(0, 10)
    inside = 2 * w.choose.number(0, programs - 1)
    if kind == 3:
        w.arithmetic(MOV_IMM, 3, imm=inside + 1)
    elif kind in (4, 10):
        w.arithmetic(MOV_IMM, 3, imm=w.choose.pick((2 * programs, -1, 0x7FFFFFFF, -(1 << 31), inside - (1 << 31))))
    elif kind in (5, 6, 7):
        # The upper half is no part of the index.
        w.load_constant(3, w.choose.number(1, (1 << 32) - 1) << 32 | inside)
    elif kind == 8 and (numbers := [register for register in w.state.scalars() if register > 3 or not register]):
        w.emit(MOV_REG, 3, w.choose.pick(numbers))
        w.wrote(3, Scalar())
        w.arithmetic(_AND, 3, imm=w.choose.pick((3, 1, -4)))
    else:
        w.arithmetic(MOV_IMM, 3, imm=inside)


def count(w: Writer) -> None:
    """Add to a word of what the program is given, so that it shows how often it has run."""
    place = 8 * w.choose.number(0, SHARED.high // 8 - 1)
    w.emit(LOAD_DW, 0, 1, place)
    w.wrote(0, Scalar())
    w.arithmetic(ADD_IMM, 0, imm=1)
    w.emit(_STORE, 1, 0, place)


def throw(w: Writer) -> None:
    """An exception. What is known afterwards means nothing."""
    known = w.state.scalars()
    if 1 not in known:
        if known:
            w.emit(MOV_REG, 1, w.choose.pick(known))
        elif w.choose.rarely(2):
            w.emit(LDDW, 1, imm=w.choose.number(0, (1 << 64) - 1))
        else:
            w.emit(MOV_IMM, 1, imm=immediate(w.choose))
        w.wrote(1, Scalar())
    w.read(1)
    w.emit(_CALL_KERNEL, imm=THROW)
    w.thrown[0] = True
