"""Generated programs agree, on configurations that are drawn with them; and what a failure of such a test says.

`pytest fuzz/tests/test_generated.py --hypothesis-profile=nightly -n auto` takes hours and looks at 20,000 cases of each kind.
"""

import random
from collections.abc import Callable
from pathlib import Path

import pytest
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st
from hypothesis.database import DirectoryBasedExampleDatabase, ExampleDatabase

from fuzz.findings.finding import read
from fuzz.gen import TIERS, Features, GeneratedCase, Tier, cases, draw_features
from fuzz.gen.property import assert_agrees
from fuzz.selftest.selftest import bugs, compiler
from fuzz.unicorn.target import UnicornTarget
from jit.config import BASE_CONFIGS, Config, all_configs

INPUTS = 3
SLOW = settings(suppress_health_check=[HealthCheck.too_slow, HealthCheck.data_too_large, HealthCheck.function_scoped_fixture])
CONFIGS = st.sampled_from(BASE_CONFIGS)
OPTIONS = st.sampled_from(tuple(all_configs()))


def generated(tier: Tier) -> st.SearchStrategy[GeneratedCase]:
    """Cases with features that are drawn as well: those of a seed, because Hypothesis need not shrink them."""
    return st.integers(0, 255).flatmap(lambda seed: cases(draw_features(random.Random(f"{seed}/{tier}"), tier), INPUTS))


@pytest.mark.parametrize("tier", TIERS)
@SLOW
@given(data=st.data())
def test_agree_on_base_configurations(tier: Tier, target: UnicornTarget, data: st.DataObject) -> None:
    assert_agrees(data.draw(generated(tier)), (data.draw(CONFIGS),), target)


@SLOW
@given(case=generated("block"), config=OPTIONS)
def test_agree_with_options_and_errata(target: UnicornTarget, case: GeneratedCase, config: Config) -> None:
    assert_agrees(case, (config,), target)


BUG = next(bug for bug in bugs() if bug.name == "add32-upper-half")
BLOCKS = cases(Features(tier="block"), 1)


def failing(database: ExampleDatabase | None, target: UnicornTarget, directory: Path, phases: tuple[Phase, ...]) -> Callable[[], None]:
    """A property test of a compiler with a bug in it."""

    @settings(SLOW, derandomize=False, database=database, phases=phases, max_examples=500, print_blob=False)
    @given(case=BLOCKS)
    def test(case: GeneratedCase) -> None:
        assert_agrees(case, BUG.applies()[:1], target, compiler(BUG), directory=directory)

    return test


def test_a_failure_says_what_went_wrong_where_and_how_to_see_it_again(target: UnicornTarget, tmp_path: Path) -> None:
    database = DirectoryBasedExampleDatabase(tmp_path / "examples")
    with pytest.raises(AssertionError) as caught:
        failing(database, target, tmp_path, (Phase.generate, Phase.shrink))()
    message = str(caught.value)
    path = message.split("\nbpfmips replay ")[1].strip()
    assert str(BUG.applies()[0]) in message
    wrong = next(line for line in message.splitlines() if line.startswith("first wrong: "))
    assert "w" in wrong
    assert "+=" in wrong
    assert wrong.removeprefix("first wrong: ") in message.split("first wrong: ")[0]
    found = read(path)
    assert len(found.program.slots) <= 6
    assert found.config == str(BUG.applies()[0])
    # What was found is in the database, and comes first the next time, with whatever database of Hypothesis it is.
    with pytest.raises(AssertionError, match="first wrong"):
        failing(database, target, tmp_path, (Phase.reuse,))()


def test_an_inconclusive_case_is_a_failure(target: UnicornTarget) -> None:
    from ebpf.assembler import assemble
    from fuzz.case import Input

    case = GeneratedCase(assemble("r0 = *(u8 *)(r1 + 9); exit", "far"), (Input(bytes(8)),))
    with pytest.raises(AssertionError, match="inconclusive"):
        assert_agrees(case, BASE_CONFIGS[:1], target)
