"""Which tripwires there is reason to ask about the words of an image: those that are not asked are certain to find nothing in them.

All words are looked at in one native call (`fuzz.recording.native_text`). Nearly no image has anything to be found, and to look for it word by
word in Python would cost more than all runs of the image.
"""

from functools import cache
from typing import NamedTuple

import numpy as np

from ebpf.instruction import MAXIMUM_CALL_DEPTH, Instruction
from fuzz.abi import STACK_ALIGNMENT
from fuzz.cpu.erratum_models import occurrences
from fuzz.layout import Placement
from fuzz.recording import native_text as native
from fuzz.recording.decoded import DOES, FACT_BITS, Words, decoded, owner_array
from fuzz.recording.kept import kept
from fuzz.wires import abi, frame, hazards, legality, memory, ordering
from jit.compiled import Compiled


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
    return found.doubts | native.FRAME * frame.is_wrong(compiled, placement, found.main_frame, found.deepest) | _asks_for_order(placement.slots)


@cache
def _rules(isa: str, width: int) -> Words:
    rules = np.zeros(native.RULES, np.int64)
    rules[native.DELAYS] = isa in hazards.LOAD_DELAY
    rules[native.HILO] = sum(1 << number for number in hazards.HILO) if isa in hazards.HILO_DISTANCE else 0
    rules[native.RESERVED] = sum(1 << number for number in abi.RESERVED)
    rules[native.ALIGNMENT] = STACK_ALIGNMENT[width]
    return rules


@kept(64)
def _asks_for_order(slots: tuple[Instruction, ...]) -> int:
    return native.ORDER * any(map(ordering.is_ordered, slots))
