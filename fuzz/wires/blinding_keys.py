"""Keys of constant blinding that can be guessed, as far as images show it: a part of the tripwire `blinding`.

A word that keys are in is one whose immediate is another one with another key. By what it differs the keys differ, as long as the key comes by an
exclusive or.

    bits     of the same word of many constants some bits never differ: those bits of the constants stand in the image
    halves   all halves of a constant have one key: the exclusive or of two halves stands in the image
    program  with other constants the keys are the same: they are keys of the place

Each is told where it can be no chance.
"""

from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import NamedTuple

from ebpf.instruction import Instruction
from fuzz.verdict import Trip
from fuzz.wires.constants import Constant, codes, constants, immediate
from jit.compiled import Compiled

NAME = "blinding"

SAMPLES = 16
"""Of so many constants, and in an image with other keys of as many more, each bit of a key has differed once, or it never does."""

MANY = 3
"""So many constants for which something holds by chance once in 2**16 times are no chance."""

_ALL_BITS = 0xFFFF
_PARTIAL = ("ST_B", "ST_H")
"""Rows of which not all 32 bits of the constant need be in the code."""

Recompile = Callable[[Sequence[Instruction], int], Compiled]
"""From slots and a number to the image with keys other than those of other numbers; those of the first image have 0, of the second 1."""


class _Keyed(NamedTuple):
    """The code of a constant in two images with different keys: of each word that keys are in its place and by what its immediates differ."""

    constant: Constant
    words: tuple[tuple[int, int], ...]


def _keyed(first: Compiled, second: Compiled, slots: tuple[Instruction, ...]) -> list[_Keyed]:
    code, others, isa = codes(first), codes(second), first.config.isa
    found = []
    for constant in constants(slots):
        pairs = enumerate(zip(code.get(constant.slot, ()), others.get(constant.slot, ()), strict=False))
        changed = [(at, word ^ other) for at, (word, other) in pairs if 0 < word ^ other <= _ALL_BITS and immediate(word, isa) is not None]
        found.append(_Keyed(constant, tuple(changed)))
    return found


def guessable(first: Compiled, second: Compiled, third: Compiled, slots: tuple[Instruction, ...], recompile: Recompile) -> Iterator[Trip]:
    """What tells of the keys; the second image has other keys, the third one other constants."""
    keyed = _keyed(first, second, slots)
    yield from _bits(keyed, first, slots, recompile)
    yield from _halves(keyed)
    yield from _program(keyed, first, third)


def _bits(keyed: Sequence[_Keyed], first: Compiled, slots: tuple[Instruction, ...], recompile: Recompile) -> Iterator[Trip]:
    never = _never(keyed)
    for number in (2, 3):
        if never:
            more = _never(_keyed(first, recompile(slots, number), slots))
            never = {place: bits & more.get(place, 0) for place, bits in never.items() if bits & more.get(place, 0)}
    for (_, ordinal), bits in never.items():
        yield Trip(NAME, None, None, f"bits {bits:#06x} of the key in word {ordinal} of constants are the same with other keys")


def _never(keyed: Sequence[_Keyed]) -> dict[tuple[int, int], int]:
    """By how many words of a constant keys are in, and which of them it is: the bits in which no constant differs."""
    groups: dict[tuple[int, int], list[int]] = {}
    for each in keyed:
        for ordinal, (_, difference) in enumerate(each.words):
            groups.setdefault((len(each.words), ordinal), []).append(difference)
    found = {}
    for place, differences in groups.items():
        seen = 0
        for difference in differences:
            seen |= difference
        if len(differences) >= SAMPLES and seen != _ALL_BITS:
            found[place] = _ALL_BITS & ~seen
    return found


def _halves(keyed: Sequence[_Keyed]) -> Iterator[Trip]:
    poor = [
        each.constant.slot
        for each in keyed
        if each.words and each.constant.row.name not in _PARTIAL and len({difference for _, difference in each.words}) < each.constant.bits // 16
    ]
    if len(poor) >= MANY:
        yield Trip(NAME, None, poor[0], f"halves of its constant, and of those of {len(poor) - 1} other instructions, have one key")


def _program(keyed: Sequence[_Keyed], first: Compiled, third: Compiled) -> Iterator[Trip]:
    code, others = codes(first), codes(third)
    same = [each.constant.slot for each in keyed if each.words and _shared(code, others, each)]
    if len(same) >= MANY and len(same) == sum(bool(each.words) for each in keyed):
        yield Trip(NAME, None, same[0], f"the key of its constant, as those of {len(same) - 1} other instructions, is that of a program with others")


def _shared(code: Mapping[int, tuple[int, ...]], others: Mapping[int, tuple[int, ...]], each: _Keyed) -> bool:
    """Whether a word that keys are in is the same with other constants."""
    slot = each.constant.slot
    return len(code[slot]) == len(others.get(slot, ())) and any(code[slot][at] == others[slot][at] for at, _ in each.words)
