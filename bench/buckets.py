"""How well fingerprints tell bugs apart: the seeded bugs, one at a time, on two configurations and from two seeds.

    python bench/buckets.py [--small] [--minutes M] [--seed N]

For each bug of corpus/bugs (those of trampolines have no findings) inputs of its suites are drawn from two seeds, on the first and the last
configuration where it applies. What fails gets its fingerprint:

    as they are    every failing program; the class of configurations is found out with a few of them
    made small     with --small: one failing case for each seed and configuration, as a campaign makes it; some twenty seconds of CPU a bug, so that
                   --minutes says how many bugs, in an order drawn from the seed

    buckets of a bug    different ones of one bug; 1 is best
    pure                buckets that only one bug of those in the compiler has: of all bugs at once, which is harder than any compiler, and of ten at
                        once, drawn 1000 times. Bugs are not run together for it: their buckets are compared
    one cause           bugs of one kind (`Bug.kind`) that share a bucket: the same mistake at the same operation, as in `div32-dividend` and
                        `div32-divisor`. A fingerprint of what and where is not to tell these apart

The table goes to standard output and to bench/buckets.md, with --small to bench/buckets_small.md.
"""

import argparse
import random
import sys
import time
from collections import defaultdict
from collections.abc import Callable, Iterator
from contextlib import suppress
from functools import partial
from pathlib import Path
from typing import NamedTuple

from ebpf.program import Program, ProgramError
from fuzz.campaign.reduce import Bench, reduce
from fuzz.campaign.unit import target
from fuzz.case import Case, Input
from fuzz.findings.condition import Condition, configured, without
from fuzz.findings.diagnosis import Symptom, diagnose
from fuzz.findings.finding import Finding
from fuzz.findings.fingerprint import fingerprint, kept, same_bug
from fuzz.judge import judge_all
from fuzz.selftest.seeded_bug import Bug
from fuzz.selftest.selftest import bugs, cases, compiler, sample
from fuzz.verdict import Status, Verdict
from fuzz.wires import WIRES
from jit.config import Config

SEEDS = (1, 2)
INPUTS = 24
AT_ONCE = 10
DRAWS = 1000
FEW = tuple(map(Config.parse, ("mips1-32le", "mips2-32be", "mips32r2-32be", "mips32r6-32le", "mips3-64be", "mips64r2-64le", "mips64r6-64be")))
"""Configurations on which a case is judged to find out the class of those where it fails."""


class Sorted(NamedTuple):
    """A bug and what came of it: buckets by seed and configuration, slots of the small cases, and seconds."""

    bug: Bug
    buckets: dict[tuple[int, str], frozenset[str]]
    slots: list[int]
    seconds: float


def _failing(bug: Bug, config: Config, seed: int) -> Iterator[tuple[Case, Verdict]]:
    """The first failing case of each program, in an order drawn from the seed, with inputs drawn from it."""
    draw = random.Random(f"{seed}/{bug.name}/{config}")
    programs = cases(bug, config)
    draw.shuffle(programs)
    for program, inputs in programs:
        chosen = draw.sample(inputs, min(INPUTS, len(inputs)))
        for verdict in judge_all(program, chosen, (config,), target("model", 1), compiler(bug)):
            if verdict.status in (Status.DIFFER, Status.TRIPPED):
                yield Case(program, chosen[verdict.input]), verdict
                break


def _symptoms(bug: Bug, config: Config, seed: int) -> Iterator[tuple[str, int]]:
    bench = Bench(target("model", 1), compiler(bug), WIRES)
    for case, verdict in _failing(bug, config, seed):
        found = diagnose(case, verdict, bench.target, bench.compiler, WIRES)
        fails = partial(_fails, bench, case.input, found.symptom)
        variants = kept(case, config, found.slot, found.symptom, partial(_symptom, bench, case.input, config))
        condition = Condition("", _class(config, partial(fails, program=case.program)), (), ())
        yield fingerprint(found.symptom, condition, *variants), len(case.program.slots)


def _symptom(bench: Bench, given: Input, config: Config, program: Program) -> Symptom | None:
    found = bench.shown(program, given, config)
    return None if found is None else found.diagnosis.symptom


def _fails(bench: Bench, given: Input, symptom: Symptom, config: Config, program: Program) -> bool | None:
    try:
        found = bench.shown(program, given, config)
    except ProgramError:
        return None
    return found is not None and same_bug(found.diagnosis.symptom, symptom)


def _class(config: Config, fails: Callable[[Config], bool | None]) -> str:
    """What `fuzz.findings.condition` finds out with all configurations, with a few: the width and the options that it takes."""
    taken = tuple(name for name in config.options if not all(fails(other) for other in without(config, name)))
    others = [found for base in FEW if base.width != config.width and (found := configured(base, taken)) is not None]
    answers = [fails(other) for other in others]
    width = [] if any(answers) or False not in answers else ["o32" if config.width == 32 else "n64"]
    return " ".join([*width, *(f"+{name}" for name in taken)])


def _small(bug: Bug, config: Config, seed: int) -> Iterator[tuple[str, int]]:
    for case, verdict in _failing(bug, config, seed):
        symptom = diagnose(case, verdict, target("model", 1), compiler(bug), WIRES).fingerprint
        whole = Finding(symptom, symptom, verdict.status.name, case.program, (case.input,), str(config), (str(config),), ())
        small = reduce(whole, target("model", 1), compiler(bug), WIRES)
        yield small.fingerprint, len(small.program.slots)
        return


def measure(bug: Bug, small: bool) -> Sorted:
    """All that is measured of a bug."""
    started = time.perf_counter()
    buckets: dict[tuple[int, str], frozenset[str]] = {}
    slots: list[int] = []
    for config in sample(bug):
        for seed in SEEDS:
            with suppress(ProgramError):
                found = list((_small if small else _symptoms)(bug, config, seed))
                if found:
                    buckets[seed, str(config)] = frozenset(name for name, _ in found)
                    slots += [size for _, size in found]
    return Sorted(bug, buckets, slots, time.perf_counter() - started)


def all_of(one: Sorted) -> frozenset[str]:
    """All buckets of a bug."""
    return frozenset().union(*one.buckets.values())


def purity(measured: list[Sorted]) -> tuple[int, int, int]:
    """Buckets of one bug alone, of one cause, and all buckets, when all of these bugs are there at once."""
    owners: defaultdict[str, list[Bug]] = defaultdict(list)
    for one in measured:
        for name in all_of(one):
            owners[name].append(one.bug)
    return sum(len(found) == 1 for found in owners.values()), sum(len({bug.kind for bug in found}) == 1 for found in owners.values()), len(owners)


def report(measured: list[Sorted], possible: int, seed: int, small: bool) -> Iterator[str]:
    """The file."""
    shown = [one for one in measured if one.buckets]
    buckets = [len(all_of(one)) for one in shown]
    pure, causes, every = purity(shown)
    draw = random.Random(seed)
    together = [purity(draw.sample(shown, min(AT_ONCE, len(shown)))) for _ in range(DRAWS)]
    same = sum(
        all(one.buckets.get((SEEDS[0], name)) == one.buckets.get((SEEDS[1], name)) for _, name in one.buckets if len(one.buckets) > 1)
        for one in shown
    )
    slots = sorted(size for one in shown for size in one.slots)
    yield f"# Buckets{': small cases' if small else ''}"
    yield ""
    seconds = sum(one.seconds for one in measured)
    command = f"python bench/buckets.py{' --small' if small else ''}"
    yield f"`{command}`, seed {seed}; {len(measured)} of {possible} seeded bugs, {seconds:.0f} s in one process."
    yield ""
    yield "| | |"
    yield "|---|---|"
    yield f"| bugs that were found by the inputs drawn | {len(shown)} of {len(measured)} |"
    yield f"| buckets of a bug, mean | {sum(buckets) / len(buckets):.3f} |"
    yield f"| bugs with one bucket on all configurations and seeds | {sum(number == 1 for number in buckets)} of {len(shown)} |"
    yield f"| bugs with the same bucket from both seeds on each configuration | {same} of {len(shown)} |"
    alone, of_cause, all_buckets = map(sum, zip(*together, strict=True))
    yield f"| buckets of one bug, {AT_ONCE} bugs at once | {100 * alone / all_buckets:.1f} % |"
    yield f"| buckets of one cause, {AT_ONCE} bugs at once | {100 * of_cause / all_buckets:.1f} % |"
    yield f"| buckets of one bug, all these bugs at once | {100 * pure / every:.1f} % of {every} |"
    yield f"| buckets of one cause, all these bugs at once | {100 * causes / every:.1f} % of {every} |"
    if small:
        yield f"| slots of the small cases: median, 95 %, most | {slots[len(slots) // 2]}, {slots[len(slots) * 95 // 100]}, {slots[-1]} |"
    yield ""
    yield "Bugs with several buckets:"
    yield ""
    for one in shown:
        if len(all_of(one)) > 1:
            yield f"* {one.bug.name}: {'; '.join(sorted(all_of(one)))}"
    yield ""
    yield "Buckets of several bugs (of several kinds where the kinds are named):"
    yield ""
    owners = {(bucket, one.bug.name) for one in shown for bucket in all_of(one)}
    for bucket in sorted({name for name, _ in owners}):
        names = sorted(bug for name, bug in owners if name == bucket)
        kinds = {one.bug.kind for one in shown if one.bug.name in names}
        if len(names) > 1:
            told = f" ({'; '.join(sorted(kinds))})" if len(kinds) > 1 else ""
            yield f"* {bucket}: {', '.join(names)}{told}"


def main() -> int:
    """Measure as many bugs as there is time for."""
    parser = argparse.ArgumentParser(description="Buckets of the seeded bugs.")
    parser.add_argument("--small", action="store_true")
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
        measured.append(measure(bug, options.small))
        print(f"{len(measured)} {bug.name} {measured[-1].seconds:.1f} s {sorted(all_of(measured[-1]))}", file=sys.stderr, flush=True)
    text = "".join(f"{line}\n" for line in report(measured, len(chosen), options.seed, options.small))
    (Path(__file__).parent / f"buckets{'_small' if options.small else ''}.md").write_text(text)
    print(text)
    return 0


if __name__ == "__main__":
    sys.exit(main())
