"""What stands between a target and the native hooks that record: it describes an image to them, and makes a `Record` of what they wrote."""

from collections.abc import Iterator
from functools import cache

import numpy as np
from numpy.typing import NDArray
from unicorn import UC_HOOK_CODE, UC_HOOK_MEM_READ, UC_HOOK_MEM_WRITE

from ebpf.instruction import REGISTERS
from fuzz import native_record as native
from fuzz.layout import AREA_SIZE, IMAGE_SIZE, Layout, physical
from fuzz.record import OperandEvent, Record, Recording
from fuzz.unicorn_engine import Engine, Hook
from jit.compiled import Compiled
from jit.config import Config
from jit.mips import ROWS, Row, decode

_MAJORS = frozenset({0x00, 0x1C, 0x1F})
"""SPECIAL, SPECIAL2 and SPECIAL3: instructions are told apart by their low 11 bits (MD00087, appendix A)."""

_RS, _RT = 1, 2


def _selectors(row: Row) -> NDArray[np.bool_]:
    """For each value of the major opcode and the low 11 bits whether a word of the row may have it."""
    values = np.arange(1 << 17, dtype=np.int64)
    words = values >> 11 << 26 | values & 0x7FF
    matching: NDArray[np.bool_] = (words & row.mask) == (row.bits & 0xFC0007FF)
    return matching


@cache
def _restricted(isa: str) -> NDArray[np.int64]:
    """By major opcode and low 11 bits: which of rs (1) and rt (2) must be sign-extended words.

    Raises ValueError where these bits do not tell rows apart.
    """
    table = np.full(1 << 17, -1, np.int64)
    for row in ROWS:
        if isa not in row.isas:
            continue
        facts = _RS * ("word_rs" in row.facts) | _RT * ("word_rt" in row.facts)
        matching = _selectors(row)
        if np.any(matching & (table != -1) & (table != facts)):
            raise ValueError(f"{row.mnemonic}: the major opcode and the low 11 bits do not tell it from others on {isa}")
        table[matching] = facts
    return np.maximum(table, 0)


def restricted_operands(words: NDArray[np.int64], config: Config) -> NDArray[np.int64]:
    """The beginning of each word's description: the operands that must be sign-extended words. None on a 32-bit CPU."""
    if not config.cpu_64:
        return np.zeros(len(words), np.int64)
    which = _restricted(config.isa)[words >> 26 << 11 | words & 0x7FF]
    rs, rt = words >> 21 & 31, words >> 16 & 31
    described: NDArray[np.int64] = (which & _RS) * rs | (which >> 1) * rt << native.RT_SHIFT
    return described


class Recorder:
    """The memory of the hooks. One run at a time, of one image."""

    def __init__(self) -> None:
        self._memory = np.zeros(native.DESCRIPTIONS + 4096, np.int64)
        self._left: set[int] = set()

    def prepare(self, compiled: Compiled, wanted: frozenset[Recording]) -> None:
        """Describe an image."""
        count = len(compiled.words)
        if native.DESCRIPTIONS + count > len(self._memory):
            self._memory = np.zeros(native.DESCRIPTIONS + IMAGE_SIZE // 4, np.int64)
        memory = self._memory
        descriptions = memory[native.DESCRIPTIONS : native.DESCRIPTIONS + count]
        descriptions[:] = 0
        if wanted & {Recording.OPERANDS, Recording.FLIPS}:
            words = np.array(compiled.words, np.int64)
            descriptions[:] = restricted_operands(words, compiled.config)
        if Recording.FLIPS in wanted:
            _describe_writes(compiled, descriptions)
        if Recording.BOUNDARIES in wanted:
            # Of instructions that share a word, because they need none, the last one.
            starts = {at: slot for slot, at in enumerate(compiled.bpf_at) if at is not None and at < count}
            descriptions[list(starts)] |= np.array(list(starts.values()), np.int64) << native.SLOT_SHIFT | native.BOUNDARY
            places = [(0,) if places is None else places for places in compiled.registers]
            memory[native.LOW : native.LOW + REGISTERS] = [low for low, *_ in places]
            memory[native.HIGH : native.HIGH + REGISTERS] = [high[0] if high else -1 for _, *high in places]
        memory[native.BASE], memory[native.WORDS] = compiled.base, count
        memory[native.WITH_EDGES] = Recording.EDGES in wanted

    def hooks(self, compiled: Compiled, wanted: frozenset[Recording]) -> Iterator[Hook]:
        """What to install. It must come before other hooks on words of the image that look at registers."""
        data = self._memory.ctypes.data
        step = native.FLIP if Recording.FLIPS in wanted else native.STEP
        yield Hook(UC_HOOK_CODE, step, compiled.base, compiled.base + IMAGE_SIZE - 1, data)
        if Recording.ACCESSES in wanted:
            yield Hook(UC_HOOK_MEM_READ | UC_HOOK_MEM_WRITE, native.ACCESS, 1, 0, data)

    def begin(self) -> None:
        """Forget the run before."""
        memory = self._memory
        known = min(int(memory[native.COUNT_EDGES]), native.MAXIMUM_EDGES)
        memory[native.EDGE_SET + _rows(memory, native.EDGES, native.EDGE_ROW, known)[:, 2]] = 0
        memory[native.COUNT_EDGES : native.FLIPPED + 1] = 0
        memory[native.LAST] = native.OUTSIDE
        self._left.clear()

    @property
    def last(self) -> int:
        """The index of the word that was executed last; it may lie behind the image."""
        return int(self._memory[native.LAST])

    def leave(self, engine: Engine) -> None:
        """Execution is outside of the image: at a function, or at the end of a run."""
        memory = self._memory
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
        memory = self._memory
        last = int(memory[native.LAST])
        memory[native.LAST] = native.OUTSIDE
        if not memory[native.WITH_EDGES] or last in self._left or not 0 <= last < memory[native.WORDS]:
            return
        self._left.add(last)
        count = int(memory[native.COUNT_EDGES])
        memory[native.COUNT_EDGES] = count + 1
        if count < native.MAXIMUM_EDGES:
            # These edges are not in the set of the hook; its first place stands for no place.
            memory[native.EDGES + native.EDGE_ROW * count :][: native.EDGE_ROW] = last, native.OUTSIDE, 0

    def record(self, compiled: Compiled, wanted: frozenset[Recording], layout: Layout) -> Record:
        """What was recorded since `begin`."""
        memory = self._memory
        truncated = frozenset(kind for kind, (at, most) in _COUNTS.items() if memory[at] > most and kind in wanted)
        return Record(
            edges=_edges(memory) if Recording.EDGES in wanted else None,
            operands=_operands(memory) if wanted & {Recording.OPERANDS, Recording.FLIPS} else None,
            accesses=_accesses(memory, compiled, layout) if Recording.ACCESSES in wanted else None,
            boundaries=_boundaries(memory) if Recording.BOUNDARIES in wanted else None,
            truncated=truncated,
        )


_COUNTS = {
    Recording.EDGES: (native.COUNT_EDGES, native.MAXIMUM_EDGES),
    Recording.OPERANDS: (native.COUNT_OPERANDS, native.MAXIMUM_OPERANDS),
    Recording.ACCESSES: (native.COUNT_ACCESSES, native.MAXIMUM_ACCESSES),
    Recording.BOUNDARIES: (native.COUNT_BOUNDARIES, native.MAXIMUM_BOUNDARIES),
}


def _describe_writes(compiled: Compiled, descriptions: NDArray[np.int64]) -> None:
    """Mark the restricted operands that the instruction overwrites."""
    for at in np.flatnonzero(descriptions).tolist():
        decoded = decode(compiled.words[at], compiled.config.isa)
        if decoded is None:
            continue
        row, operands = decoded
        written = row.writes(operands)
        description = int(descriptions[at])
        rs, rt = description & 31, description >> native.RT_SHIFT & 31
        descriptions[at] |= native.RS_WRITTEN * (rs in written) | native.RT_WRITTEN * (rt in written)


def _rows(memory: NDArray[np.int64], start: int, width: int, count: int) -> NDArray[np.int64]:
    return memory[start : start + width * count].reshape(count, width)


def _kept(memory: NDArray[np.int64], kind: Recording) -> int:
    at, most = _COUNTS[kind]
    return min(int(memory[at]), most)


def _edges(memory: NDArray[np.int64]) -> NDArray[np.int64]:
    return np.maximum(_rows(memory, native.EDGES, native.EDGE_ROW, _kept(memory, Recording.EDGES))[:, :2], -1)


def _operands(memory: NDArray[np.int64]) -> tuple[OperandEvent, ...]:
    rows = _rows(memory, native.OPERANDS, native.OPERAND_ROW, _kept(memory, Recording.OPERANDS)).tolist()
    return tuple(OperandEvent(word, register, value & (1 << 64) - 1) for word, register, value in rows)


def _accesses(memory: NDArray[np.int64], compiled: Compiled, layout: Layout) -> NDArray[np.uint64]:
    rows = _rows(memory, native.ACCESSES, native.ACCESS_ROW, _kept(memory, Recording.ACCESSES))
    word, at, size, written = rows.T
    # The engine tells physical addresses.
    area = physical(layout.context) & -AREA_SIZE
    moved = np.where((at >= area) & (at < area + AREA_SIZE), layout.context - physical(layout.context), layout.image - physical(layout.image))
    owners = np.array((*compiled.slot_of, -1), np.int64)
    slot = owners[np.where((word >= 0) & (word < len(owners)), word, -1)]
    return np.stack((slot, at + moved, size, written, word), axis=1).view(np.uint64)


def _boundaries(memory: NDArray[np.int64]) -> NDArray[np.uint64]:
    return _rows(memory, native.BOUNDARIES, native.BOUNDARY_ROW, _kept(memory, Recording.BOUNDARIES)).copy().view(np.uint64)
