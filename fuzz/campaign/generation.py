"""The seam to the generator: the cases of a batch, a function of nothing but the campaign's seed, the number of the batch and the tier."""

from collections.abc import Sequence
from typing import NamedTuple

from ebpf.program import Program
from fuzz.case import Input

TIERS = ("all", "operations", "blocks", "flow")
"""What `--tier` chooses."""

BATCH = 8
"""Cases of a batch."""


class Generated(NamedTuple):
    """A case with several inputs."""

    program: Program
    inputs: tuple[Input, ...]


def generate(seed: int, number: int, tier: str, cases: int) -> Sequence[Generated]:
    """The first cases of a batch."""
    from fuzz.campaign.temporary import straight

    return [straight(f"{seed}/{number}/{tier}/{case}") for case in range(cases)]
