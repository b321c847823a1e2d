"""What stands between a target and the native hooks that record: it describes an image to them, and makes a `Record` of what they wrote."""

from functools import lru_cache

import numpy as np
from numpy.typing import NDArray
from unicorn import UC_HOOK_CODE

from ebpf.instruction import REGISTERS
from fuzz.layout import IMAGE_SIZE
from fuzz.recording import native_record as native
from fuzz.recording.decoded import owner_array, word_array
from fuzz.recording.description import accesses, mark_writes, restricted_operands
from fuzz.recording.record import OperandEvent, Record, Recording
from fuzz.unicorn.engine import Engine, Hook
from jit.compiled import Compiled


class Recorder:
    """The memory of the hooks. One run at a time, of one image."""

    def __init__(self) -> None:
        # The system gives pages of zeros when they are touched, so that room for the longest image costs nothing.
        self.memory = np.zeros(native.DESCRIPTIONS + native.DESCRIPTION * IMAGE_SIZE // 4, np.int64)
        self._owners = np.zeros(0, np.int64)
        self._left: set[int] = set()

    def adopt(self, compiled: Compiled) -> None:
        """Make ready to record runs of an image, for an engine that describes it itself."""
        self._owners = owner_array(compiled)
        self.memory[native.LOW : native.HIGH + REGISTERS] = _places(compiled.registers)

    def prepare(self, compiled: Compiled, wanted: frozenset[Recording]) -> None:
        """Describe an image."""
        self.adopt(compiled)
        count = len(compiled.words)
        memory = self.memory
        descriptions = _rows(memory, native.DESCRIPTIONS, native.DESCRIPTION, count)
        descriptions[:] = 0
        words = word_array(compiled)
        if wanted & {Recording.OPERANDS, Recording.FLIPS}:
            descriptions[:, 0] = restricted_operands(compiled, words)
        if Recording.FLIPS in wanted:
            mark_writes(compiled, descriptions[:, 0])
        if Recording.ACCESSES in wanted:
            descriptions[:, 1] = accesses(compiled, words)
        if Recording.BOUNDARIES in wanted:
            # Of instructions that share a word, because they need none, the last one.
            starts = {at: slot for slot, at in enumerate(compiled.bpf_at) if at is not None and at < count}
            descriptions[list(starts), 0] |= np.array(list(starts.values()), np.int64) << native.SLOT_SHIFT | native.BOUNDARY
        memory[native.BASE], memory[native.WORDS] = compiled.base, count
        memory[native.WITH_EDGES] = Recording.EDGES in wanted

    def hook(self, compiled: Compiled, wanted: frozenset[Recording]) -> Hook:
        """What to install. It must come before other hooks on words of the image that look at registers."""
        step = native.flip() if Recording.FLIPS in wanted else native.step()
        return Hook(UC_HOOK_CODE, step, compiled.base, compiled.base + IMAGE_SIZE - 1, self.memory.ctypes.data)

    def begin(self) -> None:
        """Forget the run before."""
        native.begin(self.memory)
        self._left.clear()

    @property
    def last(self) -> int:
        """The index of the word that was executed last; it may lie behind the image."""
        return int(self.memory[native.LAST])

    def leave(self, engine: Engine) -> None:
        """Execution is outside of the image: at a function, or at the end of a run."""
        memory = self.memory
        if memory[native.FLIPPED]:
            registers = engine.registers()
            for number in range(memory[native.FLIPPED]):
                register, value = memory[native.FLIPPED + 1 + 2 * number : native.FLIPPED + 3 + 2 * number].tolist()
                registers[register] = value & (1 << 64) - 1
            engine.write_registers(registers)
            memory[native.FLIPPED] = 0
        self._depart()

    def _depart(self) -> None:
        """Record the edge to the outside."""
        memory = self.memory
        last = int(memory[native.LAST])
        memory[native.LAST] = native.OUTSIDE
        if not memory[native.WITH_EDGES] or last in self._left or not 0 <= last < memory[native.WORDS]:
            return
        self._left.add(last)
        count = int(memory[native.COUNT_EDGES])
        memory[native.COUNT_EDGES] = count + 1
        if count < native.MAXIMUM_EDGES:
            # These edges are not in the set of the hook; its first place stands for no place.
            memory[native.EDGES + native.EDGE_ROW * count :][: native.EDGE_ROW] = last, -1, 0

    @property
    def edges(self) -> NDArray[np.int64] | None:
        """All edges since `begin`; None when there was no room for them."""
        count = int(self.memory[native.COUNT_EDGES])
        return _edges(self.memory, count) if count <= native.MAXIMUM_EDGES else None

    def record(self, compiled: Compiled, wanted: frozenset[Recording]) -> Record:
        """What was recorded since `begin`."""
        memory = self.memory
        counts = memory[native.COUNT_EDGES : native.COUNT_EDGES + len(_MAXIMA)].tolist()
        edges, operands, accesses, boundaries = map(min, counts, _MAXIMA.values())
        truncated = _NOTHING
        if (edges, operands, accesses, boundaries) != tuple(counts):
            truncated = frozenset(kind for (kind, most), count in zip(_MAXIMA.items(), counts, strict=True) if count > most) & wanted
        return Record(
            edges=_edges(memory, edges) if Recording.EDGES in wanted else None,
            operands=_operands(memory, operands) if wanted & {Recording.OPERANDS, Recording.FLIPS} else None,
            accesses=_accesses(memory, accesses, self._owners, compiled.config.width) if Recording.ACCESSES in wanted else None,
            boundaries=_boundaries(memory, boundaries) if Recording.BOUNDARIES in wanted else None,
            truncated=truncated,
        )


@lru_cache(maxsize=64)
def _places(registers: tuple[tuple[int, ...] | None, ...]) -> list[int]:
    """Of r0 to r10 the lower or only registers, then the upper ones, -1 for none."""
    places = [(0,) if each is None else each for each in registers]
    return [*(low for low, *_ in places), *(high[0] if high else -1 for _, *high in places)]


_NOTHING: frozenset[Recording] = frozenset()
_MAXIMA = {
    Recording.EDGES: native.MAXIMUM_EDGES,
    Recording.OPERANDS: native.MAXIMUM_OPERANDS,
    Recording.ACCESSES: native.MAXIMUM_ACCESSES,
    Recording.BOUNDARIES: native.MAXIMUM_BOUNDARIES,
}
"""In the order of the counters."""


def _rows(memory: NDArray[np.int64], start: int, width: int, count: int) -> NDArray[np.int64]:
    return memory[start : start + width * count].reshape(count, width)


def _edges(memory: NDArray[np.int64], count: int) -> NDArray[np.int64]:
    return _rows(memory, native.EDGES, native.EDGE_ROW, count)[:, :2].copy()


def _operands(memory: NDArray[np.int64], count: int) -> tuple[OperandEvent, ...]:
    if not count:
        return ()
    rows = _rows(memory, native.OPERANDS, native.OPERAND_ROW, count).tolist()
    return tuple(OperandEvent(word, register, value & (1 << 64) - 1) for word, register, value in rows)


def _accesses(memory: NDArray[np.int64], count: int, owners: NDArray[np.int64], width: int) -> NDArray[np.uint64]:
    rows = _rows(memory, native.ACCESSES, native.ACCESS_ROW, count).copy()
    rows[:, 0] = owners[rows[:, 4]]
    if width == 32:
        rows[:, (1, 5)] &= 0xFFFFFFFF
    return rows.view(np.uint64)


def _boundaries(memory: NDArray[np.int64], count: int) -> NDArray[np.uint64]:
    return _rows(memory, native.BOUNDARIES, native.BOUNDARY_ROW, count).copy().view(np.uint64)
