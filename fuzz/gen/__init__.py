"""Hypothesis strategies for eBPF programs that are valid, terminate, and are worth judging.

    from fuzz.gen import cases, programs

    @given(programs())
    def test(program: Program) -> None: ...

`Features` says what programs are made of; `fuzz.gen.batch` makes long deterministic lists of them; `fuzz.gen.property` judges them in tests.
"""

from fuzz.gen.features import TIERS, Features, Tier, draw_features
from fuzz.gen.program import GeneratedCase, cases, programs

__all__ = ["TIERS", "Features", "GeneratedCase", "Tier", "cases", "draw_features", "programs"]
