"""The tripwire for constants of a program that are to be found in its image, on configurations with constant blinding.

The same program is compiled with other keys, and with other constants, and the images are looked at side by side; the one with other keys runs on the
first input as well. What a program has chosen are the constants of its instructions with an immediate: arithmetic but for shift counts, conditional
jumps, stores, wide loads, packet loads; not the offsets of loads, stores and jumps. What must not be:

* anywhere in the image a word that is another one with other constants, and the same with other keys: it tells of a constant in whatever form
* in the code of the constant a half of it, 16 bits, as the immediate of a MIPS instruction that loads or computes, in both images. Looked for are
  halves that tell of the program: not -16 to 16, which code has for reasons of its own, nor halves of an address that the compiler was given, nor the
  offset of the instruction itself, which is not blinded, and what is added to it to reach the bytes behind
* there, the constant as a word, all 32 bits of it, in both images
* there, the same code in both images, or as for an equal instruction elsewhere in the first: then no key is in it
* keys that can be guessed: see `fuzz.wires.blinding_keys`

A half shows by chance in both images once in 2**32 times, and a word that seems to be without a key is looked at with more of them. All keys depend
on nothing but the program, so that a run finds the same as the one before.
"""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace

from ebpf.instruction import Instruction
from fuzz.case import Case
from fuzz.layout import Placement
from fuzz.recording.kept import kept
from fuzz.verdict import Trip
from fuzz.wires.blinding_keys import MANY, NAME, Recompile, guessable
from fuzz.wires.constants import codes, constants, immediate, transfers, with_others
from fuzz.wires.wire import Example, Wire
from jit.compiled import Compiled

_ORI, _XORI = 0b001101, 0b001110
"""Major opcodes (MD00087, appendix A)."""

_COMMON = frozenset(number & 0xFFFF for number in range(-16, 17))


_BYTES = 8
"""So many bytes an instruction accesses at most, each perhaps on its own."""


def variants(compiled: Compiled, case: Case, placement: Placement) -> Iterator[Placement]:
    """The same with other keys."""
    if "blind" in compiled.config.options:
        yield _other_keys(placement)


@kept(64)
def _other_keys(placement: Placement) -> Placement:
    return replace(placement, addresses=replace(placement.addresses, seed=placement.addresses.seed + 1))


def images(first: Compiled, second: Compiled, placement: Placement, compile_at: Callable[[Placement], Compiled]) -> Iterator[Trip]:
    """What the images show of the constants of the program; the second one is that of the placement."""

    def recompile(slots: Sequence[Instruction], number: int) -> Compiled:
        # The placement has number 1.
        addresses = replace(placement.addresses, seed=placement.addresses.seed + number - 1)
        return compile_at(replace(placement, slots=tuple(slots), addresses=addresses))

    third = recompile(with_others(placement.slots), 0)
    yield from _literal(first, second, placement)
    yield from _leaks(first, second, third, placement, recompile)
    yield from guessable(first, second, third, placement.slots, recompile)


def _literal(first: Compiled, second: Compiled, placement: Placement) -> Iterator[Trip]:
    """Constants and halves of them in the code of their instructions, and code without a key."""
    code, other_code, isa = codes(first), codes(second), first.config.isa
    given = _halves_of_addresses(placement)
    seen: dict[tuple[Instruction, int, tuple[int, ...]], int] = {}
    weak: list[int] = []
    for slot, instruction, _, constant, bits in constants(placement.slots):
        words, others = code.get(slot, ()), other_code.get(slot, ())
        offsets = {instruction.offset + byte & 0xFFFF for byte in range(_BYTES)}
        for half in sorted({constant >> at & 0xFFFF for at in range(0, bits, 16)} - _COMMON - given - offsets):
            if half in _immediates(words, isa) and half in _immediates(others, isa):
                yield _trip(slot, f"{half:#06x} of the constant {constant:#x} is an immediate of the image")
        for word in {constant >> at & 0xFFFFFFFF for at in range(0, bits, 32)}:
            if word >> 16 not in _COMMON and word in words and word in others:
                yield _trip(slot, f"{word:#010x} of the constant {constant:#x} is a word of the image")
        if words == others:
            yield _trip(slot, f"the code of the constant {constant:#x} is the same with another key")
        elif (before := seen.setdefault((instruction, constant, words), slot)) != slot:
            yield _trip(slot, f"the code of the constant {constant:#x} is that of instruction {before}")
        if words != others and _unchanged(words, others, isa) - _COMMON - given:
            weak.append(slot)
    if len(weak) >= MANY:
        yield _trip(weak[0], f"a half of the key of its constant, and of those of {len(weak) - 1} other instructions, is the same with another key")


def _leaks(first: Compiled, second: Compiled, third: Compiled, placement: Placement, recompile: Recompile) -> Iterator[Trip]:
    """Words that depend on a constant and not on the key, wherever they are."""
    slots = placement.slots
    places = _telling((first, second), (third,))
    for number in (2, 3):
        if not places:
            return
        places &= _telling((first, recompile(slots, number)), (third, recompile(with_others(slots), number)))
    for slot, at in sorted(places):
        word = codes(first)[slot][at]
        where = "the code of no instruction" if slot < 0 else f"instruction {slot}"
        yield Trip(NAME, None, slot if slot >= 0 else None, f"a word of {where}, {word:#010x}, is without a key and another one with other constants")


def _telling(same: Sequence[Compiled], changed: Sequence[Compiled]) -> set[tuple[int, int]]:
    """Slot and number of the words that are the same in all images of the one program, and others in those of the other one."""
    images = [codes(each) for each in (*same, *changed)]
    aligned = len({each.slot_of for each in (*same, *changed)}) == 1
    isa = same[0].config.isa
    found = set()
    for slot, words in images[0].items():
        if len({len(each.get(slot, ())) for each in images}) > 1 or (not aligned and any(transfers(word, isa) for word in words)):
            # Distances and addresses of code may differ as well.
            continue
        for at, word in enumerate(words):
            here = [each[slot][at] for each in images]
            if set(here[: len(same)]) == {word} and len(set(here[len(same) :])) == 1 and here[-1] != word:
                found.add((slot, at))
    return found


def _trip(slot: int, detail: str) -> Trip:
    return Trip(NAME, None, slot, detail)


def _halves_of_addresses(placement: Placement) -> frozenset[int]:
    where = placement.addresses
    known = (where.base, *where.routines.values(), *where.helpers.values(), *where.kernel_functions.values())
    return frozenset(address >> at & 0xFFFF for address in known for at in range(0, 64, 16))


def _immediates(words: Sequence[int], isa: str) -> set[int]:
    return {found for word in words if (found := immediate(word, isa)) is not None}


def _unchanged(words: Sequence[int], others: Sequence[int], isa: str) -> set[int]:
    """The immediates of `ori` and `xori` at the same place in both codes."""
    same = {word for word, other in zip(words, others, strict=False) if word == other and word >> 26 in (_ORI, _XORI)}
    return _immediates(tuple(same), isa)


WIRE = Wire(
    name=NAME,
    rule="With constant blinding nothing in the image tells of a constant of the program but together with a key, and keys cannot be guessed.",
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
