"""Generated programs in the kernel of this machine and in the oracle: how many are compared, why others are not, and whether anything differs.

    python bench/kernel_witness.py [--programs 10000] [--seed 1]

Programs of the three tiers are generated, a third each, until so many have been compared, each on one input. Writes bench/kernel_witness.md. Exit
status 1 when something differs.
"""

import argparse
import platform
import sys
import time
from collections import Counter
from dataclasses import replace
from pathlib import Path

from fuzz.gen import TIERS
from fuzz.gen.batch import choices, features_of, make_case
from fuzz.kernel.bpf import permitted
from fuzz.kernel.witness import Said, witness

HERE = Path(__file__).parent
_BATCH = 8
_LIMIT = 5000
"""Generated programs execute about a thousand instructions at most, unless `may_goto` alone ends a loop: then it is a million."""


def main() -> int:
    """Run, print what differs, write the figures."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--programs", type=int, default=10_000)
    parser.add_argument("--seed", type=int, default=1)
    given = parser.parse_args()
    if reason := permitted():
        print(f"bench/kernel_witness.py: {reason}", file=sys.stderr)
        return 2
    count, reasons = Counter[tuple[str, Said]](), Counter[tuple[Said, str]]()
    compared = undetermined = batch = differences = 0
    started = time.monotonic()
    while count_of(count, Said.AGREES) + differences < given.programs:
        for tier in TIERS:
            # What a kernel cannot run as it is here is left out: packet instructions on memory, functions of the harness, tail calls, exceptions.
            features = replace(
                features_of(given.seed, batch, tier), packet=False, calls=False, tails=0, throws=False, callbacks=0, variables=(), functions=batch % 2
            )
            for number in range(_BATCH):
                case = make_case(features, choices(given.seed, batch, tier, number))
                if case is None:
                    continue
                for said in witness(case.program, case.inputs[:1], _LIMIT):
                    count[tier, said.said] += 1
                    compared += said.compared
                    undetermined += said.undetermined
                    if said.reason:
                        reasons[said.said, said.reason] += 1
                    if said.differences:
                        differences += 1
                        print(f"seed {given.seed} batch {batch} {tier} {number}", case, *said.differences, sep="\n    ", flush=True)
        batch += 1
        # Of a run that is interrupted there are figures as well.
        figures = text(count, reasons, compared, undetermined, time.monotonic() - started, given.seed)
        (HERE / "kernel_witness.md").write_text(figures)
    return 1 if differences else 0


def count_of(count: Counter[tuple[str, Said]], said: Said) -> int:
    """In all tiers."""
    return sum(count[tier, said] for tier in TIERS)


def text(count: Counter[tuple[str, Said]], reasons: Counter[tuple[Said, str]], compared: int, undetermined: int, seconds: float, seed: int) -> str:
    """The figures as Markdown."""
    lines = [
        "# Generated programs in the kernel and in the oracle",
        "",
        f"`python bench/kernel_witness.py --seed {seed}` on Linux {platform.release().split('-')[0]}, {platform.machine()}:",
        f"{sum(count.values())} programs,",
        f"one input each, in {seconds:.0f} s. Compared were {compared} registers and bytes; {undetermined} more depend on addresses or chance.",
        "",
        "| tier | " + " | ".join(said.value for said in Said) + " |",
        "|---|" + "---|" * len(Said),
        *(f"| {tier} | " + " | ".join(str(count[tier, said]) for said in Said) + " |" for tier in TIERS),
        "| all | " + " | ".join(str(count_of(count, said)) for said in Said) + " |",
        "",
        "Why programs are refused by the kernel, or the oracle says nothing that could be compared:",
        "",
        "| | | programs |",
        "|---|---|---|",
        *(f"| {said.value} | {reason} | {number} |" for (said, reason), number in reasons.most_common()),
    ]
    return "".join(f"{line}\n" for line in lines)


if __name__ == "__main__":
    sys.exit(main())
