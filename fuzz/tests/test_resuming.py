"""Campaigns that go on: how long, and with which options."""

from collections.abc import Callable
from concurrent.futures import Executor, Future
from pathlib import Path
from threading import Timer
from typing import Any

import pytest
from click.testing import CliRunner

from fuzz.campaign.generation import BATCH, generate
from fuzz.campaign.run import Run
from fuzz.campaign.state import Plan, State
from fuzz.campaign.unit import BatchResult, run_batch
from fuzz.cli.fuzz import _until, _version
from fuzz.cli.main import main
from fuzz.tests.test_leftovers import result, seen, small
from jit.compiler import compile_program

ELAPSED = 1000.0


def begun(directory: Path, cases: int | None = 2 * BATCH) -> Path:
    """A campaign whose first batch has been judged after a while."""
    state = State(directory)
    state.create(Plan(_version(), 1, "all", ("mips32r2-32le",), "all", cases))
    result = BatchResult(0)
    result.cases = dict(enumerate(generate(1, 1, "all", 1)))
    result.coverage = {"feature": 0}
    state.apply(result, ELAPSED)
    state.close()
    return directory


@pytest.mark.parametrize("options", [[], ["--time", "60s"]])
def test_a_campaign_with_cases_goes_on_to_them(options: list[str], tmp_path: Path) -> None:
    directory = begun(tmp_path / "campaign")
    assert CliRunner().invoke(main, ["fuzz", "--resume", str(directory), "--jobs", "1", *options]).exit_code == 0
    state = State(directory)
    state.resume()
    assert state.next_batch == 2


@pytest.mark.parametrize(
    ("cases", "seconds", "until"),
    [(None, 5.0, ELAPSED + 5), (None, None, ELAPSED + 60), (2 * BATCH, 5.0, ELAPSED + 5), (2 * BATCH, None, None)],
)
def test_a_time_is_so_much_more(cases: int | None, seconds: float | None, until: float | None, tmp_path: Path) -> None:
    state = State(begun(tmp_path, cases))
    assert _until(state.resume(), state, seconds) == until


class Slow(Executor):
    """Does one batch at once, and takes its time for what is to be made small."""

    def submit(self, fn: Callable[..., Any], /, *args: Any, **kwargs: Any) -> "Future[Any]":
        future: Future[Any] = Future()
        if fn is run_batch:
            made = result(args[0].number)
            made.findings = [seen("a one", 0)]
            future.set_result(made)
        else:
            Timer(1.0, lambda: future.set_result(small(args[0]))).start()
        return future


def test_the_time_of_a_campaign_is_all_of_it(tmp_path: Path) -> None:
    """Also that after the last batch, and when it goes on."""
    state, plan = State(tmp_path), Plan("test", 1, "all", ("mips32r2-32le",), "all", 1)
    state.create(plan)
    Run(plan, state, Slow(), compile_program, lambda: 2, None).run()
    (applied,) = state.database.execute("SELECT elapsed FROM batch").fetchone()
    spent = state.elapsed
    assert spent > applied + 0.9
    state.close()
    again = State(tmp_path)
    again.resume()
    assert again.elapsed == spent


PLANNED = (
    *(("--seed", "1"), ("--tier", "all"), ("--engine", "model"), ("--confirm", "32"), ("--profile", "dev")),
    *(("--cases", "16"), ("--config", "mips32r2-32le"), ("--systematic",)),
)


@pytest.mark.parametrize("option", PLANNED, ids=" ".join)
def test_what_the_plan_says_is_not_to_be_said_again(option: tuple[str, ...], tmp_path: Path) -> None:
    """Not even where it is the same."""
    found = CliRunner().invoke(main, ["fuzz", "--resume", str(tmp_path), *option])
    assert (found.exit_code, found.output.count("\n")) == (2, 1)
    assert found.output.startswith(f"bpfmips: --resume: not with {option[0]}: seed, ")


@pytest.mark.parametrize("option", [*PLANNED, ("--time", "5s"), ("--jobs", "auto"), ("--cluster", "tcp://127.0.0.1:9")], ids=" ".join)
def test_a_corpus_is_made_small_without_other_options(option: tuple[str, ...], tmp_path: Path) -> None:
    found = CliRunner().invoke(main, ["fuzz", "--resume", str(tmp_path), "--minimize-corpus", *option])
    assert (found.exit_code, found.output) == (2, f"bpfmips: --minimize-corpus: not with {option[0]}: it makes the corpus small, and ends\n")


@pytest.mark.parametrize(
    ("options", "line"),
    [
        (["--cluster", "tcp://127.0.0.1:9", "--jobs", "2"], "--cluster: not with --jobs: workers are those of the cluster"),
    ],
)
def test_options_that_would_not_be_used(options: list[str], line: str, tmp_path: Path) -> None:
    found = CliRunner().invoke(main, ["fuzz", "--out", str(tmp_path / "new"), *options])
    assert (found.exit_code, found.output) == (2, f"bpfmips: {line}\n")
    assert not list(tmp_path.iterdir())
