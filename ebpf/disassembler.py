"""Slots to LLVM's dialect: the inverse of `ebpf.assembler`."""

from collections.abc import Sequence

from ebpf.instruction import Instruction
from ebpf.notation import LLVM, write
from ebpf.opcodes import lookup
from ebpf.validity import defect


def disassemble(slots: Sequence[Instruction]) -> tuple[str, ...]:
    """One text for each slot, empty for the second slot of a wide instruction; jumps as distances, immediates in signed decimal as LLVM writes them.

    Raises ValueError, naming slot and reason, for an instruction that has no text because its fields are not well-formed.
    """
    lines: list[str] = []
    while (at := len(lines)) < len(slots):
        row = lookup(slots[at])
        reason = defect(slots, at)
        if reason is not None or row is None:
            raise ValueError(f"instruction {at}: {reason}")
        lines.append(write(LLVM, row, slots, at))
        lines += [""] * (row.slots - 1)
    return tuple(lines)
