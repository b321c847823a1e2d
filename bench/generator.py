"""How good generated programs are, and what they cost: writes bench/generator.md.

    python bench/generator.py [--seconds N]

Programs come from `fuzz.gen.batch`, batch after batch, tier after tier, CASES of each, with eight inputs. They are judged as in a campaign, with all
tripwires and lockstep, on all base configurations. Where a figure is a bar, it says so.
"""

import argparse
import statistics
import time
from collections import Counter
from collections.abc import Iterator
from pathlib import Path

from fuzz.case import Case
from fuzz.gen import TIERS, GeneratedCase, Tier, batch
from fuzz.gen.coverage import Pair, reached, wanted
from fuzz.judge import interpret, judge_all
from fuzz.layout import place
from fuzz.unicorn.target import UnicornTarget
from fuzz.verdict import Status
from jit.compiler import compile_program
from jit.config import BASE_CONFIGS, Config

CASES = 8
"""Cases of each batch and tier."""

SEED = 1
WORLDS = tuple(Config.parse(name) for name in ("mips32r2-32be", "mips64r2-64le"))


def generated(seconds: float) -> Iterator[tuple[Tier, GeneratedCase, float]]:
    """Tier, case and what it cost to make, in seconds of CPU time, until so much CPU time has passed."""
    number, end = 0, time.process_time() + seconds
    while time.process_time() < end:
        for tier in TIERS:
            before = time.process_time()
            made = batch.cases(SEED, number, tier, CASES)
            cost = (time.process_time() - before) / CASES
            yield from ((tier, case, cost) for case in made)
        number += 1


def executed(seconds: float) -> str:
    """Programs, their length, executed instructions, and the cost of making them."""
    rows = []
    known: dict[Tier, list[tuple[int, int, float]]] = {tier: [] for tier in TIERS}
    for tier, case, cost in generated(seconds):
        runs = [interpret(place(Case(case.program, one), WORLDS[0])).outcome.executed for one in case.inputs]
        known[tier].append((len(case.program.slots), int(statistics.median(runs)), cost))
    for tier, found in known.items():
        length, costs = statistics.median(slots for slots, _, _ in found), statistics.mean(cost for _, _, cost in found)
        often = statistics.quantiles((executed for _, executed, _ in found), n=10)
        rows.append(f"| {tier} | {len(found)} | {length:.0f} | {often[4]:.0f} | {often[0]:.0f} | {often[-1]:.0f} | {1000 * costs:.1f} |")
    return "\n".join(("| tier | programs | slots | executed | 10 % below | 10 % above | ms to make |", "|---|---:|---:|---:|---:|---:|---:|", *rows))


def judged(seconds: float) -> str:
    """The share of verdicts that are no INCONCLUSIVE, and the share of the time that making programs takes."""
    target, counted, making, start = UnicornTarget(), Counter[Status](), 0.0, time.process_time()
    reasons: Counter[str] = Counter()
    for _, case, cost in generated(seconds):
        making += cost
        for verdict in judge_all(case.program, case.inputs, BASE_CONFIGS, target, compile_program):
            counted[verdict.status] += 1
            if verdict.status is Status.INCONCLUSIVE:
                reasons[verdict.reason] += 1
    total = counted.total()
    spent = time.process_time() - start
    lines = [
        f"* {total} verdicts on {len(BASE_CONFIGS)} configurations: {', '.join(f'{status.name} {count}' for status, count in counted.items())}",
        f"* judged: {100 * (total - counted[Status.INCONCLUSIVE]) / total:.2f} % (bar: at least 99 %)",
        f"* making programs and inputs: {100 * making / spent:.1f} % of the time",
    ]
    return "\n".join((*lines, *(f"* inconclusive: {reason}: {count}" for reason, count in reasons.most_common(5))))


def coverage(seconds: float) -> str:
    """How long it takes to reach all pairs, each program being judged on one configuration."""
    target = UnicornTarget()
    missing = set[Pair](wanted())
    reports: list[str] = []
    start = time.process_time()
    for programs, (_, case, _) in enumerate(generated(seconds), 1):
        config = BASE_CONFIGS[programs % len(BASE_CONFIGS)]
        unlike = [
            verdict for verdict in judge_all(case.program, case.inputs, (config,), target, compile_program) if verdict.status is not Status.AGREE
        ]
        if unlike:
            raise SystemExit(f"{unlike[0]}")
        for number, one in enumerate(case.inputs):
            placement = place(Case(case.program, one), WORLDS[number % len(WORLDS)])
            missing -= reached(placement.slots, interpret(placement, trace=True).outcome.trace)
        share = 1 - len(missing) / len(wanted())
        while len(reports) < len(_SHARES) and share >= _SHARES[len(reports)]:
            reports.append(f"| {100 * _SHARES[len(reports)]:g} % | {programs} | {time.process_time() - start:.1f} |")
        if not missing:
            break
    rest = f"\nNot reached: {', '.join(' '.join(pair) for pair in sorted(missing)[:20])}" if missing else ""
    head = f"{len(wanted())} pairs of instruction and operand class or alias (bar: all within 600 s on one core); looked at for {seconds:g} s"
    return "\n".join((head, "", "| reached | programs | s |", "|---|---:|---:|", *reports)) + rest


_SHARES = (0.5, 0.9, 0.99, 0.999, 1.0)


def main() -> None:
    """Measure, and write the report."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--seconds", type=float, default=60.0, help="CPU time of each measurement; coverage takes up to ten times as much")
    seconds = parser.parse_args().seconds
    parts = (
        "# Generated programs",
        "`python bench/generator.py`. CPU time of one process. Medians are of programs (of inputs before).",
        "## Length and cost (bar: at least 20 executed instructions in the tiers block and structured)",
        executed(seconds),
        "## Judged",
        judged(seconds),
        "## Coverage, each program judged on one configuration, another one each time",
        coverage(10 * seconds),
    )
    text = "\n\n".join(parts) + "\n"
    print(text)
    (Path(__file__).parent / "generator.md").write_text(text)


if __name__ == "__main__":
    main()
