"""How well fingerprints tell bugs apart: each seeded bug is found, made small and put into a bucket, on two configurations and from two seeds.

    python bench/buckets.py [--minutes M] [--seed N]

For each bug of corpus/bugs (those of trampolines have no findings), in an order drawn from the seed, until the time is over: on the first and the
last configuration where it applies, inputs of its suites are drawn from two seeds until one fails; that case is made small (`fuzz.campaign.reduce`),
and its fingerprint is its bucket.

    buckets of a bug    different fingerprints of one bug; 1 is best
    pure                buckets that only one bug of those in the compiler has. All bugs at once is harder than any compiler; ten at once, drawn 1000
                        times from those measured, is what the second figure is about. Bugs are not run together for it: their buckets are compared

The table goes to standard output and to bench/buckets.md.
"""

import argparse
import random
import sys
import time
from collections import Counter, defaultdict
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

from ebpf.program import ProgramError
from fuzz.campaign.reduce import reduce
from fuzz.campaign.unit import target
from fuzz.case import Case
from fuzz.diagnosis import diagnose
from fuzz.finding import Finding
from fuzz.judge import judge_all
from fuzz.seeded_bug import Bug
from fuzz.selftest import bugs, cases, compiler, sample
from fuzz.verdict import Status
from fuzz.wires import WIRES
from jit.config import Config

SEEDS = (1, 2)
INPUTS = 24
AT_ONCE = 10
DRAWS = 1000


class Sorted(NamedTuple):
    """A bug and what came of it: fingerprints by seed and configuration, slots of the small cases, and seconds."""

    bug: Bug
    buckets: dict[tuple[int, str], str]
    slots: list[int]
    seconds: float


def found(bug: Bug, config: Config, seed: int) -> Finding | None:
    """A case that shows the bug, small."""
    draw = random.Random(f"{seed}/{bug.name}/{config}")
    programs = cases(bug, config)
    draw.shuffle(programs)
    engine = target("model", 1)
    for program, inputs in programs:
        chosen = draw.sample(inputs, min(INPUTS, len(inputs)))
        for verdict in judge_all(program, chosen, (config,), engine, compiler(bug)):
            if verdict.status in (Status.DIFFER, Status.TRIPPED):
                given = chosen[verdict.input]
                symptom = diagnose(Case(program, given), verdict, engine, compiler(bug), WIRES).fingerprint
                case = Finding(symptom, symptom, verdict.status.name, program, (given,), str(config), (str(config),), ())
                return reduce(case, engine, compiler(bug), WIRES)
    return None


def measure(bug: Bug) -> Sorted:
    """All that is measured of a bug."""
    started = time.perf_counter()
    buckets: dict[tuple[int, str], str] = {}
    slots = []
    for config in sample(bug):
        for seed in SEEDS:
            try:
                small = found(bug, config, seed)
            except ProgramError:
                small = None
            if small is not None:
                buckets[seed, str(config)] = small.fingerprint
                slots.append(len(small.program.slots))
    return Sorted(bug, buckets, slots, time.perf_counter() - started)


def purity(measured: list[Sorted]) -> tuple[int, int]:
    """Buckets of one bug alone, and all buckets, when all of these bugs are there at once."""
    owners: defaultdict[str, set[str]] = defaultdict(set)
    for one in measured:
        for fingerprint in one.buckets.values():
            owners[fingerprint].add(one.bug.name)
    return sum(len(names) == 1 for names in owners.values()), len(owners)


def report(measured: list[Sorted], possible: int, seed: int) -> Iterator[str]:
    """The file."""
    shown = [one for one in measured if one.buckets]
    buckets = [len(set(one.buckets.values())) for one in shown]
    pure, every = purity(shown)
    draw = random.Random(seed)
    together = [purity(draw.sample(shown, min(AT_ONCE, len(shown)))) for _ in range(DRAWS)]
    same = sum(
        all(one.buckets.get((SEEDS[0], name)) == one.buckets.get((SEEDS[1], name)) for _, name in one.buckets if len(one.buckets) > 1)
        for one in shown
    )
    slots = sorted(size for one in shown for size in one.slots)
    yield "# Buckets"
    yield ""
    seconds = sum(one.seconds for one in measured)
    yield f"`python bench/buckets.py`, seed {seed}; {len(measured)} of {possible} seeded bugs, {seconds:.0f} s in one process."
    yield ""
    yield "| | |"
    yield "|---|---|"
    yield f"| bugs that were found by the inputs drawn | {len(shown)} of {len(measured)} |"
    yield f"| buckets of a bug, mean | {sum(buckets) / len(buckets):.3f} |"
    yield f"| bugs with one bucket on all configurations and seeds | {sum(number == 1 for number in buckets)} of {len(shown)} |"
    yield f"| bugs with the same bucket from both seeds on each configuration | {same} of {len(shown)} |"
    yield f"| pure buckets, {AT_ONCE} bugs at once | {100 * sum(a for a, _ in together) / sum(b for _, b in together):.1f} % |"
    yield f"| pure buckets, all these bugs at once | {100 * pure / every:.1f} % of {every} |"
    yield f"| slots of the small cases: median, 95 %, most | {slots[len(slots) // 2]}, {slots[len(slots) * 95 // 100]}, {slots[-1]} |"
    yield ""
    yield "Bugs with several buckets:"
    yield ""
    for one in shown:
        if len(set(one.buckets.values())) > 1:
            yield f"* {one.bug.name}: {'; '.join(sorted(set(one.buckets.values())))}"
    yield ""
    yield "Buckets of several bugs:"
    yield ""
    owners = Counter((fingerprint, one.bug.name) for one in shown for fingerprint in set(one.buckets.values()))
    for fingerprint in sorted({name for name, _ in owners}):
        names = sorted(bug for name, bug in owners if name == fingerprint)
        if len(names) > 1:
            yield f"* {fingerprint}: {', '.join(names)}"


def main() -> int:
    """Measure as many bugs as there is time for."""
    parser = argparse.ArgumentParser(description="Buckets of the seeded bugs.")
    parser.add_argument("--minutes", type=float, default=600.0)
    parser.add_argument("--seed", type=int, default=1)
    options = parser.parse_args()
    chosen = [bug for bug in bugs() if bug.trampoline is None]
    random.Random(options.seed).shuffle(chosen)
    measured: list[Sorted] = []
    end = time.monotonic() + 60 * options.minutes
    for bug in chosen:
        if time.monotonic() > end:
            break
        measured.append(measure(bug))
        print(f"{len(measured)} {bug.name} {measured[-1].seconds:.1f} s {sorted(set(measured[-1].buckets.values()))}", file=sys.stderr, flush=True)
    text = "".join(f"{line}\n" for line in report(measured, len(chosen), options.seed))
    (Path(__file__).parent / "buckets.md").write_text(text)
    print(text)
    return 0


if __name__ == "__main__":
    sys.exit(main())
