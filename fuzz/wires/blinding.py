"""The tripwire for constants of a program that are to be found in its image, on configurations with constant blinding.

The same program is compiled with other keys, and both images are looked at side by side; the second one runs on the first input as well. What
a program has chosen are the constants of its instructions with an immediate: arithmetic but for shift counts, conditional jumps, stores, wide loads,
packet loads; not the offsets of loads, stores and jumps. Three things must not be in the code of such an instruction:

* a half of the constant, 16 bits, as the immediate of a MIPS instruction that loads or computes, in both images. Looked for are halves that tell
  of the program: not -16 to 16, which code has for reasons of its own, nor halves of an address that the compiler was given
* the constant as a word, all 32 bits of it, in both images
* the same code in both images, or as for an equal instruction elsewhere in the first: then no key is in it
* an `ori` or `xori` of 16 bits that is the same in both images, in the code of three constants: then a part of each key is always the same, which
  happens by chance once in 2**48 times

A half shows by chance in both images once in 2**32 times; the first and the second image have keys that depend on nothing but the program, so
that a run finds the same as the one before.
"""

from collections.abc import Iterator, Sequence
from dataclasses import replace
from functools import lru_cache

from ebpf.instruction import Instruction
from ebpf.opcodes import Row, lookup
from ebpf.program import wide_immediate
from fuzz.case import Case
from fuzz.layout import Placement
from fuzz.recording.kept import kept
from fuzz.verdict import Trip
from fuzz.wires.wire import Example, Wire
from jit.compiled import Compiled
from jit.mips import decode

_ORI, _XORI = 0b001101, 0b001110
"""Major opcodes (MD00087, appendix A)."""

_MANY = 3
"""So many halves with the same key in two images are no chance."""

_COMMON = frozenset(number & 0xFFFF for number in range(-16, 17))


def variants(compiled: Compiled, case: Case, placement: Placement) -> Iterator[Placement]:
    """The same with other keys."""
    if "blind" in compiled.config.options:
        yield _other_keys(placement)


@kept(64)
def _other_keys(placement: Placement) -> Placement:
    return replace(placement, addresses=replace(placement.addresses, seed=placement.addresses.seed + 1))


def images(first: Compiled, second: Compiled, placement: Placement) -> Iterator[Trip]:
    """What both images show of the constants of the program."""
    codes = _codes(first), _codes(second)
    given = _halves_of_addresses(placement)
    seen: dict[tuple[Instruction, int, tuple[int, ...]], int] = {}
    weak: list[int] = []
    for slot, instruction, constant, bits in _constants(placement.slots):
        words, others = (code.get(slot, ()) for code in codes)
        for half in sorted({constant >> at & 0xFFFF for at in range(0, bits, 16)} - _COMMON - given):
            if half in _immediates(words, first.config.isa) and half in _immediates(others, first.config.isa):
                yield _trip(slot, f"{half:#06x} of the constant {constant:#x} is an immediate of the image")
        for word in {constant >> at & 0xFFFFFFFF for at in range(0, bits, 32)}:
            if word >> 16 not in _COMMON and word in words and word in others:
                yield _trip(slot, f"{word:#010x} of the constant {constant:#x} is a word of the image")
        if words == others:
            yield _trip(slot, f"the code of the constant {constant:#x} is the same with another key")
        elif (before := seen.setdefault((instruction, constant, words), slot)) != slot:
            yield _trip(slot, f"the code of the constant {constant:#x} is that of instruction {before}")
        if words != others and _unchanged(words, others, first.config.isa) - _COMMON - given:
            weak.append(slot)
    if len(weak) >= _MANY:
        yield _trip(weak[0], f"a half of the key of its constant, and of those of {len(weak) - 1} other instructions, is the same with another key")


def _trip(slot: int, detail: str) -> Trip:
    return Trip(WIRE.name, None, slot, detail)


def _codes(compiled: Compiled) -> dict[int, tuple[int, ...]]:
    """The words of each slot."""
    codes: dict[int, list[int]] = {}
    for slot, word in zip(compiled.slot_of, compiled.words, strict=True):
        codes.setdefault(slot, []).append(word)
    return {slot: tuple(words) for slot, words in codes.items()}


def _constants(slots: Sequence[Instruction]) -> Iterator[tuple[int, Instruction, int, int]]:
    """Slot, instruction, constant and its size in bits."""
    at = 0
    while at < len(slots):
        row = lookup(slots[at])
        assert row is not None, "programs are valid"
        if row.slots == 2:
            yield at, slots[at], wide_immediate(slots[at], slots[at + 1]), 64
        elif _is_chosen(row):
            yield at, slots[at], slots[at].imm & 0xFFFFFFFF, 32
        at += row.slots


def _is_chosen(row: Row) -> bool:
    return row.imm == "imm" and not row.name.startswith(("LSH", "RSH", "ARSH"))


def _halves_of_addresses(placement: Placement) -> frozenset[int]:
    where = placement.addresses
    known = (where.base, *where.routines.values(), *where.helpers.values(), *where.kernel_functions.values())
    return frozenset(address >> at & 0xFFFF for address in known for at in range(0, 64, 16))


def _immediates(words: Sequence[int], isa: str) -> set[int]:
    return {immediate for word in words if (immediate := _immediate(word, isa)) is not None}


def _unchanged(words: Sequence[int], others: Sequence[int], isa: str) -> set[int]:
    """The immediates of `ori` and `xori` at the same place in both codes."""
    same = {word for word, other in zip(words, others, strict=False) if word == other and word >> 26 in (_ORI, _XORI)}
    return _immediates(tuple(same), isa)


@lru_cache(maxsize=1 << 16)
def _immediate(word: int, isa: str) -> int | None:
    """The 16 bits that the instruction computes with, None where there are none. The offset of an access is no immediate in this sense."""
    decoded = decode(word, isa)
    if decoded is None or "immediate" not in decoded[0].operands:
        return None
    return decoded[1][decoded[0].operands.index("immediate")] & 0xFFFF


WIRE = Wire(
    name="blinding",
    rule="With constant blinding no constant of the program, nor a half of one, is to be found in the code of its instruction.",
    source="Linux, kernel/bpf/core.c, bpf_jit_blind_insn; MD00086 for the fields of 16 bits",
    variants=variants,
    images=images,
    examples=(
        Example("mips32r2-32le+blind", "0> ori $t0, $zero, 0x100SEED; xori $t0, $t0, 0x102a", trips=False),
        Example("mips32r2-32le+blind", "0> ori $t0, $zero, 0x100SEED; 0> ori $t0, $zero, 42", trips=True),
        Example("mips64r6-64be+blind", "0> lui $t0, 0x1234; 0> ori $t0, $t0, 0x100SEED", trips=True, program="r0 = 0x12340000; r0 = 42; exit"),
        # The code of the constant has no key in it.
        Example("mips1-32be+blind", "0> ori $t0, $zero, 0x1000", trips=True),
        Example("mips1-32be", "0> ori $t0, $zero, 42", trips=False),
        Example("mips64r2-64le+blind", "0> ori $t0, $zero, 0x100SEED; 0> .word 0x12345678", trips=True, program="r0 = 0x12345678; r0 = 42; exit"),
        # The offset of a store, the count of a shift.
        Example(
            "mips32r1-32le+blind",
            "0> ori $t0, $zero, 0x100SEED; 0> lw $t0, 40($a0); 1> sll $t0, $t0, 20; 2> ori $t0, $zero, 0x101SEED",
            trips=False,
            program="w0 = 40; w0 <<= 20; w0 = 42; exit",
        ),
        # A key of which a part does not change; it is only in the last instruction that anything does.
        Example(
            "mips64r6-64le+blind",
            "0> ori $t0, $zero, 0x123; 0> xori $t0, $t0, 0x109; 0> ori $t1, $zero, 0x100SEED; "
            "1> ori $t0, $zero, 0x323; 1> xori $t0, $t0, 0x308; 1> ori $t1, $zero, 0x200SEED; "
            "2> ori $t0, $zero, 0x523; 2> xori $t0, $t0, 0x507; 2> ori $t1, $zero, 0x300SEED",
            trips=True,
            program="r0 = 42; r0 = 43; r0 = 42; exit",
        ),
        # Once it is chance.
        Example("mips64r6-64le+blind", "0> ori $t0, $zero, 0x123; 0> xori $t0, $t0, 0x109; 0> ori $t1, $zero, 0x100SEED", trips=False),
        # Two equal instructions with one key.
        Example(
            "mips64r6-64le+blind",
            "0> ori $t0, $zero, 0x100SEED; 1> ori $t0, $zero, 0x100SEED",
            trips=True,
            program="r0 = 42; r0 = 42; exit",
        ),
    ),
)
