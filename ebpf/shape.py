"""Programs as sequences of instructions: where they begin, where jumps lead, and what is left without some of them, or there with others."""

from collections.abc import Sequence
from dataclasses import replace

from ebpf.instruction import Instruction
from ebpf.opcodes import lookup
from ebpf.program import Program


def starts(slots: Sequence[Instruction]) -> list[int]:
    """The first slots of the instructions."""
    found, at = [], 0
    while at < len(slots):
        found.append(at)
        at += len(unit(slots, at))
    return found


def unit(slots: Sequence[Instruction], at: int) -> range:
    """The slots of the instruction that begins there."""
    row = lookup(slots[at])
    return range(at, at + (row.slots if row is not None else 1))


def distance(slots: Sequence[Instruction], at: int) -> tuple[str, int] | None:
    """The field of an instruction that holds a distance in slots, and the slot that it leads to; None when there is none."""
    row = lookup(slots[at])
    if row is None:
        return None
    if row.offset == "jump":
        return "offset", at + 1 + slots[at].offset
    if row.imm == "jump" or row.name == "LDDW_CODE":
        return "imm", at + 1 + slots[at].imm
    return None


def without(program: Program, gone: set[int]) -> Program | None:
    """The program without these slots, with jumps that lead where they led; None where a jump does not fit any more, or nothing is left."""
    slots = program.slots
    new, position = [], 0
    for at in range(len(slots) + 1):
        new.append(position)
        position += at not in gone
    kept: list[Instruction] = []
    for at in range(len(slots)):
        if at in gone:
            continue
        slot, led = slots[at], distance(slots, at)
        if led is not None:
            field, to = led
            if not 0 <= to <= len(slots):
                return None
            value = new[to] - new[at] - 1
            slot = slot._replace(offset=value) if field == "offset" else slot._replace(imm=value)
        kept.append(slot)
    return _moved(program, kept, new) if kept else None


def inserted(program: Program, at: int, slots: tuple[Instruction, ...]) -> Program | None:
    """The program with slots put before the instruction at `at`, where jumps to it now lead; None where a jump does not fit any more."""
    kept: list[Instruction] = []
    for place_of_slot, slot in enumerate(program.slots):
        if place_of_slot == at:
            kept += slots
        led = distance(program.slots, place_of_slot)
        if led is not None:
            field, to = led
            here = place_of_slot + (len(slots) if place_of_slot >= at else 0)
            value = to + (len(slots) if to > at else 0) - here - 1
            if not -(1 << 15) <= value < 1 << 15:
                return None
            slot = slot._replace(offset=value) if field == "offset" else slot._replace(imm=value)
        kept.append(slot)
    return _moved(program, kept, [start + (len(slots) if start > at else 0) for start in range(len(program.slots) + 1)])


def _moved(program: Program, slots: Sequence[Instruction], to: Sequence[int]) -> Program:
    """The program with other slots; `to` has the new place of each old one. Programs of prog arrays and the exception callback move along, or go."""
    maps = tuple(
        replace(declared, programs=tuple((index, to[start]) for index, start in declared.programs if to[start] < len(slots)))
        for declared in program.maps
    )
    callback = None if program.exception_callback is None else to[program.exception_callback]
    callback = callback if callback and callback < len(slots) else None
    return replace(program, slots=tuple(slots), lines={}, labels={}, maps=maps, exception_callback=callback)
