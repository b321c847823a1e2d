"""Instructions put into a program: everything behind them moves, and all distances that cross them grow."""

from collections.abc import Mapping
from dataclasses import replace

from ebpf.instruction import Instruction
from ebpf.opcodes import lookup
from ebpf.program import Program, ProgramError
from ebpf.validity import target


def insert_behind(program: Program, added: Mapping[int, Instruction]) -> Program:
    """A valid program with an instruction of one slot behind each of those that begin at the slots of `added`.

    A jump to what follows goes there as before, and passes over what was put in. Raises ProgramError for a distance that no longer fits.
    """
    places: list[int] = []
    count, at = 0, 0
    while at < len(program.slots):
        row = lookup(program.slots[at])
        assert row is not None
        places += [at + count + second for second in range(row.slots)]
        count += at in added
        at += row.slots
    slots: list[Instruction] = []
    at = 0
    while at < len(program.slots):
        row = lookup(program.slots[at])
        assert row is not None
        first = program.slots[at]
        to = target(row, first, at)
        if to is not None:
            field, bits = ("offset", 16) if row.offset == "jump" else ("imm", 32)
            distance = places[to] - places[at] - 1
            if not -(1 << bits - 1) <= distance < 1 << bits - 1:
                raise ProgramError(f"{program.source}: {program.section}: instruction {at}: with what is put in, a distance of {distance} slots")
            first = first._replace(**{field: distance})
        slots += (first, *program.slots[at + 1 : at + row.slots])
        if at in added:
            slots.append(added[at])
        at += row.slots
    lines = {places[slot]: line for slot, line in program.lines.items()}
    labels = {places[slot]: label for slot, label in program.labels.items()}
    callback = None if program.exception_callback is None else places[program.exception_callback]
    maps = tuple(replace(one, programs=tuple((index, places[slot]) for index, slot in one.programs)) for one in program.maps)
    return replace(program, slots=tuple(slots), lines=lines, labels=labels, maps=maps, exception_callback=callback)
