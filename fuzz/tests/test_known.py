"""Known findings: what a file may say, and one line for what it may not."""

import datetime
from pathlib import Path

import pytest

from ebpf.program import ProgramError
from fuzz.known import FILE, by_fingerprint, read_known

ENTRY = '[[known]]\nfingerprint = "value DIV64 o32"\nreason = "later"\nlink = "https://example.org/1"\nexpiry = 2027-01-31\n'


def _file(directory: Path, text: str) -> str:
    path = directory / "known.toml"
    path.write_text(text)
    return str(path)


def test_an_entry_counts_up_to_its_day(tmp_path: Path) -> None:
    (known,) = read_known(_file(tmp_path, ENTRY))
    assert known.reason == "later"
    assert by_fingerprint([known], datetime.date(2027, 1, 31)) == {"value DIV64 o32": known}
    assert by_fingerprint([known], datetime.date(2027, 2, 1)) == {}


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        (ENTRY.replace("expiry = 2027-01-31", ""), "entry 1: expiry is missing"),
        (ENTRY.replace("2027-01-31", '"2027-01-31"'), "entry 1: expiry is not a date such as 2027-01-31, without quotes"),
        (ENTRY.replace("2027-01-31", "2027-01-31T00:00:00"), "entry 1: expiry is not a date"),
        (ENTRY.replace('"later"', "7"), "entry 1: reason is not text"),
        (ENTRY.replace('"later"', '""'), "entry 1: reason is empty"),
        (ENTRY + "until = 1\n", "entry 1: unknown field 'until'"),
        (ENTRY + ENTRY, "'value DIV64 o32' is there twice"),
        ("known = 1\n", "known: not a list of tables"),
        ("known = [1]\n", "entry 1: not a table"),
        ("[other]\n", "unknown table 'other'"),
        ("[[known]\n", "known.toml: "),
    ],
)
def test_a_bad_file_is_one_line(tmp_path: Path, text: str, reason: str) -> None:
    path = _file(tmp_path, text)
    with pytest.raises(ProgramError) as raised:
        read_known(path)
    assert str(raised.value).startswith(path)
    assert reason in str(raised.value)
    assert "\n" not in str(raised.value)


def test_the_file_of_the_repository_can_be_read() -> None:
    read_known(str(FILE))
