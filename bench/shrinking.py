"""How small the cases become with which campaigns find seeded bugs, and how long it takes: writes bench/shrinking.md.

    python bench/shrinking.py [--bugs GLOB] [--every N] [--tries SECONDS]

For each bug of corpus/bugs cases are generated, without any knowledge of it, until one fails on a configuration where it applies; that is reduced as
campaigns do. Bars: at most three instructions besides `exit` (median) within 60 s (95th percentile).
"""

import argparse
import multiprocessing
import statistics
import time
from concurrent.futures import ProcessPoolExecutor
from concurrent.futures.process import BrokenProcessPool
from fnmatch import fnmatchcase
from pathlib import Path
from typing import NamedTuple

from ebpf.disassembler import disassemble
from fuzz.campaign.unit import Task, reduce_finding, run_batch
from fuzz.cli.fuzz import CONFIRM
from fuzz.gen import TIERS
from fuzz.gen.shrink import size
from fuzz.selftest.seeded_bug import Bug
from fuzz.selftest.seeded_compiler import SeededTrampolines
from fuzz.selftest.selftest import bugs, compiler, sample
from jit.compiler import compile_program
from jit.trampoline import compile_trampoline

SEED = 1
CASES = 2
"""Cases of each batch and tier."""


class Row(NamedTuple):
    """A bug, how many cases were tried, the size of the one that failed, 0 for none, its size when reduced, in how many seconds, and its text."""

    bug: str
    cases: int
    large: int
    small: int
    seconds: float
    text: str


def measure(bug: Bug, tries: float) -> Row:
    """Generate until a case fails or the time is over, and reduce it."""
    under_test, trampolines = (compiler(bug), compile_trampoline) if bug.trampoline is None else (compile_program, SeededTrampolines(bug.name))
    configs = tuple(map(str, sample(bug)[:1]))
    end, cases = time.process_time() + tries, 0
    while time.process_time() < end:
        number = cases // CASES
        result = run_batch(Task(SEED, number // len(TIERS), TIERS[number % len(TIERS)], CASES, configs, confirm=CONFIRM), under_test, trampolines)
        cases += CASES
        if result.findings:
            before = time.process_time()
            small = reduce_finding(result.findings[0], "all", "model", under_test, trampolines)
            text = "; ".join(line for line in disassemble(small.program.slots) if line)
            return Row(bug.name, cases, size(result.findings[0].program), size(small.program), time.process_time() - before, text)
    return Row(bug.name, cases, 0, 0, 0.0, "")


def measured(name: str, tries: float) -> Row:
    """The same by name."""
    return measure(next(bug for bug in bugs() if bug.name == name), tries)


def alone(name: str, tries: float) -> Row:
    """The same in a process of its own: code of a broken compiler may be the end of an engine, which campaigns survive."""
    with ProcessPoolExecutor(1, multiprocessing.get_context("fork")) as pool:
        try:
            return pool.submit(measured, name, tries).result()
        except BrokenProcessPool:
            return Row(name, 0, 0, 0, 0.0, "ends the engine")


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
    found = [row for row in rows if row.large]
    parts = (
        "# Shrinking",
        f"`python bench/shrinking.py --every {arguments.every} --tries {arguments.tries:g}`. One process; "
        "seconds are of processor time. "
        "Sizes are instructions besides `exit`.",
        f"* {len(found)} of {len(rows)} seeded bugs found within {arguments.tries:g} s each on the first configuration where they apply",
        f"* size: median {statistics.median(row.small for row in found):g} (bar: 3), largest {max(row.small for row in found)}, "
        f"before: median {statistics.median(row.large for row in found):g}",
        f"* seconds: median {statistics.median(row.seconds for row in found):.1f}, "
        f"95th percentile {statistics.quantiles([row.seconds for row in found], n=20)[-1]:.1f} (bar: 60)",
        "| bug | cases | size | shrunk | s | program |\n|---|---:|---:|---:|---:|---|",
    )
    lines = [f"| {row.bug} | {row.cases} | {row.large or '-'} | {row.small or '-'} | {row.seconds:.1f} | `{row.text}` |" for row in rows]
    (Path(__file__).parent / "shrinking.md").write_text("\n\n".join(parts) + "\n" + "\n".join(lines) + "\n")


if __name__ == "__main__":
    main()
