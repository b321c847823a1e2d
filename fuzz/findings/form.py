"""Whether the form of the wrong operation matters, register or immediate as the second operand: found by judging the case in the other form.

    r1 += r2     the immediate is what r2 held            r1 += 7      r9 = 7; r1 += r9

Many compilers have one piece of code for both, and then the form is chance; where each has its own, a bug is in one of them. Where the other form
cannot be made (a value that no immediate holds, no register that is free) the form is left open.
"""

from collections.abc import Callable
from dataclasses import replace

from ebpf.instruction import Instruction
from ebpf.opcodes import BY_NAME, lookup
from ebpf.program import Program
from ebpf.shape import inserted
from fuzz.case import Case
from fuzz.judge import interpret
from fuzz.layout import place
from jit.config import Config

REGISTER, IMMEDIATE = "_REG", "_IMM"
_FREE = (9, 8, 7, 6)
"""Registers that no call reads or destroys."""


def form(case: Case, config: Config, slot: int | None, fails: Callable[[Program], bool | None]) -> str:
    """The form in which alone the operation in this slot goes wrong, empty where it does in both, or nobody can say.

    `fails` says whether a program fails in the same way, None where it cannot be judged.
    """
    if slot is None or slot >= len(case.program.slots):
        return ""
    row = lookup(case.program.slots[slot])
    if row is None or row.name[-4:] not in (REGISTER, IMMEDIATE):
        return ""
    other = _with_immediate(case, config, slot) if row.name.endswith(REGISTER) else _with_register(case.program, slot)
    return row.name[-4:] if other is not None and fails(other) is False else ""


def _with_immediate(case: Case, config: Config, slot: int) -> Program | None:
    """With what the register held when the oracle first came there."""
    found = case.program.slots[slot]
    row = lookup(found)
    name = "" if row is None else row.name.removesuffix(REGISTER) + IMMEDIATE
    value = next((registers[found.src] for at, registers in interpret(place(case, config), trace=True).outcome.trace if at == slot), None)
    if name not in BY_NAME or value is None:
        return None
    if "32" in name:
        value &= 0xFFFF_FFFF
        value -= value >> 31 << 32
    else:
        value -= value >> 63 << 64
    if not -(1 << 31) <= value < 1 << 31:
        return None
    return _changed(case.program, slot, found._replace(opcode=BY_NAME[name].opcode, src=0, imm=int(value)))


def _with_register(program: Program, slot: int) -> Program | None:
    found = program.slots[slot]
    row = lookup(found)
    name = "" if row is None else row.name.removesuffix(IMMEDIATE) + REGISTER
    named, later = ({register for each in slots for register in (each.dst, each.src)} for slots in (program.slots, program.slots[slot:]))
    # One that is named before only is as good, where no jump leads back: what it holds then matters to nobody.
    free = next((register for gone in (named, later) for register in _FREE if register not in gone), None)
    if name not in BY_NAME or free is None:
        return None
    changed = _changed(program, slot, found._replace(opcode=BY_NAME[name].opcode, src=free, imm=0))
    return inserted(changed, slot, (Instruction(BY_NAME["MOV64_IMM"].opcode, free, 0, 0, found.imm),))


def _changed(program: Program, slot: int, instruction: Instruction) -> Program:
    return replace(program, slots=(*program.slots[:slot], instruction, *program.slots[slot + 1 :]))
