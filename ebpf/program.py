"""A program as it comes from an assembly file or an ELF object, and the link step that gives its data addresses.

Slots refer to data through wide loads of the form `lddw dst, map_value(map index, offset)`, as libbpf leaves them after it has
turned `.rodata`, `.data` and `.bss` into maps: the index counts in `Program.data`. Linking replaces each by a plain 64-bit
immediate, because oracle and JIT see, as the kernel's JITs do, a program in which all addresses are known.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Literal

from ebpf.instruction import Instruction

ByteOrder = Literal["little", "big"]

LDDW = 0x18
MAP_VALUE = 2
VARIABLE = 3
CODE = 4


def printable(text: str) -> str:
    """The text with everything escaped that is no printable character: names come from strangers, and a terminal obeys control characters."""
    return "".join(character if character.isprintable() else character.encode("unicode_escape").decode("ascii") for character in text)


class ProgramError(Exception):
    """Unusable input. The message is one line: file, section, instruction where they are known, and the reason."""

    def __str__(self) -> str:
        return printable(super().__str__())


@dataclass(frozen=True, slots=True)
class DataSection:
    """A `.rodata`, `.data` or `.bss` section: its name, its contents at the start and whether the program may write to it."""

    name: str
    contents: bytes
    writable: bool
    alignment: int = 8


@dataclass(frozen=True, slots=True)
class Program:
    """Slots of the entry function followed by those of its subprograms, and the data sections that they refer to.

    `source` and `section` say where the program came from, for messages. `byte_order` is set when the program came from an
    object that was compiled for one byte order and means something else on the other. `lines` maps a slot to a line of the
    source file, where there is one. `labels` names the slots at which functions start.
    """

    source: str
    section: str
    slots: tuple[Instruction, ...]
    data: tuple[DataSection, ...] = ()
    byte_order: ByteOrder | None = None
    lines: Mapping[int, int] = field(default_factory=dict)
    labels: Mapping[int, str] = field(default_factory=dict)


def wide_immediate(low: Instruction, high: Instruction) -> int:
    """The unsigned 64-bit immediate that two slots carry (RFC 9669 section 5.4)."""
    return (high.imm & 0xFFFFFFFF) << 32 | (low.imm & 0xFFFFFFFF)


def wide_slots(dst: int, value: int) -> tuple[Instruction, Instruction]:
    """The two slots of `lddw dst, value`, for an unsigned 64-bit value; raises ValueError when it does not fit."""
    if not 0 <= value < 1 << 64:
        raise ValueError(f"lddw of {value}: not an unsigned 64-bit value")
    low, high = value & 0xFFFFFFFF, value >> 32
    return (
        Instruction(LDDW, dst, 0, 0, low - (1 << 32) if low >> 31 else low),
        Instruction(0, 0, 0, 0, high - (1 << 32) if high >> 31 else high),
    )


def link(program: Program, data: Sequence[int], code: int) -> tuple[Instruction, ...]:
    """The slots with every symbolic wide load replaced by a plain one.

    `data[i]` is the address of data section i. A function address becomes the opaque number `code` + 8 * slot. Raises
    ProgramError for a reference to something that the program does not have.
    """
    slots = list(program.slots)
    for at, slot in enumerate(slots):
        if slot.opcode != LDDW or slot.src == 0:
            continue
        if slot.src == MAP_VALUE and 0 <= slot.imm < len(data):
            address = data[slot.imm] + slots[at + 1].imm
        elif slot.src == CODE and 0 <= at + 1 + slot.imm < len(slots):
            address = code + 8 * (at + 1 + slot.imm)
        else:
            what = {1: "map", 2: "data section", VARIABLE: "variable", CODE: "function at distance", 5: "map", 6: "map"}.get(slot.src)
            raise ProgramError(f"{program.source}: {program.section}: instruction {at}: lddw refers to unknown {what} {slot.imm}")
        slots[at : at + 2] = wide_slots(slot.dst, address & 0xFFFFFFFFFFFFFFFF)
    return tuple(slots)
