"""The passes of a reduction: each tries one way to make a case smaller at every place of it.

A case is 1-minimal when no single step of any pass can be taken. A pass is a row of `PASSES`.
"""

from collections.abc import Callable, Iterator
from dataclasses import replace
from itertools import pairwise
from typing import NamedTuple

from ebpf.instruction import Instruction
from ebpf.opcodes import BY_NAME, lookup
from ebpf.shape import starts, unit, without
from fuzz.case import Case
from fuzz.judge import interpret
from fuzz.layout import place
from fuzz.reduction.reducer import Reducer
from oracle.world import NO_PACKET

_PAGE = 16
"""Bits of an address that are left out to ask whether a number may be an address."""


def make_small(reducer: Reducer) -> None:
    """All passes, until none of them changes anything."""
    while reducer.left > 0:
        before = reducer.program, reducer.given
        for each in PASSES:
            each.run(reducer)
        if (reducer.program, reducer.given) == before:
            return


def _programs(reducer: Reducer) -> None:
    """A prog array without one of its programs, which then may be left out itself."""
    for number, declared in enumerate(reducer.program.maps):
        for entry in declared.programs:
            maps = reducer.program.maps
            rest = tuple(other for other in maps[number].programs if other != entry)
            reducer.try_program(replace(reducer.program, maps=(*maps[:number], replace(maps[number], programs=rest), *maps[number + 1 :])))


def _leave_out(reducer: Reducer) -> None:
    size = max(1, len(starts(reducer.program.slots)) // 2)
    while True:
        at = len(starts(reducer.program.slots)) - size
        while at >= 0 and reducer.left > 0:
            units = starts(reducer.program.slots)
            gone = {slot for start in units[at : at + size] for slot in unit(reducer.program.slots, start)}
            reducer.try_program(without(reducer.program, gone))
            at -= size
        if size == 1:
            return
        size = max(1, size // 2)


def _constants(reducer: Reducer) -> None:
    """A value that is loaded depends on the byte order, and on an input; so do results of calls. An address would depend on the width."""
    at = 0
    while at < len(reducer.program.slots) and reducer.left > 0:
        register = _fetches(reducer.program.slots[at])
        if register is not None and (value := _fetched(reducer, at, register)) is not None:
            signed = value - (1 << 64) if value >> 63 else value
            if -(1 << 31) <= signed < 1 << 31:
                reducer.try_slots((*reducer.program.slots[:at], _constant(register, signed), *reducer.program.slots[at + 1 :]))
        at += 1


def _fetches(slot: Instruction) -> int | None:
    """The register into which an instruction loads something, from memory or a packet, or what a function returns; None for others."""
    row = lookup(slot)
    if row is None:
        return None
    if row.name.startswith(("LDABS", "LDIND", "CALL")):
        return 0
    return slot.dst if row.offset == "memory" and row.dst == "w" else None


def _constant(register: int, value: int) -> Instruction:
    return Instruction(BY_NAME["MOV64_IMM"].opcode, register, 0, 0, value)


def _fetched(reducer: Reducer, at: int, register: int) -> int | None:
    """What the instruction there first loads."""
    placement = place(Case(reducer.program, reducer.given), reducer.config)
    trace = interpret(placement, trace=True).outcome.trace
    value = next((after[register] for (slot, _), (_, after) in pairwise(trace) if slot == at), None)
    pages = {segment.address >> _PAGE for segment in placement.segments}
    return None if value is not None and value >> _PAGE in pages else value


def _simplify(reducer: Reducer) -> None:
    at = 0
    while at < len(reducer.program.slots) and reducer.left > 0:
        for simpler in _simpler(reducer.program.slots[at]):
            slots = reducer.program.slots
            if reducer.try_slots((*slots[:at], simpler, *slots[at + 1 :])):
                break
        at += 1


def _simpler(slot: Instruction) -> Iterator[Instruction]:
    row = lookup(slot)
    if row is None:
        return
    if row.imm == "imm":
        yield from (slot._replace(imm=imm) for imm in (0, 1, -1, slot.imm & 0xFF, slot.imm & 0x7FFF) if abs(imm) < abs(slot.imm))
    if row.offset == "memory":
        base = "src" if row.dst == "w" else "dst"
        yield from (slot._replace(offset=offset, **{base: number}) for number, offset in ((1, 0), (10, -8)) if offset != slot.offset)
        if slot.offset and getattr(slot, base) != 10:
            yield slot._replace(offset=0)
    if isinstance(row.src, str) and row.offset != "memory" and slot.src != slot.dst and row.src == "r":
        yield from (slot._replace(src=number) for number in range(min(slot.src, 10)) if number != slot.dst)


def _renumber(reducer: Reducer) -> None:
    """Each register becomes a lower one throughout that the program does not name."""
    for number in range(9, 0, -1):
        used = {register for slot in reducer.program.slots for register in _registers(slot)}
        for lower in range(number) if number in used else ():
            if lower not in used and reducer.try_slots([_renamed(slot, number, lower) for slot in reducer.program.slots]):
                break


def _registers(slot: Instruction) -> Iterator[int]:
    row = lookup(slot)
    if row is not None:
        yield from (slot.dst,) if isinstance(row.dst, str) else ()
        yield from (slot.src,) if isinstance(row.src, str) else ()


def _renamed(slot: Instruction, number: int, lower: int) -> Instruction:
    row = lookup(slot)
    if row is not None and isinstance(row.dst, str) and slot.dst == number:
        slot = slot._replace(dst=lower)
    if row is not None and isinstance(row.src, str) and slot.src == number:
        slot = slot._replace(src=lower)
    return slot


def _packet(reducer: Reducer) -> None:
    if reducer.given.packet != NO_PACKET:
        reducer.try_input(replace(reducer.given, packet=NO_PACKET))


def _context(reducer: Reducer) -> None:
    while len(reducer.given.memory) > 8 and reducer.try_input(replace(reducer.given, memory=reducer.given.memory[: len(reducer.given.memory) // 2])):
        pass
    reducer.try_input(replace(reducer.given, memory=bytes(len(reducer.given.memory))))
    size = len(reducer.given.memory)
    while size >= 1 and reducer.left > 0:
        for at in range(0, len(reducer.given.memory), size):
            memory = reducer.given.memory
            reducer.try_input(replace(reducer.given, memory=memory[:at] + bytes(len(memory[at : at + size])) + memory[at + size :]))
        size //= 2


def _seed(reducer: Reducer) -> None:
    reducer.try_input(replace(reducer.given, seed=0))


def _maps(reducer: Reducer) -> None:
    """The last declared map as long as nothing refers to it; maps of one entry."""
    while reducer.program.maps and reducer.try_program(replace(reducer.program, maps=reducer.program.maps[:-1])):
        pass
    for number, declared in enumerate(reducer.program.maps):
        if declared.entries > 1 and not declared.programs:
            maps = reducer.program.maps
            reducer.try_program(replace(reducer.program, maps=(*maps[:number], replace(declared, entries=1), *maps[number + 1 :])))


def _data(reducer: Reducer) -> None:
    if reducer.program.data and not reducer.program.maps:
        reducer.try_program(replace(reducer.program, data=()))


class Pass(NamedTuple):
    """One way to make a case smaller, tried at every place of it."""

    name: str
    run: Callable[[Reducer], None]


PASSES = (
    Pass("prog arrays without one of their programs", _programs),
    Pass("runs of instructions left out, half of the program at first, single ones at last", _leave_out),
    Pass("constants in the place of loads and calls", _constants),
    Pass("smaller immediates, no offset, lower source registers", _simplify),
    Pass("lower registers", _renumber),
    Pass("no packet", _packet),
    Pass("a shorter context of zeros", _context),
    Pass("seed 0", _seed),
    Pass("no data sections", _data),
    Pass("fewer and smaller maps", _maps),
)
"""In the order in which they are run."""
