"""The cases that a campaign keeps and mutates, as files: TOML with program and inputs, and the description of a trampoline where it is one.

The first line has a digest of the rest. A file that is as it was written need not be read as a case, which takes a hundred times as long as to read
its bytes: a campaign of some hours has tens of thousands of them.
"""

from hashlib import blake2b
from pathlib import Path

from ebpf.files import read_bytes
from ebpf.program import ProgramError
from ebpf.validity import check
from fuzz.campaign.generation import Generated
from fuzz.casefile import case_of, document, read_document, text_of
from fuzz.trampoline.description import parse_usable

_FIELDS = frozenset({"program", "inputs", "trampoline"})


def case_text(case: Generated) -> str:
    """The file of a case."""
    rest = text_of({**document(case.program, case.inputs), **({"trampoline": case.trampoline} if case.trampoline else {})})
    return f"{_first_line(rest.encode())}{rest}"


def read_case(path: Path) -> Generated:
    """The case in a file. Raises ProgramError, one line with file, place and reason."""
    found = read_document(str(path))
    if unknown := set(found) - _FIELDS:
        raise ProgramError(f"{path}: not a case: unknown field {min(unknown)!r}")
    case = Generated(*case_of(found, str(path)), found.get("trampoline", ""))
    check(case.program)
    if not isinstance(case.trampoline, str):
        raise ProgramError(f"{path}: not a case: trampoline: not text")
    if case.trampoline:
        parse_usable(case.trampoline, f"{path}: trampoline")
    return case


def check_case(path: Path) -> None:
    """Raises what `read_case` would; quickly where the file is as it was written."""
    first, end, rest = read_bytes(str(path)).partition(b"\n")
    if (first + end).decode("latin-1") != _first_line(rest):
        read_case(path)


def _first_line(rest: bytes) -> str:
    return f"# A case that reached something new; digest of what follows: {blake2b(rest, digest_size=16).hexdigest()}\n"
