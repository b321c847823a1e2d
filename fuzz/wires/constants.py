"""The constants that a program has chosen, and where they may be in an image: what the tripwire `blinding` looks at."""

from collections.abc import Iterator, Mapping, Sequence
from functools import lru_cache
from typing import NamedTuple

from ebpf.instruction import Instruction
from ebpf.opcodes import Row, lookup
from ebpf.program import wide_immediate
from fuzz.recording.kept import kept
from jit.compiled import Compiled
from jit.mips import decode

_EACH_HALF = 0x0001_0001
"""What other constants differ in: a bit of each half, and not the sign."""


class Constant(NamedTuple):
    """The constant of the instruction in a slot, unsigned, of 32 or 64 bits."""

    slot: int
    instruction: Instruction
    row: Row
    value: int
    bits: int


@kept(64)
def constants(slots: tuple[Instruction, ...]) -> tuple[Constant, ...]:
    """Those of a valid program."""
    return tuple(_constants(slots))


def _constants(slots: Sequence[Instruction]) -> Iterator[Constant]:
    at = 0
    while at < len(slots):
        row = lookup(slots[at])
        assert row is not None, "programs are valid"
        if row.slots == 2:
            yield Constant(at, slots[at], row, wide_immediate(slots[at], slots[at + 1]), 64)
        elif row.imm == "imm" and not row.name.startswith(("LSH", "RSH", "ARSH")):
            yield Constant(at, slots[at], row, slots[at].imm & 0xFFFFFFFF, 32)
        at += row.slots


@kept(64)
def with_others(slots: tuple[Instruction, ...]) -> tuple[Instruction, ...]:
    """The program with other constants, each half of them another one."""
    changed = list(slots)
    for constant in constants(slots):
        for at in range(constant.slot, constant.slot + constant.bits // 32):
            # None becomes zero, by which a program must not divide.
            imm = changed[at].imm ^ _EACH_HALF or _EACH_HALF << 1
            changed[at] = changed[at]._replace(imm=imm)
    return tuple(changed)


@kept(16)
def codes(compiled: Compiled) -> Mapping[int, tuple[int, ...]]:
    """The words of each slot, of -1 those that belong to none."""
    found: dict[int, list[int]] = {}
    for slot, word in zip(compiled.slot_of, compiled.words, strict=True):
        found.setdefault(slot, []).append(word)
    return {slot: tuple(words) for slot, words in found.items()}


@lru_cache(maxsize=1 << 16)
def immediate(word: int, isa: str) -> int | None:
    """The 16 bits that the instruction computes with, None where there are none. The offset of an access is no immediate in this sense."""
    decoded = decode(word, isa)
    if decoded is None or "immediate" not in decoded[0].operands:
        return None
    return decoded[1][decoded[0].operands.index("immediate")] & 0xFFFF


@lru_cache(maxsize=1 << 16)
def transfers(word: int, isa: str) -> bool:
    """Whether it is a branch or a jump: its immediate is a distance."""
    decoded = decode(word, isa)
    return decoded is not None and bool(decoded[0].facts & {"branch", "jump"})
