"""Directories of campaigns that are damaged, or none: one line says what is wrong, and no advice is given that does not help."""

import errno
import io
import os
import sqlite3
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner

from ebpf.program import ProgramError
from fuzz.campaign.generation import BATCH, generate
from fuzz.campaign.state import Plan, State
from fuzz.campaign.unit import BatchResult
from fuzz.casefile import read_document
from fuzz.cli.fuzz import _version
from fuzz.cli.main import main


@pytest.fixture
def directory(tmp_path: Path) -> Path:
    """A campaign of two batches, each with a case that reached something."""
    made = tmp_path / "campaign"
    state = State(made)
    state.create(Plan(_version(), 1, "all", ("mips32r2-32le",), "all", 2 * BATCH))
    for number in range(2):
        result = BatchResult(number)
        result.cases = dict(enumerate(generate(1, 1, "all", 1)))
        result.coverage = {f"feature {number}": 0}
        state.apply(result, 1.0)
    state.close()
    return made


def resumed(directory: Path) -> str:
    """What `--resume` says of it on its only line."""
    result = CliRunner().invoke(main, ["fuzz", "--resume", str(directory), "--jobs", "1"])
    assert result.exit_code == 2
    assert isinstance(result.exception, SystemExit)
    (line,) = result.output.splitlines()
    return line


def change(directory: Path, statement: str) -> None:
    database = sqlite3.connect(directory / "campaign.sqlite")
    with database:
        database.execute(statement)
    database.close()


TABLES = ("batch", "corpus", "count", "feature", "finding", "matrix", "touched")


@pytest.mark.parametrize("table", TABLES)
def test_a_table_is_missing(table: str, directory: Path) -> None:
    change(directory, f"DROP TABLE {table}")
    assert f"{directory}/campaign.sqlite: damaged: table {table} is missing" in resumed(directory)


def test_these_are_all_tables(directory: Path) -> None:
    state = State(directory)
    state.resume()
    assert state._tables() == {*TABLES, "plan"}


@pytest.mark.parametrize(
    ("statement", "message"),
    [
        ("UPDATE plan SET value = 'zzz' WHERE name = 'seed'", "damaged: plan, seed: Expecting value"),
        ("DELETE FROM plan WHERE name = 'seed'", "damaged: plan: "),
        ("DELETE FROM plan WHERE name = 'configs'", "damaged: plan: 'configs'"),
        ("UPDATE plan SET value = '3' WHERE name = 'configs'", "damaged: plan: 'int' object is not iterable"),
        ("DELETE FROM plan", "no plan"),
        ("UPDATE plan SET value = '[\"nope\"]' WHERE name = 'configs'", "damaged: plan, configs: unknown configuration 'nope'"),
        ("UPDATE plan SET value = '[3]' WHERE name = 'drawn'", "damaged: plan, drawn: 3 is not text"),
        ("UPDATE plan SET value = '[]' WHERE name = 'configs'", "damaged: plan, configs: there are none"),
        ("UPDATE plan SET value = '\"warp\"' WHERE name = 'engine'", "damaged: plan, engine: no engine 'warp'"),
        ("UPDATE plan SET value = '[]' WHERE name = 'engine'", "damaged: plan, engine: [] is not text"),
        ("UPDATE plan SET value = '\"x\"' WHERE name = 'tier'", "damaged: plan, tier: no tier 'x'"),
        ("UPDATE plan SET value = '\"x\"' WHERE name = 'tripwires'", "damaged: plan, tripwires: "),
        ("UPDATE plan SET value = '-1' WHERE name = 'seed'", "damaged: plan, seed: -1 is not a number from 0 on"),
        ("UPDATE plan SET value = '0' WHERE name = 'cases'", "damaged: plan, cases: 0 is not a number from 1 on"),
        ("UPDATE plan SET value = 'null' WHERE name = 'confirm'", "damaged: plan, confirm: None is not a number from 1 on"),
    ],
)
def test_the_plan_is_damaged(statement: str, message: str, directory: Path) -> None:
    change(directory, statement)
    assert f"{directory}/campaign.sqlite: {message}" in resumed(directory)


def _remove_corpus(directory: Path) -> None:
    for path in (directory / "corpus").iterdir():
        path.unlink()
    (directory / "corpus").rmdir()


@pytest.mark.parametrize("remove", [_remove_corpus, lambda directory: (directory / "corpus" / "000001-0.toml").unlink()])
def test_cases_of_the_corpus_are_missing(remove: Callable[[Path], None], directory: Path) -> None:
    remove(directory)
    line = resumed(directory)
    assert f"{directory}/corpus/00000" in line
    assert "missing" in line


@pytest.mark.parametrize(
    ("damage", "reason"),
    [
        (lambda text: "no case\n", "Expected '=' after a key in a key/value pair (at line 1, column 4)"),
        (lambda text: b"\xff", "not text: byte 0 is not UTF-8"),
        (lambda text: "", "not a case: 'program' is missing"),
        (lambda text: text + "more = 1\n", "not a case: inputs "),
        (lambda text: "more = 1\n" + text, "not a case: unknown field 'more'"),
        (lambda text: "trampoline = 1\n" + text, "not a case: trampoline: not text"),
        (lambda text: "trampoline = 'x'\n" + text, "trampoline: Expected '=' after a key"),
        (lambda text: text.replace("exit\n", "exit now\n"), "program: assembly: line "),
        (lambda text: text.replace("exit\n", "goto +7777\n"), "block: instruction "),
        (lambda text: text.replace('memory = "', 'memory = "x'), "not a case: inputs 0: memory: not bytes in hexadecimal, two digits each"),
    ],
)
def test_a_case_of_the_corpus_is_damaged(damage: Callable[[str], str | bytes], reason: str, directory: Path) -> None:
    """It is told before anything is judged, not when a case is to be made from it."""
    path = directory / "corpus" / "000001-0.toml"
    text = path.read_text()
    damaged = damage(text)
    assert damaged != text
    path.write_bytes(damaged if isinstance(damaged, bytes) else damaged.encode())
    assert resumed(directory).startswith(f"{path}: {reason}")


def test_a_case_of_the_corpus_is_no_file(directory: Path) -> None:
    path = directory / "corpus" / "000001-0.toml"
    path.unlink()
    os.mkfifo(path)
    assert resumed(directory) == f"{path}: not a regular file"


def test_cases_as_they_were_written_are_not_read_as_cases(directory: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """There may be tens of thousands. One that a person has changed is read, and is as good where it is a case."""
    read: list[str] = []

    def noted(path: str) -> dict[str, Any]:
        read.append(Path(path).name)
        return read_document(path)

    monkeypatch.setattr("fuzz.campaign.kept.read_document", noted)
    for changed in (False, True):
        path = directory / "corpus" / "000001-0.toml"
        path.write_text(path.read_text() + "\n" * changed)
        state = State(directory)
        state.resume()
        state.close()
        assert read == [path.name] * changed


@pytest.mark.parametrize("name", ["", "corpus", "findings"])
def test_a_directory_that_cannot_be_written(name: str, directory: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """As on a file system that is read-only."""

    def refused(dir: Path) -> Any:  # noqa: A002
        if dir == directory / name:
            raise OSError(errno.EROFS, os.strerror(errno.EROFS))
        return io.BytesIO()

    monkeypatch.setattr("fuzz.campaign.state.TemporaryFile", refused)
    assert resumed(directory) == f"{directory / name}: cannot be written: Read-only file system"


@pytest.mark.parametrize("content", [b"no database\n" * 100, None])
def test_what_cannot_go_on_gets_no_such_advice(content: bytes | None, directory: Path) -> None:
    file = directory / "campaign.sqlite"
    file.unlink()
    if content is None:
        file.mkdir()
    else:
        file.write_bytes(content)
    line = resumed(directory)
    assert str(file) in line
    assert "--resume goes on" not in line


def test_a_campaign_without_a_plan_is_not_to_be_resumed(directory: Path) -> None:
    """Neither command points to the other one."""
    change(directory, "DELETE FROM plan")
    assert "begin one with --out in an empty directory" in resumed(directory)
    with pytest.raises(ProgramError, match=r"not empty, and without a plan of a campaign$"):
        State(directory).create(Plan(_version(), 1, "all", ("mips32r2-32le",), "all", 1))


def test_all_cases_have_been_judged(directory: Path) -> None:
    result = CliRunner().invoke(main, ["fuzz", "--resume", str(directory), "--jobs", "1", "--time", "8h"])
    assert f"{directory}: all {2 * BATCH} cases of this campaign have been judged" in result.output


@pytest.mark.parametrize("arguments", [["--out", ""], ["--resume", ""], ["--out", "new", "--cluster", ""]])
def test_names_that_are_empty(arguments: list[str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """As those of variables of a shell that are not set."""
    monkeypatch.chdir(tmp_path)
    result = CliRunner().invoke(main, ["fuzz", *arguments])
    assert result.exit_code == 2
    assert "is given" in result.output
    assert not list(tmp_path.iterdir())
