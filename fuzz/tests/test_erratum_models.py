"""The errata: each has a row, a workaround, a model and a seeded bug. Models find nothing in what the compiler emits; what they do changes values."""

import pytest

from fuzz.case import Case, Input
from fuzz.erratum_models import MODELS, occurrences
from fuzz.judge import judge
from fuzz.layout import place
from fuzz.selftest import bugs, cases, compiler, examine
from fuzz.suite import suites
from fuzz.unicorn_target import UnicornTarget
from fuzz.verdict import Status
from fuzz.wires import errata
from jit.compiler import compile_program
from jit.config import Config, all_configs
from jit.errata import WORKAROUNDS
from jit.erratum_rows import ROWS

NAMES = [row.name for row in ROWS]
BUGS = {bug.name.removeprefix("erratum-"): bug for bug in bugs() if bug.kind == "no workaround"}
PLAIN = [config for config in all_configs() if config.errata and set(config.options) <= {*config.errata, "nollsc"}]
"""Configurations with errata and nothing else but what those need."""


def test_each_erratum_has_a_workaround_a_model_and_a_seeded_bug() -> None:
    assert NAMES == list(WORKAROUNDS) == list(MODELS) == list(BUGS)


@pytest.mark.parametrize("name", NAMES)
def test_each_has_a_seeded_bug_that_values_and_the_tripwire_show(name: str, target: UnicornTarget) -> None:
    (capture,) = examine(BUGS[name], target, BUGS[name].applies()[:1]).captures
    assert capture.values, "the model changes nothing"
    assert capture.tripwires[:1] == (errata.NAME,)


@pytest.mark.parametrize("name", NAMES)
def test_the_seeded_bug_is_none_where_the_cpu_has_no_erratum(name: str, target: UnicornTarget) -> None:
    faulty = BUGS[name].applies()[0]
    sound = Config(faulty.isa, faulty.width, faulty.big_endian, "", tuple(set(faulty.options) - set(faulty.errata)))
    for program, inputs in cases(BUGS[name], faulty):
        assert judge(Case(program, inputs[0]), sound, target, compiler(BUGS[name])).status is Status.AGREE


@pytest.mark.parametrize("name", NAMES)
def test_compiled_code_has_no_pattern(name: str) -> None:
    configs = [config for config in PLAIN if name in config.errata and not config.big_endian]
    assert configs
    for number, suite in enumerate(suites()[NAMES.index(name) % 3 :: 3]):
        config = configs[number % len(configs)]
        placement = place(Case(suite.program, suite.inputs("little")[0]), config)
        assert occurrences(compile_program(placement.slots, config, placement.addresses)) == ()


def test_a_cpu_that_was_faulty_is_sound_for_the_next_image(target: UnicornTarget) -> None:
    bug = BUGS["loongson2f-nop"]
    config = bug.applies()[0]
    ((program, inputs),) = cases(bug, config)
    for under_test, expected in ((compiler(bug), Status.DIFFER), (compile_program, Status.AGREE)) * 2:
        assert judge(Case(program, Input(inputs[0].memory)), config, target, under_test).status is expected
