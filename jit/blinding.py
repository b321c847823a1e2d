"""Constant blinding: what a program holds as an immediate is not to be found in its image, because an image is memory that can be executed.

    w3 = 0x12345678          ori   ax, zero, 0x1234 ^ k1        k1, k0: the key of the instruction
                             xori  ax, ax, k1
                             sll   ax, ax, 16
                             ori   ax, ax, 0x5678 ^ k0
                             xori  ax, ax, k0
                             …     the code of w3 = ax

An instruction with an immediate becomes the same instruction with the register r11, which no program has, and which holds the immediate. What is
blinded is what Linux blinds (kernel/bpf/core.c, bpf_jit_blind_insn; there r11 is BPF_REG_AX): immediates of arithmetic and of conditional jumps, of
stores, of wide loads and of packet loads. Linux blinds neither shift counts, of which six bits matter, nor the offsets of loads, stores and jumps.

It happens where the instruction is lowered, not to the program: there are no more slots than before, so that jumps keep their distances, and the code
of r11 belongs to the instruction itself.

Each half of a constant has a key of its own, from 1 to 0xffff and not equal to that half, so that of each half neither word shows anything of 16 bits
that the program has chosen. Keys come from the whole program and a seed, and are different for each instruction.
"""

import struct
from collections.abc import Callable, Iterator, Mapping, Sequence
from hashlib import blake2b
from types import MappingProxyType
from typing import NamedTuple

from ebpf.instruction import REGISTERS, Instruction
from ebpf.opcodes import BY_NAME
from jit.code import Emitter
from jit.lowering import LOWERING

AX = REGISTERS
"""The number of the register that holds constants: r11."""

Key = Callable[[int], int]
"""From a slot to 64 bits, 16 for each half of its constant."""


def keys(slots: Sequence[Instruction], seed: int) -> Key:
    """The keys of a program. Both runs of a compiler with the same program and seed, anywhere, have the same ones."""
    program = blake2b(b"".join(struct.pack("<BBBhi", *slot) for slot in slots), key=b"%d" % seed).digest()
    return lambda slot: int.from_bytes(blake2b(b"%d" % slot, key=program, digest_size=8).digest(), "big")


def load(e: Emitter, value: int, wide: bool, key: int) -> None:
    """Put a constant into r11: 64 bits if wide, otherwise 32 bits, sign-extended. The length of the code does not depend on the constant."""
    if e.config.width == 64:
        _load(e, e.registers[AX], value, 4 if wide else 2, key)
        return
    low, high = e.registers[AX]
    _load(e, low, value, 2, key)
    if wide:
        _load(e, high, value >> 32, 2, key >> 32)
    else:
        e.op("sra", high, low, 31)


def _load(e: Emitter, register: int, value: int, halves: int, key: int) -> None:
    """The lowest halves of a value, of 16 bits each; two are a sign-extended word."""
    source = 0
    for at in reversed(range(halves)):
        half, secret = value >> 16 * at & 0xFFFF, _half_key(value >> 16 * at & 0xFFFF, key >> 16 * at & 0xFFFF)
        if source:
            e.op("sll" if halves == 2 else "dsll", register, register, 16)
        e.op("ori", register, source, half ^ secret)
        e.op("xori", register, register, secret)
        source = register


def _half_key(half: int, key: int) -> int:
    """A key other than zero, which would show the half in the first word, and than the half itself, which would show it in the second."""
    return key if key not in (0, half) else 1 if half != 1 else 2


def _register_form(name: str) -> str | None:
    """The row that does with r11 what a row does with its immediate; None for rows that are not blinded."""
    row = BY_NAME[name]
    if row.imm == "imm64":
        return "MOV64_REG"
    if row.imm != "imm" or "SH" in name:
        return None
    if row.group == "packet":
        return name.replace("LDABS", "LDIND")
    return name.replace("ST_", "STX_").replace("_IMM", "_REG")


FORMS: Mapping[str, str] = MappingProxyType({name: form for name in LOWERING if (form := _register_form(name)) is not None})
"""For each row that is blinded the row that its instructions become."""

if not set(FORMS.values()) <= set(LOWERING):
    raise ValueError(f"no code with a register for {', '.join(sorted(set(FORMS.values()) - set(LOWERING)))}")


class Blinding(NamedTuple):
    """What constant blinding is made of: for each row that is blinded another one; the keys; the code that loads r11."""

    forms: Mapping[str, str] = FORMS
    keys: Callable[[Sequence[Instruction], int], Key] = keys
    load: Callable[[Emitter, int, bool, int], None] = load


def with_register(instruction: Instruction, name: str, forms: Mapping[str, str]) -> Iterator[tuple[str, Instruction]]:
    """What does with r11 what an instruction of the row `name`, one of those that are blinded, does with its immediate: rows and instructions.

    These have the opcode of the one that they stand for. No program has them, because none has an r11.
    """
    if name.startswith("LDIND"):
        yield "ADD64_REG", Instruction(BY_NAME["ADD64_REG"].opcode, AX, instruction.src)
    yield forms[name], instruction._replace(src=AX, imm=0)
