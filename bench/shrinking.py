"""How small the cases become with which campaigns find seeded bugs, and how long it takes: writes bench/shrinking.md.

    python bench/shrinking.py [--bugs GLOB] [--every N] [--tries SECONDS]

For each bug of corpus/bugs cases are generated, without any knowledge of it, until one fails on a configuration where it applies; that is reduced as
campaigns do, and shrunk as the public `fuzz.gen.shrink` does. Bars: at most three instructions besides `exit` (median) within 60 s (95th percentile).
"""

import argparse
import multiprocessing
import statistics
import time
from collections.abc import Iterator, Sequence
from concurrent.futures import ProcessPoolExecutor
from concurrent.futures.process import BrokenProcessPool
from fnmatch import fnmatchcase
from pathlib import Path
from typing import NamedTuple

from ebpf.disassembler import disassemble
from ebpf.program import Program
from fuzz.campaign.unit import Task, reduce_finding, run_batch
from fuzz.case import Compiler
from fuzz.cli.fuzz import CONFIRM
from fuzz.engine.engines import engine
from fuzz.gen import TIERS, GeneratedCase, Tier, batch
from fuzz.gen.shrink import shrink, size
from fuzz.judge import judge_all
from fuzz.selftest.seeded_bug import Bug
from fuzz.selftest.seeded_compiler import SeededTrampolines
from fuzz.selftest.selftest import bugs, compiler, sample
from fuzz.verdict import FAILED
from jit.compiler import compile_program
from jit.config import Config
from jit.trampoline import compile_trampoline

SEED = 1
CASES = 2
"""Cases of each batch and tier."""


class Small(NamedTuple):
    """The size of a case that was made small, in how many seconds, and its text."""

    size: int
    seconds: float
    text: str


class Row(NamedTuple):
    """A bug, how many cases were tried, the size of the one that failed, 0 for none, and what reducing and shrinking made of it."""

    bug: str
    cases: int
    large: int = 0
    reduced: Small | None = None
    shrunk: Small | None = None


def _small(program: Program, begun: float) -> Small:
    """What was begun at this time."""
    return Small(size(program), time.process_time() - begun, "; ".join(line for line in disassemble(program.slots) if line))


def measure(bug: Bug, tries: float) -> Row:
    """Generate until a case fails or the time is over, and make it small."""
    under_test, trampolines = (compiler(bug), compile_trampoline) if bug.trampoline is None else (compile_program, SeededTrampolines(bug.name))
    config = sample(bug)[0]
    end, cases = time.process_time() + tries, 0
    while time.process_time() < end:
        number, tier = cases // CASES // len(TIERS), TIERS[cases // CASES % len(TIERS)]
        result = run_batch(Task(SEED, number, tier, CASES, (str(config),), confirm=CONFIRM), under_test, trampolines)
        cases += CASES
        if result.findings:
            begun = time.process_time()
            reduced = _small(reduce_finding(result.findings[0], "all", "model", under_test, trampolines).program, begun)
            return Row(bug.name, cases, size(result.findings[0].program), reduced, _shrunk(number, tier, under_test, config))
    return Row(bug.name, cases)


def _shrunk(number: int, tier: Tier, under_test: Compiler, config: Config) -> Small | None:
    """The first case of a batch that fails, shrunk; None where none does."""
    target = engine("model", CONFIRM)

    def fails(case: GeneratedCase) -> bool:
        return any(verdict.status in FAILED for verdict in judge_all(case.program, case.inputs, (config,), target, under_test))

    for at in range(CASES):
        features, choices = batch.features_of(SEED, number, tier, at), batch.choices(SEED, number, tier, at)
        case = batch.make_case(features, choices)
        if case is not None and fails(case):
            begun = time.process_time()
            return _small(shrink(features, choices, fails).program, begun)
    return None


def measured(name: str, tries: float) -> Row:
    """The same by name."""
    return measure(next(bug for bug in bugs() if bug.name == name), tries)


def alone(name: str, tries: float) -> Row:
    """The same in a process of its own: code of a broken compiler may be the end of an engine, which campaigns survive."""
    with ProcessPoolExecutor(1, multiprocessing.get_context("fork")) as pool:
        try:
            return pool.submit(measured, name, tries).result()
        except BrokenProcessPool:
            # Their programs are not to be had.
            return Row(name, 0)


def main() -> None:
    """Measure, and write the report."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--bugs", default="*", help="names of bugs, as a glob")
    parser.add_argument("--every", type=int, default=1, help="only one of so many of them")
    parser.add_argument("--tries", type=float, default=60.0, help="seconds until a bug counts as not found")
    arguments = parser.parse_args()
    rows = list[Row]()
    chosen = [bug for bug in bugs() if fnmatchcase(bug.name, arguments.bugs)][:: arguments.every]
    for bug in chosen:
        rows.append(alone(bug.name, arguments.tries))
        print(*rows[-1], flush=True)
    command = f"python bench/shrinking.py --every {arguments.every} --tries {arguments.tries:g}"
    text = "\n".join(_report(rows, command, arguments.tries))
    (Path(__file__).parent / "shrinking.md").write_text(text + "\n")


def _report(rows: Sequence[Row], command: str, tries: float) -> Iterator[str]:
    found = [row for row in rows if row.large]
    yield "# Shrinking"
    yield ""
    yield f"`{command}`. One process; seconds are of processor time. Sizes are instructions besides `exit`."
    yield ""
    yield f"{len(found)} of {len(rows)} seeded bugs found within {tries:g} s each on the first configuration where they apply,"
    yield f"with cases of median size {statistics.median(row.large for row in found):g}. A bug without a number of cases ended the engine,"
    yield "which campaigns survive."
    yield ""
    yield "| | cases | size, median (bar: 3) | largest | s, median | s, 95th percentile (bar: 60) |"
    yield "|---|---:|---:|---:|---:|---:|"
    yield _summary("reduced, as campaigns do", [row.reduced for row in found if row.reduced])
    yield _summary("shrunk, as `fuzz.gen.shrink` does", [row.shrunk for row in found if row.shrunk])
    yield ""
    yield "| bug | cases | size | reduced | s | shrunk | s | reduced program |"
    yield "|---|---:|---:|---:|---:|---:|---:|---|"
    for row in rows:
        text = f"`{row.reduced.text}`" if row.reduced else ""
        yield f"| {row.bug} | {row.cases or '-'} | {row.large or '-'} | {_cells(row.reduced)} | {_cells(row.shrunk)} | {text} |"


def _cells(small: Small | None) -> str:
    return f"{small.size} | {small.seconds:.1f}" if small else "- | -"


def _summary(what: str, made: Sequence[Small]) -> str:
    sizes, seconds = [each.size for each in made], [each.seconds for each in made]
    percentile = statistics.quantiles(seconds, n=20)[-1]
    return f"| {what} | {len(made)} | {statistics.median(sizes):g} | {max(sizes)} | {statistics.median(seconds):.1f} | {percentile:.1f} |"


if __name__ == "__main__":
    main()
