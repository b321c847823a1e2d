"""Which tripwires there is reason to ask about the words of an image: those that are not asked are certain to find nothing in them.

All words are looked at in one native call (`fuzz.recording.native_text`). Nearly no image has anything to be found, and to look for it word by
word in Python would cost more than all runs of the image.
"""

from functools import cache
from typing import NamedTuple
from zlib import crc32

import numpy as np

from ebpf.instruction import MAXIMUM_CALL_DEPTH, Instruction
from fuzz.abi import STACK_ALIGNMENT
from fuzz.atomics import indivisible
from fuzz.cpu.erratum_models import occurrences
from fuzz.layout import Placement
from fuzz.recording import native_text as native
from fuzz.recording import native_ways
from fuzz.recording.decoded import DOES, FACT, FACT_BITS, NOWHERE, Words, addressing, decoded, owner_array
from fuzz.recording.kept import kept
from fuzz.wires import abi, frame, hazards, legality, memory, ordering
from jit.compiled import Compiled
from jit.mips import ROWS, Row


class Text(NamedTuple):
    """What an image shows by its words alone: doubts, as a sum; and `fuzz.wires.frame.main_frame` and `fuzz.wires.memory.lowest_stack_pointer`."""

    doubts: int
    main_frame: int
    deepest: int


@kept(8)
def text(compiled: Compiled) -> Text:
    """Look at the words of an image."""
    image, config = decoded(compiled), compiled.config
    adjustments = np.zeros(native.ADJUSTMENTS, np.int64)
    rules, illegal = _rules(config.isa, config.width), legality.illegal(compiled)
    doubts = native.examine(
        image.words, compiled.base, owner_array(compiled), image.code, image.following, DOES, FACT_BITS, rules, illegal, adjustments
    )
    doubts |= native.ERRATA * any(occurrences(compiled))
    count, first, lowered, more, unknown, _ = adjustments.tolist()
    if unknown:
        return Text(doubts, frame.main_frame(compiled), memory.lowest_stack_pointer(compiled))
    return Text(doubts, max(0, -first) if count else 0, lowered + MAXIMUM_CALL_DEPTH * more if lowered else 0)


def doubts(compiled: Compiled, placement: Placement) -> int:
    """What tripwires may find in the words of an image, as a sum of what is named in `fuzz.recording.native_text`."""
    found = text(compiled)
    told = found.doubts | native.FRAME * frame.is_wrong(compiled, placement, found.main_frame, found.deepest)
    if told & native.LINKED or _asks_for_order(placement.slots):
        # There are such words.
        told = told & ~native.LINKED | _ways(compiled, placement.slots)
    return told


@cache
def _rules(isa: str, width: int) -> Words:
    rules = np.zeros(native.RULES, np.int64)
    rules[native.DELAYS] = isa in hazards.LOAD_DELAY
    rules[native.HILO] = sum(1 << number for number in hazards.HILO) if isa in hazards.HILO_DISTANCE else 0
    rules[native.RESERVED] = sum(1 << number for number in abi.RESERVED)
    rules[native.ALIGNMENT] = STACK_ALIGNMENT[width]
    return rules


@kept(64)
def _asks_for_order(slots: tuple[Instruction, ...]) -> bool:
    return any(map(ordering.is_ordered, slots))


def _ways(compiled: Compiled, slots: tuple[Instruction, ...]) -> int:
    """What there is of `LINKED` and `ORDER`."""
    image, config = decoded(compiled), compiled.config
    asked, barriers = _asks_for_order(slots), _any_barriers(slots)
    about = _about(slots, barriers and "nospec" in config.options)
    rules = _way_rules(asked and ordering.has_sync(config))
    doubts: int = native_ways.examine_ways(image.words, owner_array(compiled), image.code, image.following, about, _WAYS, rules)
    return doubts


@kept(64)
def _any_barriers(slots: tuple[Instruction, ...]) -> bool:
    return any(map(ordering.is_barrier, slots))


@kept(64)
def _about(slots: tuple[Instruction, ...], barriers: bool) -> Words:
    """The columns of `fuzz.recording.native_ways.SIZE` and so on of each instruction, and behind them zeros."""
    about = np.zeros((len(slots) + 1, native_ways.SLOT_COLUMNS), np.int64)
    for number, slot in enumerate(slots):
        about[number] = indivisible(slot), *ordering.order(slot), barriers and ordering.is_barrier(slot)
    return about


@cache
def _way_rules(has_sync: bool) -> Words:
    rules = np.zeros(native_ways.RULES, np.int64)
    names = ("ll", "sc", "load", "store", "sync", "call", "jump", "delay", "branch")
    rules[[getattr(native_ways, name.upper()) for name in names]] = [FACT[name] for name in names]
    rules[[native_ways.LINKED_BYTES, native_ways.HAS_SYNC]] = hazards.LINKED_BYTES, has_sync
    return rules


def _way(row: Row) -> list[int]:
    """The columns of `fuzz.recording.native_ways.ACCESSED` and so on."""
    found, made = addressing(row), [0] * native_ways.ROW_COLUMNS
    made[native_ways.ACCESSED], made[native_ways.PAIR] = found.size, crc32(row.mnemonic[2:].encode())
    made[native_ways.BASE] = NOWHERE if found.base is None else found.base
    made[native_ways.OFFSET], made[native_ways.OFFSET_BITS] = found.offset, found.offset_bits
    return made


_WAYS = np.array([_way(row) for row in ROWS], np.int64)
