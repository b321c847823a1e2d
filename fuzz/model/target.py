"""The target that runs images in our own model of the MIPS architecture (`fuzz.model.engine`).

    load    words decoded to arrays, once
    run     memory and registers filled ─ native loop, which comes back for each call of a function ─ state compared with what it must be

It models every ISA exactly, and the hazards that emulators do not have.
"""

from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ebpf.instruction import REGISTERS as BPF_REGISTERS
from fuzz import native_record, screen
from fuzz.abi import GP, RA, REGISTERS, sign_extended
from fuzz.calls import Bytes, Service
from fuzz.conclude import Ending, conclude
from fuzz.entry import check, entry_registers, instruction_limit
from fuzz.layout import AREA_SIZE, FUNCTION_SIZE, FUNCTIONS, IMAGE_SIZE, Layout, Placement
from fuzz.model import engine, trace
from fuzz.model import rows as number
from fuzz.model.bits import Numbers
from fuzz.model.decode import EXIT, FLAGS, KIND, SLOT, decoded
from fuzz.model.decode import REGISTERS as MODEL_REGISTERS
from fuzz.model.screen import screen as native_screen
from fuzz.native_screen import ENDING
from fuzz.record import NOTHING_RECORDED, OperandEvent, Record, Recording
from fuzz.routines import RoutineError
from fuzz.screen import Batch
from fuzz.target import Run
from fuzz.unicorn_fault import explain
from jit.compiled import Compiled
from jit.config import Config, ancestry
from oracle.outcome import Fault, FaultKind

LOAD_DELAY = frozenset({"mips1"})
"""CPUs on which a load takes effect one instruction late (MIPS IV Instruction Set, revision 3.2, appendix A)."""

HILO_DISTANCE = frozenset({"mips1", "mips2", "mips3"})
"""CPUs on which a read of HI or LO is spoiled by a write that follows too soon (MFHI, MFLO)."""

_NOTHING: frozenset[Recording] = frozenset()
_U64 = (1 << 64) - 1
_SIGN = 1 << 63


def signed(value: int) -> int:
    """An unsigned 64-bit integer as registers of the model hold it."""
    return (value ^ _SIGN) - _SIGN


class _Image:
    """A decoded image, and where it runs."""

    def __init__(self, compiled: Compiled, placement: Placement) -> None:
        config, layout = compiled.config, placement.layout
        self.compiled, self.slots, self.layout = compiled, placement.slots, layout
        self.code = decoded(compiled.words, _address(layout.image, config), config)
        count = len(compiled.words)
        if "nollsc" in config.options:
            self.code[np.isin(self.code[:, KIND], (number.LINKED, number.CONDITIONAL)), KIND] = number.RESERVED
        # Of instructions that share a word, because they need none, the last one.
        starts = {at: slot for slot, at in enumerate(compiled.bpf_at) if at is not None and at < count}
        self.code[list(starts), SLOT] = list(starts.values())
        self.code[[at for at in compiled.exits if at < count], FLAGS] |= EXIT
        self.owners = np.array(compiled.slot_of, np.int64)
        places = [(0,) if places is None else places for places in compiled.registers]
        self.places = np.array([(low, high[0] if high else -1) for low, *high in places], np.int64).reshape(BPF_REGISTERS, 2)
        self.contents = compiled.image()
        self.state = _state(compiled, layout)


def _address(address: int, config: Config) -> int:
    """An address of a layout as registers hold it."""
    return signed(sign_extended(address) if config.width == 32 else address)


def _state(compiled: Compiled, layout: Layout) -> Numbers:
    """What of the state belongs to the image."""
    config = compiled.config
    state = np.zeros(engine.STATE, np.int64)
    state[engine.BASE], state[engine.WORDS] = _address(layout.image, config), len(compiled.words)
    state[engine.RETURN_PAGE], state[engine.FUNCTIONS] = _address(layout.return_page, config), _address(layout.functions, config)
    state[engine.FUNCTION_COUNT], state[engine.FUNCTION_SIZE] = len(FUNCTIONS), FUNCTION_SIZE
    state[engine.CPU_64], state[engine.BIG_ENDIAN], state[engine.WIDTH] = config.cpu_64, config.big_endian, config.width
    state[engine.PERMISSIVE] = "mips32r6" in ancestry(config.isa)
    state[engine.LOAD_DELAY], state[engine.HILO_DISTANCE] = config.cpu in LOAD_DELAY, config.cpu in HILO_DISTANCE
    return state


class _Memory:
    """The bytes of the program's memory, each at its address modulo the size of the area, and behind them the image, which is only read."""

    def __init__(self) -> None:
        # The system gives pages of zeros when they are touched.
        self.bytes = np.zeros(AREA_SIZE + IMAGE_SIZE, np.uint8)
        self.areas: Numbers = np.zeros((0, 4), np.int64)

    @property
    def host(self) -> int:
        """The native address of the bytes."""
        return self.bytes.ctypes.data

    def map(self, placement: Placement, image: _Image) -> None:
        """Let the segments of a placement be what can be accessed, and the image be read."""
        config = image.compiled.config
        rows = [(_address(each.address, config), len(each.initial), each.address % AREA_SIZE, True) for each in placement.segments]
        self.areas = np.array([*rows, (_address(image.layout.image, config), len(image.contents), AREA_SIZE, False)], np.int64)

    def fill(self, placement: Placement) -> None:
        """Put the initial contents of all segments in place."""
        for segment in placement.segments:
            self.store(segment.address, segment.initial)

    def fill_image(self, image: _Image) -> None:
        """Put an image in place."""
        self.bytes[AREA_SIZE : AREA_SIZE + len(image.contents)] = np.frombuffer(image.contents, np.uint8)

    def segments(self, placement: Placement) -> list[bytes]:
        """What the segments hold now."""
        return [self.load(segment.address, len(segment.initial)) for segment in placement.segments]

    def load(self, address: int, size: int) -> bytes:
        """Bytes of the program's memory or of the stack."""
        at = address % AREA_SIZE
        return self.bytes[at : at + size].tobytes()

    def store(self, address: int, contents: bytes) -> None:
        """Change bytes of the program's memory or of the stack."""
        at = address % AREA_SIZE
        self.bytes[at : at + len(contents)] = np.frombuffer(contents, np.uint8)


_MAXIMA = {
    Recording.EDGES: native_record.MAXIMUM_EDGES,
    Recording.OPERANDS: native_record.MAXIMUM_OPERANDS,
    Recording.ACCESSES: native_record.MAXIMUM_ACCESSES,
    Recording.BOUNDARIES: native_record.MAXIMUM_BOUNDARIES,
}
"""In the order of the counters."""


class _Trace:
    """The arrays in which the engine records, for one run at a time; parts of one array that is laid out as that of `fuzz.native_record`."""

    def __init__(self) -> None:
        self.data = np.zeros(native_record.DESCRIPTIONS, np.int64)
        self.counts = self.data[native_record.COUNT_EDGES :][: len(_MAXIMA)]
        self.edges = self._rows(native_record.EDGES, native_record.EDGE_ROW, native_record.MAXIMUM_EDGES)
        self.known = self.data[native_record.EDGE_SET :][: native_record.SET_SIZE]
        self.operands = self._rows(native_record.OPERANDS, native_record.OPERAND_ROW, native_record.MAXIMUM_OPERANDS)
        self.accesses = self._rows(native_record.ACCESSES, native_record.ACCESS_ROW, native_record.MAXIMUM_ACCESSES)
        self.boundaries = self._rows(native_record.BOUNDARIES, native_record.BOUNDARY_ROW, native_record.MAXIMUM_BOUNDARIES)

    def _rows(self, at: int, width: int, count: int) -> Numbers:
        return self.data[at : at + width * count].reshape(count, width)

    def begin(self) -> None:
        """Forget the run before."""
        native_record.begin(self.data)

    @property
    def all_edges(self) -> Numbers | None:
        """All edges since `begin`; None when there was no room for them."""
        count = int(self.counts[trace.COUNT_EDGES])
        return self.edges[:count, :2] if count <= native_record.MAXIMUM_EDGES else None

    def record(self, wanted: frozenset[Recording]) -> Record:
        """What was recorded."""
        counts = self.counts.tolist()
        edges, operands, accesses, boundaries = map(min, counts, _MAXIMA.values())
        truncated = _NOTHING
        if [edges, operands, accesses, boundaries] != counts:
            truncated = frozenset(kind for (kind, most), count in zip(_MAXIMA.items(), counts, strict=True) if count > most) & wanted
        events = None
        if Recording.OPERANDS in wanted or Recording.FLIPS in wanted:
            events = tuple(OperandEvent(word, register, value & _U64) for word, register, value in self.operands[:operands].tolist())
        return Record(
            edges=self.edges[:edges, :2].copy() if Recording.EDGES in wanted else None,
            operands=events,
            accesses=self.accesses[:accesses].copy().view(np.uint64) if Recording.ACCESSES in wanted else None,
            boundaries=self.boundaries[:boundaries].copy().view(np.uint64) if Recording.BOUNDARIES in wanted else None,
            truncated=truncated,
        )


class ModelTarget:
    """See `fuzz.target.Target`. Not for use by several threads.

    breaks  after so many executed instructions the link of ll is broken, as another CPU or an exception may do at any time; ascending
    """

    def __init__(self, breaks: Sequence[int] = ()) -> None:
        self._memory, self._trace = _Memory(), _Trace()
        self._bytes = Bytes(self._memory.load, self._memory.store)
        self._registers = np.zeros(MODEL_REGISTERS, np.int64)
        # Whether there was an exit, and the registers there.
        self._exits = np.zeros(1 + MODEL_REGISTERS, np.int64)
        self._breaks = np.array(breaks, np.int64)
        self._image: _Image | None = None

    def load(self, compiled: Compiled, placement: Placement) -> None:
        """Make the image ready to run. Raises ValueError for an image that was compiled for other addresses, is too long, or breaks the ABI."""
        check(compiled, placement)
        self._image = _Image(compiled, placement)
        self._memory.fill_image(self._image)

    def screen(self, inputs: Sequence[tuple[Placement, Run]], recordings: frozenset[Recording] = _NOTHING, variants: int = 0) -> list[int]:
        """Run the loaded image on inputs, and say of each, given the oracle's run, what may not be as it must be; 0 for nothing."""
        return screen.by_pages(inputs, recordings, self._screen)

    def _screen(self, batch: Batch, recordings: frozenset[Recording]) -> list[int]:
        image, first = self._loaded(), batch.placements[0]
        self._memory.map(first, image)
        self._ask(image, recordings)
        self._trace.begin()
        found = np.zeros(len(batch.placements), np.int64)
        fills = np.array([placement.fill for placement in batch.placements], np.int64)
        description = screen.image(image.compiled, image.slots, first, recordings, instruction_limit(first))
        services: dict[int, Service] = {}
        number, resumed = 0, False
        while True:
            where = (batch.outcomes, batch.memories, fills, description, self._memory.host, self._trace.data, found)
            number = native_screen(number, resumed, *where, *self._arrays(image, self._exits))
            if number == len(found):
                return screen.conclude(
                    image.compiled, batch, found, services, self._trace.all_edges if Recording.EDGES in recordings else screen.NO_EDGES
                )
            if number not in services:
                services[number] = self._service(image, batch.placements[number])
            resumed = self._call(image, services[number]) is None
            if not resumed:
                found[number], number = ENDING, number + 1

    def run(self, placement: Placement, recordings: frozenset[Recording] = _NOTHING) -> Run:
        """Run the loaded image on an input. What happens to the image is told in the outcome and never raised.

        With FLIPS operands are inverted from the first one on; in a run without any that is the run without FLIPS.
        """
        image = self._loaded()
        self._begin(image, placement, recordings)
        service = self._service(image, placement)
        fault = self._execute(image, placement, service)
        state = image.state
        left = self._unsigned(self._exits[1:], image) if state[engine.EXITED] else None
        ending = Ending(fault, int(state[engine.EXECUTED]), _entry(image, placement), self._unsigned(self._registers, image), left)
        record = self._trace.record(recordings) if recordings else NOTHING_RECORDED
        return conclude(image.compiled, placement, ending, self._memory.segments(placement), service, record)

    def _loaded(self) -> _Image:
        if self._image is None:
            raise ValueError("no image is loaded")
        return self._image

    def _service(self, image: _Image, placement: Placement) -> Service:
        return Service(placement, image.compiled.config, self._bytes, _entry(image, placement)[GP])

    def _ask(self, image: _Image, recordings: frozenset[Recording]) -> None:
        """Let these be recorded."""
        state = image.state
        state[engine.WITH_EDGES] = Recording.EDGES in recordings
        state[engine.WITH_OPERANDS] = not recordings.isdisjoint((Recording.OPERANDS, Recording.FLIPS))
        state[engine.WITH_ACCESSES] = Recording.ACCESSES in recordings
        state[engine.WITH_BOUNDARIES] = Recording.BOUNDARIES in recordings
        state[engine.FLIPS] = Recording.FLIPS in recordings

    def _begin(self, image: _Image, placement: Placement, recordings: frozenset[Recording]) -> None:
        """Fill memory, registers and state."""
        self._memory.map(placement, image)
        self._memory.fill(placement)
        self._trace.begin()
        self._ask(image, recordings)
        state = image.state
        state[engine.EXECUTED : engine.STATE] = 0
        state[engine.LIMIT], state[engine.NOISE] = instruction_limit(placement), placement.fill
        self._write(entry_registers(placement, image.compiled.frame_pointer), image)

    def _write(self, values: Sequence[int], image: _Image) -> None:
        """Fill the registers from unsigned values, of which a 32-bit CPU takes the low halves."""
        if not image.compiled.config.cpu_64:
            values = [sign_extended(value & 0xFFFFFFFF) for value in values]
        self._registers[:REGISTERS] = np.array(values, np.uint64).view(np.int64)

    def _unsigned(self, registers: Numbers, image: _Image) -> list[int]:
        mask = _U64 if image.compiled.config.cpu_64 else 0xFFFFFFFF
        values: list[int] = registers[:REGISTERS].tolist()
        return [value & mask for value in values]

    def _arrays(self, image: _Image, exits: Numbers) -> tuple[NDArray[Any], ...]:
        """What the engine works on."""
        arrays = self._trace
        of_image = (image.state, image.code, image.owners, image.places)
        of_run = (self._registers, exits, self._memory.bytes, self._memory.areas, self._breaks)
        return (*of_image, *of_run, arrays.counts, arrays.edges, arrays.known, arrays.operands, arrays.accesses, arrays.boundaries)

    def _execute(self, image: _Image, placement: Placement, service: Service) -> Fault | None:
        """Run to the end, and serve calls on the way; returns why it did not return."""
        start = int(image.state[engine.BASE])
        while True:
            status = engine.run(start, *self._arrays(image, self._exits[1:]))
            if status == engine.RETURNED:
                return None
            if status != engine.CALLED:
                return self._fault(status, image, placement)
            fault = self._call(image, service)
            if fault is not None:
                return fault
            start = int(self._registers[RA])

    def _call(self, image: _Image, service: Service) -> Fault | None:
        """Serve the call at which the engine stopped; returns why it goes on no further."""
        registers = self._unsigned(self._registers, image)
        try:
            self._write(service.serve(FUNCTIONS[int(image.state[engine.DETAIL])], registers), image)
        except RoutineError as error:
            # Such a fault belongs to the instruction that called: the word before the return address is its call, or the delay slot of that.
            return replace(error.fault, slot=_slot(image.compiled, registers[RA] - 4))
        return None

    def _fault(self, status: int, image: _Image, placement: Placement) -> Fault:
        """Why it stopped."""
        compiled, state = image.compiled, image.state
        last, detail = int(state[engine.LAST]), int(state[engine.DETAIL])
        if status == engine.LIMITED:
            return Fault(FaultKind.INSTRUCTION_LIMIT, None, detail=f"{state[engine.EXECUTED]} MIPS instructions")
        exception = detail if status == engine.RAISED else None
        if status == engine.STRAYED:
            offset = detail - int(state[engine.BASE])
            if 0 <= offset < IMAGE_SIZE and offset % 4 == 0:
                last = offset // 4
            elif offset % 4:
                exception = engine.ADDRESS_ERROR_LOAD
        return explain(compiled, last, self._unsigned(self._registers, image), placement.segments, exception)


def _entry(image: _Image, placement: Placement) -> list[int]:
    """The registers at entry, as the CPU has them."""
    values = entry_registers(placement, image.compiled.frame_pointer)
    return values if image.compiled.config.cpu_64 else [value & 0xFFFFFFFF for value in values]


def _slot(compiled: Compiled, address: int) -> int | None:
    """The eBPF instruction whose code lies there; None for entry and exit code, and outside the image."""
    word = (address - compiled.base) // 4
    slot = compiled.slot_of[word] if 0 <= word < len(compiled.words) else -1
    return slot if slot >= 0 else None
