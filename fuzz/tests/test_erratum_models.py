"""The errata: each has a row, a workaround, a model and a seeded bug. Models find nothing in what the compiler emits; what they do changes values."""

from dataclasses import replace
from itertools import pairwise

import pytest

from ebpf.assembler import assemble
from fuzz.case import Case, Input
from fuzz.cpu.erratum_models import MODELS, occurrences
from fuzz.cpu.faulty_cpu import FaultyCpu, Host, _Core
from fuzz.engine.target import Target
from fuzz.judge import interpret, judge
from fuzz.layout import place
from fuzz.model.target import ModelTarget
from fuzz.recording.record import Recording
from fuzz.selftest.selftest import bugs, cases, compiler, examine
from fuzz.suite.suites import suites
from fuzz.tests.test_interference import Defined
from fuzz.verdict import Status
from fuzz.wires import errata
from fuzz.wires.flow import words
from jit.compiler import compile_program
from jit.config import Config, all_configs
from jit.errata import WORKAROUNDS
from jit.erratum_rows import ROWS
from jit.mips import HI, LO

NAMES = [row.name for row in ROWS]
BUGS = {bug.name.removeprefix("erratum-"): bug for bug in bugs() if bug.kind == "no workaround"}
PLAIN = [config for config in all_configs() if config.errata and set(config.options) <= {*config.errata, "nollsc"}]
"""Configurations with errata and nothing else but what those need."""


def test_each_erratum_has_a_workaround_a_model_and_a_seeded_bug() -> None:
    assert NAMES == list(WORKAROUNDS) == list(MODELS) == list(BUGS)


@pytest.mark.parametrize("name", NAMES)
def test_each_has_a_seeded_bug_that_values_and_the_tripwire_show(name: str, recording_target: Target) -> None:
    (capture,) = examine(BUGS[name], recording_target, BUGS[name].applies()[:1]).captures
    assert capture.values, "the model changes nothing"
    assert capture.tripwires[:1] == (errata.NAME,)


@pytest.mark.parametrize("name", NAMES)
def test_the_seeded_bug_is_none_where_the_cpu_has_no_erratum(name: str, recording_target: Target) -> None:
    faulty = BUGS[name].applies()[0]
    sound = Config(faulty.isa, faulty.width, faulty.big_endian, "", tuple(set(faulty.options) - set(faulty.errata)))
    for program, inputs in cases(BUGS[name], faulty):
        assert judge(Case(program, inputs[0]), sound, recording_target, compiler(BUGS[name])).status is Status.AGREE


@pytest.mark.parametrize("name", NAMES)
def test_compiled_code_has_no_pattern(name: str) -> None:
    configs = [config for config in PLAIN if name in config.errata and not config.big_endian]
    assert configs
    for number, suite in enumerate(suites()[NAMES.index(name) % 3 :: 3]):
        config = configs[number % len(configs)]
        placement = place(Case(suite.program, suite.inputs("little")[0]), config)
        assert occurrences(compile_program(placement.slots, config, placement.addresses)) == ()


DIVISIONS = {"div", "divu", "ddiv", "ddivu"}
NEVER = {"macc", "dmacc", "mthi", "mtlo", "addi", "daddi", "pref"}


@pytest.mark.parametrize("name", ["mips3-32le+r4000-multiply", "mips3-64be+r4000-multiply", "mips3-64le+vr4120-divide+vr4120-multiply"])
def test_what_the_reasons_for_errata_not_taken_say_of_compiled_code(name: str) -> None:
    """After a division its result is read at once, delay slots have nothing to do with HI and LO, and some instructions are not emitted."""
    config, divisions = Config.parse(name), 0
    for suite in suites():
        placement = place(Case(suite.program, suite.inputs("big" if config.big_endian else "little")[0]), config)
        code = words(compile_program(placement.slots, config, placement.addresses))
        for word, following in pairwise(code):
            assert word is not None
            assert word.row.mnemonic not in NEVER
            if word.row.mnemonic in DIVISIONS:
                divisions += 1
                assert following is not None
                assert following.row.mnemonic in ("mflo", "mfhi")
            if "delay" in word.facts:
                assert following is not None
                assert not {HI, LO} & (following.reads | following.writes)
    assert divisions


def test_a_cpu_that_was_faulty_is_sound_for_the_next_image(recording_target: Target) -> None:
    bug = BUGS["loongson2f-nop"]
    config = bug.applies()[0]
    ((program, inputs),) = cases(bug, config)
    for under_test, expected in ((compiler(bug), Status.DIFFER), (compile_program, Status.AGREE)) * 2:
        assert judge(Case(program, Input(inputs[0].memory)), config, recording_target, under_test).status is expected


LOOP = assemble("""
    r3 = 200
again:
    r4 = 1
    lock *(u32 *)(r1 + 0) += w4
    r3 += -1
    if r3 != 0 goto again
    r0 = 0
    exit
""")


@pytest.mark.parametrize("recordings", [frozenset(), frozenset({Recording.EDGES})], ids=["bare", "recorded"])
def test_the_engine_is_left_alone_where_nothing_happens(
    monkeypatch: pytest.MonkeyPatch, recording_target: Target, recordings: frozenset[Recording]
) -> None:
    """Words of atomic operations are hooked in runs that other CPUs disturb only, which may come before and after others."""
    target = recording_target
    monkeypatch.setattr(ModelTarget, "_others", Defined._others)
    asked: list[int] = []
    monkeypatch.setattr(FaultyCpu, "at", lambda self, word, run, engine, interference: asked.append(interference))
    config = Config.parse("mips64r2-64le")
    at = place(Case(LOOP, Input(bytes(16))), config)
    disturbed = replace(at, interference=1)
    target.load(compile_program(at.slots, config, at.addresses), at)
    expected = interpret(at, trace=True)
    for wanted in (at, disturbed, at):
        asked.clear()
        target.run(wanted, recordings)
        assert bool(asked) == bool(wanted.interference)
        assert set(asked) <= {1}
    for each, number in (((at, expected), 0), ((disturbed, expected), 1)):
        asked.clear()
        target.screen((each,), recordings)
        assert bool(asked) == bool(number)
    asked.clear()
    assert target.screen(((at, expected), (disturbed, expected), (at, expected)), recordings) == [0, 0, 0]
    assert set(asked) == {1}


@pytest.mark.parametrize("patience", [50, 1 << 20])
def test_other_cpus_leave_a_long_run_alone_after_some_time(monkeypatch: pytest.MonkeyPatch, recording_target: Target, patience: int) -> None:
    """And begin anew in the next one."""
    looked: list[int] = []

    class Counted(_Core):
        def __init__(self, values: list[int], host: Host, interference: int) -> None:
            looked.append(interference)
            super().__init__(values, host, interference)

    monkeypatch.setattr(ModelTarget, "_others", Defined._others)
    monkeypatch.setattr("fuzz.cpu.faulty_cpu._Core", Counted)
    monkeypatch.setattr("fuzz.cpu.faulty_cpu.PATIENCE", patience)
    config = Config.parse("mips64r2-64le")
    at = place(Case(LOOP, Input(bytes(16))), config)
    disturbed = replace(at, interference=3)
    recording_target.load(compile_program(at.slots, config, at.addresses), at)
    counts = []
    for _ in range(2):
        assert recording_target.screen(((disturbed, interpret(at, trace=True)),)) == [0]
        counts.append(len(looked))
        assert recording_target.run(disturbed).violations == ()
    assert counts[1] == 3 * counts[0]
    assert (counts[0] < 100) == (patience == 50)
    assert counts[0] >= min(patience, 200 * 4 * 4)
