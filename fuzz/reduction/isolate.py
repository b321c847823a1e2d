"""The instruction that went wrong by itself: the first steps of a reduction, which mostly are all that it takes.

    alone      r1 = what it held; r2 = what it held; r1 -= r2; exit
    ended      the program as far as there, and an exit
    executed   without what the input does not reach

Where these do not fail in the same way, more than the instruction and its operands is needed, and `fuzz.reduction.passes` finds out what.
"""

from collections.abc import Iterator, Sequence
from dataclasses import replace

from ebpf.assembler import assemble
from ebpf.instruction import FRAME_POINTER, Instruction
from ebpf.opcodes import BY_NAME, lookup
from ebpf.program import Program
from ebpf.shape import inserted, unit, without
from fuzz.case import Case
from fuzz.judge import interpret
from fuzz.layout import place
from fuzz.lockstep import written
from jit.config import Config

_STATES = 4
"""So many different operands of an instruction that is executed again and again are tried."""

_PAGE = 16
"""Bits of an address that are left out to ask whether a number may be an address."""

_EXIT = Instruction(BY_NAME["EXIT"].opcode, 0, 0, 0, 0)


def alone(case: Case, config: Config, slot: int) -> Iterator[Program]:
    """The instruction with its operands as constants, for each of the first operands that the oracle has there; nothing where they hold addresses."""
    slots = case.program.slots
    row = lookup(slots[slot])
    if row is None or row.imm == "jump" or "memory" in (row.offset, row.imm) or row.name.startswith(("CALL", "LDABS", "LDIND", "EXIT")):
        return
    instruction = list(slots[slot : unit(slots, slot).stop])
    registers = dict.fromkeys(
        number for number, kind in ((slots[slot].dst, row.dst), (slots[slot].src, row.src)) if isinstance(kind, str) and number != FRAME_POINTER
    )
    placement = place(case, config)
    pages = {segment.address >> _PAGE for segment in placement.segments}
    states = dict.fromkeys(tuple(state[number] for number in registers) for at, state in interpret(placement, trace=True).outcome.trace if at == slot)
    for state in [*states][:_STATES]:
        loads = [_load(number, int(value)) for number, value in zip(registers, state, strict=True) if value is not None]
        if any(value is not None and value >> _PAGE in pages for value in state):
            continue
        code = [each for load in loads for each in load]
        if row.offset == "jump":
            code += [*_zero(), instruction[0]._replace(offset=1), *_load(0, 1), _EXIT]
        else:
            code += [*instruction, *([] if 0 in written(slots[slot]) else _zero()), _EXIT]
        # The other programs and functions are gone; the maps stay, for what refers to them.
        maps = tuple(replace(declared, programs=()) for declared in case.program.maps)
        yield replace(case.program, slots=tuple(code), lines={}, labels={}, maps=maps, exception_callback=None)


def ended(program: Program, slot: int) -> Program | None:
    """With an exit behind the instruction; None where a jump does not fit any more."""
    behind = unit(program.slots, slot).stop
    return inserted(program, behind, (*_zero(), _EXIT)) if behind < len(program.slots) else None


def executed(case: Case, config: Config) -> Program | None:
    """Without what the oracle does not execute; None where nothing is left out."""
    slots = case.program.slots
    seen = {slot for at, _ in interpret(place(case, config), trace=True).outcome.trace for slot in unit(slots, at)}
    gone = set(range(len(slots))) - seen
    maps = tuple(
        replace(declared, programs=tuple((index, start) for index, start in declared.programs if start in seen)) for declared in case.program.maps
    )
    return without(replace(case.program, maps=maps), gone) if gone else None


def _zero() -> Sequence[Instruction]:
    return _load(0, 0)


def _load(register: int, value: int) -> Sequence[Instruction]:
    signed = value - (value >> 63 << 64)
    if -(1 << 31) <= signed < 1 << 31:
        return (Instruction(BY_NAME["MOV64_IMM"].opcode, register, 0, 0, signed),)
    return assemble(f"r{register} = {value:#x} ll", "constant").slots
