"""The screen never passes a run in which comparison, lockstep or a screened tripwire finds something; and it passes what is as it must be."""

import random
from collections.abc import Sequence
from dataclasses import replace

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from ebpf.assembler import assemble
from ebpf.instruction import Instruction
from ebpf.program import Program
from fuzz.case import Case, Input
from fuzz.engine.engines import ENGINES
from fuzz.engine.target import Run, Target
from fuzz.judge import interpret, judge_all, recordings
from fuzz.layout import KERNEL_AREAS, Placement, moved, place
from fuzz.recording import native_screen as native
from fuzz.recording import screen
from fuzz.recording.record import Recording
from fuzz.suite.suites import suites
from fuzz.tests.images import CONFIGS
from fuzz.verdict import Status, Verdict
from fuzz.wires import WIRES
from jit.compiled import Addresses, Compiled
from jit.compiler import compile_program
from jit.config import BASE_CONFIGS, Config
from jit.mips import rows
from oracle.outcome import Low

ALL = recordings(WIRES, lockstep=True)

# Loads, stores, the stack, a loop, a call of a helper, a subprogram, an atomic operation: something to go wrong for every check.
PROGRAM = assemble("""
    r6 = r1
    r7 = *(u64 *)(r1 + 8)
    *(u32 *)(r10 - 4) = w7
    r8 = 3
again:
    r7 *= r8
    w7 += 5
    r8 += -1
    if r8 != 0 goto again
    call 7
    r7 ^= r0
    r1 = r6
    call local
    lock *(u32 *)(r6 + 16) += w7
    *(u16 *)(r6 + 2) = r7
    r0 = *(u32 *)(r10 - 4)
    exit
local:
    r0 = *(u8 *)(r1 + 3)
    *(u8 *)(r10 - 1) = w0
    exit
""")
INPUTS = tuple(Input(random.Random(number).randbytes(24 + number), seed=number) for number in range(2))


class Unscreened:
    """A target that looks at everything in words: what the screen is measured by."""

    def __init__(self, target: Target) -> None:
        self.load, self.run = target.load, target.run

    def screen(self, inputs: Sequence[tuple[Placement, Run]], recordings: frozenset[Recording] = frozenset(), variants: int = 0) -> list[int]:
        return [native.ENDING] * len(inputs)


@pytest.fixture(scope="module", params=("both", "model", "unicorn"))
def engine(request: pytest.FixtureRequest) -> Target:
    return ENGINES[request.param]()


def verdicts(target: Target, program: Program, compiled: Compiled) -> list[Verdict]:
    def made(slots: Sequence[Instruction], config: Config, addresses: Addresses) -> Compiled:
        return compiled

    return list(judge_all(program, INPUTS, (compiled.config,), target, made))


def compiled_for(config: Config) -> Compiled:
    at = place(Case(PROGRAM, INPUTS[0]), config)
    return compile_program(at.slots, config, at.addresses)


MARKED = tuple(map(Config.parse, ("mips32r2-32le+zext", "mips64r2-32be+zext", "mips3-64be+zext+blind", "mips64r6-64le+zext")))
"""Where only the low half of some registers is promised."""


@pytest.mark.parametrize("config", [*BASE_CONFIGS, *MARKED], ids=str)
def test_what_is_as_it_must_be_passes(engine: Target, config: Config) -> None:
    compiled, first = compiled_for(config), place(Case(PROGRAM, INPUTS[0]), config)
    far = moved(first.layout, KERNEL_AREAS[config.width][0])
    placements = [place(Case(PROGRAM, given), config, layout) for given in INPUTS for layout in (None, far)]
    engine.load(compiled, first)
    assert engine.screen([(at, interpret(at, trace=True)) for at in placements], ALL) == [0] * len(placements)
    assert engine.screen([(at, interpret(at)) for at in placements]) == [0] * len(placements)


@settings(max_examples=150, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(data=st.data(), config=st.sampled_from((*CONFIGS, *MARKED)))
def test_changed_words(engine: Target, data: st.DataObject, config: Config) -> None:
    """Verdicts with the screen are those without it, whatever the image does."""
    compiled = compiled_for(config)
    words = list(compiled.words)
    for _ in range(data.draw(st.integers(1, 2))):
        words[data.draw(st.integers(0, len(words) - 1))] ^= 1 << data.draw(st.integers(0, 31))
    changed = replace(compiled, words=tuple(words))
    assert verdicts(engine, PROGRAM, changed) == verdicts(Unscreened(engine), PROGRAM, changed)


@settings(max_examples=60, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(data=st.data(), config=st.sampled_from((*CONFIGS, *MARKED)))
def test_changed_descriptions(engine: Target, data: st.DataObject, config: Config) -> None:
    """The same for images that lie about themselves."""
    compiled = compiled_for(config)
    field = data.draw(st.sampled_from(("bpf_at", "slot_of", "registers", "exits", "stack_size")))
    if field == "stack_size":
        changed = replace(compiled, stack_size=data.draw(st.sampled_from((0, 8, 512, 4088))))
    else:
        values = list(getattr(compiled, field))
        at = data.draw(st.integers(0, len(values) - 1))
        values[at] = data.draw(st.sampled_from(values))
        if field == "exits":
            values[at] = data.draw(st.integers(0, len(compiled.words) - 1))
        changed = replace(compiled, **{field: tuple(values)})  # type: ignore[arg-type]
    assert verdicts(engine, PROGRAM, changed) == verdicts(Unscreened(engine), PROGRAM, changed)


@pytest.mark.parametrize("config", CONFIGS, ids=str)
def test_every_doubt_is_raised(engine: Target, config: Config) -> None:
    """Each check says so when the expectation is another one."""
    compiled, at = compiled_for(config), place(Case(PROGRAM, INPUTS[0]), config)
    engine.load(compiled, at)
    run = interpret(at, trace=True)
    outcome = run.outcome

    def doubts(expected: Run, placement: Placement = at) -> int:
        return engine.screen([(placement, expected)], ALL)[0]

    assert doubts(run) == 0
    assert doubts(replace(run, outcome=replace(outcome, return_value=1))) == native.VALUES
    for number in (0, 6, 7, 8, 9, 10):
        registers = tuple(value if other != number or value is None else value ^ 1 << 63 for other, value in enumerate(outcome.registers))
        assert doubts(replace(run, outcome=replace(outcome, registers=registers))) == (native.VALUES if registers != outcome.registers else 0)
    for value, doubt in ((Low((outcome.registers[7] or 0) & 0xFFFFFFFF), 0), (Low((outcome.registers[7] or 0) & 0xFFFFFFFF ^ 1), native.VALUES)):
        halves = tuple(value if number == 7 else other for number, other in enumerate(outcome.registers))
        assert doubts(replace(run, outcome=replace(outcome, registers=halves))) == doubt
    at_end = (*outcome.trace[-1][1][:7], Low((outcome.trace[-1][1][7] or 0) & 0xFFFFFFFF), *outcome.trace[-1][1][8:])
    assert doubts(replace(run, outcome=replace(outcome, trace=(*outcome.trace[:-1], (outcome.trace[-1][0], at_end))))) == 0
    for name, contents in outcome.memory.items():
        for byte in (0, len(contents) - 1):
            memory = dict(outcome.memory) | {name: contents[:byte] + bytes([contents[byte] ^ 1]) + contents[byte + 1 :]}
            assert doubts(replace(run, outcome=replace(outcome, memory=memory))) == native.MEMORY
    for row in (0, len(outcome.trace) - 2):
        slot, values = outcome.trace[row]
        number = next(number for number, value in enumerate(values) if value is not None)
        other = tuple((value or 0) ^ 1 if place == number else value for place, value in enumerate(values))
        trace = (*outcome.trace[:row], (slot, other), *outcome.trace[row + 1 :])
        assert doubts(replace(run, outcome=replace(outcome, trace=trace))) == native.PATH
    assert doubts(replace(run, outcome=replace(outcome, trace=outcome.trace[:-4]))) == native.PATH
    assert doubts(replace(run, calls=())) == native.CALLS
    short = tuple(replace(region, contents=region.contents[:8]) for region in at.world.regions)
    # Without LL the atomic operation is a routine, which refuses.
    refusal = native.ACCESSES if "ll" in rows(config) else native.ENDING
    assert doubts(run, replace(at, world=replace(at.world, regions=short))) == refusal


def test_what_the_screen_does_not_see_is_doubted(engine: Target) -> None:
    config = CONFIGS[0]
    program = assemble("r0 = *(u32 *)(r1 + 1); exit")
    at = place(Case(program, INPUTS[0]), config)
    assert screen.expectation(at, interpret(at)) is None, "a fault"
    large = place(Case(assemble("r0 = 1; exit"), Input(bytes(screen.LARGEST))), config)
    assert screen.expectation(large, interpret(large)) is None


def test_an_input_after_one_that_ends_badly_is_doubted(engine: Target) -> None:
    config = Config.parse("mips32r2-32le")
    fine, endless = assemble("r0 = 1; exit"), assemble("again: goto again; exit")
    at = place(Case(fine, INPUTS[0]), config)
    engine.load(compile_program(place(Case(endless, INPUTS[0]), config).slots, config, at.addresses), at)
    short = replace(at, world=replace(at.world, instruction_limit=100))
    assert engine.screen([(short, interpret(at))] * 2) == [native.ENDING] * 2
    engine.load(compile_program(at.slots, config, at.addresses), at)
    assert engine.screen([(at, interpret(at))] * 2) == [0] * 2


@pytest.mark.parametrize("config", CONFIGS[::3], ids=str)
def test_the_instruction_suite_passes(engine: Target, config: Config) -> None:
    """Nearly nothing of what agrees is looked at twice."""
    doubted = judged = 0
    for suite in suites()[::9]:
        placements = [place(Case(suite.program, given), config) for given in suite.inputs("big" if config.big_endian else "little")[:4]]
        engine.load(compile_program(placements[0].slots, config, placements[0].addresses), placements[0])
        found = engine.screen([(at, interpret(at, trace=True)) for at in placements], ALL)
        doubted, judged = doubted + sum(result != 0 for result in found), judged + len(found)
    assert judged > 50
    assert doubted == 0


def test_verdicts_of_agreement_say_so_with_the_screen(engine: Target) -> None:
    found = list(judge_all(PROGRAM, INPUTS, BASE_CONFIGS, engine, compile_program))
    assert {verdict.status for verdict in found} == {Status.AGREE}
    assert len(found) == len(INPUTS) * len(BASE_CONFIGS)
