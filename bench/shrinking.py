"""How small programs become that find seeded bugs, and how long it takes: writes bench/shrinking.md.

    python bench/shrinking.py [--bugs GLOB] [--every N] [--tries SECONDS]

For each bug of corpus/bugs cases are generated, without any knowledge of it, until one fails on a configuration where it applies; that is shrunk.
Judged is as campaigns do.
Bars: at most three instructions besides `exit` (median) within 60 s (95th percentile).
"""

import argparse
import statistics
import time
from collections.abc import Iterator
from fnmatch import fnmatchcase
from pathlib import Path
from typing import NamedTuple

from ebpf.disassembler import disassemble
from fuzz.cli.fuzz import CONFIRM
from fuzz.engine.engines import engine
from fuzz.engine.target import Target
from fuzz.gen import TIERS, Features, GeneratedCase, batch
from fuzz.gen.shrink import SECONDS, Fails, shrink, size
from fuzz.judge import judge_all
from fuzz.selftest.seeded_bug import Bug
from fuzz.selftest.selftest import bugs, compiler, sample
from fuzz.verdict import Status

SEED = 1
CASES = 2
"""Cases of each batch and tier."""


class Row(NamedTuple):
    """A bug, how many cases were tried, the size of the one that failed, 0 for none, its size when shrunk, in how many seconds, and its text."""

    bug: str
    cases: int
    large: int
    small: int
    seconds: float
    text: str


def _generated() -> Iterator[tuple[Features, bytes]]:
    number = 0
    while True:
        for tier in TIERS:
            features = batch.features_of(SEED, number, tier)
            for case in range(CASES):
                yield features, batch.choices(SEED, number, tier, case)
        number += 1


def measure(bug: Bug, fails: Fails, tries: float) -> Row:
    """Generate until a case fails or the time is over, and shrink it."""
    end = time.process_time() + tries
    for tried, (features, choices) in enumerate(_generated(), 1):
        case = batch.make_case(features, choices)
        if case is not None and fails(case):
            before = time.process_time()
            small = shrink(features, choices, fails)
            seconds = time.process_time() - before
            text = "; ".join(line for line in disassemble(small.program.slots) if line)
            return Row(bug.name, tried, size(case.program), size(small.program), seconds, text)
        if time.process_time() > end:
            return Row(bug.name, tried, 0, 0, 0.0, "")
    raise AssertionError


def _fails(bug: Bug, target: Target) -> Fails:
    config, under_test = sample(bug)[:1], compiler(bug)

    def fails(case: GeneratedCase) -> bool:
        verdicts = judge_all(case.program, case.inputs, config, target, under_test)
        return any(verdict.status in (Status.DIFFER, Status.TRIPPED) for verdict in verdicts)

    return fails


def main() -> None:
    """Measure, and write the report."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--bugs", default="*", help="names of bugs, as a glob")
    parser.add_argument("--every", type=int, default=1, help="only one of so many of them")
    parser.add_argument("--tries", type=float, default=60.0, help="seconds until a bug counts as not found")
    arguments = parser.parse_args()
    target, rows = engine("model", CONFIRM), list[Row]()
    chosen = [bug for bug in bugs() if fnmatchcase(bug.name, arguments.bugs)][:: arguments.every]
    for bug in chosen:
        rows.append(measure(bug, _fails(bug, target), arguments.tries))
        print(*rows[-1], flush=True)
    found = [row for row in rows if row.large]
    parts = (
        "# Shrinking",
        f"`python bench/shrinking.py --every {arguments.every} --tries {arguments.tries:g}`. One process; "
        f"seconds are of processor time, of which shrinking has {SECONDS:g} at most. "
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
