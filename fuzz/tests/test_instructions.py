"""Every instruction with the edges of its operands and aliased registers: the image does what the oracle says, on all 46 configurations.

A test is a program and not a configuration, because configurations that see the same world share the runs of the oracle.
"""

from collections import Counter
from collections.abc import Sequence

import pytest

from fuzz.judge import judge_all
from fuzz.layout import LAYOUTS, addresses
from fuzz.suite import Suite, misaligned_suites, suites
from fuzz.suite_bare import bare_suites
from fuzz.suite_long import FILLER, long_suite
from fuzz.suite_program import instruction
from fuzz.unicorn_target import UnicornTarget
from fuzz.verdict import Status, Verdict
from jit.compiler import compile_program
from jit.config import BASE_CONFIGS, Config

# The other byte order has the same branches.
LITTLE_ENDIAN = tuple(config for config in BASE_CONFIGS if not config.big_endian)


@pytest.fixture(scope="module")
def target() -> UnicornTarget:
    return UnicornTarget()


def verdicts(suite: Suite, target: UnicornTarget, configs: Sequence[Config], every: int) -> list[Verdict]:
    """One for each chosen input and configuration: of `every` inputs one, another one for each byte order."""
    result: list[Verdict] = []
    for big_endian in (False, True):
        chosen = [config for config in configs if config.big_endian == big_endian]
        inputs = suite.inputs("big" if big_endian else "little")[big_endian % every :: every]
        result += judge_all(suite.program, inputs, chosen, target, compile_program)
    return result


def agree(suite: Suite, target: UnicornTarget, configs: Sequence[Config] = BASE_CONFIGS, every: int = 1) -> None:
    """All verdicts are AGREE, and there are as many as there are inputs and configurations."""
    judged = verdicts(suite, target, configs, every)
    print(f"{suite.program.section}: {len(judged)} judged")
    others = [str(verdict) for verdict in judged if verdict.status is not Status.AGREE]
    assert not others, f"{len(others)} of {len(judged)}; the first:\n" + "\n".join(others[:3])
    assert len(judged) == len(suite.operands) * len(configs) // every


@pytest.mark.parametrize("suite", suites(), ids=lambda suite: suite.program.section)
def test_instruction(suite: Suite, target: UnicornTarget) -> None:
    """Half of the inputs on each byte order, for the sake of time; `bpfmips suite` judges all."""
    agree(suite, target, every=2)


@pytest.mark.parametrize("config", BASE_CONFIGS, ids=str)
def test_programs_that_name_few_registers(config: Config, target: UnicornTarget) -> None:
    for suite in bare_suites():
        agree(suite, target, (config,))


@pytest.mark.parametrize("row_name", Counter(suite.row_name for suite in misaligned_suites()))
def test_misaligned_access_faults_alike_or_is_done(row_name: str, target: UnicornTarget) -> None:
    for suite in misaligned_suites():
        if suite.row_name == row_name:
            agree(suite, target)


@pytest.mark.parametrize("config", LITTLE_ENDIAN, ids=str)
def test_jumps_beyond_the_reach_of_branches(config: Config, target: UnicornTarget) -> None:
    agree(long_suite(), target, (config,))


@pytest.mark.parametrize("config", [LITTLE_ENDIAN[0], LITTLE_ENDIAN[-1]], ids=str)
def test_the_filler_of_the_long_program_is_longer_than_a_branch_reaches(config: Config) -> None:
    filler = (*FILLER, instruction("EXIT"))
    assert len(compile_program(filler, config, addresses(LAYOUTS[config.width])).words) > 0x8000
