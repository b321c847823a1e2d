"""The target that runs images in our own model of the MIPS architecture (`fuzz.model.engine`).

    load    words decoded to arrays, once
    run     memory and registers filled ─ native loop, which comes back for each call of a function ─ state compared with what it must be

It models every ISA exactly, and the hazards that emulators do not have. The native loop stops where `fuzz.cpu.faulty_cpu` plays errata of CPUs, or
other CPUs.
"""

from collections.abc import Sequence
from dataclasses import replace
from functools import cache

import numpy as np

from fuzz.abi import GP, RA, REGISTERS, sign_extended
from fuzz.cpu.faulty_cpu import FaultyCpu, Host
from fuzz.engine.conclude import Ending, conclude
from fuzz.engine.entry import check, entry_registers, instruction_limit
from fuzz.engine.target import Run
from fuzz.environment.calls import Bytes, Service
from fuzz.environment.routines import RoutineError
from fuzz.layout import AREA_SIZE, FUNCTION_SIZE, FUNCTIONS, IMAGE_SIZE, Placement
from fuzz.model import engine
from fuzz.model.bits import Numbers
from fuzz.model.decode import FLAGS, STOPS, STOPS_DISTURBED, decoded
from fuzz.model.interference import OTHERS_PLAY, Played, plan
from fuzz.model.memory import AREA_ROW
from fuzz.model.screen import run_all
from fuzz.recording import screen
from fuzz.recording.decoded import start_array, word_array
from fuzz.recording.kept import kept
from fuzz.recording.native_screen import ENDING
from fuzz.recording.record import NOTHING_RECORDED, Recording
from fuzz.recording.recorder import Recorder
from fuzz.unicorn.fault import explain
from fuzz.unicorn.hooks import EXIT_REGISTERS, EXITED
from fuzz.verdict import Difference
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
        self.compiled, self.layout, self.slots = compiled, layout, placement.slots
        exits = np.array(compiled.exits, np.int64)
        self.code = decoded(word_array(compiled), _address(layout.image, config), config, start_array(compiled), exits)


def _address(address: int, config: Config) -> int:
    """An address of a layout as registers hold it."""
    return signed(sign_extended(address) if config.width == 32 else address)


class ModelTarget:
    """See `fuzz.engine.target.Target`. Not for use by several threads.

    breaks  after so many executed instructions the link of ll is broken, as another CPU or an exception may do at any time; ascending
    """

    def __init__(self, breaks: Sequence[int] = ()) -> None:
        # The system gives pages of zeros when they are touched.
        self._memory = np.zeros(AREA_SIZE + IMAGE_SIZE, np.uint8)
        self._address = self._memory.ctypes.data
        self._state = np.zeros(engine.STATE, np.int64)
        self._registers = self._state[engine.GENERAL : engine.GENERAL + REGISTERS]
        self._recorder = Recorder()
        self._bytes = Bytes(self._load, self._store)
        self._breaks = np.array(breaks, np.int64)
        self._cpu = FaultyCpu(Host(self._load, self._store_of_another, self._hang, self._violate))
        self._disturbed = False
        self._runs = 0
        self._halted: Fault | None = None
        self._service: Service | None = None
        self._image: _Image | None = None
        self._areas: tuple[tuple[int, int], ...] = ()

    def load(self, compiled: Compiled, placement: Placement) -> None:
        """Make the image ready to run. Raises ValueError for an image that was compiled for other addresses, is too long, or breaks the ABI."""
        check(compiled, placement)
        self._image = _Image(compiled, placement)
        self._areas = ()
        self._recorder.adopt(compiled)
        contents = compiled.image()
        self._memory[AREA_SIZE : AREA_SIZE + len(contents)] = np.frombuffer(contents, np.uint8)
        state, config, layout = self._state, compiled.config, placement.layout
        state[engine.BASE], state[engine.WORDS] = _address(layout.image, config), len(compiled.words)
        state[engine.RETURN_PAGE], state[engine.FUNCTIONS] = _address(layout.return_page, config), _address(layout.functions, config)
        state[engine.FUNCTION_COUNT], state[engine.FUNCTION_SIZE] = len(FUNCTIONS), FUNCTION_SIZE
        state[engine.CPU_64 : engine.WIDTH + 1] = _cpu(config)
        self._cpu.load(compiled, placement.slots)
        if words := self._cpu.words(interference=False):
            self._image.code[words, FLAGS] |= STOPS
        self._disturbed = False

    def run(self, placement: Placement, recordings: frozenset[Recording] = _NOTHING) -> Run:
        """Run the loaded image on an input. What happens to the image is told in the outcome and never raised.

        With FLIPS operands are inverted from the first one on; in a run without any that is the run without FLIPS.
        """
        image, state = self._loaded(), self._state
        compiled = image.compiled
        self._prepare(placement, recordings)
        self._begin(placement, compiled)
        service = self._serving(placement, compiled)
        fault = self._execute(image, placement, service)
        left = state[engine.LEFT :]
        exited = self._unsigned(left[EXIT_REGISTERS : EXIT_REGISTERS + REGISTERS]) if left[EXITED] else None
        ending = Ending(fault, int(state[engine.EXECUTED]), _entry(placement, compiled), self.registers(), exited)
        record = self._recorder.record(compiled, recordings) if recordings else NOTHING_RECORDED
        after = [self._load(segment.address, len(segment.initial)) for segment in placement.segments]
        return conclude(compiled, placement, ending, after, service, record)

    def _loaded(self) -> _Image:
        if self._image is None:
            raise ValueError("no image is loaded")
        return self._image

    def _load(self, address: int, size: int) -> bytes:
        """Bytes of the program's memory or of the stack."""
        at = address % AREA_SIZE
        return self._memory[at : at + size].tobytes()

    def _store(self, address: int, contents: bytes) -> None:
        """Change bytes of the program's memory or of the stack."""
        at = address % AREA_SIZE
        self._memory[at : at + len(contents)] = np.frombuffer(contents, np.uint8)

    def _store_of_another(self, address: int, contents: bytes) -> None:
        """Another CPU, or one that is faulty, changes them, which breaks a link."""
        self._store(address, contents)
        self._state[engine.LINK] = 0

    # What holds the registers, for `fuzz.cpu.faulty_cpu`.

    def registers(self) -> list[int]:
        """The general registers, HI and LO, unsigned."""
        return self._unsigned(self._registers)

    def write_registers(self, values: Sequence[int]) -> None:
        """Fill the registers from unsigned values, of which a 32-bit CPU takes the low halves."""
        given = np.array(values, np.uint64)
        # To 64 bits from signed ones is sign extension.
        self._registers[:] = given.view(np.int64) if self._state[engine.CPU_64] else given.astype(np.uint32).view(np.int32)

    def _hang(self, reason: str) -> None:
        self._halted = Fault(FaultKind.ENGINE, None, detail=reason)

    def _violate(self, difference: Difference) -> None:
        assert self._service is not None
        self._service.violations.append(difference)

    def _disturb(self) -> None:
        """There are runs in which other CPUs come in between."""
        if not self._disturbed:
            self._disturbed = True
            self._loaded().code[self._cpu.words(interference=True), FLAGS] |= STOPS_DISTURBED

    def _others(self) -> Played:
        """The same for runs that are screened: other CPUs are played natively where nothing else happens at words of the image."""
        image = self._loaded()
        if self._cpu.words(interference=False):
            self._disturb()
            return OTHERS_PLAY
        played = plan(image.compiled, image.slots)
        image.code[np.flatnonzero(np.diff(played.first)), FLAGS] |= STOPS_DISTURBED
        return played

    def _stopped(self, service: Service, placement: Placement, number: int) -> None:
        """Do what happens before the word at which the engine stopped, in the input with this number."""
        self._service = service
        self._cpu.at(int(self._state[engine.STOPPED_BEFORE]), (self._runs, number), self, placement.interference)
        if self._cpu.resting:
            self._state[engine.DISTURBED] = 0

    def _prepare(self, placement: Placement, recordings: frozenset[Recording]) -> None:
        """Say which memory there is and what is recorded."""
        image, state = self._loaded(), self._state
        areas = tuple((segment.address, len(segment.initial)) for segment in placement.segments)
        if areas != self._areas:
            self._areas = areas
            config = image.compiled.config
            rows = [(_address(address, config), size, address % AREA_SIZE, 1) for address, size in areas]
            rows.append((_address(image.layout.image, config), 4 * len(image.compiled.words), AREA_SIZE, 0))
            if len(rows) > engine.MAXIMUM_AREAS:
                raise ValueError(f"{len(areas)} areas of memory; there is room for {engine.MAXIMUM_AREAS - 1}")
            state[engine.AREAS] = len(rows)
            state[engine.AREA : engine.AREA + AREA_ROW * len(rows)] = [number for row in rows for number in row]
        self._record(recordings)
        state[engine.LIMIT] = instruction_limit(placement)

    def _record(self, recordings: frozenset[Recording]) -> None:
        """Say what is recorded."""
        self._state[engine.WITH_EDGES : engine.FLIPS + 1] = _switches(recordings)

    def _begin(self, placement: Placement, compiled: Compiled) -> None:
        """Fill memory and registers."""
        for segment in placement.segments:
            self._store(segment.address, segment.initial)
        self._recorder.begin()
        state = self._state
        state[engine.EXECUTED] = state[engine.LINK] = state[engine.NEXT_BREAK] = state[engine.LEFT + EXITED] = 0
        state[engine.NOISE] = placement.fill
        state[engine.STOPPED_BEFORE], state[engine.DISTURBED] = engine.NOT_STOPPED, placement.interference
        if placement.interference:
            self._disturb()
        self._runs += 1
        self._halted = None
        self.write_registers(entry_registers(placement, compiled.frame_pointer))

    def _unsigned(self, registers: Numbers) -> list[int]:
        values: list[int] = (registers.view(np.uint64) if self._state[engine.CPU_64] else registers & 0xFFFFFFFF).tolist()
        return values

    def _execute(self, image: _Image, placement: Placement, service: Service) -> Fault | None:
        """Run to the end, and serve calls on the way; returns why it did not return."""
        state, start = self._state, int(self._state[engine.BASE])
        while self._halted is None:
            status = engine.run(start, state, image.code, self._memory, self._recorder.memory, self._breaks)
            if status == engine.RETURNED:
                return None
            if status == engine.STOPPED:
                self._stopped(service, placement, 0)
                continue
            if status != engine.CALLED:
                return self._fault(status, image, placement)
            try:
                self._serve(service)
            except RoutineError as error:
                # Such a fault belongs to the instruction that called: the word before the return address is its call, or the delay slot of that.
                return replace(error.fault, slot=_slot(image.compiled, self.registers()[RA] - 4))
            start = int(self._registers[RA])
        return self._halted

    def _serve(self, service: Service) -> None:
        """Do what the function does at which the engine waits."""
        self.write_registers(service.serve(FUNCTIONS[int(self._state[engine.DETAIL])], self.registers()))

    def _fault(self, status: int, image: _Image, placement: Placement) -> Fault:
        """Why it stopped."""
        state = self._state
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
        return explain(image.compiled, last, self.registers(), placement.segments, exception)

    def screen(self, inputs: Sequence[tuple[Placement, Run]], recordings: frozenset[Recording] = _NOTHING, variants: int = 0) -> list[int]:
        """Run the loaded image on inputs, and say of each, given the oracle's run, what may not be as it must be; 0 for nothing."""
        batch, image = screen.batch(tuple(inputs)), self._loaded()
        compiled, placements = image.compiled, batch.placements
        recorded, wanted = screen.checks(compiled, recordings)
        self._record(recorded)
        # The screen says which areas of memory there are.
        self._areas = ()
        self._recorder.begin()
        found = np.zeros(len(placements), np.int64)
        services: dict[int, Service] = {}
        description, memory = screen.image(compiled, image.slots), self._memory
        played = self._others() if batch.disturbed else OTHERS_PLAY
        arrays = (self._state, image.code, memory, AREA_SIZE, self._recorder.memory, self._breaks, self._address, found, played)
        self._runs += 1
        at, resumed = 0, False
        while (at := run_all(at, resumed, batch.outcomes, batch.memories, description, wanted, *arrays)) < len(placements):
            if at not in services:
                services[at] = self._serving(placements[at], compiled)
            services[at].served = int(found[at])
            resumed = self._wait(services[at], placements[at], at)
            found[at] = services[at].served
            if not resumed:
                found[at] = ENDING
                at += 1
        edges_hold = Recording.EDGES not in recorded or screen.harmless(compiled, self._recorder)
        return screen.conclude(batch, found, services, edges_hold)

    def _wait(self, service: Service, placement: Placement, number: int) -> bool:
        """Do that for which the engine waits in an input; tell whether it goes on."""
        if self._state[engine.STOPPED_BEFORE] == engine.NOT_STOPPED:
            try:
                self._serve(service)
            except RoutineError:
                return False
            return True
        self._halted = None
        self._stopped(service, placement, number)
        return self._halted is None

    def _serving(self, placement: Placement, compiled: Compiled) -> Service:
        return Service(placement, compiled.config, self._bytes, _entry(placement, compiled)[GP])


@cache
def _cpu(config: Config) -> tuple[int, ...]:
    """What the CPU does, as the engine wants it from CPU_64 to WIDTH."""
    permissive = "mips32r6" in ancestry(config.isa)
    return config.cpu_64, config.big_endian, permissive, config.cpu in LOAD_DELAY, config.cpu in HILO_DISTANCE, config.width


@kept(16)
def _switches(recordings: frozenset[Recording]) -> tuple[bool, ...]:
    """Edges, operands, accesses, boundaries, flips."""
    operands = not recordings.isdisjoint((Recording.OPERANDS, Recording.FLIPS))
    others = (recording in recordings for recording in (Recording.ACCESSES, Recording.BOUNDARIES, Recording.FLIPS))
    return Recording.EDGES in recordings, operands, *others


def _entry(placement: Placement, compiled: Compiled) -> list[int]:
    """The registers at entry, as the CPU has them."""
    values = entry_registers(placement, compiled.frame_pointer)
    return values if compiled.config.cpu_64 else [value & 0xFFFFFFFF for value in values]


def _slot(compiled: Compiled, address: int) -> int | None:
    """The eBPF instruction whose code lies there; None for entry and exit code, and outside the image."""
    word = (address - compiled.base) // 4
    slot = compiled.slot_of[word] if 0 <= word < len(compiled.words) else -1
    return slot if slot >= 0 else None
