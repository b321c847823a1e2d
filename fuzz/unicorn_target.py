"""The target that runs images in Unicorn.

    load    words into memory ─ translated code dropped ─ hooks: functions, exits, block counter, long straight runs
    run     pages mapped, filled ─ registers filled ─ engine runs ─ registers and pages compared with what they must be

The engine does not tell where an exception happened: its program counter reads as zero. After one the run is therefore repeated on a second engine
that notes each instruction; runs are deterministic, so that it ends at the same place.
"""

from dataclasses import replace

from unicorn import UC_HOOK_BLOCK, UC_HOOK_CODE

from fuzz import observe
from fuzz.abi import A0, A1, GP, HOME_AREA, RA, SP, STACK_ALIGNMENT, V0, sign_extended
from fuzz.blocks import straight_runs
from fuzz.calls import Bytes, Service, noise
from fuzz.layout import FUNCTION_SIZE, FUNCTIONS, IMAGE_SIZE, PAGE, Placement
from fuzz.native_hooks import COUNT, EXECUTED, LAST, LIMIT, NOTE, NOTHING, Counters
from fuzz.routines import RoutineError
from fuzz.target import Run
from fuzz.unicorn_engine import HOOK, INTERRUPT_HOOK, MODELS, Engine, Hook, HostMemory, function_address
from fuzz.unicorn_fault import explain, in_delay_slot
from fuzz.verdict import Difference
from jit.compiled import Compiled
from oracle.outcome import Fault, FaultKind, Outcome

INSTRUCTIONS_PER_SLOT = 100
"""An image may execute so many instructions for each eBPF instruction that the oracle may."""


class _Key(tuple[str, bool, bool]):
    """CPU model, byte order, whether it notes each instruction."""

    __slots__ = ()


class UnicornTarget:
    """See `fuzz.target.Target`. Holds an engine per CPU model and byte order; not for use by several threads."""

    def __init__(self) -> None:
        self._host = HostMemory()
        self._bytes = Bytes(self._host.load, self._host.store)
        self._engines: dict[_Key, Engine] = {}
        self._installed: set[_Key] = set()
        # The engines call these; they must live as long as an engine does.
        self._callbacks = HOOK(self._on_function), HOOK(self._on_exit), INTERRUPT_HOOK(self._on_interrupt)
        self._counters = Counters()
        self._loaded: Compiled | None = None
        self._functions = 0
        self._exit: list[int] | None = None
        self._fault: Fault | None = None
        self._exception: int | None = None
        self._error: BaseException | None = None

    def load(self, compiled: Compiled, placement: Placement) -> None:
        """Make the image ready to run. Raises ValueError for an image that was compiled for other addresses, is too long, or breaks the ABI."""
        _check(compiled, placement)
        self._loaded = compiled
        self._functions = placement.layout.functions
        self._host.write_image(compiled.image(), compiled.config.big_endian)
        self._installed.clear()

    def _engine(self, compiled: Compiled, trace: bool) -> tuple[_Key, Engine]:
        """The engine for the loaded image, with the image's hooks installed."""
        config = compiled.config
        key = _Key((MODELS[config.isa].name, config.big_endian, trace))
        engine = self._engines.get(key)
        if engine is None:
            engine = self._engines[key] = Engine(config, self._host, self._callbacks[2])
        if key not in self._installed:
            engine.install(self._hooks(compiled, trace), self._counters)
            self._installed.add(key)
        return key, engine

    def _hooks(self, compiled: Compiled, trace: bool) -> list[Hook]:
        on_function, on_exit = (function_address(callback) for callback in self._callbacks[:2])
        base, last = compiled.base, compiled.base + IMAGE_SIZE - 1
        hooks = [Hook(UC_HOOK_CODE, on_function, self._functions, self._functions + PAGE - 1), Hook(UC_HOOK_BLOCK, COUNT, base, last)]
        hooks += (Hook(UC_HOOK_CODE, on_exit, base + 4 * at, base + 4 * at) for at in compiled.exits)
        if trace:
            return [*hooks, Hook(UC_HOOK_CODE, NOTE, base, last)]
        runs = straight_runs(compiled.words, compiled.config)
        return [*hooks, *(Hook(UC_HOOK_CODE, NOTHING, base + 4 * start, base + 4 * end - 1) for start, end in runs)]

    # An exception must not leave a hook: it is kept, and raised when the engine has stopped.

    def _on_function(self, handle: int, address: int, size: int, data: int) -> None:
        number, rest = divmod(address - self._functions, FUNCTION_SIZE)
        if rest or number >= len(FUNCTIONS):
            return
        registers = self._running.registers()
        try:
            after = self._service.serve(FUNCTIONS[number], registers)
            self._running.write_registers(after)
        except RoutineError as error:
            # Such a fault belongs to the instruction that called: the word before the return address is its call, or the delay slot of that.
            self._fault = replace(error.fault, slot=self._slot(registers[RA] - 4))
            self._running.stop()
        except BaseException as error:
            self._error = error
            self._running.stop()

    def _on_exit(self, handle: int, address: int, size: int, data: int) -> None:
        self._exit = self._running.registers()

    def _on_interrupt(self, handle: int, number: int, data: int) -> None:
        self._exception = number
        self._running.stop()

    def _slot(self, address: int) -> int | None:
        """The eBPF instruction whose code lies there; None for entry and exit code, and outside the image."""
        assert self._loaded is not None
        word = (address - self._loaded.base) // 4
        slot = self._loaded.slot_of[word] if 0 <= word < len(self._loaded.words) else -1
        return slot if slot >= 0 else None

    def run(self, placement: Placement) -> Run:
        """Run the loaded image on an input. What happens to the image is told in the outcome and never raised."""
        if self._loaded is None:
            raise ValueError("no image is loaded")
        compiled = self._loaded
        key, engine = self._engine(compiled, trace=False)
        status = self._execute(engine, compiled, placement)
        executed, limit = self._counters[EXECUTED], self._counters[LIMIT]
        fault, dirty = self._fault, True
        if fault is None and executed > limit:
            fault = Fault(FaultKind.INSTRUCTION_LIMIT, None, detail=f"{executed} MIPS instructions")
        elif fault is None and (status or self._exception is not None):
            fault, dirty = self._find_fault(compiled, placement, status)
        if fault is not None and dirty:
            self._discard(key)
        return self._conclude(engine, compiled, placement, fault, executed)

    def _execute(self, engine: Engine, compiled: Compiled, placement: Placement) -> int:
        self._exit = self._fault = self._exception = self._error = None
        engine.map(placement.segments)
        for segment in placement.segments:
            self._host.write(segment)
        self._counters[EXECUTED], self._counters[LIMIT] = 0, INSTRUCTIONS_PER_SLOT * placement.world.instruction_limit
        engine.write_registers(_entry_registers(compiled, placement))
        self._entry = engine.registers()
        self._service = Service(placement, compiled.config, self._bytes, self._entry[GP])
        self._running = engine
        status = engine.start(compiled.base, placement.layout.return_page)
        if self._error is not None:
            raise self._error
        return status

    def _find_fault(self, compiled: Compiled, placement: Placement, status: int) -> tuple[Fault, bool]:
        """Repeat a run that ended in an exception; tell where and why, and whether the engine is fit for nothing more.

        In a delay slot it is. A misaligned access elsewhere leaves nothing behind.
        """
        exception = self._exception
        key, engine = self._engine(compiled, trace=True)
        if (self._execute(engine, compiled, placement), self._exception) != (status, exception):
            raise RuntimeError("a run that ended in an exception did not do so when it was repeated")
        word = (self._counters[LAST] - compiled.base) // 4
        fault = explain(compiled, word, engine.registers(), placement.segments, exception)
        dirty = fault.kind is not FaultKind.MISALIGNED or in_delay_slot(compiled, word)
        if dirty:
            self._discard(key)
        return fault, dirty

    def _discard(self, key: _Key) -> None:
        del self._engines[key]
        self._installed.discard(key)

    def _conclude(self, engine: Engine, compiled: Compiled, placement: Placement, fault: Fault | None, executed: int) -> Run:
        violations = list(self._service.violations)
        after = [self._host.read(segment) for segment in placement.segments]
        registers, return_value = observe.NO_REGISTERS, None
        if fault is None:
            values = engine.registers()
            violations += observe.preserved(self._entry, values, compiled.config)
            violations += observe.result_is_word(values, compiled.config)
            return_value = values[V0] & 0xFFFFFFFF
            if self._exit is not None:
                registers = observe.bpf_registers(compiled, self._exit)
                violations += observe.halves_are_words(compiled, self._exit)
            elif compiled.exits:
                violations.append(Difference("register", "r0 to r10", "an exit word to be executed", "a return without"))
        violations += observe.guards(placement, after, compiled)
        memory = {s.name: contents[s.start : s.start + s.size] for s, contents in zip(placement.segments, after, strict=True)}
        return Run(Outcome(registers, return_value, memory, fault, executed), self._service.calls, tuple(violations))


def _check(compiled: Compiled, placement: Placement) -> None:
    layout, alignment = placement.layout, STACK_ALIGNMENT[compiled.config.width]
    if compiled.base != layout.image:
        raise ValueError(f"the image was compiled for address {compiled.base:#x}, not {layout.image:#x}")
    if 4 * len(compiled.words) > IMAGE_SIZE:
        raise ValueError(f"an image of {4 * len(compiled.words)} bytes; there is room for {IMAGE_SIZE}")
    stack = placement.segments[-1]
    sp = placement.world.frame_pointer + compiled.frame_pointer
    if sp % alignment or not 0 <= sp - stack.address <= len(stack.initial) - HOME_AREA:
        raise ValueError(f"the stack pointer at entry would be {sp:#x}: not a multiple of {alignment}, or outside the stack")


def _entry_registers(compiled: Compiled, placement: Placement) -> list[int]:
    world = placement.world
    values = list(noise(world.address_width, placement.seed, 0))
    values[0] = 0
    pointer = sign_extended if world.address_width == 32 else int
    values[A0], values[A1] = map(pointer, world.arguments)
    values[SP] = pointer(world.frame_pointer + compiled.frame_pointer)
    values[RA] = placement.layout.return_page
    return values
