"""Lockstep finds the first instruction that went wrong, in images of programs that differ in one instruction from what the oracle runs."""

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from ebpf.assembler import assemble
from fuzz.case import Case, Input
from fuzz.engine.target import Run
from fuzz.judge import interpret
from fuzz.layout import Placement, place
from fuzz.lockstep import Divergence, first_difference
from fuzz.recording.record import Record, Recording
from fuzz.tests.images import MEMORY
from fuzz.unicorn.target import UnicornTarget
from jit.compiled import Compiled
from jit.compiler import compile_program
from jit.config import BASE_CONFIGS, Config
from oracle import interpreter
from oracle.outcome import Outcome

CONFIGS = BASE_CONFIGS[::5]
BOUNDARIES = frozenset({Recording.BOUNDARIES})


def _place(text: str, config: Config) -> Placement:
    return place(Case(assemble(text.replace(";", "\n")), Input(MEMORY)), config)


def _oracle(text: str, config: Config) -> Outcome:
    at = _place(text, config)
    world, _ = at.fresh_world()
    return interpreter.run(at.slots, world, trace=True)


def _image(target: UnicornTarget, text: str, config: Config) -> tuple[Compiled, Run]:
    at = _place(text, config)
    compiled = compile_program(at.slots, config, at.addresses)
    target.load(compiled, at)
    return compiled, target.run(at, BOUNDARIES)


def _difference(target: UnicornTarget, expected: str, actual: str, config: Config) -> Divergence | None:
    compiled, run = _image(target, actual, config)
    return _compare(actual, _oracle(expected, config), run, compiled)


def _compare(text: str, expected: Outcome, run: Run, compiled: Compiled, record: Record | None = None) -> Divergence | None:
    return first_difference(_place(text, compiled.config).slots, expected, replace(run, record=record or run.record), compiled)


LOOP = "r6 = 0; r7 = 5; r6 += r7; r7 += -1; if r7 != 0 goto -3; r0 = r6; exit"
CALL = "r6 = 3; call 5; r0 = 1; r1 = 7; call 1f; r0 += r6; exit; 1f: r6 = r1; r6 += 1; r0 = r6; exit".replace("1f", "sub")
EMPTY = "r0 = 1; r3 = 9; goto +0; goto +0; r3 = r3; r3 += 1; r0 += r3; exit"
# Of the loop only its first instruction has a boundary: a word of that is in the delay slot of the branch. Elsewhere two slots share one.
ROUNDS = "r7 = 5; r9 = 6; r0 = -8; r9 = r9; w7 |= w9; r0 += 1; if w0 s< 0 goto -3; exit"
EXIT = 6
BEFORE_EXIT = "r0 = 1; r3 = 9; r3 = r3; exit"
FAULT = "r0 = 1; *(u8 *)(r10 - 1) = 2; r2 = 3; if r2 > 2 goto +1; r0 = 2; r0 += r2; exit"


@pytest.mark.parametrize("text", [LOOP, CALL, EMPTY, BEFORE_EXIT, FAULT], ids=["loop", "call", "no code", "no code before exit", "memory"])
@pytest.mark.parametrize("config", BASE_CONFIGS, ids=str)
def test_a_right_image_goes_in_step(target: UnicornTarget, config: Config, text: str) -> None:
    compiled, run = _image(target, text, config)
    expected = _oracle(text, config)
    assert _compare(text, expected, run, compiled) is None
    assert run.record.boundaries is not None
    assert len(run.record.boundaries) >= len(expected.trace) - 4


@pytest.mark.parametrize("config", BASE_CONFIGS, ids=str)
def test_rounds_of_a_loop_with_one_boundary_are_told_apart(target: UnicornTarget, config: Config) -> None:
    compiled, run = _image(target, ROUNDS, config)
    assert _compare(ROUNDS, _oracle(ROUNDS, config), run, compiled) is None
    found = _difference(target, ROUNDS.replace("r9 = 6", "r9 = 4"), ROUNDS, config)
    assert found is not None
    assert (found.slot, found.execution) == (1, 1)


@pytest.mark.parametrize("config", CONFIGS, ids=str)
def test_the_instruction_and_its_execution_are_named(target: UnicornTarget, config: Config) -> None:
    found = _difference(target, LOOP, LOOP.replace("r6 += r7", "r6 |= r7"), config)
    # 0 + 5 and 0 | 5 are the same; 5 + 4 and 5 | 4 are not.
    assert found is not None
    assert (found.slot, found.execution, found.register, found.expected, found.actual) == (2, 5, 6, 9, 5)
    assert found.reached == 3
    assert str(found.difference()) == "lockstep r6 after instruction 2, execution 5: expected 0x9, got 0x5"


@pytest.mark.parametrize("config", CONFIGS, ids=str)
def test_the_words_are_those_of_the_instruction(target: UnicornTarget, config: Config) -> None:
    text = "r0 = 1; r3 = 9; r3 ^= 5; r0 += r3; r0 += r3; exit"
    compiled, run = _image(target, text.replace("r3 ^= 5", "r3 ^= 4"), config)
    found = _compare(text, _oracle(text, config), run, compiled)
    assert found is not None
    assert found.slot == 2
    assert found.words == tuple(word for word, slot in enumerate(compiled.slot_of) if slot == 2)
    assert len(found.listing(compiled)) == len(found.words)
    assert any("xori" in line for line in found.listing(compiled))


IN_A_SLOT = "r0 = 0; if r2 == 0 goto +1; r3 = 5; exit"


@pytest.mark.parametrize("config", [config for config in CONFIGS if not config.isa.endswith("r6")], ids=str)
def test_of_several_without_a_boundary_the_one_that_writes_the_register_is_named(target: UnicornTarget, config: Config) -> None:
    """What the first instruction does has moved into the delay slot of the jump."""
    found = _difference(target, IN_A_SLOT, IN_A_SLOT.replace("r0 = 0", "r0 = 1"), config)
    assert found is not None
    assert (found.slot, found.execution, found.register, found.expected, found.actual) == (0, 0, 0, 0, 1)


@pytest.mark.parametrize("config", CONFIGS, ids=str)
def test_a_wrong_way_is_told(target: UnicornTarget, config: Config) -> None:
    found = _difference(target, FAULT, FAULT.replace("r2 > 2", "r2 > 3"), config)
    assert found is not None
    assert (found.slot, found.register, found.expected, found.actual) == (3, None, 5, 4)
    assert found.difference().place == "path after instruction 3, execution 3"


@pytest.mark.parametrize("config", CONFIGS, ids=str)
def test_an_early_and_a_late_end_are_told(target: UnicornTarget, config: Config) -> None:
    once, twice = "r7 = 1; r7 += -1; if r7 != 0 goto -2; r0 = 0; exit", "r7 = 1; r7 += -1; if r7 == 0 goto +1; r0 = 0; exit"
    found = _difference(target, once, twice.replace("r0 = 0; exit", "r0 = 0; r0 = 1; exit"), config)
    assert found is not None
    assert (found.slot, found.expected, found.actual) == (2, 3, 4)
    text = "r0 = 0; r3 = 1; exit"
    compiled, run = _image(target, text, config)
    assert run.record.boundaries is not None
    expected = _oracle(text, config)
    early = _compare(text, expected, run, compiled, replace(run.record, boundaries=run.record.boundaries[:1]))
    assert early is not None
    assert (early.slot, early.register, early.expected, early.actual, early.boundary) == (0, None, 1, None, None)
    assert early.difference().actual == "the end"
    late = _compare(text, expected, run, compiled, replace(run.record, boundaries=run.record.boundaries[[0, 1, 1]]))
    assert late is not None
    assert (late.slot, late.expected, late.actual, late.boundary) == (1, None, 1, 2)


@pytest.mark.parametrize("config", CONFIGS, ids=str)
def test_the_end_is_compared_and_not_the_exit_blamed(target: UnicornTarget, config: Config) -> None:
    found = _difference(target, "r0 = 1; r0 += 2; exit", "r0 = 1; r0 += 3; exit", config)
    assert found is not None
    assert (found.slot, found.execution, found.reached, found.register, found.expected, found.actual) == (1, 1, None, 0, 3, 4)


def test_wrong_before_the_first_instruction(target: UnicornTarget) -> None:
    compiled, run = _image(target, "r0 = r1; exit", BASE_CONFIGS[0])
    assert run.record.boundaries is not None
    spoilt = run.record.boundaries.copy()
    spoilt[0, 2] ^= np.uint64(1)
    found = _compare("r0 = r1; exit", _oracle("r0 = r1; exit", BASE_CONFIGS[0]), run, compiled, replace(run.record, boundaries=spoilt))
    assert found is not None
    assert (found.slot, found.execution, found.register, found.reached) == (None, -1, 1, 0)
    assert found.words == tuple(word for word, slot in enumerate(compiled.slot_of) if slot == -1)


@given(register=st.integers(0, 10), row=st.integers(0, 20), bit=st.integers(0, 63), config=st.sampled_from(CONFIGS))
def test_each_bit_counts_that_the_oracle_defines(target: UnicornTarget, register: int, row: int, bit: int, config: Config) -> None:
    compiled, run = _image(target, LOOP, config)
    expected = _oracle(LOOP, config)
    assert run.record.boundaries is not None
    spoilt = run.record.boundaries.copy()
    row %= len(spoilt)
    spoilt[row, 1 + register] ^= np.uint64(1 << bit)
    found = _compare(LOOP, expected, run, compiled, replace(run.record, boundaries=spoilt))
    told = [entry for entry in expected.trace if compiled.bpf_at[entry[0]] is not None]
    assert [slot for slot, _ in told] == spoilt[:, 0].tolist()
    if told[row][0] == EXIT or told[row][1][register] is None or compiled.registers[register] is None:
        assert found is None
    else:
        assert found is not None
        assert found.register == register


def test_of_a_record_that_ran_out_of_room_the_beginning_is_compared(target: UnicornTarget) -> None:
    compiled, run = _image(target, LOOP, BASE_CONFIGS[0])
    assert run.record.boundaries is not None
    beginning = run.record.boundaries[:3]
    expected = _oracle(LOOP, BASE_CONFIGS[0])
    assert _compare(LOOP, expected, run, compiled, Record(boundaries=beginning, truncated=BOUNDARIES)) is None
    assert _compare(LOOP, expected, run, compiled, Record(boundaries=beginning)) is not None


def test_refuses_what_was_not_recorded(target: UnicornTarget) -> None:
    compiled, run = _image(target, LOOP, BASE_CONFIGS[0])
    with pytest.raises(ValueError, match="not been recorded"):
        _compare(LOOP, _oracle(LOOP, BASE_CONFIGS[0]), run, compiled, Record())
    with pytest.raises(ValueError, match="not been recorded"):
        _compare(LOOP, interpret(_place(LOOP, BASE_CONFIGS[0])).outcome, run, compiled)
