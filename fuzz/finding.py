"""A finding: what went wrong where, as a value and as a file that a person can read and `bpfmips replay` can judge again.

The fingerprint says which findings are probably the same bug: what differs (or which tripwire tripped), the eBPF instruction that went wrong first,
and whether the code was 32-bit or 64-bit. Values, addresses, registers and positions are no part of it.
"""

import platform
import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from importlib.metadata import PackageNotFoundError, version
from typing import Any, NamedTuple

from ebpf.disassembler import disassemble
from ebpf.opcodes import lookup
from ebpf.program import Program, ProgramError
from fuzz.case import Case, Compiler, Input
from fuzz.casefile import case_of, document, read_document, text_of
from fuzz.judge import interpret, recordings
from fuzz.layout import place
from fuzz.lockstep import Divergence, first_difference
from fuzz.target import Run, Target
from fuzz.verdict import Verdict
from fuzz.wires.wire import Wire
from jit.compiled import Compiled
from jit.config import Config

FORMAT = 1
ENGINE = "ENGINE"
HARNESS = "HARNESS"
"""Besides the names of statuses: a worker died with the case, or judging raised an error."""


@dataclass(frozen=True, slots=True)
class Finding:
    """One bug, as far as can be told.

    fingerprint  see the head of this file
    status       DIFFER, TRIPPED, ENGINE or HARNESS
    config       the configuration on which `details` were seen
    configs      all on which the case was seen to fail with this fingerprint
    details      differences and trips, or what happened to the engine
    wrong        the eBPF instruction that went wrong first, empty when it is not known
    words        its MIPS instructions
    origin       where the case came from
    versions     of what took part
    reduced      whether it was made as small as possible
    """

    fingerprint: str
    status: str
    program: Program
    inputs: tuple[Input, ...]
    config: str
    configs: tuple[str, ...]
    details: tuple[str, ...]
    wrong: str = ""
    words: tuple[str, ...] = ()
    origin: str = ""
    versions: Mapping[str, str] | None = None
    reduced: bool = False

    @property
    def size(self) -> tuple[int, int]:
        """Slots of the program, and bytes of all inputs: what is smaller is kept."""
        return len(self.program.slots), sum(len(given.memory) + len(given.packet.contents) for given in self.inputs)

    @property
    def file_name(self) -> str:
        """The fingerprint as the name of a file."""
        return re.sub(r"[^A-Za-z0-9]+", "-", self.fingerprint).strip("-") + ".toml"


class Diagnosis(NamedTuple):
    """What of a verdict makes its fingerprint, and what shows it to people."""

    fingerprint: str
    wrong: str
    words: tuple[str, ...]


def versions() -> dict[str, str]:
    """The versions of what takes part in judging."""
    found = {"python": platform.python_version()}
    for name in ("bpfmips", "unicorn", "numba", "numpy", "hypothesis"):
        try:
            found[name] = version(name)
        except PackageNotFoundError:
            found[name] = "not installed"
    return found


def text(finding: Finding) -> str:
    """The file of a finding."""
    head = {
        "format": FORMAT,
        "fingerprint": finding.fingerprint,
        "status": finding.status,
        "config": finding.config,
        "configs": list(finding.configs),
        "details": list(finding.details),
        "wrong": finding.wrong,
        "words": list(finding.words),
        "origin": finding.origin,
        "reduced": finding.reduced,
    }
    whole = {**head, **document(finding.program, finding.inputs), "versions": dict(finding.versions or {})}
    return f"# A finding of bpfmips; judge it again: bpfmips replay {finding.file_name}\n{text_of(whole)}"


def read(path: str) -> Finding:
    """The finding in a file. Raises ProgramError."""
    found = read_document(path)
    if found.get("format") != FORMAT:
        raise ProgramError(f"{path}: not a finding of format {FORMAT}")
    program, inputs = case_of(found, path)

    def entry(name: str, kind: type) -> Any:
        value = found.get(name, kind())
        if not isinstance(value, kind):
            raise ProgramError(f"{path}: {name}: not a {kind.__name__}")
        return value

    def lines(name: str) -> tuple[str, ...]:
        return tuple(map(str, entry(name, list)))

    given = {name: entry(name, str) for name in ("fingerprint", "status", "config", "wrong", "origin")}
    return Finding(
        program=program,
        inputs=inputs,
        configs=lines("configs"),
        details=lines("details"),
        words=lines("words"),
        versions=entry("versions", dict),
        reduced=entry("reduced", bool),
        **given,
    )


def diagnose(case: Case, verdict: Verdict, target: Target, compiler: Compiler, wires: Sequence[Wire]) -> Diagnosis:
    """Run a case whose verdict is DIFFER or TRIPPED again, to see where it goes wrong first."""
    config = verdict.config
    try:
        placement = place(case, config)
        compiled = compiler(placement.slots, config, placement.addresses)
        target.load(compiled, placement)
    except Exception as error:
        found = re.search(r"instruction (\d+)", str(error))
        return _diagnosis(f"compiler {type(error).__name__}", int(found[1]) if found else None, case, config, ())
    expected = interpret(placement, trace=True)
    actual = target.run(placement, recordings(wires, lockstep=True))
    divergence = first_difference(placement.slots, expected.outcome, actual, compiled) if compiled.bpf_at else None
    if divergence is not None:
        return _of_divergence(divergence, case, compiled, expected, actual)
    if verdict.differences:
        faults = (actual.outcome.fault, expected.outcome.fault)
        slot = next((fault.slot for fault in faults if fault is not None), None)
        return _diagnosis(verdict.differences[0].kind, slot, case, config, ())
    # Those that know where come first.
    trip = min(verdict.trips, key=lambda trip: trip.slot is None)
    words = () if trip.word is None else tuple(_listing(compiled, trip.slot, trip.word))
    return _diagnosis(trip.wire, trip.slot, case, config, words)


def _of_divergence(divergence: Divergence, case: Case, compiled: Compiled, expected: Run, actual: Run) -> Diagnosis:
    faults = {None if run.outcome.fault is None else run.outcome.fault.kind for run in (expected, actual)}
    kind = "fault" if len(faults) > 1 else "path" if divergence.register is None else "value"
    found = _diagnosis(kind, divergence.slot, case, compiled.config, divergence.listing(compiled))
    return found if divergence.slot is not None else found._replace(wrong="entry code")


def _diagnosis(kind: str, slot: int | None, case: Case, config: Config, words: tuple[str, ...]) -> Diagnosis:
    slots = case.program.slots
    row = lookup(slots[slot]) if slot is not None and slot < len(slots) else None
    abi = "o32" if config.width == 32 else "n64"
    wrong = ""
    if row is not None and slot is not None:
        wrong = f"{slot}: {disassemble(slots)[slot]}"
    return Diagnosis(f"{kind} {row.name if row else '-'} {abi}", wrong, words)


def _listing(compiled: Compiled, slot: int | None, word: int) -> Iterator[str]:
    words = (word,) if slot is None else tuple(at for at, owner in enumerate(compiled.slot_of) if owner == slot)
    yield from Divergence(slot, 0, None, None, None, None, None, words).listing(compiled)
