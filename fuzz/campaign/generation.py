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
from ebpf.trampoline import parse
from fuzz.case import Input
from fuzz.gen import TIERS as TIERS_OF_PROGRAMS
from fuzz.gen import batch
from fuzz.gen.program import SOURCE
from fuzz.suite.systematic import pieces

TRAMPOLINE = "trampoline"
"""The tier of trampolines."""

TIERS = ("all", *TIERS_OF_PROGRAMS, TRAMPOLINE)
"""What `--tier` chooses; with all of them those of programs take turns, within a batch as well, so that nothing comes late, and the last case of a
whole batch is a trampoline.
"""

SYSTEMATIC = "systematic"
"""The tier of systematic campaigns."""

BATCH = 8
"""Cases of a batch."""


class Generated(NamedTuple):
    """A case with several inputs; or a trampoline, as `ebpf.trampoline` reads it, of which the program is the first one that is attached."""

    program: Program
    inputs: tuple[Input, ...]
    trampoline: str = ""


def generate(seed: int, number: int, tier: str, cases: int) -> Sequence[Generated]:
    """The first cases of a batch."""
    if tier == SYSTEMATIC:
        found = pieces()
        subjects = [found[at].subject() for at in _order(seed)[number * BATCH :][:cases]]
        return [Generated(replace(subject.program, byte_order=subject.byte_order), tuple(subject.inputs)) for subject in subjects]
    return [_generated(seed, number, tier, at) for at in range(cases)]


def _generated(seed: int, number: int, tier: str, at: int) -> Generated:
    if tier == TRAMPOLINE or (tier == "all" and at == BATCH - 1):
        return traced(batch.trampoline(seed, number, at))
    tiers = TIERS_OF_PROGRAMS if tier == "all" else tuple(name for name in TIERS_OF_PROGRAMS if name == tier)
    case = batch.case(seed, number, tiers[(number + at) % len(tiers)], at)
    return Generated(case.program, case.inputs)


def traced(text: str) -> Generated:
    """A trampoline as a case. Raises ProgramError."""
    return Generated(parse(text, SOURCE).trampoline.programs[0].program, (Input(b""),), text)


@cache
def _order(seed: int) -> list[int]:
    order = list(range(len(pieces())))
    random.Random(f"order {seed}").shuffle(order)
    return order
