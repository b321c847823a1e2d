"""The oracle: what a program does, after RFC 9669.

    slots --decode (once per program)--> one step per slot --execute--> Outcome

A step is the meaning of the instruction (`oracle.operations`) bound to its fields; it changes the machine and returns the next slot.
A slot that is no instruction gets a step that faults, so that only a program that comes there is told.
"""

from collections.abc import Sequence
from functools import lru_cache, partial

from ebpf.instruction import FRAME_POINTER, REGISTERS, Instruction
from ebpf.opcodes import Row, lookup
from ebpf.program import wide_immediate
from oracle.arithmetic import u32, u64
from oracle.faults import FaultError
from oracle.halves import Step, relying
from oracle.machine import EXITED, Decoded, Machine
from oracle.operations import OPERATIONS
from oracle.outcome import Fault, FaultKind, Outcome
from oracle.world import World


def run(slots: Sequence[Instruction], world: World, trace: bool = False) -> Outcome:
    """Execute a linked program from slot 0 until the main program exits or a fault ends it.

    `Outcome.executed` counts the instructions begun, the faulting one included; the trace has an entry for each of them. After a fault
    registers and memory are as before the faulting instruction; the registers are those of the function that was active.
    Raises ValueError for a world that makes no sense and for a helper whose result is no unsigned 64-bit value.
    """
    steps = decode(tuple(slots), world.marked)
    machine = Machine.start(world)
    limit = world.instruction_limit
    history: list[tuple[int, tuple[int | None, ...]]] = []
    fault = None
    slot = executed = 0
    try:
        while slot != EXITED:
            if executed == limit:
                raise FaultError(FaultKind.INSTRUCTION_LIMIT, detail=str(executed))
            executed += 1
            if trace:
                history.append((slot, tuple(machine.registers)))
            slot = steps[slot](machine)
    except FaultError as error:
        fault = Fault(error.kind, slot, error.address, error.size, error.detail)
    return Outcome(
        registers=tuple(machine.registers),
        return_value=u32(machine.read(0)) if fault is None else None,
        memory=machine.memory.contents(),
        fault=fault,
        executed=executed,
        trace=tuple(history),
    )


# A program runs in several worlds and on many inputs, and decoding takes longer than executing a short one.
@lru_cache(maxsize=64)
def decode(slots: tuple[Instruction, ...], marked: bool = False) -> tuple[Step, ...]:
    """A step for each slot, and one for the place behind the last slot; for a world with marks or without."""
    return (*(_decode_slot(slots, at, marked) for at in range(len(slots))), partial(_refuse, "the program runs past its end"))


def _refuse(detail: str, machine: Machine) -> int:
    raise FaultError(FaultKind.INVALID, detail=detail)


def _decode_slot(slots: tuple[Instruction, ...], at: int, marked: bool) -> Step:
    instruction = slots[at]
    row = lookup(instruction)
    if row is None:
        return partial(_refuse, f"no instruction has opcode {instruction.opcode:#04x} with these fields")
    following = at + row.slots
    target = following + (instruction.imm if row.imm == "jump" else instruction.offset)
    detail = _what_is_wrong(row, slots, at, target)
    if detail:
        return partial(_refuse, detail)
    immediate = wide_immediate(instruction, slots[at + 1]) if row.slots == 2 else u64(instruction.imm)
    decoded = Decoded(instruction.dst, instruction.src, instruction.offset, instruction.imm, immediate, following, target)
    step: Step = partial(OPERATIONS[row.name], decoded)
    return relying(step, row, instruction) if marked else step


def _what_is_wrong(row: Row, slots: tuple[Instruction, ...], at: int, target: int) -> str:
    """What a validity check would have refused and the oracle must not guess about; empty when there is nothing."""
    instruction = slots[at]
    for field, register in ((row.dst, instruction.dst), (row.src, instruction.src)):
        if isinstance(field, str) and not 0 <= register < REGISTERS:
            return f"there is no r{register}"
        if field in ("w", "rw") and register == FRAME_POINTER:
            return f"r{FRAME_POINTER} is read-only"
    if "jump" in (row.offset, row.imm) and not 0 <= target < len(slots):
        return f"jump to {target}, outside the program"
    if row.slots == 2 and (at + 1 == len(slots) or slots[at + 1]._replace(imm=0) != Instruction(0)):
        return "the second half of a wide instruction is missing"
    return ""
