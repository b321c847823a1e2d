"""The target that runs images in Qiling: 32-bit MIPS, both byte orders, as a process of an operating system has it.

    load   the image, the page of functions and the return page as an executable that Qiling loads
    run    a process: its memory mapped and filled ─ hooks at functions and exit words ─ until the return page ─ compared with what must be

Below Qiling is Unicorn, so that it says nothing new of instructions; what it adds is a loader, a memory map and a debugger (`fuzz.qiling.debug`). Its
MIPS has 32 bits: its registers, system calls, calling convention and description for debuggers have, and so 64-bit CPUs are not run.
Nothing is recorded; instructions are not counted.
"""

import logging
import tempfile
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

from unicorn import mips_const
from unicorn.unicorn_py3.unicorn import UcError

from fuzz.abi import GP, RA
from fuzz.compare import compare
from fuzz.engine.abilities import missing
from fuzz.engine.conclude import Ending, conclude
from fuzz.engine.entry import check, entry_registers, instruction_limit
from fuzz.engine.target import Ability, Run
from fuzz.environment.calls import Bytes, Service
from fuzz.environment.routines import RoutineError
from fuzz.layout import FUNCTION_SIZE, FUNCTIONS, PAGE, Placement
from fuzz.qiling.process import executable
from fuzz.recording.record import NOTHING_RECORDED, Recording
from fuzz.unicorn.blocks import straight_runs
from fuzz.unicorn.fault import explain
from fuzz.unicorn.models import MODELS
from jit.compiled import Compiled
from jit.config import Config
from oracle.outcome import Fault, FaultKind

INSTRUCTIONS_PER_SECOND = 5_000_000
_PATIENCE = 2.0
_STEPPING = 10
"""So many times as long a run may take that sees each word."""

REGISTER_IDS = (*(mips_const.UC_MIPS_REG_0 + number for number in range(32)), mips_const.UC_MIPS_REG_HI, mips_const.UC_MIPS_REG_LO)
_EXCEPTIONS = (12, 13, 17, 18, 20, 21)
"""QEMU's numbers of exceptions that stop an image, as in `fuzz.unicorn.fault`."""


class Process:
    """An image as a process of Qiling, for any number of runs until one of them faults.

    `called` is given the number of a function and the registers, and returns those after the call, None when the run ends there; `left` is
    given the registers at an exit word.
    """

    def __init__(
        self, compiled: Compiled, placement: Placement, called: Callable[[int, list[int]], list[int] | None], left: Callable[[list[int]], None]
    ) -> None:
        self.compiled, self.layout = compiled, placement.layout
        self._called, self._left = called, left
        self._mapped: dict[int, int] = {}
        self.error: BaseException | None = None
        self.exception: int | None = None
        self.last = -1
        # The debugger looks at the executable again.
        self._directory = tempfile.TemporaryDirectory(prefix="bpfmips-")
        self.ql = _start(compiled, placement, self._directory.name)
        functions = self.layout.functions
        self.ql.hook_code(self._on_function, begin=functions, end=functions + FUNCTION_SIZE * len(FUNCTIONS) - 1)
        self.returned = False
        self.ql.hook_address(self._on_return, self.layout.return_page)
        for word in compiled.exits:
            self.ql.hook_address(self._on_exit, compiled.base + 4 * word)
        # A system call is a fault here as any other exception.
        self.ql.os.load_syscall = lambda: None
        for number in _EXCEPTIONS:
            self.ql.hook_intno(self._on_exception, number, user_data=number)
        for start, end in straight_runs(compiled.words, compiled.config):
            # Unicorn crashes on long blocks; a hook on each instruction makes them short.
            self.ql.hook_code(lambda *_: None, begin=compiled.base + 4 * start, end=compiled.base + 4 * end - 1)
        self._stepping: Any = None

    def step(self) -> None:
        """Remember each word that is executed from now on."""
        base = self.compiled.base
        self._stepping = self.ql.hook_code(self._on_word, begin=base, end=base + 4 * len(self.compiled.words) + PAGE)

    def _on_word(self, ql: Any, address: int, size: int) -> None:
        self.last = (address - self.compiled.base) // 4

    def _on_function(self, ql: Any, address: int, size: int) -> None:
        number, rest = divmod(address - self.layout.functions, FUNCTION_SIZE)
        if rest:
            return
        try:
            after = self._called(number, self.registers())
        except BaseException as error:
            self.error = error
            after = None
        if after is None:
            ql.emu_stop()
        else:
            self.write_registers(after)

    def _on_exit(self, ql: Any) -> None:
        self._left(self.registers())

    def _on_return(self, ql: Any) -> None:
        self.returned = True
        ql.emu_stop()

    def _on_exception(self, ql: Any, number: int, *_: Any) -> None:
        self.exception = number
        ql.emu_stop()

    def registers(self) -> list[int]:
        """As in `fuzz.abi`."""
        return [int(value) for value in self.ql.uc.reg_read_batch(REGISTER_IDS)]

    def write_registers(self, values: Sequence[int]) -> None:
        """All of them."""
        for number, value in zip(REGISTER_IDS, values, strict=True):
            self.ql.uc.reg_write(number, value & 0xFFFFFFFF)

    def prepare(self, placement: Placement) -> None:
        """Map and fill memory, and have registers as they are at the entry."""
        wanted = {segment.address: len(segment.initial) for segment in placement.segments}
        for address, size in self._mapped.items():
            if wanted.get(address) != size:
                self.ql.mem.unmap(address, size)
        for segment in placement.segments:
            if self._mapped.get(segment.address) != len(segment.initial):
                self.ql.mem.map(segment.address, len(segment.initial), info=f"[{segment.name}]")
            self.ql.mem.write(segment.address, segment.initial)
        self._mapped = wanted
        self.write_registers(entry_registers(placement, self.compiled.frame_pointer))

    def run(self, seconds: float) -> None:
        """From the entry to the return page. Raises UcError where memory is accessed that there is not."""
        self.error, self.exception, self.last, self.returned = None, None, -1, False
        self.ql.emu_start(self.compiled.base, self.layout.return_page + PAGE - 4, int(1_000_000 * seconds))
        if self.error is not None:
            raise self.error


@contextmanager
def _cpu_model(config: Config) -> Iterator[None]:
    """While a process is made: the engine below Qiling gets the CPU of the configuration, which Qiling does not let one choose for MIPS."""
    from qiling.arch import mips as architecture

    plain = architecture.Uc

    def chosen(*arguments: Any) -> Any:
        engine = plain(*arguments)
        engine.ctl_set_cpu_model(getattr(mips_const, f"UC_CPU_MIPS32_{MODELS[config.cpu].name.removeprefix('MIPS32_')}"))
        return engine

    architecture.Uc = chosen
    try:
        yield
    finally:
        architecture.Uc = plain


def _start(compiled: Compiled, placement: Placement, directory: str) -> Any:
    """A process that has been loaded, with an executable in this directory."""
    from qiling import Qiling
    from qiling.const import QL_VERBOSE

    path = Path(directory) / "image.elf"
    path.write_bytes(executable(compiled, placement.layout))
    with _cpu_model(compiled.config):
        ql = Qiling([str(path)], rootfs=directory, verbose=QL_VERBOSE.DISABLED, console=False)
    logging.getLogger(ql.log.name).setLevel(logging.CRITICAL)
    return ql


class QilingTarget:
    """See `fuzz.engine.target.Target`. Holds a process; not for use by several threads."""

    abilities: frozenset[Recording | Ability] = frozenset()

    def __init__(self) -> None:
        """Raises RuntimeError where there is no Qiling."""
        if reason := missing("qiling"):
            raise RuntimeError(reason)
        self._image: tuple[Compiled, Placement] | None = None
        self._process: Process | None = None
        self._service: Service | None = None
        self._fault: Fault | None = None
        self._exit: list[int] | None = None

    @staticmethod
    def runs(config: Config) -> bool:
        """Whether there is a CPU for the configuration: 32-bit ones."""
        return not config.cpu_64

    def load(self, compiled: Compiled, placement: Placement) -> None:
        """Make the image ready to run. Raises ValueError for one made for other addresses or CPUs or against the ABI, NoRoomError for a long one."""
        check(compiled, placement)
        if not self.runs(compiled.config):
            raise ValueError(f"Qiling runs no {compiled.config.cpu}: 32-bit CPUs only")
        self._image, self._process = (compiled, placement), None

    def process(self, placement: Placement) -> Process:
        """The process with the loaded image, ready to run on an input."""
        return self._ready(placement)

    def _ready(self, placement: Placement, stepping: bool = False) -> Process:
        assert self._image is not None
        if self._process is None or stepping:
            self._process = Process(self._image[0], placement, self._serve, self._leave)
        if stepping:
            self._process.step()
        self._process.prepare(placement)
        entry = [value & 0xFFFFFFFF for value in entry_registers(placement, self._image[0].frame_pointer)]
        self._service = Service(placement, self._image[0].config, self._bytes(self._process), entry[GP])
        self._fault = self._exit = None
        return self._process

    @staticmethod
    def _bytes(process: Process) -> Bytes:
        return Bytes(
            lambda address, size: bytes(process.ql.mem.read(address, size)), lambda address, contents: process.ql.mem.write(address, contents)
        )

    def _serve(self, function: int, registers: list[int]) -> list[int] | None:
        assert self._service is not None
        assert self._image is not None
        try:
            return self._service.serve(FUNCTIONS[function], registers)
        except RoutineError as error:
            compiled = self._image[0]
            word = (registers[RA] - 4 - compiled.base) // 4
            slot = compiled.slot_of[word] if 0 <= word < len(compiled.words) else -1
            fault = error.fault
            self._fault = Fault(fault.kind, slot if slot >= 0 else None, fault.address, fault.size, fault.detail)
            return None

    def _leave(self, registers: list[int]) -> None:
        self._exit = registers

    def run(self, placement: Placement, recordings: frozenset[Recording] = frozenset()) -> Run:
        """Run the loaded image on an input. What happens to the image is told in the outcome and never raised; nothing is recorded.

        Raises ValueError where something is to be recorded, or memory lies where no process has any.
        """
        if self._image is None:
            raise ValueError("no image is loaded")
        if recordings:
            raise ValueError("Qiling records nothing")
        compiled = self._image[0]
        if any(segment.address >> 31 for segment in placement.segments):
            raise ValueError(f"a process has no memory at {placement.layout.context:#x}")
        for slower in (1, _STEPPING):
            process = self._ready(placement)
            finished = self._finished(process, placement, slower)
            if self._fault is None or self._fault.kind is not FaultKind.INSTRUCTION_LIMIT:
                # Time goes by the clock here: where it was up, the processor may have been elsewhere.
                break
        if not finished and self._fault is None:
            # Where it went wrong is known of a run that sees each word.
            process = self._ready(placement, stepping=True)
            if self._finished(process, placement, slower=_STEPPING):
                self._fault = self._fault or Fault(FaultKind.ENGINE, None, detail="an exception that did not come again when the run was repeated")
            self._fault = self._fault or explain(compiled, process.last, process.registers(), placement.segments, process.exception)
        assert self._service is not None
        entry = [value & 0xFFFFFFFF for value in entry_registers(placement, compiled.frame_pointer)]
        after = [bytes(process.ql.mem.read(segment.address, len(segment.initial))) for segment in placement.segments]
        if self._fault is not None:
            self._process = None
        ending = Ending(self._fault, 0, entry, process.registers(), self._exit)
        return conclude(compiled, placement, ending, after, self._service, NOTHING_RECORDED)

    def _finished(self, process: Process, placement: Placement, slower: int = 1) -> bool:
        """Whether the image has returned, or has been stopped for a reason that is known."""
        seconds = slower * (_PATIENCE + instruction_limit(placement) / INSTRUCTIONS_PER_SECOND)
        with suppress(UcError):
            process.run(seconds)
            if not process.returned and self._fault is None and process.exception is None:
                self._fault = Fault(FaultKind.INSTRUCTION_LIMIT, None, detail=f"more than {seconds:.1f} s")
            return process.exception is None
        return False

    def screen(self, inputs: Sequence[tuple[Placement, Run]], recordings: frozenset[Recording] = frozenset(), variants: int = 0) -> list[int]:
        """Run the loaded image on inputs, and say of each, given the oracle's run, whether anything differs: 1 when it does."""
        if self._image is None:
            raise ValueError("no image is loaded")
        found = []
        for placement, expected in inputs:
            run = self.run(placement, recordings)
            found.append(int(bool(run.violations or compare(expected, run, self._image[0], placement))))
        return found
