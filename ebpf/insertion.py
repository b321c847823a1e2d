"""Instructions put into a program: everything behind them moves, and all distances that cross them grow."""

from collections.abc import Mapping, Sequence
from dataclasses import replace
from types import MappingProxyType

from ebpf.instruction import Instruction
from ebpf.opcodes import lookup
from ebpf.program import Program, ProgramError
from ebpf.validity import target

_NOTHING: Mapping[int, Instruction] = MappingProxyType({})


def insert_behind(program: Program, added: Mapping[int, Sequence[Instruction]], instead: Mapping[int, Instruction] = _NOTHING) -> Program:
    """A valid program with instructions of one slot each behind those that begin at the slots of `added`, and others in place of those in `instead`.

    A jump to what follows goes there as before, and passes over what was put in; a jump to what was replaced goes to what takes its place. Neither
    may be a jump out of what is put in. Raises ProgramError for a distance that no longer fits.
    """
    places: list[int] = []
    count, at = 0, 0
    while at < len(program.slots):
        row = lookup(program.slots[at])
        assert row is not None
        places += [at + count + second for second in range(row.slots)]
        count += len(added.get(at, ()))
        at += row.slots
    slots: list[Instruction] = []
    at = 0
    while at < len(program.slots):
        row = lookup(program.slots[at])
        assert row is not None
        first = instead.get(at, program.slots[at])
        to = None if at in instead else target(row, first, at)
        if to is not None:
            field, bits = ("offset", 16) if row.offset == "jump" else ("imm", 32)
            distance = places[to] - places[at] - 1
            if not -(1 << bits - 1) <= distance < 1 << bits - 1:
                raise ProgramError(f"{program.source}: {program.section}: instruction {at}: with what is put in, a distance of {distance} slots")
            first = first._replace(**{field: distance})
        slots += (first, *program.slots[at + 1 : at + row.slots])
        slots += added.get(at, ())
        at += row.slots
    lines = {places[slot]: line for slot, line in program.lines.items()}
    labels = {places[slot]: label for slot, label in program.labels.items()}
    callback = None if program.exception_callback is None else places[program.exception_callback]
    maps = tuple(replace(one, programs=tuple((index, places[slot]) for index, slot in one.programs)) for one in program.maps)
    return replace(program, slots=tuple(slots), lines=lines, labels=labels, maps=maps, exception_callback=callback)
