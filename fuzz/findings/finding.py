"""A finding: what went wrong where, as a value and as a file that a person can read and `bpfmips replay` can judge again.

A campaign sorts what it sees by symptom at once (`fuzz.findings.diagnosis`). A finding that has been made small has a fingerprint besides
(`fuzz.findings.fingerprint`), which says which findings are probably the same bug, and the condition under which it fails
(`fuzz.findings.condition`). Neither has values or addresses in it.
"""

import platform
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from hashlib import blake2b
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any, NamedTuple

from ebpf.program import Program, ProgramError
from fuzz.case import Input
from fuzz.casefile import case_of, document, read_document, text_of
from fuzz.findings.side_by_side import Step
from jit.config import Config

FORMAT = 2
_NAME = 80
"""Characters of the name of a file."""

ENGINE = "ENGINE"
HARNESS = "HARNESS"
"""Besides the names of statuses: a worker died with the case, or judging raised an error."""


@dataclass(frozen=True, slots=True)
class Finding:
    """One bug, as far as can be told.

    symptom      what is wrong, as it was first seen; see the head of this file
    fingerprint  of a reduced finding; of others the symptom
    status       DIFFER, TRIPPED, ENGINE or HARNESS
    config       the configuration on which `details` were seen
    configs      all on which the case was seen to fail in this way
    details      differences and trips, or what happened to the engine
    wrong        the eBPF instruction that went wrong first, empty when it is not known
    words        its MIPS instructions
    origin       where the case came from
    versions     of what took part
    reduced      whether it was made as small as possible
    condition    the smallest on the axes of configurations under which it fails, for people; empty where that is not known
    row          name of the eBPF instruction that went wrong first, as in the symptom
    steps        oracle and image side by side around it
    trampoline   as `ebpf.trampoline` reads it, of which the program is the first one that is attached; empty where the case is a program
    """

    symptom: str
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
    condition: str = ""
    row: str = ""
    steps: tuple[Step, ...] = ()
    trampoline: str = ""

    @property
    def size(self) -> tuple[int, int]:
        """Slots of the program, and bytes of all inputs and of the description of a trampoline: what is smaller is kept."""
        return len(self.program.slots), len(self.trampoline) + sum(len(given.memory) + len(given.packet.contents) for given in self.inputs)

    @property
    def file_name(self) -> str:
        """The fingerprint as the name of a file; the end of a long one is made short."""
        name = re.sub(r"[^A-Za-z0-9]+", "-", self.fingerprint).strip("-")
        if len(name) > _NAME:
            name = f"{name[:_NAME]}-{blake2b(self.fingerprint.encode(), digest_size=4).hexdigest()}"
        return f"{name}.toml"


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
        "symptom": finding.symptom,
        "condition": finding.condition,
        "status": finding.status,
        "config": finding.config,
        "configs": list(finding.configs),
        "details": list(finding.details),
        "wrong": finding.wrong,
        "row": finding.row,
        "words": list(finding.words),
        "origin": finding.origin,
        "reduced": finding.reduced,
        **({"trampoline": finding.trampoline} if finding.trampoline else {}),
    }
    steps = [{**step._asdict(), "mips": list(step.mips)} for step in finding.steps]
    whole = {**head, **document(finding.program, finding.inputs), "versions": dict(finding.versions or {}), **({"steps": steps} if steps else {})}
    return f"# A finding of bpfmips; judge it again, where this file is: bpfmips replay {finding.file_name}\n{text_of(whole)}"


class Unreadable(NamedTuple):
    """A file that should be that of a finding, and why it is none; the fingerprint, where something else tells it."""

    path: Path
    reason: str
    fingerprint: str = ""

    def __str__(self) -> str:
        return f"{self.path}: {self.reason}"


def read_or_tell(path: Path, fingerprint: str = "") -> Finding | Unreadable:
    """The finding in a file, or why there is none: one bad file is no reason to say nothing of the others."""
    try:
        return read(str(path))
    except ProgramError as error:
        return Unreadable(path, " ".join(str(error).split()).removeprefix(f"{path}: "), fingerprint)


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

    _check(path, entry("fingerprint", str), entry("condition", str), (entry("config", str), *lines("configs")))
    given = {name: entry(name, str) for name in ("symptom", "fingerprint", "status", "config", "wrong", "origin", "condition", "row", "trampoline")}
    return Finding(
        program=program,
        inputs=inputs,
        configs=lines("configs"),
        details=lines("details"),
        words=lines("words"),
        versions=entry("versions", dict),
        reduced=entry("reduced", bool),
        steps=_steps(entry("steps", list), path),
        **given,
    )


def _check(path: str, fingerprint: str, condition: str, configs: Sequence[str]) -> None:
    """What others rely on: names of files, of configurations, and lines of reports are made of these."""
    if not fingerprint.strip() or not fingerprint.isprintable():
        raise ProgramError(f"{path}: fingerprint: {fingerprint!r} is not a line of text")
    if not condition.isprintable():
        raise ProgramError(f"{path}: condition: {condition!r} is not a line of text")
    for name in configs:
        try:
            Config.parse(name)
        except ValueError as error:
            raise ProgramError(f"{path}: {error}") from None


def _steps(found: list[Any], path: str) -> tuple[Step, ...]:
    try:
        steps = tuple(Step(**{**step, "mips": tuple(step["mips"])}) for step in found)
    except (TypeError, KeyError):
        raise ProgramError(f"{path}: steps: not those of a finding") from None
    if not all(map(_sound, steps)):
        raise ProgramError(f"{path}: steps: not those of a finding")
    return steps


def _sound(step: Step) -> bool:
    texts = (step.text, step.oracle, step.image, *step.mips)
    return type(step.slot) is int and type(step.wrong) is bool and all(isinstance(text, str) for text in texts)
