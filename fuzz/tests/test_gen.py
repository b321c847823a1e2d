"""Generated programs: valid, terminating, reproducible, and judged."""

from collections import Counter

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from ebpf.program import Program
from ebpf.validity import check
from fuzz.case import Case
from fuzz.gen import TIERS, Features, Tier, batch, cases, draw_features, programs
from fuzz.gen.inputs import make_input
from fuzz.judge import interpret
from fuzz.layout import place
from jit.config import Config
from oracle.outcome import FaultKind

CONFIGS = tuple(Config.parse(name) for name in ("mips32r2-32be", "mips64r6-64le"))


def features(tier: Tier) -> st.SearchStrategy[Features]:
    return st.randoms(use_true_random=False).map(lambda source: draw_features(source, tier))


@pytest.mark.parametrize("tier", TIERS)
@settings(suppress_health_check=list(HealthCheck), max_examples=40)
@given(st.data())
def test_programs_are_valid_and_end(tier: Tier, data: st.DataObject) -> None:
    """Under the oracle; with no fault but that of an access that is misaligned on purpose."""
    chosen = data.draw(features(tier))
    case = data.draw(cases(chosen, 2))
    check(case.program)
    for given_ in case.inputs:
        for config in CONFIGS:
            fault = interpret(place(Case(case.program, given_), config)).outcome.fault
            assert fault is None or (chosen.misaligned and fault.kind is FaultKind.MISALIGNED), str(fault)


@given(programs())
@settings(suppress_health_check=list(HealthCheck), max_examples=20)
def test_programs_without_features_of_their_own(program: Program) -> None:
    check(program)


@pytest.mark.parametrize("tier", TIERS)
def test_a_batch_is_the_same_each_time(tier: Tier) -> None:
    first = batch.cases(7, 3, tier, 3)
    batch._maker.cache_clear()
    batch.cases(8, 1, tier, 1)
    assert batch.cases(7, 3, tier, 3) == first
    assert batch.cases(7, 3, tier, 2) == first[:2]
    assert batch.cases(7, 4, tier, 3) != first
    assert batch.cases(8, 3, tier, 3) != first


def test_batches_use_different_features() -> None:
    drawn = [batch.features_of(1, number, "structured") for number in range(20)]
    assert len(set(drawn)) == len(drawn)
    assert Counter(bool(one.atomics) for one in drawn).keys() == {False, True}


def test_inputs_have_their_size_and_differ() -> None:
    assert [len(make_input(5, size).memory) for size in (88, 101, 128)] == [88, 101, 128]
    assert make_input(0, 88).memory == bytes(88)
    assert make_input(6, 88) == make_input(6, 88)
    assert make_input(6, 88) != make_input(8, 88)
