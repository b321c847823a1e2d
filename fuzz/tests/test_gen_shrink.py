"""Shrinking: what is left is small, valid, and still fails; and it is done in time."""

import time

import pytest

from ebpf.opcodes import lookup
from ebpf.program import Program
from ebpf.validity import check
from fuzz.case import Case
from fuzz.gen import TIERS, GeneratedCase, Tier, batch
from fuzz.gen.shrink import shrink, size
from fuzz.judge import interpret, judge_all
from fuzz.layout import place
from fuzz.selftest.selftest import bugs, compiler, sample
from fuzz.unicorn.target import UnicornTarget
from fuzz.verdict import Status
from jit.config import Config

CONFIG = Config.parse("mips64r2-64be")

# bench/shrinking.py looks at all of them.
BUGS = ("add32-upper-half", "routine-result-halves")


def names(program: Program) -> set[str]:
    return {row.name for slot in program.slots if (row := lookup(slot)) is not None}


def outcome_of(case: GeneratedCase) -> int:
    outcome = interpret(place(Case(case.program, case.inputs[0]), CONFIG)).outcome
    assert outcome.fault is None
    return outcome.executed


@pytest.mark.parametrize("tier", TIERS)
def test_what_is_left_is_valid_and_small(tier: Tier) -> None:
    """Whatever is asked for: here for a division that is executed or not."""
    features = batch.features_of(1, 2, tier)
    candidates: list[GeneratedCase] = []

    def fails(case: GeneratedCase) -> bool:
        candidates.append(case)
        return any(name.startswith(("DIV", "MOD", "SDIV", "SMOD")) for name in names(case.program))

    choices = next(given for number in range(50) if fails(batch.make_case(features, given := batch.choices(1, 2, tier, number)) or candidates[0]))
    small = shrink(features, choices, fails)
    assert fails(small)
    assert size(small.program) <= 3
    assert len(small.inputs) == 1
    assert not any(small.inputs[0].memory)
    for candidate in candidates:
        check(candidate.program)
        outcome_of(candidate)


@pytest.mark.parametrize("name", BUGS)
def test_a_seeded_bug_shrinks_to_few_instructions(name: str, target: UnicornTarget) -> None:
    bug = next(bug for bug in bugs() if bug.name == name)
    config, under_test = sample(bug)[0], compiler(bug)

    def fails(case: GeneratedCase) -> bool:
        verdicts = judge_all(case.program, case.inputs, (config,), target, under_test)
        return any(verdict.status in (Status.DIFFER, Status.TRIPPED) for verdict in verdicts)

    features = batch.features_of(1, 1, "single")
    for number in range(200):
        choices = batch.choices(1, 1, "single", number)
        case = batch.make_case(features, choices)
        assert case is not None
        if fails(case):
            break
    assert size(shrink(features, choices, fails).program) <= 3


def test_the_same_walk_for_the_same_seed() -> None:
    features, choices = batch.features_of(1, 0, "single"), batch.choices(1, 0, "single", 0)

    def walk(seed: int) -> list[Program]:
        candidates: list[Program] = []

        def fails(case: GeneratedCase) -> bool:
            candidates.append(case.program)
            return len(case.program.slots) > 3

        shrink(features, choices, fails, seed=seed)
        return candidates

    assert walk(1) == walk(1)


def test_time_that_is_over_leaves_the_case_as_it_is() -> None:
    features, choices = batch.features_of(1, 0, "block"), batch.choices(1, 0, "block", 0)
    start = time.monotonic()
    case = batch.make_case(features, choices)
    assert case is not None
    assert shrink(features, choices, lambda _: True, seconds=0).program == case.program
    assert time.monotonic() - start < 5


def test_refuses_a_case_that_does_not_fail() -> None:
    with pytest.raises(ValueError, match="does not fail"):
        shrink(batch.features_of(1, 0, "block"), batch.choices(1, 0, "block", 0), lambda _: False)


def test_no_more_candidates_are_made_when_the_time_is_over(monkeypatch: pytest.MonkeyPatch) -> None:
    """Hypothesis goes on for long where nothing fails any more. The clock is asked for each candidate."""
    features, choices = batch.features_of(1, 0, "block"), batch.choices(1, 0, "block", 0)
    asked = tried = 0

    def clock() -> float:
        nonlocal asked
        asked += tried >= 30
        return 0.0 if tried < 30 else 100.0

    def fails(case: GeneratedCase) -> bool:
        nonlocal tried
        tried += 1
        return len(case.program.slots) > 3

    monkeypatch.setattr("fuzz.gen.shrink.time.process_time", clock)
    small = shrink(features, choices, fails)
    assert tried == 30
    assert fails(small)
    # One for each walk that is left, or two.
    assert asked <= 8
