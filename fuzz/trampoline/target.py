"""Running a trampoline with its programs: one image, called as the traced function is, with the function itself and the kernel's served.

    image     program 0 | program 1 | … | trampoline, which is where a run begins
    memory    the stack only; the caller's arguments lie above the stack pointer at entry

What the trampoline calls is written down with what the array in its frame holds at that time. Every call destroys what a called function may change.
"""

import ctypes
import struct
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import partial
from typing import NamedTuple

from unicorn import UC_HOOK_BLOCK, UC_HOOK_CODE

from ebpf.program import ByteOrder
from fuzz import abi
from fuzz.abi import CALLER_SAVED, GP, RA, SP, STACK_ALIGNMENT, AbiError, Caller
from fuzz.engine.observe import preserved
from fuzz.environment.calls import noise
from fuzz.environment.functions import Call, Environment, environment
from fuzz.environment.helpers import Surroundings
from fuzz.environment.routines import MEANINGS, RoutineError
from fuzz.layout import FUNCTION_SIZE, FUNCTIONS, IMAGE_SIZE, PAGE, Function, Layout, Segment
from fuzz.recording.record import NOTHING_RECORDED, Record, Recording
from fuzz.recording.recorder import Recorder
from fuzz.trampoline import abi as traced_abi
from fuzz.unicorn.blocks import straight_runs
from fuzz.unicorn.engine import HOOK, INTERRUPT_HOOK, Engine, Hook, HostMemory, function_address
from fuzz.unicorn.hooks import COUNT, EXECUTED, LIMIT, NOTHING, Counters
from fuzz.unicorn.models import MODELS
from fuzz.verdict import Difference
from jit.compiled import Compiled
from jit.config import Config
from jit.runtime import ROUTINES, Routine
from oracle.outcome import Fault, FaultKind
from oracle.trampoline import Event
from oracle.world import NO_PACKET, RefusedCallError

SERVED = ("tramp_enter", "tramp_exit", "prog_enter", "prog_exit", "original")
"""What a trampoline calls, in the order in which it lies behind the functions that programs call."""

SIGNATURES = {
    "tramp_enter": Routine("void", ("pointer",)),
    "tramp_exit": Routine("void", ("pointer",)),
    "prog_enter": Routine("u64", ("pointer", "pointer")),
    "prog_exit": Routine("void", ("pointer", "u64", "pointer")),
}

INSTRUCTIONS = 1_000_000
"""A run may execute so many MIPS instructions."""


def surroundings(config: Config) -> Surroundings:
    """What the functions that programs call know of the machine. There is no packet."""
    return Surroundings(byte_order="big" if config.big_endian else "little", width=config.width)


def served_address(name: str, layout: Layout) -> int:
    """Of one of `SERVED`."""
    return layout.functions + FUNCTION_SIZE * (len(FUNCTIONS) + SERVED.index(name))


@dataclass(frozen=True, slots=True)
class Entry:
    """A call of the traced function.

    image      all words, as one image; `slot_of` and the like are empty
    start      address of the trampoline
    layout     where everything lies
    stack      the mapped pages
    sp         the stack pointer at entry
    context    distance of the array from that, in bytes
    handles    what stands for each program
    itself     what stands for the trampoline
    kinds      types of the arguments; result_kind: of the result
    arguments  as 64-bit integers, extended by their types
    result     what the function returns, extended likewise
    begin      what prog_enter returns for a program
    fill       chooses what native registers hold that nobody may rely on
    seed       of the functions that programs call
    signatures of the kernel functions that have one, by their number
    """

    image: Compiled
    start: int
    layout: Layout
    stack: Segment
    sp: int
    context: int
    handles: tuple[int, ...]
    itself: int
    kinds: tuple[str, ...]
    result_kind: str
    arguments: tuple[int, ...]
    result: int
    begin: Callable[[int], int]
    fill: int
    seed: int
    signatures: Mapping[int, Routine] = field(default_factory=dict)


@dataclass(slots=True)
class Ran:
    """What a run came to: as the oracle's Ending, and besides the helper calls of programs, and what broke the ABI."""

    events: list[Event] = field(default_factory=list)
    result: int = 0
    fault: Fault | None = None
    calls: tuple[Call, ...] = ()
    violations: list[Difference] = field(default_factory=list)
    record: Record = NOTHING_RECORDED


class _Key(NamedTuple):
    model: str
    big_endian: bool
    watched: bool


class TrampolineTarget:
    """Holds engines; not for use by several threads."""

    def __init__(self) -> None:
        self._host = HostMemory()
        self._host.add_functions(len(FUNCTIONS) + len(SERVED))
        self._engines: dict[_Key, Engine] = {}
        self._recorder = Recorder()
        self._counters = Counters()
        self._callbacks = HOOK(self._on_function), INTERRUPT_HOOK(self._on_interrupt)
        self._error: BaseException | None = None
        self._exception: int | None = None

    def run(self, entry: Entry, recordings: frozenset[Recording] = frozenset()) -> Ran:
        """Call the function. What happens is told and never raised."""
        config = entry.image.config
        key = _Key(MODELS[config.cpu].name, config.big_endian, bool(recordings))
        if key not in self._engines:
            self._engines[key] = Engine(config, self._host, self._callbacks[1])
        self._engine, self._watched = self._engines[key], bool(recordings)
        self._entry, self._ran, self._served = entry, Ran(), 0
        self._environment: Environment = environment(entry.seed, surroundings=surroundings(config))
        self._error = self._exception = None
        self._host.write_image(entry.image.image(), entry.image.base, config.big_endian)
        if recordings:
            self._recorder.prepare(entry.image, recordings)
        self._engine.install(self._hooks(recordings))
        self._before = self._prepare()
        if recordings:
            self._recorder.begin()
        status = self._engine.start(entry.start, entry.layout.return_page)
        if self._error is not None:
            raise self._error
        self._conclude(key, status)
        if recordings:
            self._recorder.leave(self._engine)
            self._ran.record = self._recorder.record(entry.image, recordings)
        return self._ran

    def _hooks(self, recordings: frozenset[Recording]) -> list[Hook]:
        image, functions = self._entry.image, self._entry.layout.functions
        hooks = [Hook(UC_HOOK_CODE, function_address(self._callbacks[0]), functions, functions + PAGE - 1)]
        hooks.append(Hook(UC_HOOK_BLOCK, COUNT, image.base, image.base + IMAGE_SIZE - 1, ctypes.addressof(self._counters)))
        if recordings:
            return [*hooks, self._recorder.hook(image, recordings)]
        runs = straight_runs(image.words, image.config)
        return hooks + [Hook(UC_HOOK_CODE, NOTHING, image.base + 4 * first, image.base + 4 * last - 1) for first, last in runs]

    def _prepare(self) -> list[int]:
        """Memory and registers; what the registers hold, as the engine tells them."""
        entry, config = self._entry, self._entry.image.config
        self._engine.map((entry.stack,))
        self._host.write(entry.stack)
        passed = traced_abi.pass_arguments(entry.kinds, entry.arguments, config)
        for offset, contents in passed.stack.items():
            self._host.store(entry.sp + offset, contents)
        self._above = self._host.read(entry.stack)[self._from_caller() :]
        values = list(noise(config.width, entry.fill, 0))
        values[0] = 0
        for register, value in passed.registers.items():
            values[register] = value
        values[SP] = abi.sign_extended(entry.sp) if config.width == 32 else entry.sp
        values[RA] = entry.layout.return_page
        self._counters[EXECUTED], self._counters[LIMIT] = 0, INSTRUCTIONS
        self._engine.write_registers(values)
        return values if config.cpu_64 else [value & 0xFFFF_FFFF for value in values]

    def _from_caller(self) -> int:
        """Where the caller's own part of the stack begins: the called function may change its arguments."""
        entry = self._entry
        return entry.sp - entry.stack.address + traced_abi.area(entry.kinds, entry.image.config)

    def _conclude(self, key: _Key, status: int) -> None:
        entry, ran = self._entry, self._ran
        ran.calls = tuple(self._environment.calls)
        if ran.fault is None and self._counters[EXECUTED] > self._counters[LIMIT]:
            ran.fault = Fault(FaultKind.INSTRUCTION_LIMIT, None, detail=f"{self._counters[EXECUTED]} MIPS instructions")
        elif ran.fault is None and (status or self._exception is not None):
            ran.fault = Fault(FaultKind.ENGINE, None, detail=f"exception {self._exception}, status {status}")
        if ran.fault is not None:
            del self._engines[key]
            return
        after = self._engine.registers()
        ran.violations += preserved(self._before, after, entry.image.config)
        if self._host.read(entry.stack)[self._from_caller() :] != self._above:
            ran.violations.append(Difference("memory", "the caller's stack", "to be left alone", "to have changed"))
        try:
            ran.result = traced_abi.take_result(entry.result_kind, after, entry.image.config)
        except traced_abi.Mismatch as error:
            ran.violations.append(Difference("ABI", "result", "as its type says", str(error)))

    # What is called. An exception must not leave a hook.

    def _on_interrupt(self, handle: int, number: int, data: int) -> None:
        self._exception = number
        self._engine.stop()

    def _on_function(self, handle: int, address: int, size: int, data: int) -> None:
        number, rest = divmod(address - self._entry.layout.functions, FUNCTION_SIZE)
        if rest or number >= len(FUNCTIONS) + len(SERVED):
            return
        if self._watched:
            self._recorder.leave(self._engine)
        try:
            registers = self._engine.registers()
            self._engine.write_registers(self._serve(number, registers))
        except RoutineError as error:
            self._ran.fault = error.fault
            self._engine.stop()
        except BaseException as error:
            self._error = error
            self._engine.stop()

    def _serve(self, number: int, registers: Sequence[int]) -> list[int]:
        self._served += 1
        entry, config = self._entry, self._entry.image.config
        self._check_state(registers)
        sp = registers[SP] & (1 << config.width) - 1
        try:
            if number < len(FUNCTIONS):
                results, size = self._of_program(FUNCTIONS[number], registers, sp)
            else:
                results, size = self._of_trampoline(SERVED[number - len(FUNCTIONS)], registers, sp)
        except (AbiError, traced_abi.Mismatch) as error:
            raise RoutineError(Fault(FaultKind.ENGINE, None, detail=f"ABI: {error}")) from None
        random, after = noise(config.width, entry.fill, self._served), list(registers)
        for group in CALLER_SAVED:
            after[group] = random[group]
        for register, value in results.items():
            after[register] = value
        if size:
            self._check_stack(sp, size)
            pattern = struct.pack("<I", (0x9E3779B9 * self._served & 0xFFFF_FFFF) ^ (0xFFFF_FFFF if entry.fill < 0 else 0))
            self._host.store(sp, pattern * (size // 4))
        return after

    def _check_state(self, registers: Sequence[int]) -> None:
        config = self._entry.image.config
        if registers[SP] % (alignment := STACK_ALIGNMENT[config.width]):
            self._ran.violations.append(Difference("ABI", f"$sp at call {self._served}", f"a multiple of {alignment}", f"{registers[SP]:#x}"))
        if registers[GP] != self._before[GP]:
            self._ran.violations.append(Difference("ABI", f"$gp at call {self._served}", f"{self._before[GP]:#x}", f"{registers[GP]:#x}"))

    def _check_stack(self, address: int, size: int) -> None:
        stack = self._entry.stack
        if not stack.address <= address <= stack.address + len(stack.initial) - size:
            raise RoutineError(Fault(FaultKind.ENGINE, None, detail=f"ABI: {size} bytes at {address:#x}, outside the stack"))

    def _read(self, address: int, size: int) -> bytes:
        self._check_stack(address, size)
        return self._host.load(address, size)

    def _of_program(self, function: Function, registers: Sequence[int], sp: int) -> tuple[dict[int, int], int]:
        """What programs call: helpers, kernel functions and runtime routines, which may access the stack."""
        config = self._entry.image.config
        signature, meaning = self._meaning(function)
        arguments = Caller(config, registers, self._read).arguments(signature.arguments)
        try:
            value = meaning(*arguments)
        except RefusedCallError as error:
            raise RoutineError(Fault(FaultKind.ARGUMENT, None, detail=f"{function.kind} {function.key}: {error}")) from None
        return abi.result(signature.result, value, config), abi.argument_area(signature.arguments, config.width)

    def _meaning(self, function: Function) -> tuple[Routine, Callable[..., int]]:
        if function.kind == "routine":
            return ROUTINES[str(function.key)], partial(MEANINGS[str(function.key)], _Stack(self), NO_PACKET)
        helper = self._environment.helpers.get(int(function.key)) if function.kind == "helper" else None
        if helper is not None:
            called = partial(helper.function, _Stack(self)) if helper.memory else helper.function
            return abi.helper_signature(helper.arguments + helper.more), called
        known = self._environment.kernel_functions.get(int(function.key)) if function.kind == "kernel function" else None
        if known is None:
            raise RoutineError(Fault(FaultKind.ENGINE, None, detail=f"call of {function.kind} {function.key}, which no program calls"))
        typed = self._entry.signatures.get(int(function.key))
        if typed is None:
            return abi.helper_signature(known.arguments), known.function
        return typed, lambda *arguments: known.function(*arguments) & (1 << int(typed.result[1:])) - 1

    def _of_trampoline(self, name: str, registers: Sequence[int], sp: int) -> tuple[dict[int, int], int]:
        entry, config = self._entry, self._entry.image.config
        context = self._read(entry.sp + entry.context - 16, 24 + 8 * len(entry.kinds))
        if name == "original":
            values = traced_abi.take_arguments(entry.kinds, registers, lambda offset, size: self._read(sp + offset, size), config)
            self._ran.events.append(Event(name, values, context))
            return traced_abi.result_registers(entry.result_kind, entry.result, config), traced_abi.area(entry.kinds, config)
        signature = SIGNATURES[name]
        arguments = Caller(config, registers, self._read).arguments(signature.arguments)
        result = 0
        if name.startswith("tramp"):
            self._expect(name, arguments[0], (entry.itself,))
            arguments = ()
        else:
            number = self._expect(name, arguments[0], entry.handles)
            cookie = int.from_bytes(self._read(arguments[-1], 8), "big" if config.big_endian else "little")
            arguments = (number, *arguments[1:-1], cookie)
            result = entry.begin(number)
        self._ran.events.append(Event(name, arguments, context))
        return abi.result(signature.result, result, config), abi.argument_area(signature.arguments, config.width)

    def _expect(self, name: str, value: int, known: Sequence[int]) -> int:
        if value not in known:
            raise RoutineError(Fault(FaultKind.ENGINE, None, detail=f"{name} is called with {value:#x}, which stands for nothing"))
        return known.index(value)


class _Stack:
    """The stack as memory for runtime routines and helper functions. Programs have no packet, and no context that belongs to one."""

    def __init__(self, target: TrampolineTarget) -> None:
        self._target = target
        config = target._entry.image.config
        self._order: ByteOrder = "big" if config.big_endian else "little"
        self._mask = (1 << config.width) - 1
        self.alignment = config.width // 8
        self.context = -1

    def load(self, address: int, size: int) -> int:
        return int.from_bytes(self._target._read(address, size), self._order)

    def read(self, address: int, size: int) -> bytes:
        return self._target._read(address & self._mask, size)

    def store(self, address: int, size: int, value: int) -> None:
        self.write(address, value.to_bytes(size, self._order))

    def write(self, address: int, contents: bytes) -> None:
        self._target._check_stack(address & self._mask, len(contents))
        self._target._host.store(address & self._mask, contents)
