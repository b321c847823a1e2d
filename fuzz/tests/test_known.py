"""Known findings: what a file may say, and one line for what it may not."""

import datetime
from pathlib import Path

import click
import pytest
from click.testing import CliRunner

from ebpf.assembler import assemble
from ebpf.program import ProgramError
from fuzz.campaign.state import Plan, State
from fuzz.case import Input
from fuzz.cli import fuzz as cli_fuzz
from fuzz.cli.fuzz import FOUND
from fuzz.cli.main import main
from fuzz.cli.options import UNUSABLE
from fuzz.findings import known, triage
from fuzz.findings.finding import Finding
from fuzz.findings.known import FILE, by_fingerprint, read_known
from fuzz.findings.triage import of_repository

ENTRY = '[[known]]\nfingerprint = "value DIV64 o32"\nreason = "later"\nlink = "https://example.org/1"\nexpiry = 2027-01-31\n'


def _file(directory: Path, text: str) -> str:
    path = directory / "known.toml"
    path.write_text(text)
    return str(path)


def test_an_entry_counts_up_to_its_day(tmp_path: Path) -> None:
    (entry,) = read_known(_file(tmp_path, ENTRY))
    assert entry.reason == "later"
    assert by_fingerprint([entry], datetime.date(2027, 1, 31)) == {"value DIV64 o32": entry}
    assert by_fingerprint([entry], datetime.date(2027, 2, 1)) == {}


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        (ENTRY.replace("expiry = 2027-01-31", ""), "entry 1: expiry is missing"),
        (ENTRY.replace("2027-01-31", '"2027-01-31"'), "entry 1: expiry is not a date such as 2027-01-31, without quotes"),
        (ENTRY.replace("2027-01-31", "2027-01-31T00:00:00"), "entry 1: expiry is not a date"),
        (ENTRY.replace('"later"', "7"), "entry 1: reason is not text"),
        (ENTRY.replace('"later"', '""'), "entry 1: reason is empty"),
        (ENTRY.replace('"later"', '" "'), "entry 1: reason is empty"),
        (ENTRY.replace('"later"', '"later\\nor never"'), "entry 1: reason is not one line of text"),
        (ENTRY.replace("o32", "o32\\u001b"), "entry 1: fingerprint is not one line of text"),
        (ENTRY.replace("2027-01-31", "2027-02-31"), "known.toml: "),
        ("a = " + "[" * 5000, "too many brackets"),
        (ENTRY.replace("https:", "javascript:"), "entry 1: link is not an address that begins with http:// or https://"),
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


@pytest.mark.parametrize("command", ["triage", "report", "fuzz"])
def test_each_command_tells_what_is_wrong_with_the_file_before_it_begins(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, command: str) -> None:
    monkeypatch.setattr(known, "FILE", _file(tmp_path, ENTRY.replace("later", "")))
    options = {"triage": [], "report": [str(tmp_path)], "fuzz": ["--cases", "1", "--out", str(tmp_path / "out")]}[command]
    found = CliRunner().invoke(main, [command, *options])
    assert (found.exit_code, found.stdout) == (UNUSABLE, "")
    assert found.stderr == f"{tmp_path / 'known.toml'}: entry 1: reason is empty\n"
    assert not (tmp_path / "out").exists()


def test_what_has_expired_is_told(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(known, "FILE", _file(tmp_path, ENTRY.replace("2027", "2001") + ENTRY.replace("DIV64", "MOD64").replace("2027", "2999")))
    monkeypatch.setattr(triage, "of_repository", lambda entries, judge: of_repository(entries, judge, tmp_path / "none", tmp_path / "none"))
    found = CliRunner().invoke(main, ["triage"])
    assert found.stderr == f"{tmp_path / 'known.toml'}: value DIV64 o32: expired on 2001-01-31, counts no more\n"
    assert found.stdout == "known         value MOD64 o32  (no finding of it: later)\n1 known\n"


def test_the_file_of_the_repository_can_be_read() -> None:
    read_known(str(FILE))


@pytest.mark.parametrize(
    ("entries", "status", "told"),
    [
        ((), FOUND, "finding value DIV64 o32: 2 times"),
        (("value DIV64 o32",), UNUSABLE, "known finding value DIV64 o32: 2 times"),
        (("value DIV64 o32", "value NEG64"), UNUSABLE, "known, but not seen: value NEG64: later"),
        (("value NEG64",), FOUND, "known, but not seen: value NEG64: later"),
    ],
)
def test_a_campaign_fails_for_what_is_not_known(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, entries: tuple[str, ...], status: int, told: str
) -> None:
    """UNUSABLE, because nothing was judged here: known findings are not why it fails."""
    monkeypatch.setattr(known, "FILE", _file(tmp_path, "".join(ENTRY.replace("value DIV64 o32", name) for name in entries)))
    program = assemble("r0 = 0; exit", "made")
    found = Finding("value DIV64_REG o32", "value DIV64 o32", "DIFFER", program, (Input(b""),), "mips1-32le", ("mips1-32le",), ())
    state = State(tmp_path)
    state.symptoms[found.symptom] = found
    state.sightings[found.symptom] = 2

    @click.command()
    @click.pass_context
    def end(ctx: click.Context) -> None:
        cli_fuzz._end(ctx, Plan("1", 1, "all", ("mips1-32le",), "all", None), state, False)

    result = CliRunner().invoke(end)
    assert result.exit_code == status
    assert told in result.stdout
