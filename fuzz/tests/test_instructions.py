"""Every instruction with the edges of its operands and aliased registers: the image does what the oracle says, on all distinct configurations.

A test is a program and not a configuration, because configurations that see the same world share the runs of the oracle.
"""

from collections import Counter
from collections.abc import Sequence

import pytest

from fuzz.case import Case
from fuzz.judge import judge_all
from fuzz.layout import LAYOUTS, addresses, place
from fuzz.suite.bare import bare_suites
from fuzz.suite.long import FILLER, long_suite
from fuzz.suite.program import instruction
from fuzz.suite.suites import Suite, misaligned_suites, suites
from fuzz.unicorn.target import UnicornTarget
from fuzz.verdict import Status, Verdict
from fuzz.wires import WIRES
from jit.compiler import compile_program
from jit.config import BASE_CONFIGS, Config

# Other names of the same images: what MIPS V and releases 3 and 5 add is nothing to a compiler of this kind, and 32-bit code does not know whether
# the CPU has 64 bits. `bpfmips suite` judges them all.
SAME = {
    ("mips5", 32): "mips4",
    ("mips5", 64): "mips4",
    ("mips32r3", 32): "mips32r2",
    ("mips32r5", 32): "mips32r2",
    ("mips64r1", 32): "mips32r1",
    ("mips64r2", 32): "mips32r2",
    ("mips64r3", 32): "mips32r2",
    ("mips64r3", 64): "mips64r2",
    ("mips64r5", 32): "mips32r2",
    ("mips64r5", 64): "mips64r2",
}
DISTINCT = tuple(config for config in BASE_CONFIGS if (config.isa, config.width) not in SAME)

# Branches are the same in both byte orders.
LONG = tuple(config for config in DISTINCT if not config.big_endian)


@pytest.fixture(scope="module")
def target() -> UnicornTarget:
    return UnicornTarget()


def verdicts(suite: Suite, target: UnicornTarget, configs: Sequence[Config], watched: Sequence[bool], every: int) -> list[Verdict]:
    """One for each chosen input and configuration: of `every` inputs one, another one for each byte order.

    Tripwires watch the configurations whose byte order, big-endian or not, is among `watched`.
    """
    result: list[Verdict] = []
    for big_endian in (False, True):
        chosen = [config for config in configs if config.big_endian == big_endian]
        inputs = suite.inputs("big" if big_endian else "little")[big_endian % every :: every]
        result += judge_all(suite.program, inputs, chosen, target, compile_program, wires=WIRES if big_endian in watched else ())
    return result


def agree(suite: Suite, target: UnicornTarget, configs: Sequence[Config] = DISTINCT, watched: Sequence[bool] = (False, True), every: int = 1) -> None:
    """All verdicts are AGREE, and there are as many as there are inputs and configurations."""
    judged = verdicts(suite, target, configs, watched, every)
    print(f"{suite.program.section}: {len(judged)} judged")
    others = [str(verdict) for verdict in judged if verdict.status is not Status.AGREE]
    assert not others, f"{len(others)} of {len(judged)}; the first:\n" + "\n".join(others[:3])
    orders = [config.big_endian for config in configs]
    assert len(judged) == sum(len(range(order % every, len(suite.operands), every)) for order in orders)
    assert judged


@pytest.mark.parametrize("number", range(len(suites())), ids=lambda number: suites()[number].program.section)
def test_instruction(number: int, target: UnicornTarget) -> None:
    """For the sake of time a third of the inputs on each byte order, and tripwires on one; `bpfmips suite` judges and watches all."""
    agree(suites()[number], target, watched=(number % 2 == 0,), every=min(3, len(suites()[number].operands)))


@pytest.mark.parametrize("config", DISTINCT, ids=str)
def test_programs_that_name_few_registers(config: Config, target: UnicornTarget) -> None:
    for suite in bare_suites():
        agree(suite, target, (config,))


@pytest.mark.parametrize("row_name", Counter(suite.row_name for suite in misaligned_suites()))
def test_misaligned_access_faults_alike_or_is_done(row_name: str, target: UnicornTarget) -> None:
    for suite in misaligned_suites():
        if suite.row_name == row_name:
            agree(suite, target)


@pytest.mark.parametrize("config", LONG, ids=str)
def test_jumps_beyond_the_reach_of_branches(config: Config, target: UnicornTarget) -> None:
    agree(long_suite(), target, (config,))


@pytest.mark.parametrize("config", [LONG[0], LONG[-1]], ids=str)
def test_the_filler_of_the_long_program_is_longer_than_a_branch_reaches(config: Config) -> None:
    filler = (*FILLER, instruction("EXIT"))
    assert len(compile_program(filler, config, addresses(LAYOUTS[config.width])).words) > 0x8000


@pytest.mark.parametrize(("isa", "width"), SAME)
@pytest.mark.parametrize("big_endian", [False, True])
def test_what_is_left_out_has_the_same_images(isa: str, width: int, big_endian: bool) -> None:
    configs = [Config(name, width, big_endian) for name in (isa, SAME[isa, width])]
    for suite in suites()[::4]:
        placement = place(Case(suite.program, suite.inputs("big" if big_endian else "little")[0]), configs[0])
        images = [compile_program(placement.slots, config, placement.addresses).words for config in configs]
        assert images[0] == images[1], suite.program.section
