"""The target that runs images in Unicorn.

    load    words into memory ─ translated code dropped ─ hooks: functions, exits, block counter, long straight runs
    run     pages mapped, filled ─ registers filled ─ engine runs ─ registers and pages compared with what they must be

Where something is to be recorded there is a hook on every word of the image as well (`fuzz.recording.native_record`), in an engine of its own.

The engine does not tell where an exception happened: its program counter reads as zero. After one a run without such a hook is therefore
repeated on an engine that has it; runs are deterministic, so that it ends at the same place.
"""

import ctypes
from collections.abc import Sequence
from dataclasses import replace
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray
from unicorn import UC_HOOK_BLOCK, UC_HOOK_CODE

from ebpf.instruction import Instruction
from fuzz.abi import GP, RA
from fuzz.cpu.faulty_cpu import FaultyCpu, Host
from fuzz.engine.conclude import Ending, conclude
from fuzz.engine.entry import check, entry_registers, instruction_limit
from fuzz.engine.target import Run
from fuzz.environment.calls import Bytes, Service
from fuzz.environment.routines import RoutineError
from fuzz.layout import FUNCTION_SIZE, FUNCTIONS, IMAGE_SIZE, PAGE, Placement
from fuzz.recording import native_screen, screen
from fuzz.recording.native_screen import INPUT, TROUBLE
from fuzz.recording.record import NOTHING_RECORDED, Record, Recording
from fuzz.recording.recorder import Recorder
from fuzz.unicorn.blocks import straight_runs
from fuzz.unicorn.engine import HOOK, INTERRUPT_HOOK, Engine, Hook, HostMemory, function_address
from fuzz.unicorn.fault import explain, in_delay_slot
from fuzz.unicorn.hooks import COUNT, EXECUTED, EXIT_REGISTERS, EXITED, LEAVE, LIMIT, NOTHING, Counters, ExitState
from fuzz.unicorn.models import MODELS
from fuzz.verdict import Difference
from jit.compiled import Compiled
from oracle.outcome import Fault, FaultKind


class _Key(NamedTuple):
    """CPU model, byte order, whether it sees each instruction."""

    model: str
    big_endian: bool
    stepping: bool


_NOTHING: frozenset[Recording] = frozenset()


class UnicornTarget:
    """See `fuzz.engine.target.Target`. Holds an engine per CPU model and byte order; not for use by several threads."""

    def __init__(self) -> None:
        self._host = HostMemory()
        self._bytes = Bytes(self._host.load, self._host.store)
        self._engines: dict[_Key, Engine] = {}
        self._installed: dict[_Key, tuple[frozenset[Recording], bool]] = {}
        self._controls: dict[_Key, NDArray[np.int64]] = {}
        self._recorder = Recorder()
        # The engines call these; they must live as long as an engine does.
        self._callbacks = HOOK(self._on_function), INTERRUPT_HOOK(self._on_interrupt), HOOK(self._on_erratum)
        self._cpu = FaultyCpu(Host(self._bytes.load, self._bytes.store, self._hang, self._violate))
        self._counters = Counters()
        self._exit_state = ExitState()
        self._on_function_address = function_address(self._callbacks[0])
        self._counters_address, self._exit_state_address = ctypes.addressof(self._counters), ctypes.addressof(self._exit_state)
        self._state = np.zeros(2, np.int64)
        self._loaded: Compiled | None = None
        self._slots: tuple[Instruction, ...] = ()
        self._functions = 0
        self._placements: Sequence[Placement] = ()
        self._services: dict[int, Service] = {}
        self._fault: Fault | None = None
        self._exception: int | None = None
        self._runs = 0
        self._error: BaseException | None = None

    def load(self, compiled: Compiled, placement: Placement) -> None:
        """Make the image ready to run. Raises ValueError for an image that was compiled for other addresses, is too long, or breaks the ABI."""
        check(compiled, placement)
        self._loaded, self._slots = compiled, placement.slots
        self._functions = placement.layout.functions
        self._host.write_image(compiled.image(), compiled.base, compiled.config.big_endian)
        self._installed.clear()
        self._cpu.load(compiled, placement.slots)

    def _engine(
        self, compiled: Compiled, stepping: bool, recordings: frozenset[Recording] = _NOTHING, disturbed: bool = False
    ) -> tuple[_Key, Engine]:
        """The engine for the loaded image, with the image's hooks installed; in a run that other CPUs disturb there are more of them."""
        config = compiled.config
        key = _Key(MODELS[config.cpu].name, config.big_endian, stepping)
        engine = self._engines.get(key)
        if engine is None:
            engine = self._engines[key] = Engine(config, self._host, self._callbacks[1])
        if self._installed.get(key) != (recordings, disturbed):
            if stepping:
                self._recorder.prepare(compiled, recordings)
            engine.map_code(self._host.code_size[config.big_endian])
            engine.install(self._hooks(compiled, stepping, recordings, disturbed), self._lasting(compiled))
            self._installed[key] = recordings, disturbed
        return key, engine

    def _lasting(self, compiled: Compiled) -> tuple[Hook, Hook]:
        """Hooks that are the same for all images at one address."""
        base, functions = compiled.base, self._functions
        return (
            Hook(UC_HOOK_CODE, self._on_function_address, functions, functions + PAGE - 1),
            Hook(UC_HOOK_BLOCK, COUNT, base, base + IMAGE_SIZE - 1, self._counters_address),
        )

    def _hooks(self, compiled: Compiled, stepping: bool, recordings: frozenset[Recording], disturbed: bool) -> list[Hook]:
        base, hooks = compiled.base, list[Hook]()
        if stepping:
            hooks.append(self._recorder.hook(compiled, recordings))
        else:
            hooks += (
                Hook(UC_HOOK_CODE, NOTHING, base + 4 * start, base + 4 * end - 1) for start, end in straight_runs(compiled.words, compiled.config)
            )
        if words := self._cpu.words(disturbed):
            on_erratum = function_address(self._callbacks[2])
            hooks += (Hook(UC_HOOK_CODE, on_erratum, base + 4 * at, base + 4 * at) for at in words)
        state = self._exit_state_address
        return [*hooks, *(Hook(UC_HOOK_CODE, LEAVE, base + 4 * at, base + 4 * at, state) for at in compiled.exits)]

    # An exception must not leave a hook: it is kept, and raised when the engine has stopped.

    def _on_function(self, handle: int, address: int, size: int, data: int) -> None:
        number, rest = divmod(address - self._functions, FUNCTION_SIZE)
        if rest or number >= len(FUNCTIONS):
            return
        if self._stepping:
            self._recorder.leave(self._running)
        registers = self._running.registers()
        try:
            after = self._service().serve(FUNCTIONS[number], registers)
            self._running.write_registers(after)
        except RoutineError as error:
            # Such a fault belongs to the instruction that called: the word before the return address is its call, or the delay slot of that.
            self._fault = replace(error.fault, slot=self._slot(registers[RA] - 4))
            self._stop()
        except BaseException as error:
            self._error = error
            self._stop()

    def _on_erratum(self, handle: int, address: int, size: int, data: int) -> None:
        assert self._loaded is not None
        try:
            number = int(self._state[INPUT])
            self._cpu.at((address - self._loaded.base) // 4, (self._runs, number), self._running, self._placements[number].interference)
        except BaseException as error:
            self._error = error
            self._stop()

    def _hang(self, reason: str) -> None:
        self._fault = Fault(FaultKind.ENGINE, None, detail=reason)
        self._stop()

    def _violate(self, difference: Difference) -> None:
        self._service().violations.append(difference)

    def _on_interrupt(self, handle: int, number: int, data: int) -> None:
        self._exception = number
        self._stop()

    def _stop(self) -> None:
        self._state[TROUBLE] = 1
        self._running.stop()

    def _service(self) -> Service:
        """The functions for the input that is run."""
        number = int(self._state[INPUT])
        service = self._services.get(number)
        if service is None:
            assert self._loaded is not None
            config, placement = self._loaded.config, self._placements[number]
            gp = self._entry(placement)[GP]
            service = self._services[number] = Service(placement, config, self._bytes, gp)
        return service

    def _entry(self, placement: Placement) -> list[int]:
        """The registers at entry, as the engine tells them."""
        assert self._loaded is not None
        values = entry_registers(placement, self._loaded.frame_pointer)
        return values if self._loaded.config.cpu_64 else [value & 0xFFFFFFFF for value in values]

    def _slot(self, address: int) -> int | None:
        """The eBPF instruction whose code lies there; None for entry and exit code, and outside the image."""
        assert self._loaded is not None
        word = (address - self._loaded.base) // 4
        slot = self._loaded.slot_of[word] if 0 <= word < len(self._loaded.words) else -1
        return slot if slot >= 0 else None

    def run(self, placement: Placement, recordings: frozenset[Recording] = _NOTHING) -> Run:
        """Run the loaded image on an input. What happens to the image is told in the outcome and never raised.

        A change of `recordings` from one run of an image to the next costs as much as loading it anew.
        """
        if Recording.FLIPS in recordings:
            run = self._run(placement, recordings - {Recording.FLIPS} | {Recording.OPERANDS})
            return self._run(placement, recordings) if run.record.operands else run
        return self._run(placement, recordings)

    def _run(self, placement: Placement, recordings: frozenset[Recording]) -> Run:
        if self._loaded is None:
            raise ValueError("no image is loaded")
        compiled = self._loaded
        stepping = bool(recordings)
        key, engine = self._engine(compiled, stepping, recordings, placement.interference > 0)
        status = self._execute(engine, compiled, placement, stepping)
        executed, limit = self._counters[EXECUTED], self._counters[LIMIT]
        fault, dirty = self._fault, True
        if fault is None and executed > limit:
            fault = Fault(FaultKind.INSTRUCTION_LIMIT, None, detail=f"{executed} MIPS instructions")
        elif fault is None and (status or self._exception is not None):
            find = self._explain if stepping else self._find_fault
            fault, dirty = find(engine, compiled, placement, status)
        elif stepping and fault is None:
            self._recorder.leave(engine)
        record = self._recorder.record(compiled, recordings) if recordings else NOTHING_RECORDED
        if fault is not None and dirty:
            self._discard(key)
        return self._conclude(engine, compiled, placement, fault, executed, record)

    def _execute(self, engine: Engine, compiled: Compiled, placement: Placement, stepping: bool) -> int:
        self._begin(engine, (placement,), stepping)
        engine.map(placement.segments)
        for segment in placement.segments:
            self._host.write(segment)
        self._counters[EXECUTED], self._counters[LIMIT] = 0, instruction_limit(placement)
        self._exit_state[EXITED] = 0
        engine.write_registers(entry_registers(placement, compiled.frame_pointer))
        if stepping:
            self._recorder.begin()
        status = engine.start(compiled.base, placement.layout.return_page)
        if self._error is not None:
            raise self._error
        return status

    def _begin(self, engine: Engine, placements: Sequence[Placement], stepping: bool) -> None:
        """Inputs are about to be run."""
        self._fault = self._exception = self._error = None
        self._runs += 1
        self._running, self._stepping, self._placements = engine, stepping, placements
        self._services.clear()
        self._state[:] = 0

    def _find_fault(self, failed: Engine, compiled: Compiled, placement: Placement, status: int) -> tuple[Fault, bool]:
        """Repeat a run that ended in an exception; tell where and why, and whether the engine is fit for nothing more."""
        exception = self._exception
        key, engine = self._engine(compiled, stepping=True, disturbed=placement.interference > 0)
        again = self._execute(engine, compiled, placement, True)
        if (again, self._exception) != (status, exception):
            told = f"error {status}, exception {exception} at first, then error {again}, exception {self._exception}"
            raise RuntimeError(f"a run that ended in an exception did not do so when it was repeated: {told}, at word {self._recorder.last}")
        fault, dirty = self._explain(engine, compiled, placement, status)
        if dirty:
            self._discard(key)
        return fault, dirty

    def _explain(self, engine: Engine, compiled: Compiled, placement: Placement, status: int) -> tuple[Fault, bool]:
        """Where and why a run that saw each instruction ended, and whether the engine is fit for nothing more.

        In a delay slot it is. A misaligned access elsewhere leaves nothing behind.
        """
        word = self._recorder.last
        fault = explain(compiled, word, engine.registers(), placement.segments, self._exception)
        return fault, fault.kind is not FaultKind.MISALIGNED or in_delay_slot(compiled, word)

    def _discard(self, key: _Key) -> None:
        del self._engines[key]
        self._installed.pop(key, None)
        self._controls.pop(key, None)

    def _conclude(self, engine: Engine, compiled: Compiled, placement: Placement, fault: Fault | None, executed: int, record: Record) -> Run:
        left = self._exit_state[EXIT_REGISTERS:] if self._exit_state[EXITED] else None
        state = Ending(fault, executed, self._entry(placement), engine.registers(), left)
        return conclude(compiled, placement, state, [self._host.read(segment) for segment in placement.segments], self._service(), record)

    def screen(self, inputs: Sequence[tuple[Placement, Run]], recordings: frozenset[Recording] = _NOTHING, variants: int = 0) -> list[int]:
        """Run the loaded image on inputs, and say of each, given the oracle's run, what may not be as it must be; 0 for nothing."""
        if self._loaded is None:
            raise ValueError("no image is loaded")
        compiled, batch = self._loaded, screen.batch(tuple(inputs))
        recorded, wanted = screen.checks(compiled, recordings)
        stepping = bool(recorded)
        found = np.zeros(len(batch.placements), np.int64)
        image = screen.image(compiled, self._slots)
        services: dict[int, Service] = {}
        edges_hold = True
        for start, end in batch.pages:
            key, engine = self._engine(compiled, stepping, recorded, batch.placements[start].interference > 0)
            engine.map(batch.placements[start].segments)
            self._begin(engine, batch.placements, stepping)
            if stepping:
                self._recorder.begin()
            arrays = batch.outcomes, batch.memories, image, wanted, self._recorder.memory, self._control(key, engine), self._state, found
            native_screen.run_all(start, end, *arrays)
            if self._error is not None:
                raise self._error
            if found[end - 1] & native_screen.ENDING:
                self._discard(key)
            services |= self._services
            if Recording.EDGES in recorded:
                edges_hold &= screen.harmless(compiled, self._recorder)
        return screen.conclude(batch, found, services, edges_hold)

    def _control(self, key: _Key, engine: Engine) -> NDArray[np.int64]:
        """What native code needs of an engine."""
        control = self._controls.get(key)
        if control is None:
            control = self._controls[key] = np.zeros(native_screen.CONTROLS, np.int64)
            control[native_screen.COUNTERS] = self._counters_address
            control[native_screen.EXIT_STATE] = self._exit_state_address
            control[native_screen.HOST] = self._host.address
            for place, address in engine.addresses().items():
                control[place] = address
        return control
