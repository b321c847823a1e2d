"""A finding: what went wrong where, as a value and as a file that a person can read and `bpfmips replay` can judge again.

A campaign sorts what it sees by symptom at once (`fuzz.findings.diagnosis`). A finding that has been made small has a fingerprint besides
(`fuzz.findings.fingerprint`), which says which findings are probably the same bug, and the condition under which it fails
(`fuzz.findings.condition`). Neither has values or addresses in it.
"""

import platform
import re
import typing
from collections.abc import Mapping
from dataclasses import dataclass
from functools import lru_cache
from hashlib import blake2b
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import NamedTuple

from ebpf.program import Program, ProgramError
from fuzz.case import Input
from fuzz.casefile import case_of, document, read_document, text_of, value_of
from fuzz.findings.side_by_side import Step
from fuzz.trampoline.description import parse_usable
from fuzz.verdict import Status
from jit.config import Config

FORMAT = 2
_NAME = 80
"""Characters of the name of a file."""

ENGINE = "ENGINE"
HARNESS = "HARNESS"
"""Besides the names of statuses: a worker died with the case, or judging raised an error."""

STATUSES = (Status.DIFFER.name, Status.TRIPPED.name, ENGINE, HARNESS)
"""Those that a finding can have."""


@dataclass(frozen=True, slots=True)
class Finding:
    """One bug, as far as can be told. Raises ValueError, which names the field, for what a file of a finding cannot hold.

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

    def __post_init__(self) -> None:
        """What others rely on: names of files, of configurations, and lines of reports are made of these."""
        if not self.fingerprint.strip() or not self.fingerprint.isprintable():
            raise ValueError(f"fingerprint: {self.fingerprint!r} is not a line of text")
        if not self.condition.isprintable():
            raise ValueError(f"condition: {self.condition!r} is not a line of text")
        if self.status not in STATUSES:
            raise ValueError(f"status: {self.status!r} is not one of {', '.join(STATUSES)}")
        if not self.inputs:
            raise ValueError("inputs: there are none")
        if not self.configs:
            raise ValueError("configs: no configuration")
        for where, name in (("config", self.config), *((f"configs {at}", name) for at, name in enumerate(self.configs))):
            if reason := why_no_configuration(name):
                raise ValueError(f"{where}: {reason}")
        for at, step in enumerate(self.steps):
            if step.slot < 0:
                raise ValueError(f"steps {at}: slot: {step.slot} is negative")
        if self.trampoline and (reason := _why_no_trampoline(self.trampoline)):
            raise ValueError(reason)

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


@lru_cache(1 << 12)
def why_no_configuration(name: str) -> str:
    """The reason, empty for the name of a configuration. Findings name many, and most of them the same ones."""
    try:
        Config.parse(name)
    except ValueError as error:
        return str(error)
    return ""


@lru_cache(1 << 6)
def _why_no_trampoline(text: str) -> str:
    """The same for a description; the reason begins with the name of the field."""
    try:
        parse_usable(text, "trampoline")
    except ProgramError as error:
        return str(error)
    return ""


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
    """The finding in a file. Raises ProgramError, one line with file, field and reason."""
    found = read_document(path)
    if found.get("format") != FORMAT:
        what = f"its format is {found['format']!r}" if "format" in found else "it has none"
        raise ProgramError(f"{path}: not a finding of format {FORMAT}: {what}")
    program, inputs = case_of(found, path)
    plain = {"symptom": "", "configs": [found.get("config")], "details": [], **found}
    del plain["format"]
    try:
        finding = typing.cast(Finding, value_of(Finding, plain, "", {"program": program, "inputs": inputs}))
    except ValueError as error:
        raise ProgramError(f"{path}: {error}") from None
    return finding
