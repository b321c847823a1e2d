"""Batches: the same cases for the same seed, number and tier, whichever process makes them.

Hypothesis is driven from outside, by bytes (`fuzz_one_input`), without its engine, which would remember all it has made. The bytes come from a
generator of pseudo-random numbers that is seeded for each case, so that a case depends on nothing but its numbers and on the versions of Hypothesis
and of this package.
"""

import random
from collections.abc import Callable, Sequence
from functools import cache, lru_cache

from hypothesis import Verbosity, given, settings

from fuzz.gen.features import Features, Tier, draw_features
from fuzz.gen.program import GeneratedCase
from fuzz.gen.program import cases as strategy
from fuzz.gen.trampolines import trampolines

BYTES = 1 << 16
"""More bytes than the choices of any program take; those of most take a tenth."""


def features_of(seed: int, batch: int, tier: Tier, number: int = 0) -> Features:
    """What case `number` of a batch is made of."""
    return draw_features(random.Random(f"{seed}/{batch}/{tier}{f'/features {number}' if number else ''}"), tier)


@lru_cache(maxsize=16)
def _maker(features: Features) -> tuple[Callable[[bytes], bytes | None], list[GeneratedCase]]:
    """What turns bytes into a case, and where it leaves that."""
    made: list[GeneratedCase] = []

    @settings(database=None, verbosity=Verbosity.quiet)
    @given(strategy(features))
    def make(case: GeneratedCase) -> None:
        made.append(case)

    # `given` adds the attribute, which its type does not say.
    return make.hypothesis.fuzz_one_input, made  # type: ignore[attr-defined]


def choices(seed: int, batch: int, tier: Tier, number: int) -> bytes:
    """The bytes that case `number` of a batch is made from."""
    return random.Random(f"{seed}/{batch}/{tier}/{number}").randbytes(BYTES)


def make_case(features: Features, given: bytes) -> GeneratedCase | None:
    """The case that is made from these bytes; None when they do not suffice."""
    make, made = _maker(features)
    made.clear()
    make(given)
    return made[0] if made else None


def cases(seed: int, batch: int, tier: Tier, count: int) -> Sequence[GeneratedCase]:
    """The first `count` cases of a batch. Raises RuntimeError when one takes too many choices."""
    return [case(seed, batch, tier, number) for number in range(count)]


def case(seed: int, batch: int, tier: Tier, number: int) -> GeneratedCase:
    """Case `number` of a batch. Raises RuntimeError when it takes too many choices."""
    made = make_case(features_of(seed, batch, tier, number), choices(seed, batch, tier, number))
    if made is None:
        raise RuntimeError(f"case {number} of batch {batch} with seed {seed} takes more than {BYTES} bytes of choices")
    return made


@cache
def _trampoline_maker() -> tuple[Callable[[bytes], bytes | None], list[str]]:
    made: list[str] = []

    @settings(database=None, verbosity=Verbosity.quiet)
    @given(trampolines())
    def make(text: str) -> None:
        made.append(text)

    return make.hypothesis.fuzz_one_input, made  # type: ignore[attr-defined]


def trampoline(seed: int, batch: int, number: int) -> str:
    """The description of a trampoline, of case `number` of a batch. Raises RuntimeError when it takes too many choices."""
    make, made = _trampoline_maker()
    made.clear()
    make(random.Random(f"{seed}/{batch}/trampoline/{number}").randbytes(BYTES))
    if not made:
        raise RuntimeError(f"trampoline {number} of batch {batch} with seed {seed} takes more than {BYTES} bytes of choices")
    return made[0]
