"""The target that runs images in QEMU in user mode.

    load   the words into memory, twice: with `break` in place of the exit words, and with `break` where calls return to
    run    memory filled ─ one image in one process, up to an exit word ─ from there on the other one in another process ─ compared

Both processes have the same memory. A run is stopped at the exit word because that is where the eBPF registers can be read; and it goes on in a
process that has the right word there, so that nothing has to be translated anew. That one has a `break` wherever a call returns to, because an exit
word may come again, and the last one counts: in programs with tail calls every function has one.

Functions that the image calls, and the page to which it returns,
are full of `break`, each of which is a stop as well.

There are no recordings, and instructions are not counted: an image that runs on is stopped after a time.
"""

import struct
from collections.abc import Iterator, Sequence
from dataclasses import replace
from typing import NamedTuple

from fuzz.abi import GP, RA
from fuzz.compare import compare
from fuzz.engine.conclude import Ending, conclude
from fuzz.engine.disagreements import ENGINE
from fuzz.engine.entry import check, entry_registers, instruction_limit
from fuzz.engine.target import Ability, Run
from fuzz.environment.calls import Bytes, Service
from fuzz.environment.routines import RoutineError
from fuzz.layout import AREA_SIZE, FUNCTION_SIZE, FUNCTIONS, IMAGE_SIZE, PAGE, Placement
from fuzz.qemu.agent import SHARED_SIZE, SIGALRM, SIGBUS, SIGFPE, SIGILL, SIGSEGV, SIGTRAP
from fuzz.qemu.machine import Machine, MachineError, Mapping, Memory, Stop
from fuzz.qemu.models import Model, missing, model
from fuzz.recording.record import NOTHING_RECORDED, Recording
from fuzz.unicorn.fault import explain, in_delay_slot
from fuzz.verdict import Difference
from jit.compiled import Compiled
from jit.config import Config, ancestry
from jit.mips import decode
from oracle.outcome import Fault, FaultKind

BREAK, _SYSCALL = 0x0000000D, 0x0C
_COMPACT = (0x06, 0x07, 0x08, 0x16, 0x17, 0x18, 0x3A, 0x3E)
_MARGIN = 2 * PAGE
_CONTROL, _BREAKS, _DATA = 0, 2 * SHARED_SIZE, 1 << 20
_RUNNING = _DATA + AREA_SIZE
_LEAVING = _RUNNING + IMAGE_SIZE + _MARGIN
_SIZE = _LEAVING + IMAGE_SIZE + _MARGIN
"""Where in the file what is: control areas, a page of `break`, data, both editions of the code."""

_USER = 1 << 31, 1 << 40
"""Addresses that a process has, by 32- and 64-bit CPU: below these."""

INSTRUCTIONS_PER_SECOND = 20_000_000
"""So many at least QEMU executes on a busy machine: an image that takes longer than that runs on."""

_PATIENCE = 2.0

_SYSTEM_CALL = 17
_EXCEPTIONS = {SIGBUS: 12, SIGSEGV: None, SIGILL: 20, SIGTRAP: 18, SIGFPE: 21}
"""What `fuzz.unicorn.fault` calls the exceptions behind the signals."""


class _Key(NamedTuple):
    model: Model
    running: bool


class QemuTarget:
    """See `fuzz.engine.target.Target`. Holds two processes per CPU model and byte order; not for use by several threads."""

    abilities: frozenset[Recording | Ability] = frozenset()

    def __init__(self) -> None:
        """Raises RuntimeError where there is no QEMU."""
        if reason := missing():
            raise RuntimeError(reason)
        self._memories: dict[Model, Memory] = {}
        self._machines: dict[_Key, Machine] = {}
        self._loaded: Compiled | None = None
        self._edition = 0
        self._returns: frozenset[int] = frozenset()
        self._resumed: int | None = None

    def close(self) -> None:
        """End all processes."""
        for machine in self._machines.values():
            machine.close()
        for memory in self._memories.values():
            memory.close()
        self._machines.clear()
        self._memories.clear()

    def __del__(self) -> None:
        self.close()

    def load(self, compiled: Compiled, placement: Placement) -> None:
        """Make the image ready to run. Raises ValueError for one made for other addresses or against the ABI, NoRoomError for a long one."""
        check(compiled, placement)
        self._loaded = compiled
        self._edition += 1
        memory = self._memory(compiled.config)
        order = ">" if compiled.config.big_endian else "<"
        empty = struct.pack(f"{order}I", BREAK)
        start, end = _code_pages(compiled)
        before, behind = empty * ((compiled.base - start) // 4), empty * ((end - compiled.base) // 4 - len(compiled.words))
        # The process must not do as images say that call the operating system.
        words = [BREAK if word >> 26 == 0 and word & 0x3F == _SYSCALL else word for word in compiled.words]
        # Only where programs call each other are exit words passed more than once.
        self._returns = frozenset(_returns(compiled)) if placement.addresses.programs else frozenset()
        self._resumed = None
        for at, places in ((_LEAVING, self._returns), (_RUNNING, frozenset(compiled.exits))):
            image = [BREAK if number in places else word for number, word in enumerate(words)]
            memory.bytes[at : at + end - start] = before + struct.pack(f"{order}{len(image)}I", *image) + behind
        memory.bytes[_BREAKS : _BREAKS + PAGE] = empty * (PAGE // 4)

    def _memory(self, config: Config) -> Memory:
        key = model(config)
        if key not in self._memories:
            self._memories[key] = Memory(_SIZE)
        return self._memories[key]

    def _machine(self, compiled: Compiled, placement: Placement, running: bool) -> Machine:
        """The process for a run up to an exit word, or from there on, with everything mapped."""
        key = _Key(model(compiled.config), running)
        if key not in self._machines:
            self._machines[key] = Machine(key.model, self._memory(compiled.config), _CONTROL + SHARED_SIZE * running)
        start, end = _code_pages(compiled)
        self._machines[key].map(
            [
                Mapping(start, end - start, True, _RUNNING if running else _LEAVING, self._edition),
                *(Mapping(page, PAGE, True, _BREAKS) for page in {placement.layout.return_page, placement.layout.functions}),
                *(Mapping(segment.address, len(segment.initial), False, _offset(segment.address)) for segment in placement.segments),
            ]
        )
        return self._machines[key]

    def run(self, placement: Placement, recordings: frozenset[Recording] = frozenset()) -> Run:
        """Run the loaded image on an input. What happens to the image is told in the outcome and never raised; nothing is recorded.

        Raises ValueError where something is to be recorded, or memory lies where no process has any.
        """
        if self._loaded is None:
            raise ValueError("no image is loaded")
        compiled = self._loaded
        if recordings:
            raise ValueError("QEMU records nothing")
        if any(segment.address + len(segment.initial) > _USER[compiled.config.cpu_64] for segment in placement.segments):
            raise ValueError(f"a process has no memory at {placement.layout.context:#x}")
        memory = self._memory(compiled.config)
        for segment in placement.segments:
            at = _offset(segment.address)
            memory.bytes[at : at + len(segment.initial)] = segment.initial
        entry = entry_registers(placement, compiled.frame_pointer)
        entry = entry if compiled.config.cpu_64 else [value & 0xFFFFFFFF for value in entry]
        service = Service(placement, compiled.config, _access(memory), entry[GP])
        failure: tuple[Difference, ...] = ()
        try:
            fault, registers, left = self._execute(compiled, placement, entry, service)
        except MachineError as error:
            for key in [key for key in self._machines if key.model == model(compiled.config)]:
                self._machines.pop(key).close()
            # Nobody but the engine is to blame.
            failure = (Difference(ENGINE, "QEMU", "an answer", str(error)),)
            fault, registers, left = Fault(FaultKind.ENGINE, None, detail=f"QEMU: {error}"), entry, None
        after = [bytes(memory.bytes[(at := _offset(segment.address)) : at + len(segment.initial)]) for segment in placement.segments]
        run = conclude(compiled, placement, Ending(fault, 0, entry, registers, left), after, service, NOTHING_RECORDED)
        return replace(run, disagreements=failure)

    def _execute(
        self, compiled: Compiled, placement: Placement, entry: Sequence[int], service: Service
    ) -> tuple[Fault | None, Sequence[int], Sequence[int] | None]:
        """Fault, registers at the end, registers at the exit word."""
        seconds = _PATIENCE + instruction_limit(placement) / INSTRUCTIONS_PER_SECOND
        exits, returns = ({compiled.base + 4 * word for word in places} for places in (compiled.exits, self._returns))
        running = bool(compiled.exits)
        machine = self._machine(compiled, placement, running)
        layout, left, registers, pc = placement.layout, None, entry, compiled.base
        while True:
            stop = machine.resume(registers, pc, seconds)
            registers = stop.registers if compiled.config.cpu_64 else [value & 0xFFFFFFFF for value in stop.registers]
            function, rest = divmod(stop.pc - layout.functions, FUNCTION_SIZE)
            if stop.signal == SIGALRM:
                return Fault(FaultKind.INSTRUCTION_LIMIT, None, detail=f"more than {seconds:.1f} s"), registers, left
            if stop.signal == SIGTRAP and stop.pc == layout.return_page:
                return None, registers, left
            passed = exits if running else returns
            if stop.signal == SIGTRAP and (stop.pc in passed or _raised_at(compiled, stop.pc) in passed):
                # From a word in a forbidden slot it goes on there, because the branch has been executed; a delay slot needs its branch once more.
                pc = _raised_at(compiled, stop.pc) if _is_compact(compiled, stop.pc) else stop.pc
                left, running = registers if running else left, not running
                if not running:
                    self._resume_at(compiled, (pc - compiled.base) // 4)
                machine = self._machine(compiled, placement, running)
            elif stop.signal == SIGTRAP and not rest and 0 <= function < len(FUNCTIONS):
                try:
                    registers, pc = service.serve(FUNCTIONS[function], registers), registers[RA]
                except RoutineError as error:
                    return _at(compiled, error.fault, registers[RA] - 4), registers, left
            else:
                return _fault(compiled, placement, stop, registers), registers, left

    def _resume_at(self, compiled: Compiled, word: int) -> None:
        """Where a call returns to an exit word, have the word itself there, and `break` again where it was instead before."""
        wanted = word if word in self._returns else None
        if wanted == self._resumed:
            return
        order = ">" if compiled.config.big_endian else "<"
        for place, value in ((self._resumed, BREAK), (wanted, compiled.words[word])):
            if place is not None:
                at = _LEAVING + compiled.base % PAGE + 4 * place
                self._memory(compiled.config).bytes[at : at + 4] = struct.pack(f"{order}I", value)
        self._resumed, self._edition = wanted, self._edition + 1

    def screen(self, inputs: Sequence[tuple[Placement, Run]], recordings: frozenset[Recording] = frozenset(), variants: int = 0) -> list[int]:
        """Run the loaded image on inputs, and say of each, given the oracle's run, whether anything differs: 1 when it does."""
        if self._loaded is None:
            raise ValueError("no image is loaded")
        found = []
        for placement, expected in inputs:
            run = self.run(placement, recordings)
            found.append(int(bool(run.violations or compare(expected, run, self._loaded, placement))))
        return found


def _returns(compiled: Compiled) -> Iterator[int]:
    """The words to which calls may return; some others do no harm. Major opcodes and their like are those of the manuals (MD00087, opcode tables)."""
    compact = _COMPACT if "mips32r6" in ancestry(compiled.config.isa) else ()
    for at, word in enumerate(compiled.words):
        major = word >> 26
        if major in compact:
            yield at + 1
        elif major == 3 or (major == 0 and word & 0x3F == 9) or (major == 1 and word >> 16 & 0x1C == 0x10):
            yield at + 2


def _code_pages(compiled: Compiled) -> tuple[int, int]:
    """The first page of an image, and the end of the page behind its last one."""
    start = compiled.base // PAGE * PAGE
    return start, -(-(compiled.base + 4 * len(compiled.words)) // PAGE) * PAGE + PAGE


def _offset(address: int) -> int:
    """Where in the file data are."""
    return _DATA + address % AREA_SIZE


def _access(memory: Memory) -> Bytes:
    def load(address: int, size: int) -> bytes:
        at = _offset(address)
        return bytes(memory.bytes[at : at + size])

    def store(address: int, contents: bytes) -> None:
        at = _offset(address)
        memory.bytes[at : at + len(contents)] = contents

    return Bytes(load, store)


def _at(compiled: Compiled, fault: Fault, address: int) -> Fault:
    """The fault, of the eBPF instruction whose code lies there."""
    word = (address - compiled.base) // 4
    slot = compiled.slot_of[word] if 0 <= word < len(compiled.words) else -1
    return Fault(fault.kind, slot if slot >= 0 else None, fault.address, fault.size, fault.detail)


def _is_compact(compiled: Compiled, address: int) -> bool:
    """Whether a compact branch with a forbidden slot is there."""
    word = (address - compiled.base) // 4
    decoded = decode(compiled.words[word], compiled.config.isa) if 0 <= word < len(compiled.words) else None
    return decoded is not None and "forbidden" in decoded[0].facts


def _raised_at(compiled: Compiled, pc: int) -> int:
    """Where an exception in the image was raised: what is wrong in a delay or forbidden slot, QEMU tells of the branch before it."""
    word = (pc - compiled.base) // 4
    return pc + 4 if 0 <= word < len(compiled.words) and in_delay_slot(compiled, word + 1) else pc


def _fault(compiled: Compiled, placement: Placement, stop: Stop, registers: Sequence[int]) -> Fault:
    word = (stop.pc - compiled.base) // 4
    exception = _EXCEPTIONS.get(stop.signal, stop.signal)
    if stop.signal == SIGSEGV and not 0 <= word < len(compiled.words):
        # Where a jump came from is only known when it was a call.
        word = (registers[RA] - compiled.base) // 4 - 1
        if not 0 <= word < len(compiled.words):
            return Fault(FaultKind.ENGINE, None, detail=f"jump to unmapped memory, to {stop.pc:#x}")
        found = explain(compiled, word, registers, (), None)
        return Fault(FaultKind.ENGINE, found.slot, detail=f"jump to unmapped memory at word {word}")
    word = (_raised_at(compiled, stop.pc) - compiled.base) // 4
    if stop.signal == SIGTRAP and 0 <= word < len(compiled.words) and compiled.words[word] & 0xFC00003F == _SYSCALL:
        exception = _SYSTEM_CALL
    return explain(compiled, word, registers, placement.segments, exception)
