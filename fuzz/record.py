"""What a target records of a run besides its outcome, as arrays: what the tripwires and the lockstep comparison read.

A target records what it is asked for, natively while the image runs; everything that is concluded from it happens afterwards. MIPS
words are named by their index in the image, eBPF instructions by their slot.
"""

from dataclasses import dataclass
from enum import Enum
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray


class Recording(Enum):
    """Something that can be recorded."""

    EDGES = "edges"
    OPERANDS = "operands"
    ACCESSES = "accesses"
    BOUNDARIES = "boundaries"


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
    accesses    rows (slot, address, size, written): loads and stores, address unsigned 64 bits, written 0 or 1; the slot is the eBPF instruction in whose
                code the access happened, -1 for entry and exit code
    boundaries  rows (slot, r0 … r10): registers when execution reached the code of an eBPF instruction (Compiled.bpf_at)
    truncated   kinds that ran out of room: what is there is the beginning
    """

    edges: NDArray[np.int64] | None = None
    operands: tuple[OperandEvent, ...] | None = None
    accesses: NDArray[np.uint64] | None = None
    boundaries: NDArray[np.uint64] | None = None
    truncated: frozenset[Recording] = frozenset()
