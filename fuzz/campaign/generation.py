"""The seam to the generator: the cases of a batch, a function of nothing but the campaign's seed, the number of the batch and the tier."""

from collections.abc import Sequence
from typing import NamedTuple

from ebpf.program import Program
from fuzz.case import Input
from fuzz.gen import TIERS as TIERS_OF_PROGRAMS
from fuzz.gen import batch

TIERS = ("all", *TIERS_OF_PROGRAMS)
"""What `--tier` chooses; with all of them they take turns."""

BATCH = 8
"""Cases of a batch."""


class Generated(NamedTuple):
    """A case with several inputs."""

    program: Program
    inputs: tuple[Input, ...]


def generate(seed: int, number: int, tier: str, cases: int) -> Sequence[Generated]:
    """The first cases of a batch."""
    chosen = TIERS_OF_PROGRAMS[number % len(TIERS_OF_PROGRAMS)] if tier == "all" else next(name for name in TIERS_OF_PROGRAMS if name == tier)
    return [Generated(case.program, case.inputs) for case in batch.cases(seed, number, chosen, cases)]
