"""What a target records of a run besides its outcome, as arrays: what the tripwires and the lockstep comparison read.

A target records what it is asked for, natively while the image runs; everything that is concluded from it happens afterwards. MIPS
words are named by their index in the image, eBPF instructions by their slot.
"""

from dataclasses import dataclass
from enum import Enum
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

NO_SLOT = (1 << 64) - 1
"""In place of a slot: entry or exit code."""


class Recording(Enum):
    """Something that can be recorded. FLIPS is OPERANDS with consequences.

    After a run in which a word operand was not a sign-extended word, FLIPS makes a target run the input again, and in that run invert the low 32 bits
    of every such operand for the one instruction. All that the target tells is then of the second run.
    """

    EDGES = "edges"
    OPERANDS = "operands"
    ACCESSES = "accesses"
    BOUNDARIES = "boundaries"
    FLIPS = "flips"


class OperandEvent(NamedTuple):
    """A word operand that was not a sign-extended word when `word` was about to be executed: the register and its unsigned 64-bit value."""

    word: int
    register: int
    value: int


@dataclass(frozen=True, slots=True)
class Record:
    """What was recorded; None for what was not asked for.

    edges       rows (from, to): the image left a straight run of words by its word `from` (the last one executed, in a delay slot where there is
                one) and went on at word `to`. Each pair once, in the order in which they first happened; -1 for a place outside the image
    operands    in the order of execution
    accesses    rows (slot, address, size, written, word, stack pointer): loads and stores that were begun, addresses unsigned 32 or 64 bits as the
                code is wide, written 0 or 1; of lwl and its kin the bytes that they access. The slot is that of the word, `NO_SLOT` in entry and exit
                code
    boundaries  rows (slot, r0 … r10): registers when execution reached the code of an eBPF instruction (Compiled.bpf_at); where
                several have the same first word, because they need no code, the last of them
    truncated   kinds that ran out of room: what is there is the beginning
    """

    edges: NDArray[np.int64] | None = None
    operands: tuple[OperandEvent, ...] | None = None
    accesses: NDArray[np.uint64] | None = None
    boundaries: NDArray[np.uint64] | None = None
    truncated: frozenset[Recording] = frozenset()


NOTHING_RECORDED = Record()
"""The record of a run of which nothing was wanted."""
