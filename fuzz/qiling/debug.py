"""A finding as a process of Qiling that waits for gdb, at the entry of the image.

    finding, configuration ─ compile ─ model and oracle ─ which eBPF instruction goes wrong first, and at which of its executions
                                └─ executable with symbols, commands for gdb ─ DIR
                                └─ process ─ gdb server of Qiling

gdb is started with the commands: it connects, stops before the first wrong instruction, and shows the eBPF registers there and at each further stop.
A finding may fail only in a variant that a tripwire has run (`fuzz.wires.wire`). The process is that variant then, or where no process can be it the
input itself, stopped at the same instruction.
"""

import re
import socket
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path
from typing import NamedTuple

from ebpf.disassembler import disassemble
from ebpf.program import ProgramError
from fuzz.case import Case, Compiler
from fuzz.compare import compare
from fuzz.exceptions import named
from fuzz.findings.finding import Finding
from fuzz.judge import bounded, interpret, variation
from fuzz.layout import Placement, place
from fuzz.lockstep import Divergence, first_difference
from fuzz.model.target import ModelTarget
from fuzz.qiling.target import QilingTarget
from fuzz.recording.record import Recording
from fuzz.wires import WIRES
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
        if not colon or ":" in host or not port.isdecimal() or not 0 < int(port) < 1 << 16:
            raise ValueError(f"{text!r} is no address such as :9999")
        return cls(host or "127.0.0.1", int(port))


class Session(NamedTuple):
    """What is debugged: an image on an input, and where it goes wrong.

    differs     whether it does otherwise than the oracle at all
    divergence  None where it does not part from the oracle at an instruction
    named       without a divergence, the instruction that the finding names as wrong; None where there is none, or the program does not reach it
    remark      what else there is to say: the variant in which alone it goes wrong, or that it does not part from the oracle; may be empty
    """

    compiled: Compiled
    placement: Placement
    expected: Outcome
    differs: bool
    divergence: Divergence | None
    named: int | None = None
    remark: str = ""


def session(finding: Finding, config: Config, compiler: Compiler = compile_program) -> Session:
    """The first input of a finding that goes wrong, else a variant of the first one that does, else that.

    Raises ProgramError where there is no image, or for a CPU of 64 bits.
    """
    if not QilingTarget.runs(config):
        raise ProgramError(f"{finding.program.source}: Qiling does not run {config}: it has 32-bit CPUs only; choose another one with --config")
    cases = [Case(finding.program, given) for given in finding.inputs]
    plain = [_examine(finding, place(case, config), config, compiler) for case in cases]
    wrong = next((one for one in plain if one.divergence is not None), None) or next((one for one in plain if one.differs), None)
    if wrong is None:
        wrong = _of_variant(finding, cases[0], plain[0], compiler) or plain[0]
    return wrong if wrong.divergence is not None else _as_named(finding, wrong)


def _examine(finding: Finding, placement: Placement, config: Config, compiler: Compiler) -> Session:
    try:
        compiled = compiler(placement.slots, config, placement.addresses)
    except Exception as error:
        raise ProgramError(f"{finding.program.source}: no image on {config}: {named(error)}") from None
    target = ModelTarget()
    target.load(compiled, placement)
    expected = interpret(placement, trace=True)
    run = target.run(bounded(placement, expected.outcome.executed), frozenset({Recording.BOUNDARIES}))
    divergence = first_difference(placement.slots, expected.outcome, run, compiled) if compiled.bpf_at else None
    differs = divergence is not None or bool(compare(expected, run, compiled, placement))
    return Session(compiled, placement, expected.outcome, differs, divergence)


def _of_variant(finding: Finding, case: Case, first: Session, compiler: Compiler) -> Session | None:
    """The first variant of a case that goes wrong, or where Qiling cannot run it the case itself, with what is known of the variant."""
    for wire in WIRES:
        for placement in wire.variants(first.compiled, case, first.placement) if wire.variants else ():
            varied = _examine(finding, placement, first.compiled.config, compiler)
            if not varied.differs or varied.expected.fault is not None:
                continue
            remark = f"It goes wrong only in a variant, that of tripwire {wire.name}: {variation(placement)}."
            if wire.asks <= QilingTarget.abilities:
                return varied._replace(remark=f"{remark} This process is the variant.")
            reason = "a process has no memory there" if placement.layout != first.placement.layout else "Qiling cannot do that"
            remark += f" This process is not, because {reason}: what is said of values is of the variant, and here the instruction does right."
            return first._replace(divergence=_on_the_way(varied.divergence, first.expected), remark=remark)
    return None


def _on_the_way(divergence: Divergence | None, expected: Outcome) -> Divergence | None:
    """A divergence at an execution of its instruction that another run has as well, if there is one: the same, else the first one."""
    if divergence is None or divergence.slot is None:
        return divergence
    way = [slot for slot, _ in expected.trace]
    if way[divergence.execution : divergence.execution + 1] == [divergence.slot]:
        return divergence
    return replace(divergence, execution=way.index(divergence.slot)) if divergence.slot in way else None


def _as_named(finding: Finding, found: Session) -> Session:
    """With the instruction that the finding names, for what does not part from the oracle at one."""
    number = re.match(r"(\d+): ", finding.wrong)
    if number is None or not found.compiled.bpf_at or int(number[1]) not in (slot for slot, _ in found.expected.trace):
        return found
    told = f" {finding.status}: {finding.details[0]}." if finding.details else ""
    remark = found.remark or "The image does not part from the oracle at an instruction."
    return found._replace(named=int(number[1]), remark=f"{remark} The finding says:{told or f' {finding.status}.'}")


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
    path = _escaped(str(directory.resolve() / IMAGE)).replace('"', '\\"')
    yield f'file "{path}"'
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
    slot = found.named if wrong is None else wrong.slot
    if slot is None:
        yield from _echo(found.remark or "The image does not part from the oracle at an instruction.", "It stands at its entry.")
        return
    at, trace = _breakable(found.compiled, slot), found.expected.trace
    before = sum(step == at for step, _ in trace[: wrong.execution]) if wrong is not None else 0
    yield f"break *bpf_{at:04}"
    if before:
        yield f"ignore 1 {before}"
    yield "continue"
    yield from _echo("", f"Instruction {slot} goes wrong: {disassemble(found.placement.slots)[slot]}")
    if found.remark:
        yield from _echo(found.remark)
    if wrong is not None and wrong.register is None:
        yield from _echo(f"The oracle goes on at instruction {wrong.expected}, the image at {wrong.actual}.")
    elif wrong is not None and wrong.expected is not None and wrong.actual is not None:
        yield from _echo(f"It must leave r{wrong.register} = {wrong.expected:#018x}, and leaves {wrong.actual:#018x}.")
    yield from _echo("Step with stepi; the code of the instruction ends at the next bpf_NNNN.")


def _echo(*lines: str) -> Iterator[str]:
    """A command for gdb that prints these; what a finding has in it stays on its line."""
    yield "echo " + "".join(f"{_escaped(' '.join(line.split()))}\\n" for line in lines)


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
    try:
        # Qiling itself says nothing when it listens, and whoever is told to start gdb must not find that nobody can.
        with socket.socket() as tried:
            tried.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            tried.bind(address)
        announce()
        process.ql.run(begin=found.compiled.base)
    except OSError as error:
        raise ProgramError(f"--gdb: {address.host}:{address.port}: {error.strerror}") from None
