"""Known findings: `corpus/known.toml`, a table for each.

    [[known]]
    fingerprint = "value DIV64 o32"
    reason = "the divisor of a 64-bit division is swapped; waits for the new runtime"
    link = "https://example.org/issues/12"
    expiry = 2027-01-31

They are counted and shown apart, and do not make a campaign fail. An entry whose day is over is no excuse any more: its finding is new again. A known
finding that does not fail any more is reported, so that the entry goes.
"""

import datetime
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from ebpf.program import ProgramError
from fuzz.casefile import read_document

FILE = Path(__file__).parents[2] / "corpus" / "known.toml"
"""Those of the compiler in this repository."""

_FIELDS: Mapping[str, type] = {"fingerprint": str, "reason": str, "link": str, "expiry": datetime.date}


@dataclass(frozen=True, slots=True)
class Known:
    """One entry; expiry is the last day on which it counts."""

    fingerprint: str
    reason: str
    link: str
    expiry: datetime.date

    def holds(self, today: datetime.date) -> bool:
        """Whether the entry still counts."""
        return today <= self.expiry


def read_known(path: str) -> tuple[Known, ...]:
    """The entries of a file. Raises ProgramError, one line with file, entry and reason."""
    found = read_document(path)
    if unknown := set(found) - {"known"}:
        raise ProgramError(f"{path}: unknown table {min(unknown)!r}; there is [[known]]")
    entries = found.get("known", [])
    if not isinstance(entries, list):
        raise ProgramError(f"{path}: known: not a list of tables; write [[known]]")
    result = tuple(_entry(entry, f"{path}: entry {number}") for number, entry in enumerate(entries, 1))
    names = [known.fingerprint for known in result]
    if twice := sorted({name for name in names if names.count(name) > 1}):
        raise ProgramError(f"{path}: {twice[0]!r} is there twice")
    return result


def _entry(entry: Any, where: str) -> Known:
    if not isinstance(entry, dict):
        raise ProgramError(f"{where}: not a table")
    if unknown := set(entry) - set(_FIELDS):
        raise ProgramError(f"{where}: unknown field {min(unknown)!r}; there is {', '.join(_FIELDS)}")
    for name, kind in _FIELDS.items():
        if name not in entry:
            raise ProgramError(f"{where}: {name} is missing")
        value = entry[name]
        if type(value) is not kind:
            what = "a date such as 2027-01-31, without quotes" if kind is datetime.date else "text"
            raise ProgramError(f"{where}: {name} is not {what}")
        if isinstance(value, str) and not value.strip():
            raise ProgramError(f"{where}: {name} is empty")
        if isinstance(value, str) and not value.isprintable():
            raise ProgramError(f"{where}: {name} is not one line of text")
    # It becomes a link of a page.
    if not entry["link"].startswith(("http://", "https://")):
        raise ProgramError(f"{where}: link is not an address that begins with http:// or https://")
    return Known(**entry)


def counting(path: str, today: datetime.date) -> tuple[dict[str, Known], tuple[str, ...]]:
    """The entries of a file that still count, by fingerprint, and a line for each that does not. Raises ProgramError as `read_known` does."""
    entries = read_known(path)
    late = tuple(f"{path}: {one.fingerprint}: expired on {one.expiry}, counts no more" for one in entries if not one.holds(today))
    return by_fingerprint(entries, today), late


def by_fingerprint(entries: Sequence[Known], today: datetime.date) -> dict[str, Known]:
    """Those that still count."""
    return {known.fingerprint: known for known in entries if known.holds(today)}
