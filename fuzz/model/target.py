"""The target that runs images in our own model of the MIPS architecture (`fuzz.model.engine`).

    load    words decoded to arrays, once
    run     memory and registers filled ─ native loop, which comes back for each call of a function ─ state compared with what it must be

It models every ISA exactly, and the hazards that emulators do not have.
"""

from collections.abc import Sequence
from dataclasses import replace

import numpy as np

from ebpf.instruction import REGISTERS as BPF_REGISTERS
from fuzz.abi import GP, RA, REGISTERS, sign_extended
from fuzz.calls import Bytes, Service
from fuzz.conclude import Ending, conclude
from fuzz.entry import check, entry_registers, instruction_limit
from fuzz.layout import FUNCTION_SIZE, FUNCTIONS, IMAGE_SIZE, Layout, Placement
from fuzz.model import engine, trace
from fuzz.model import rows as number
from fuzz.model.bits import Numbers
from fuzz.model.decode import EXIT, FLAGS, KIND, SLOT, decoded
from fuzz.model.decode import REGISTERS as MODEL_REGISTERS
from fuzz.native_screen import ENDING
from fuzz.record import NOTHING_RECORDED, OperandEvent, Record, Recording
from fuzz.routines import RoutineError
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
        self.compiled, self.layout = compiled, layout
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
    """The bytes of all areas: the segments of a placement, then the image, which is only read."""

    def __init__(self) -> None:
        self.bytes = np.zeros(1 << 16, np.uint8)
        self.areas: Numbers = np.zeros((0, 4), np.int64)
        self._placed: list[tuple[int, int, int]] = []

    def fill(self, placement: Placement, image: _Image) -> None:
        """Put a placement and an image in place."""
        config = image.compiled.config
        contents = [*(segment.initial for segment in placement.segments), image.contents]
        addresses = [*(segment.address for segment in placement.segments), image.layout.image]
        if (size := sum(map(len, contents))) > len(self.bytes):
            self.bytes = np.zeros(2 * size, np.uint8)
        self.bytes[:size] = np.frombuffer(b"".join(contents), np.uint8)
        places = np.cumsum([0, *map(len, contents)]).tolist()
        self._placed = [(address, len(held), place) for address, held, place in zip(addresses, contents, places, strict=False)]
        rows = [(_address(address, config), size, place, place != places[-2]) for address, size, place in self._placed]
        self.areas = np.array(rows, np.int64)

    def segments(self) -> list[bytes]:
        """What the segments hold now."""
        return [self.bytes[place : place + size].tobytes() for _, size, place in self._placed[:-1]]

    def _at(self, address: int) -> int:
        for start, size, place in self._placed:
            if start <= address < start + size:
                return place + address - start
        raise ValueError(f"no memory at {address:#x}")

    def load(self, address: int, size: int) -> bytes:
        """Bytes of the program's memory or of the stack."""
        at = self._at(address)
        return self.bytes[at : at + size].tobytes()

    def store(self, address: int, contents: bytes) -> None:
        """Change bytes of the program's memory or of the stack."""
        if contents:
            at = self._at(address)
            self.bytes[at : at + len(contents)] = np.frombuffer(contents, np.uint8)


class _Trace:
    """The arrays in which the engine records, for one run at a time."""

    def __init__(self) -> None:
        self.counts = np.zeros(4, np.int64)
        self.edges = np.zeros((trace.MAXIMUM_EDGES, trace.EDGE_ROW), np.int64)
        self.known = np.zeros(trace.SET_SIZE, np.int64)
        self.operands = np.zeros((trace.MAXIMUM_OPERANDS, trace.OPERAND_ROW), np.int64)
        self.accesses = np.zeros((trace.MAXIMUM_ACCESSES, trace.ACCESS_ROW), np.int64)
        self.boundaries = np.zeros((trace.MAXIMUM_BOUNDARIES, trace.BOUNDARY_ROW), np.int64)

    def begin(self) -> None:
        """Forget the run before."""
        count = min(int(self.counts[trace.COUNT_EDGES]), trace.MAXIMUM_EDGES)
        self.known[self.edges[:count, 2]] = 0
        self.counts[:] = 0

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


_MAXIMA = {
    Recording.EDGES: trace.MAXIMUM_EDGES,
    Recording.OPERANDS: trace.MAXIMUM_OPERANDS,
    Recording.ACCESSES: trace.MAXIMUM_ACCESSES,
    Recording.BOUNDARIES: trace.MAXIMUM_BOUNDARIES,
}
"""In the order of the counters."""


class ModelTarget:
    """See `fuzz.target.Target`. Not for use by several threads.

    breaks  after so many executed instructions the link of ll is broken, as another CPU or an exception may do at any time; ascending
    """

    def __init__(self, breaks: Sequence[int] = ()) -> None:
        self._memory, self._trace = _Memory(), _Trace()
        self._bytes = Bytes(self._memory.load, self._memory.store)
        self._registers = np.zeros(MODEL_REGISTERS, np.int64)
        self._exits = np.zeros(MODEL_REGISTERS, np.int64)
        self._breaks = np.array(breaks, np.int64)
        self._image: _Image | None = None

    def load(self, compiled: Compiled, placement: Placement) -> None:
        """Make the image ready to run. Raises ValueError for an image that was compiled for other addresses, is too long, or breaks the ABI."""
        check(compiled, placement)
        self._image = _Image(compiled, placement)

    def screen(self, inputs: Sequence[tuple[Placement, Run]], recordings: frozenset[Recording] = _NOTHING) -> list[int]:
        """Of no run it is told beforehand that it is as it must be."""
        return [ENDING] * len(inputs)

    def run_all(self, placements: Sequence[Placement], recordings: frozenset[Recording] = _NOTHING) -> list[Run]:
        """Run the loaded image on inputs, one after the other."""
        return [self.run(placement, recordings) for placement in placements]

    def run(self, placement: Placement, recordings: frozenset[Recording] = _NOTHING) -> Run:
        """Run the loaded image on an input. What happens to the image is told in the outcome and never raised.

        With FLIPS operands are inverted from the first one on; in a run without any that is the run without FLIPS.
        """
        if self._image is None:
            raise ValueError("no image is loaded")
        image = self._image
        entry = self._begin(image, placement, recordings)
        service = Service(placement, image.compiled.config, self._bytes, entry[GP])
        fault = self._execute(image, placement, service)
        state = image.state
        left = self._unsigned(self._exits, image) if state[engine.EXITED] else None
        ending = Ending(fault, int(state[engine.EXECUTED]), entry, self._unsigned(self._registers, image), left)
        record = self._trace.record(recordings) if recordings else NOTHING_RECORDED
        return conclude(image.compiled, placement, ending, self._memory.segments(), service, record)

    def _begin(self, image: _Image, placement: Placement, recordings: frozenset[Recording]) -> list[int]:
        """Fill memory, registers and state; returns the registers at entry."""
        self._memory.fill(placement, image)
        self._trace.begin()
        state = image.state
        state[engine.WITH_EDGES] = Recording.EDGES in recordings
        state[engine.WITH_OPERANDS] = not recordings.isdisjoint((Recording.OPERANDS, Recording.FLIPS))
        state[engine.WITH_ACCESSES] = Recording.ACCESSES in recordings
        state[engine.WITH_BOUNDARIES] = Recording.BOUNDARIES in recordings
        state[engine.FLIPS] = Recording.FLIPS in recordings
        state[engine.EXECUTED : engine.STATE] = 0
        state[engine.LIMIT], state[engine.NOISE] = instruction_limit(placement), placement.fill
        values = entry_registers(placement, image.compiled.frame_pointer)
        self._write(values, image)
        return values if image.compiled.config.cpu_64 else [value & 0xFFFFFFFF for value in values]

    def _write(self, values: Sequence[int], image: _Image) -> None:
        """Fill the registers from unsigned values, of which a 32-bit CPU takes the low halves."""
        if not image.compiled.config.cpu_64:
            values = [sign_extended(value & 0xFFFFFFFF) for value in values]
        self._registers[:REGISTERS] = np.array(values, np.uint64).view(np.int64)

    def _unsigned(self, registers: Numbers, image: _Image) -> list[int]:
        mask = _U64 if image.compiled.config.cpu_64 else 0xFFFFFFFF
        values: list[int] = registers[:REGISTERS].tolist()
        return [value & mask for value in values]

    def _execute(self, image: _Image, placement: Placement, service: Service) -> Fault | None:
        """Run to the end, and serve calls on the way; returns why it did not return."""
        state, arrays = image.state, self._trace
        start = int(state[engine.BASE])
        while True:
            status = engine.run(
                start,
                state,
                image.code,
                image.owners,
                image.places,
                self._registers,
                self._exits,
                self._memory.bytes,
                self._memory.areas,
                self._breaks,
                arrays.counts,
                arrays.edges,
                arrays.known,
                arrays.operands,
                arrays.accesses,
                arrays.boundaries,
            )
            if status == engine.RETURNED:
                return None
            if status != engine.CALLED:
                return self._fault(status, image, placement)
            registers = self._unsigned(self._registers, image)
            try:
                self._write(service.serve(FUNCTIONS[int(state[engine.DETAIL])], registers), image)
            except RoutineError as error:
                # Such a fault belongs to the instruction that called: the word before the return address is its call, or the delay slot of that.
                return replace(error.fault, slot=_slot(image.compiled, registers[RA] - 4))
            start = int(self._registers[RA])

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


def _slot(compiled: Compiled, address: int) -> int | None:
    """The eBPF instruction whose code lies there; None for entry and exit code, and outside the image."""
    word = (address - compiled.base) // 4
    slot = compiled.slot_of[word] if 0 <= word < len(compiled.words) else -1
    return slot if slot >= 0 else None
