"""The seam to the generator: the cases of a batch, a function of nothing but the campaign's seed, the number of the batch and the tier.

A systematic campaign has the subjects of `fuzz.suite.systematic` for cases, each once, in an order that the seed decides: a part of it is a sample
of all.
"""

import random
from collections.abc import Sequence
from dataclasses import replace
from functools import cache
from typing import NamedTuple

from ebpf.program import Program
from fuzz.case import Input
from fuzz.gen import TIERS as TIERS_OF_PROGRAMS
from fuzz.gen import batch
from fuzz.suite.systematic import pieces

TIERS = ("all", *TIERS_OF_PROGRAMS)
"""What `--tier` chooses; with all of them they take turns, within a batch as well, so that nothing comes late."""

SYSTEMATIC = "systematic"
"""The tier of systematic campaigns."""

BATCH = 8
"""Cases of a batch."""


class Generated(NamedTuple):
    """A case with several inputs."""

    program: Program
    inputs: tuple[Input, ...]


def generate(seed: int, number: int, tier: str, cases: int) -> Sequence[Generated]:
    """The first cases of a batch."""
    if tier == SYSTEMATIC:
        found = pieces()
        subjects = [found[at].subject() for at in _order(seed)[number * BATCH :][:cases]]
        return [Generated(replace(subject.program, byte_order=subject.byte_order), tuple(subject.inputs)) for subject in subjects]
    tiers = TIERS_OF_PROGRAMS if tier == "all" else tuple(name for name in TIERS_OF_PROGRAMS if name == tier)
    made = (batch.case(seed, number, tiers[(number + at) % len(tiers)], at) for at in range(cases))
    return [Generated(case.program, case.inputs) for case in made]


@cache
def _order(seed: int) -> list[int]:
    order = list(range(len(pieces())))
    random.Random(f"order {seed}").shuffle(order)
    return order
