"""Comparison of an image with the oracle at every boundary of eBPF instructions.

    oracle    trace of (slot, r0 … r10)        ─ boundaries that the image has ─┐
    target    record of (slot, r0 … r10)       ─────────────────────────────────┴─ first row that is not the same

Where an image has no boundary for a slot (`Compiled.bpf_at` is None) that entry of the trace is passed over. Instructions that need no code
share their first word with the next one; of those the image tells the last one only, and so does what is left of the trace.
"""

from collections import deque
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from ebpf.instruction import REGISTERS
from fuzz.record import Record, Recording
from fuzz.verdict import Difference
from jit.compiled import Compiled
from jit.mips import decode, text
from oracle.outcome import Outcome

_ALL_BITS = (1 << 64) - 1

Trace = tuple[tuple[int, tuple[int | None, ...]], ...]


@dataclass(frozen=True, slots=True)
class Divergence:
    """Where an image and the oracle part.

    slot       the eBPF instruction that went wrong, None when the image was wrong before its first instruction
    execution  its index in the trace, from 0: so many instructions were executed before; -1 with the slot None
    reached    the slot at whose boundary it showed, as the oracle has it; None when there the oracle has come to the end
    register   number of the first eBPF register that differs there; None when image and oracle went different ways
    expected   its value on the oracle, or the slot at which the oracle goes on; None for the end
    actual     the same on the target
    words      indices of the MIPS words of the instruction that went wrong, and of those before it that have no boundary behind them
    """

    slot: int | None
    execution: int
    reached: int | None
    register: int | None
    expected: int | None
    actual: int | None
    words: tuple[int, ...]

    def difference(self) -> Difference:
        """As a verdict lists it."""
        where = "entry code" if self.slot is None else f"instruction {self.slot}, execution {self.execution}"
        if self.register is None:
            left, right = ("the end" if slot is None else f"instruction {slot}" for slot in (self.expected, self.actual))
            return Difference("lockstep", f"path after {where}", left, right)
        return Difference("lockstep", f"r{self.register} after {where}", f"{self.expected:#x}", f"{self.actual:#x}")

    def listing(self, compiled: Compiled) -> tuple[str, ...]:
        """The MIPS instructions of what went wrong, one a line: address, word, text."""
        lines = []
        for at in self.words:
            address, word = compiled.base + 4 * at, compiled.words[at]
            decoded = decode(word, compiled.config.isa)
            lines.append(f"{address:#x}  {word:08x}  {text(*decoded, address, compiled.config.width) if decoded else '?'}")
        return tuple(lines)


class _Expected:
    """A trace as arrays: slots, register values, and for each value all bits set where the register holds something."""

    def __init__(self, trace: Trace) -> None:
        self.trace = trace
        self.slots = np.array([slot for slot, _ in trace], np.int64)
        flat = [value for _, registers in trace for value in registers]
        self.defined = np.array([0 if value is None else _ALL_BITS for value in flat], np.uint64).reshape(len(trace), REGISTERS)
        self.values = np.array([value or 0 for value in flat], np.uint64).reshape(len(trace), REGISTERS)


class _Image:
    """Of an image: the word of each slot, -1 for none; whether slots share a word; all bits set for each register that it keeps."""

    def __init__(self, compiled: Compiled) -> None:
        self.compiled = compiled
        self.starts = np.array([-1 if at is None else at for at in compiled.bpf_at], np.int64)
        words = [at for at in compiled.bpf_at if at is not None]
        self.shares = len(set(words)) < len(words)
        self.kept = np.array([0 if places is None else _ALL_BITS for places in compiled.registers], np.uint64)


# A trace is compared with the runs of many configurations, one after the other, and an image with many traces.
_recent: deque[_Expected] = deque(maxlen=64)
_images: deque[_Image] = deque(maxlen=1)


def _expected(trace: Trace) -> _Expected:
    for known in _recent:
        if known.trace is trace:
            return known
    _recent.appendleft(made := _Expected(trace))
    return made


def _image(compiled: Compiled) -> _Image:
    if not _images or _images[0].compiled is not compiled:
        _images.append(_Image(compiled))
    return _images[0]


def first_difference(expected: Outcome, record: Record, compiled: Compiled) -> Divergence | None:
    """The first boundary at which a run is not where the oracle is, or does not hold what the oracle holds; None when there is none.

    `expected` must have a trace, and `record` the boundaries; raises ValueError otherwise. Registers in which the oracle has nothing, or which
    the image does not keep, are not compared. Of a record that ran out of room the beginning is compared. What happens after the last boundary is
    left to the comparison of the ends.
    """
    if record.boundaries is None or (expected.executed and not expected.trace):
        raise ValueError("boundaries or trace have not been recorded")
    oracle, image = _expected(expected.trace), _image(compiled)
    kept = _visible(oracle.slots, image)
    actual = record.boundaries
    cut = Recording.BOUNDARIES in record.truncated
    count = min(len(kept), len(actual))
    rows = kept[:count]
    slots = actual[:count, 0].view(np.int64)
    path = oracle.slots[rows] != slots
    wrong = (oracle.values[rows] ^ actual[:count, 1:]) & oracle.defined[rows] & image.kept
    if path.any() or wrong.any():
        at = int(np.argmax(path | wrong.any(axis=1)))
        if path[at]:
            return _divergence(oracle, kept, at, compiled, None, int(oracle.slots[rows[at]]), int(slots[at]))
        register = int(np.argmax(wrong[at] != 0))
        return _divergence(oracle, kept, at, compiled, register, int(oracle.values[rows[at], register]), int(actual[at, 1 + register]))
    if len(kept) == len(actual) or (cut and len(actual) < len(kept)):
        return None
    left = int(oracle.slots[kept[count]]) if len(kept) > count else None
    right = int(actual[count, 0]) if len(actual) > count else None
    return _divergence(oracle, kept, count, compiled, None, left, right)


def _visible(slots: NDArray[np.int64], image: _Image) -> NDArray[np.int64]:
    """Indices of the entries of a trace that an image tells."""
    words = image.starts[slots]
    kept = np.flatnonzero(words >= 0)
    if len(kept) < 2 or not image.shares:
        return kept
    # Of entries one after the other with the same word, and slots that rise because they have no code, the last one. The word of a slot that jumps to
    # itself is executed again.
    passed = (words[kept[:-1]] == words[kept[1:]]) & (slots[kept[:-1]] < slots[kept[1:]])
    told: NDArray[np.int64] = kept[np.append(~passed, True)]
    return told


def _divergence(
    oracle: _Expected, kept: NDArray[np.int64], at: int, compiled: Compiled, register: int | None, expected: int | None, actual: int | None
) -> Divergence:
    """The instruction that went wrong is the last one that the oracle executed before this boundary."""
    index = int(kept[at]) if at < len(kept) else len(oracle.slots)
    reached = int(oracle.slots[index]) if index < len(oracle.slots) else None
    slot = int(oracle.slots[index - 1]) if index else None
    since = set(oracle.slots[int(kept[at - 1]) if at else 0 : index].tolist()) or {-1}
    words = tuple(word for word, owner in enumerate(compiled.slot_of) if owner in since)
    return Divergence(slot, index - 1, reached, register, expected, actual, words)
