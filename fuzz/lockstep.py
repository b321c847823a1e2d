"""Comparison of an image with the oracle at every boundary of eBPF instructions.

    oracle    trace of (slot, r0 … r10)        ─ boundaries that the image has ─┐
    target    record of (slot, r0 … r10)       ─────────────────────────────────┴─ first row that is not the same

Where an image has no boundary for a slot (`Compiled.bpf_at` is None) that entry of the trace is passed over. Instructions that need no code
share their first word with the next one; of those the image tells the last one only, and so does what is left of the trace. An `exit` has no
boundary here, because the code of one may serve others, and programs that end themselves; what it should find shows where its caller goes on,
or at the end of the run.
"""

from collections.abc import Sequence, Set
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from ebpf.instruction import REGISTERS, Instruction
from ebpf.opcodes import lookup
from fuzz.engine.observe import promised
from fuzz.engine.target import Run
from fuzz.recording.kept import kept
from fuzz.recording.record import Recording
from fuzz.verdict import Difference
from jit.compiled import Compiled
from jit.mips import decode, text
from oracle.outcome import Outcome

_ALL_BITS = (1 << 64) - 1

Trace = tuple[tuple[int, tuple[int | None, ...]], ...]


@dataclass(frozen=True, slots=True)
class Divergence:
    """Where an image and the oracle part.

    slot       the eBPF instruction that went wrong, None when the image was wrong before its first instruction. Of several that have no boundary
               between them the last one that writes the register, if one does, else the last one
    execution  its index in the trace, from 0: so many instructions were executed before; -1 with the slot None
    reached    the slot at whose boundary it showed, as the oracle has it; None when there the oracle has come to the end
    register   number of the first eBPF register that differs there; None when image and oracle went different ways
    expected   its value on the oracle, or the slot at which the oracle goes on; None for the end
    actual     the same on the target
    boundary   index of the row of the record where it showed, None for the end of the run
    words      indices of the MIPS words of the instruction that went wrong, and of those before it that have no boundary behind them
    """

    slot: int | None
    execution: int
    reached: int | None
    register: int | None
    expected: int | None
    actual: int | None
    boundary: int | None
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
    """A trace as an array of the shape of a record, and for each number of it the bits that count: none where a register holds nothing."""

    def __init__(self, trace: Trace) -> None:
        self.trace = trace
        rows = [(slot, *registers) for slot, registers in trace]
        self.slots = np.array([slot for slot, _ in trace], np.int64)
        self.rows = np.array([[value or 0 for value in row] for row in rows], np.uint64).reshape(len(trace), 1 + REGISTERS)
        self.bits = np.array([[0 if value is None else promised(value) for value in row] for row in rows], np.uint64).reshape(
            len(trace), 1 + REGISTERS
        )


class Image:
    """Of an image: the word of each slot, -1 for none; whether slots share a word; whether each slot is an exit; which bits of a record count."""

    def __init__(self, slots: Sequence[Instruction], compiled: Compiled) -> None:
        self.compiled = compiled
        self.exits = exits(slots)
        # A compiler need not say where its instructions are, nor of all of them.
        bpf_at = (*compiled.bpf_at, *(None,) * len(slots))[: len(slots)]
        leaving = {bpf_at[slot] for slot in np.flatnonzero(self.exits).tolist()}
        words = [at for at in bpf_at if at is not None and at not in leaving]
        self.starts = np.array([-1 if at is None or at in leaving else at for at in bpf_at], np.int64)
        self.shares = len(set(words)) < len(words)
        self.bits = np.array([_ALL_BITS, *(0 if places is None else _ALL_BITS for places in compiled.registers)], np.uint64)


@kept(64)
def exits(slots: Sequence[Instruction]) -> NDArray[np.bool_]:
    """Of each slot whether it is an exit."""
    return np.array([_is_exit(slot) for slot in slots], bool)


def _is_exit(instruction: Instruction) -> bool:
    row = lookup(instruction)
    return row is not None and row.name == "EXIT"


# A trace is compared with the runs of many configurations, one after the other, and an image with many traces.
_expected = kept(64)(_Expected)
described = kept(4)(Image)
"""An image as comparison with a trace wants it."""


def first_difference(slots: Sequence[Instruction], expected: Outcome, actual: Run, compiled: Compiled) -> Divergence | None:
    """The first boundary at which a run is not where the oracle is, or does not hold what the oracle holds; None when there is none.

    `slots` are those that were compiled. `expected` must have a trace and `actual` the boundaries; raises ValueError otherwise. Registers in which
    the oracle has nothing, or which the image does not keep, are not compared. Of a record that ran out of room the beginning is compared.
    """
    boundaries = actual.record.boundaries
    if boundaries is None or (expected.executed and not expected.trace):
        raise ValueError("boundaries or trace have not been recorded")
    oracle, image = _expected(expected.trace), described(slots, compiled)
    kept = _visible(oracle.slots, image)
    reached = boundaries[:, 0].view(np.int64)
    told = (~image.exits[reached]).nonzero()[0]
    if len(told) < len(reached):
        boundaries, reached = boundaries[told], reached[told]
    count = min(len(kept), len(reached))
    rows = kept[:count]
    wrong = (oracle.rows[rows] ^ boundaries[:count]) & oracle.bits[rows] & image.bits
    at, register, value, other = count, None, None, None
    if wrong.any():
        at = int(np.argmax(wrong.any(axis=1)))
        column = int(np.argmax(wrong[at] != 0))
        # The slot comes first.
        register = column - 1 if column else None
        value, other = int(oracle.rows[rows[at], column]), int(boundaries[at, column])
    elif Recording.BOUNDARIES in actual.record.truncated and len(reached) < len(kept):
        return None
    elif len(kept) != len(reached):
        value = int(oracle.slots[kept[count]]) if len(kept) > count else None
        other = int(reached[count]) if len(reached) > count else None
    else:
        register, value, other = _at_end(expected, actual.outcome)
        if register is None:
            return None
    boundary = int(told[at]) if at < len(told) else None
    index = int(kept[at]) if at < len(kept) else len(oracle.slots)
    start = int(kept[at - 1]) if at else 0
    writers = {each for each in oracle.slots[start:index].tolist() if register in written(slots[each])}
    slot, execution, words = _culprit(oracle, image, start, index, writers)
    return Divergence(slot, execution, int(oracle.slots[index]) if index < len(oracle.slots) else None, register, value, other, boundary, words)


def unwatched(slots: Sequence[Instruction], compiled: Compiled) -> tuple[str, ...]:
    """What an image does not let anybody see: it says of itself where its instructions begin and where registers are, and may say nothing."""
    asked = _asked(slots)
    found = []
    if 2 * (len(compiled.bpf_at) - compiled.bpf_at.count(None)) < asked.instructions:
        found.append("lockstep in part: the image says of less than half of the instructions where they begin")
    if not compiled.exits:
        found.append("r0 to r10 are not compared at the end: the image names no exit")
    if any(compiled.registers[number] is None for number in asked.registers):
        found.append("registers in part: the image does not say where it keeps some that the program writes")
    return tuple(found)


class _Asked(NamedTuple):
    """What an image of a program should tell: where so many instructions begin, and where it keeps these registers."""

    instructions: int
    registers: frozenset[int]


@kept(64)
def _asked(slots: Sequence[Instruction]) -> _Asked:
    rows = [lookup(slot) for slot in slots]
    return _Asked(sum(row is not None for row in rows), frozenset(number for slot in slots for number in written(slot)))


def _at_end(expected: Outcome, actual: Outcome) -> tuple[int | None, int | None, int | None]:
    """The first register that differs at the exit of the main program, and its values; None for none."""
    for register, (value, other) in enumerate(zip(expected.registers, actual.registers, strict=True)):
        if expected.fault is None and value is not None and other is not None and (value ^ other) & promised(value):
            return register, value, other
    return None, None, None


def _visible(slots: NDArray[np.int64], image: Image) -> NDArray[np.int64]:
    """Indices of the entries of a trace that an image tells."""
    words = image.starts[slots]
    kept: NDArray[np.int64] = (words >= 0).nonzero()[0]
    if len(kept) < 2 or not image.shares:
        return kept
    # Of entries one after the other with the same word the last one. A slot that does not come later in the program is another round of a loop whose
    # other slots have no boundary.
    words, visited = words[kept], slots[kept]
    last = (words[:-1] != words[1:]) | (visited[:-1] >= visited[1:])
    return kept if last.all() else kept[np.append(last, True)]


def written(instruction: Instruction) -> tuple[int, ...]:
    """The registers that an instruction writes; of calls not those that they destroy."""
    row = lookup(instruction)
    if row is None:
        return ()
    result = (0,) if row.name.startswith(("CALL", "CMPXCHG", "LDABS", "LDIND")) else ()
    return (*result, *((instruction.dst,) if row.dst in ("w", "rw") else ()), *((instruction.src,) if row.src == "rw" else ()))


def _culprit(oracle: _Expected, image: Image, start: int, end: int, writers: Set[int]) -> tuple[int | None, int, tuple[int, ...]]:
    """Of the executed instructions from `start` to before `end` the last of `writers`, if there is one, else the last that is no exit: its slot
    and index; and the words of all of them."""
    since = oracle.slots[start:end].tolist()
    execution = end - 1
    while execution > start and (since[execution - start] not in writers if writers else image.exits[since[execution - start]]):
        execution -= 1
    words = tuple(word for word, owner in enumerate(image.compiled.slot_of) if owner in (since or [-1]))
    return since[execution - start] if since else None, execution, words
