"""Which configurations a case is judged on: some of so many, other ones each time.

    batch   the base configurations, and for each option one of those that have it (`drawn`)
    case    half of those of two worlds: 32-bit code of one byte order and 64-bit code of the other (`sampled`)

A program costs next to nothing to make, and what it shows on one configuration it mostly shows on others: many programs on some configurations find
more than few programs on all. Worlds are chosen as a whole, because what the oracle says of an input is for all configurations of a world.
"""

import random
from collections.abc import Sequence
from functools import cache

from jit.config import Config

FEW = 8
"""Of so many configurations each case is judged on all."""


def drawn(seed: int, number: int, names: tuple[str, ...]) -> tuple[str, ...]:
    """The configurations that a batch draws: for each option one of those that have it, and one of those that have none."""
    draw = random.Random(f"configurations {seed}/{number}")
    return tuple(dict.fromkeys(draw.choice(group) for group in _by_option(names)))


@cache
def _by_option(names: tuple[str, ...]) -> tuple[tuple[str, ...], ...]:
    groups: dict[str, list[str]] = {}
    for name in names:
        for option in name.split("+")[1:] or [""]:
            groups.setdefault(option, []).append(name)
    return tuple(tuple(group) for _, group in sorted(groups.items()))


def sampled(seed: int, number: int, case: int, configs: Sequence[Config]) -> tuple[Config, ...]:
    """Those of the configurations of a batch that one of its cases is judged on, in their order."""
    if len(configs) <= FEW:
        return tuple(configs)
    draw = random.Random(f"case {seed}/{number}/{case}")
    crossed = bool(draw.getrandbits(1))
    there = [config for config in configs if ((config.width == 32) == config.big_endian) == crossed] or list(configs)
    chosen = set(draw.sample(range(len(there)), -(-len(there) // 2)))
    return tuple(config for at, config in enumerate(there) if at in chosen)
