"""What `fuzz.recording.recorder.Recorder` does, in plain Python: slow, and without limits. Tests hold the two equal."""

from collections.abc import Callable, Iterator

import numpy as np
from unicorn import UC_HOOK_CODE

from fuzz.abi import SP, is_word
from fuzz.layout import IMAGE_SIZE
from fuzz.recording.record import NO_SLOT, OperandEvent, Record, Recording
from fuzz.unicorn.engine import HOOK, Engine, Hook, function_address
from jit.compiled import Compiled
from jit.mips import Row, decode

_SIZES = {"b": 1, "h": 2, "w": 4, "d": 8}


class ReferenceRecorder:
    """The interface of `Recorder`; `running` gives the engine that runs."""

    def __init__(self, running: Callable[[], Engine]) -> None:
        self._running = running
        self._callback = HOOK(self._step)

    def prepare(self, compiled: Compiled, wanted: frozenset[Recording]) -> None:
        self._compiled, self._wanted = compiled, wanted
        self._starts = {at: slot for slot, at in enumerate(compiled.bpf_at) if at is not None}

    def hook(self, compiled: Compiled, wanted: frozenset[Recording]) -> Hook:
        return Hook(UC_HOOK_CODE, function_address(self._callback), compiled.base, compiled.base + IMAGE_SIZE - 1)

    def begin(self) -> None:
        self.last = -1
        self._outside = True
        self._flipped: dict[int, int] = {}
        self._edges: dict[tuple[int, int], None] = {}
        self._operands: list[OperandEvent] = []
        self._accesses: list[tuple[int, ...]] = []
        self._boundaries: list[tuple[int, ...]] = []

    def leave(self, engine: Engine) -> None:
        self._restore(engine)
        if not self._outside:
            self._edges[self.last, -1] = None
        self._outside = True

    def _restore(self, engine: Engine) -> None:
        if self._flipped:
            values = engine.registers()
            for register, value in self._flipped.items():
                values[register] = value
            engine.write_registers(values)
            self._flipped = {}

    def _step(self, handle: int, address: int, size: int, data: int) -> None:
        engine, compiled = self._running(), self._compiled
        self._restore(engine)
        word = (address - compiled.base) // 4
        if self._outside or word != self.last + 1:
            self._edges[-1 if self._outside else self.last, word] = None
        self.last, self._outside = word, False
        values = engine.registers()
        if word in self._starts:
            self._boundaries.append((self._starts[word], *self._bpf_registers(values)))
        decoded = decode(compiled.words[word], compiled.config.isa)
        if decoded is None:
            return
        row, operands = decoded
        named = dict(zip(row.operands, operands, strict=True))
        if row.facts & {"load", "store"}:
            first, size = self._bytes(row, named, values, address)
            slot = compiled.slot_of[word]
            self._accesses.append((slot if slot >= 0 else NO_SLOT, first, size, "store" in row.facts, word, values[SP]))
        if compiled.config.cpu_64:
            self._check(engine, word, row, operands, named, values)

    def _check(self, engine: Engine, word: int, row: Row, operands: tuple[int, ...], named: dict[str, int], values: list[int]) -> None:
        restricted = dict.fromkeys(named[operand] for operand in ("rs", "rt") if f"word_{operand}" in row.facts)
        bad = [register for register in restricted if not is_word(values[register])]
        self._operands += (OperandEvent(word, register, values[register]) for register in bad)
        if bad and Recording.FLIPS in self._wanted:
            self._flipped = {register: values[register] for register in bad if register not in row.writes(operands)}
            for register in bad:
                values[register] ^= 0xFFFFFFFF
            engine.write_registers(values)

    def _bpf_registers(self, values: list[int]) -> Iterator[int]:
        for places in self._compiled.registers:
            if places is None:
                yield 0
            elif len(places) == 1:
                yield values[places[0]]
            else:
                low, high = (values[place] & 0xFFFFFFFF for place in places)
                yield high << 32 | low

    def _bytes(self, row: Row, named: dict[str, int], values: list[int], pc: int) -> tuple[int, int]:
        """The first of the accessed bytes, and how many; MD00087 on LWL and LWR with its figures of bytes in memory."""
        name, config = row.mnemonic, self._compiled.config
        if name.endswith("pc"):
            unit = 8 if name == "ldpc" else 4
            return pc // unit * unit + unit * named["offset"], unit
        size = {"ll": 4, "sc": 4, "lld": 8, "scd": 8}.get(name) or _SIZES[name[1]]
        address = values[named["base"]] + named["offset"] & (1 << config.width) - 1
        if name[1:] not in ("wl", "wr", "dl", "dr"):
            return address, size
        aligned = range(address // size * size, address // size * size + size)
        upwards = name.endswith("l") == config.big_endian
        accessed = [byte for byte in aligned if (byte >= address if upwards else byte <= address)]
        return accessed[0], len(accessed)

    def record(self, compiled: Compiled, wanted: frozenset[Recording]) -> Record:
        return Record(
            edges=np.array(list(self._edges), np.int64).reshape(-1, 2) if Recording.EDGES in wanted else None,
            operands=tuple(self._operands) if wanted & {Recording.OPERANDS, Recording.FLIPS} else None,
            accesses=np.array(self._accesses, np.uint64).reshape(-1, 6) if Recording.ACCESSES in wanted else None,
            boundaries=np.array(self._boundaries, np.uint64).reshape(-1, 12) if Recording.BOUNDARIES in wanted else None,
        )
