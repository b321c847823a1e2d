"""Reports and replays of compilers that die, never end, or raise what they should not."""

import time
from collections.abc import Sequence
from pathlib import Path

import pytest

from ebpf.assembler import assemble
from ebpf.program import ProgramError
from fuzz.case import Input
from fuzz.findings.finding import Finding, text
from fuzz.findings.lowered import lowered_apart
from fuzz.findings.replay import FAIL, judge_again
from fuzz.findings.reporting import write_report
from fuzz.reference import LoweredRow
from fuzz.tests.breaking import HOW, Breaking, Raising, Sleeping
from fuzz.tests.campaigns import campaign


def _reasons(rows: Sequence[LoweredRow]) -> dict[str, list[str]]:
    return {row.name: [failed.reason for failed in row.failed] for row in rows if row.failed}


def test_each_row_says_what_the_compiler_did_and_has_the_code_that_there_is() -> None:
    rows = lowered_apart(Breaking(), patience=1)
    expected = {
        "SIGSEGV": ["the compiler died: SIGSEGV"],
        "exit": ["the compiler died: exit status 3"],
        "hang": ["the compiler took more than 1 s", "not compiled, because it took too long on another configuration"],
        "KeyError": ["the compiler raised KeyError: 'x'"],
        "MemoryError": ["the compiler raised MemoryError"],
        "SystemExit": ["the compiler raised SystemExit: 0"],
        "KeyboardInterrupt": ["the compiler raised KeyboardInterrupt"],
    }
    found = _reasons(rows)
    assert {name: found[name] for name in HOW} == {name: expected[how] for name, how in HOW.items()}
    assert set(found) == set(HOW)
    names = {name for each in rows[0].lowered for name in each.configs}
    for row in rows:
        if row.name in HOW:
            failed = {name for each in row.failed for name in each.configs}
            assert failed == ({"mips3 n64", "mips4 n64"} if HOW[row.name] != "hang" else {name for name in names if name.endswith("n64")})
            assert failed | {name for each in row.lowered for name in each.configs} == names
            assert not row.refused


def test_a_compiler_that_is_always_late_costs_no_more_than_was_granted() -> None:
    began = time.monotonic()
    rows = lowered_apart(Sleeping(), patience=0.1, lost=1)
    assert time.monotonic() - began < 20
    assert _reasons(rows)[rows[-1].name] == ["not compiled, because the compiler had died or taken too long too often"]


def test_the_report_is_written_and_says_it(tmp_path: Path) -> None:
    campaign(tmp_path / "night", cases=8, configs=("mips32r2-32be",)).close()
    paths, _ = write_report(tmp_path / "night", (), {}, tmp_path, Breaking())
    assert all(path.is_file() for path in paths)
    (tmp_path / "file").touch()
    with pytest.raises(ProgramError, match=r"/file/out: the report cannot be written there: Not a directory; --out names another directory$"):
        write_report(tmp_path / "night", (), {}, tmp_path / "file" / "out")
    page = (tmp_path / "report.html").read_text()
    assert "No code (n64: 3 4): the compiler died: SIGSEGV" in page
    assert "No code (n64: 3): the compiler took more than 2 s" in page


@pytest.mark.parametrize(
    ("what", "told"),
    [
        ("SystemExit", "the engine died: SystemExit"),
        ("KeyboardInterrupt", "the engine died: KeyboardInterrupt"),
        ("MemoryError", "compiler: expected an image, got MemoryError"),
        ("KeyError", "compiler: expected an image, got KeyError: 'x'"),
    ],
)
@pytest.mark.parametrize("explained", [False, True])
def test_replay_fails_whatever_the_compiler_raises(what: str, told: str, explained: bool, tmp_path: Path) -> None:
    program = assemble("r0 = 7; exit", "made")
    finding = Finding("value", "value", "DIFFER", program, (Input(b""),), "mips64r2-64le", ("mips64r2-64le",), ())
    path = tmp_path / finding.file_name
    path.write_text(text(finding))
    again = judge_again(str(path), None, explained, Raising(what))
    assert again.status == FAIL
    assert any(line.endswith(told) for line in again.lines)
