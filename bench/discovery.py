"""Discovery: how long a campaign takes to find each of the seeded bugs of `bpfmips selftest`, of which it knows nothing.

Usage: python bench/discovery.py [--limit SECONDS] [--seed N] [--bug GLOB] [--every N] [--jobs N] [--anew]; writes bench/discovery.csv and
bench/discovery.md, after each bug. Bugs that are in the former, with the same seed, are not looked for again, but with --anew, and those that were
given up sooner than --limit says.

For each bug a campaign is begun over the compiler with the bug in it, on all configurations, in this process, and ends with its first finding.
Seconds are those of the processor, so that other work on the machine does not count; cases are those up to the one that shows the bug.
"""

import argparse
import csv
import os
import platform
import re
import statistics
import tempfile
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import Executor, Future, ProcessPoolExecutor, as_completed
from fnmatch import fnmatchcase
from multiprocessing import get_context
from pathlib import Path
from typing import Any, NamedTuple

from ebpf.instruction import Instruction
from fuzz.campaign.generation import BATCH
from fuzz.campaign.run import Run
from fuzz.campaign.state import Plan, State
from fuzz.campaign.unit import reduce_finding
from fuzz.case import Compiler
from fuzz.cli.fuzz import CONFIRM
from fuzz.selftest.seeded_bug import Bug
from fuzz.selftest.seeded_compiler import SeededTrampolines
from fuzz.selftest.selftest import bugs, compiler
from fuzz.trampoline.judge import Compiler as TrampolineCompiler
from jit.compiled import Addresses, Compiled
from jit.compiler import compile_program
from jit.config import BASE_CONFIGS, Config, all_configs
from jit.trampoline import compile_trampoline

COMMAND = "python bench/discovery.py"
BAR = 60.0
ROWS = Path(__file__).with_suffix(".csv")


class Found(NamedTuple):
    """How a bug was found: `cases` and `seconds` until then, or until it was given up, with an empty fingerprint."""

    bug: Bug
    cases: int
    seconds: float
    fingerprint: str


class Inline(Executor):
    """Does everything at once, in this process, but for making findings small, which is not looked at here."""

    def submit(self, fn: Callable[..., Any], /, *args: Any, **kwargs: Any) -> "Future[Any]":
        """See `concurrent.futures.Executor`."""
        future: Future[Any] = Future()
        try:
            future.set_result(args[0] if fn is reduce_finding else fn(*args, **kwargs))
        except Exception as error:
            future.set_exception(error)
        return future


def discover(under_test: Compiler, seed: int, limit: float, trampolines: TrampolineCompiler = compile_trampoline) -> tuple[int, float, str]:
    """Cases, seconds and fingerprint of the first finding; an empty one when there is none within the limit."""
    with tempfile.TemporaryDirectory() as directory:
        state = State(Path(directory))
        plan = Plan(
            "bench",
            seed,
            "all",
            tuple(map(str, BASE_CONFIGS)),
            "all",
            None,
            tuple(str(config) for config in all_configs() if config not in BASE_CONFIGS),
            confirm=CONFIRM,
        )
        state.create(plan)
        started = time.process_time()
        seconds = 0.0

        def watch(run: Run) -> None:
            nonlocal seconds
            if not seconds and (state.buckets or time.process_time() - started > limit):
                seconds = time.process_time() - started
                run.stopping = True

        Run(plan, state, Inline(), under_test, lambda: 1, None, watch, trampolines).run()
        state.close()
        for fingerprint, finding in state.buckets.items():
            found = re.search(r"batch (\d+), case (\d+)", finding.origin)
            assert found is not None
            return int(found[1]) * BATCH + int(found[2]) + 1, seconds, fingerprint
        return state.next_batch * BATCH, seconds, ""


def warm_up(seed: int) -> None:
    """The first batch of a process loads and compiles what all others use. Raises ValueError when the compiler as it is has a finding."""
    _, _, fingerprint = discover(compile_program, seed, 1)
    if fingerprint:
        raise ValueError(f"the compiler as it is has a finding: {fingerprint}")


def look_for(name: str, seed: int, limit: float) -> tuple[int, float, str]:
    """The same for one of the seeded bugs."""
    bug = next(bug for bug in bugs() if bug.name == name)
    if bug.trampoline is not None:
        return discover(compile_program, seed, limit, SeededTrampolines(name))
    applies, bad = frozenset(bug.applies()), compiler(bug)

    def under_test(slots: Sequence[Instruction], config: Config, addresses: Addresses) -> Compiled:
        # Elsewhere a bug may be none, or no compiler at all.
        return (bad if config in applies else compile_program)(slots, config, addresses)

    return discover(under_test, seed, limit)


def table(results: Sequence[Found], seed: int, limit: float, all_bugs: int) -> Iterator[str]:
    """The file."""
    found = [result for result in results if result.fingerprint]
    quick = [result for result in found if result.seconds <= BAR]
    seconds = sorted(result.seconds for result in found)
    cases = sorted(result.cases for result in found)
    yield "# How long a campaign takes to find the seeded bugs"
    yield ""
    made_with = f"Python {platform.python_version()} on {platform.machine()}, one process, seed {seed}"
    yield f"Made by `{COMMAND} --limit {limit:g}` ({made_with}):"
    yield "for each bug of `bpfmips selftest` a campaign that knows nothing of it, with the defaults of"
    yield f"`bpfmips fuzz`, until its first finding, at most {limit:g} s of processor time. Bars: all found, 95 % within {BAR:g} s on one core."
    yield ""
    share = f"{len(quick)} ({100 * len(quick) / len(results):.1f} %) within {BAR:g} s"
    median = f"Median {statistics.median(seconds):.1f} s and {statistics.median(cases):g} cases" if found else "No median"
    sample = "" if len(results) == all_bugs else f" (a sample of the {all_bugs} that there are)"
    yield f"{len(found)} of {len(results)}{sample} found, {share}. {median}, worst {max(seconds, default=0):.1f} s and {max(cases, default=0)} cases."
    yield ""
    yield "| bug | class | cases | seconds | first finding |"
    yield "|---|---|---:|---:|---|"
    for result in sorted(results, key=lambda result: (result.fingerprint != "", -result.seconds)):
        yield f"| {result.bug.name} | {result.bug.kind} | {result.cases} | {result.seconds:.1f} | {result.fingerprint or '**not found**'} |"


def read_rows(seed: int, limit: float) -> dict[str, Found]:
    """What was found before with the seed, by the name of the bug; those that were given up sooner are left out."""
    known, found = {bug.name: bug for bug in bugs()}, {}
    if ROWS.exists():
        with ROWS.open(newline="", encoding="utf-8") as file:
            for row in csv.DictReader(file):
                one = Found(known[row["bug"]], int(row["cases"]), float(row["seconds"]), row["finding"]) if row["bug"] in known else None
                if one is not None and int(row["seed"]) == seed and (one.fingerprint or one.seconds >= limit):
                    found[one.bug.name] = one
    return found


def write(results: Mapping[str, Found], seed: int, limit: float) -> None:
    """Both files, in the order of the bugs."""
    order = [results[bug.name] for bug in bugs() if bug.name in results]
    beside = ROWS.with_suffix(".new")
    with beside.open("w", newline="", encoding="utf-8") as file:
        rows = csv.writer(file, lineterminator="\n")
        rows.writerow(("bug", "seed", "cases", "seconds", "finding"))
        rows.writerows((one.bug.name, seed, one.cases, f"{one.seconds:.2f}", one.fingerprint) for one in order)
    beside.replace(ROWS)
    ROWS.with_suffix(".md").write_text("\n".join(table(order, seed, limit, len(bugs()))) + "\n", encoding="utf-8")


def main() -> None:
    """Look for all bugs, or for some."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else "")
    parser.add_argument("--limit", type=float, default=180)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--bug", default="*")
    parser.add_argument("--every", type=int, default=1, help="look for one of so many bugs")
    parser.add_argument("--jobs", type=int, default=1)
    parser.add_argument("--anew", action="store_true", help="look for bugs that were looked for before as well")
    given = parser.parse_args()
    chosen = [bug.name for bug in bugs() if fnmatchcase(bug.name, given.bug)][:: given.every]
    results = read_rows(given.seed, given.limit)
    left = [name for name in chosen if given.anew or name not in results]
    by_name = {bug.name: bug for bug in bugs()}
    # Not copies of this process: those of one that has an engine would share its memory.
    with ProcessPoolExecutor(given.jobs, get_context("spawn"), warm_up, (given.seed,)) as pool:
        answers = {pool.submit(look_for, name, given.seed, given.limit): name for name in left}
        for answer in as_completed(answers):
            last = Found(by_name[answers[answer]], *answer.result())
            results[last.bug.name] = last
            write(results, given.seed, given.limit)
            print(f"{last.bug.name}: {last.cases} cases, {last.seconds:.1f} s, {last.fingerprint or 'NOT FOUND'}", flush=True)
    if not all(results[name].fingerprint for name in chosen):
        raise SystemExit(1)


if __name__ == "__main__":
    os.environ.setdefault("OMP_NUM_THREADS", "1")
    main()
