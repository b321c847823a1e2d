"""A finding as a process of Qiling that waits for gdb, at the entry of the image.

    finding, configuration ─ compile ─ model and oracle ─ which eBPF instruction goes wrong first, and at which of its executions
                                └─ executable with symbols, commands for gdb ─ DIR
                                └─ process ─ gdb server of Qiling

gdb is started with the commands: it connects, stops before the first wrong instruction, and shows the eBPF registers there and at each further stop.
"""

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import NamedTuple

from ebpf.disassembler import disassemble
from ebpf.program import ProgramError
from fuzz.case import Case, Compiler, Input
from fuzz.findings.finding import Finding
from fuzz.judge import interpret
from fuzz.layout import Placement, place
from fuzz.lockstep import Divergence, first_difference
from fuzz.model.target import ModelTarget
from fuzz.qiling.target import QilingTarget
from fuzz.recording.record import Recording
from jit.compiled import Compiled
from jit.compiler import compile_program
from jit.config import Config
from jit.image import elf_image
from jit.mips import REGISTER_NAMES
from oracle.outcome import Outcome

IMAGE, COMMANDS = "image.elf", ".gdbinit"


class Address(NamedTuple):
    """Where the gdb server listens."""

    host: str
    port: int

    @classmethod
    def parse(cls, text: str) -> "Address":
        """Of `[HOST]:PORT`, by default on this machine alone. Raises ValueError."""
        host, colon, port = text.rpartition(":")
        if not colon or not port.isdecimal() or not 0 < int(port) < 1 << 16:
            raise ValueError(f"{text!r} is no address such as :9999")
        return cls(host or "127.0.0.1", int(port))


class Session(NamedTuple):
    """What is debugged: an image on an input, and where it goes wrong; None where it does not go wrong."""

    compiled: Compiled
    placement: Placement
    expected: Outcome
    divergence: Divergence | None


def session(finding: Finding, config: Config, compiler: Compiler = compile_program) -> Session:
    """The first input of a finding that goes wrong, else its first one. Raises ProgramError where there is no image, or for a CPU of 64 bits."""
    if not QilingTarget.runs(config):
        raise ProgramError(f"{finding.program.source}: Qiling does not run {config}: it has 32-bit CPUs only; choose another one with --config")
    sessions = [_examine(finding, given, config, compiler) for given in finding.inputs]
    return next((one for one in sessions if one.divergence is not None), sessions[0])


def _examine(finding: Finding, given: Input, config: Config, compiler: Compiler) -> Session:
    placement = place(Case(finding.program, given), config)
    try:
        compiled = compiler(placement.slots, config, placement.addresses)
    except Exception as error:
        raise ProgramError(f"{finding.program.source}: no image on {config}: {type(error).__name__}: {error}") from None
    target = ModelTarget()
    target.load(compiled, placement)
    expected = interpret(placement, trace=True)
    run = target.run(placement, frozenset({Recording.BOUNDARIES}))
    divergence = first_difference(placement.slots, expected.outcome, run, compiled) if compiled.bpf_at else None
    return Session(compiled, placement, expected.outcome, divergence)


def write_files(found: Session, directory: Path, address: Address) -> Path:
    """The executable and the commands for gdb; the path of the commands. Raises ProgramError when they cannot be written."""
    try:
        directory.mkdir(parents=True, exist_ok=True)
        (directory / IMAGE).write_bytes(elf_image(found.compiled))
        path = directory / COMMANDS
        path.write_text("".join(f"{line}\n" for line in _commands(found, directory, address)))
    except OSError as error:
        raise ProgramError(f"{directory}: {error.strerror}") from None
    return path


def _commands(found: Session, directory: Path, address: Address) -> Iterator[str]:
    config = found.compiled.config
    yield "set pagination off"
    yield "set confirm off"
    yield f"set endian {'big' if config.big_endian else 'little'}"
    yield "set mips abi o32"
    yield f"file {directory.resolve() / IMAGE}"
    yield from _registers(found.compiled)
    yield "define hook-stop"
    yield "bpf"
    yield "x/6i $pc"
    yield "end"
    yield f"target remote {address.host}:{address.port}"
    yield from _breakpoint(found)


def _registers(compiled: Compiled) -> Iterator[str]:
    """A command `bpf` that shows r0 to r10."""
    names = REGISTER_NAMES[32]
    yield "define bpf"
    for number, places in enumerate(compiled.registers):
        if places is None:
            continue
        low, high = (f"${names[place]}" if place else "0" for place in (*places, 0)[:2])
        yield f'printf "r%-2d 0x%08x%08x    {"" if high == "0" else f"{high}:"}{low}\\n", {number}, {high}, {low}'
    yield "end"
    yield "document bpf"
    yield "The eBPF registers, and the MIPS registers that hold them, high one first."
    yield "end"


def _breakpoint(found: Session) -> Iterator[str]:
    """Stop before the first wrong instruction, with what must come of it."""
    wrong = found.divergence
    if wrong is None or wrong.slot is None:
        yield "echo The image does not part from the oracle at an instruction: it stands at its entry.\\n"
        return
    slot, trace = _breakable(found.compiled, wrong.slot), found.expected.trace
    before = sum(step == slot for step, _ in trace[: wrong.execution])
    yield f"break *bpf_{slot:04}"
    if before:
        yield f"ignore 1 {before}"
    yield "continue"
    text = disassemble(found.placement.slots)[wrong.slot]
    yield f"echo \\nInstruction {wrong.slot} goes wrong: {_escaped(text)}\\n"
    if wrong.register is None:
        yield f"echo The oracle goes on at instruction {wrong.expected}, the image at {wrong.actual}.\\n"
    elif wrong.expected is not None and wrong.actual is not None:
        yield f"echo It must leave r{wrong.register} = {wrong.expected:#018x}, and leaves {wrong.actual:#018x}.\\n"
    yield "echo Step with stepi; the code of the instruction ends at the next bpf_NNNN.\\n"


def _breakable(compiled: Compiled, slot: int) -> int:
    """The instruction itself, or the last one before it that has code of its own at which all registers are in place."""
    return next(one for one in range(slot, -1, -1) if compiled.bpf_at[one] is not None)


def _escaped(text: str) -> str:
    return text.replace("\\", "\\\\")


def serve(found: Session, address: Address, announce: Callable[[], None]) -> None:
    """Wait for gdb, and be debugged until it goes. Raises ProgramError where nothing can listen there."""
    target = QilingTarget()
    target.load(found.compiled, found.placement)
    process = target.process(found.placement)
    process.ql.debugger = f"gdb:{address.host}:{address.port}"
    announce()
    try:
        process.ql.run(begin=found.compiled.base)
    except OSError as error:
        raise ProgramError(f"--gdb: {address.host}:{address.port}: {error.strerror}") from None
