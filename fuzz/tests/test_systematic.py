"""The systematic suites hold what they say, and a sample of their runs agrees."""

import itertools
from collections import Counter

import pytest

from ebpf.opcodes import BY_NAME, ROWS, lookup
from ebpf.validity import check
from fuzz.judge import judge_all
from fuzz.suite.atomic import is_atomic
from fuzz.suite.jumps import is_conditional
from fuzz.suite.memory import is_load, is_store
from fuzz.suite.program import RING, Suite
from fuzz.suite.systematic import INPUTS, PAIRS_OF_A_RUN, systematic_subjects, systematic_suites
from fuzz.suite.values import IMMEDIATE_MAGNITUDES, MAGNITUDES
from fuzz.unicorn.target import UnicornTarget
from fuzz.verdict import Status
from jit.compiler import compile_program
from jit.config import BASE_CONFIGS

ROUNDS = PAIRS_OF_A_RUN // (RING - 1)


def test_magnitudes() -> None:
    for bit in range(64):
        assert {(1 << bit) - 1, 1 << bit, (1 << bit) + 1, (1 << 64) - (1 << bit)} <= set(MAGNITUDES)
    for bit in range(31):
        assert {(1 << bit) - 1, 1 << bit, (1 << bit) + 1, -(1 << bit)} <= set(IMMEDIATE_MAGNITUDES)


@pytest.mark.parametrize("name", ["SUB64_REG", "JSGT32_REG"])
def test_all_pairs_of_magnitudes_meet(name: str) -> None:
    (suite,) = systematic_suites(name)
    met: set[tuple[int, int]] = set()
    for table in suite.operands:
        for number in range(ROUNDS):
            met.update(itertools.pairwise(table[RING * number : RING * (number + 1)]))
    assert met >= set(itertools.product(MAGNITUDES, repeat=2))


@pytest.mark.parametrize("name", ["ADD32_IMM", "JGE64_IMM"])
def test_all_immediates_meet_all_magnitudes(name: str) -> None:
    met: set[tuple[int, int]] = set()
    for suite in systematic_suites(name):
        immediates = [slot.imm for slot in suite.program.slots if lookup(slot) is BY_NAME[name]]
        for table in suite.operands:
            met.update(zip(immediates, table, strict=False))
    assert {imm for imm, _ in met} >= set(IMMEDIATE_MAGNITUDES)
    assert met >= set(itertools.product(IMMEDIATE_MAGNITUDES[:7], MAGNITUDES))


@pytest.mark.parametrize("name", ["LSH32_IMM", "ARSH64_IMM"])
def test_all_shift_counts(name: str) -> None:
    counts = {slot.imm for suite in systematic_suites(name) for slot in suite.program.slots if lookup(slot) is BY_NAME[name]}
    assert counts >= set(range(64))


@pytest.mark.parametrize("name", ["ATOMIC_FETCH_XOR_W", "CMPXCHG_DW", "ATOMIC_ADD_DW", "LDXSX_H", "STX_DW", "STORE_RELEASE_B"])
def test_all_pairs_of_registers(name: str) -> None:
    row = BY_NAME[name]
    slots = [slot for suite in systematic_suites(name) for slot in suite.program.slots if lookup(slot) is row]
    pairs = {(slot.dst, slot.src) for slot in slots}
    assert pairs >= set(itertools.product(range(RING), repeat=2))
    if is_atomic(row):
        assert {src for dst, src in pairs if dst == RING} >= set(range(RING))
    else:
        assert {slot.offset for slot in slots} >= {1 << bit for bit in range(15)} | {-1 << bit for bit in range(16)}


def test_which_rows_there_are() -> None:
    wanted = {row.name for row in ROWS if is_load(row) or is_store(row) or is_atomic(row) or is_conditional(row)}
    wanted |= {row.name for row in ROWS if row.opcode & 7 in (4, 7) and (row.src == "r" or row.imm == "imm")}
    seen = Counter(suite.row_name for suite in systematic_suites())
    assert seen.keys() == wanted


def test_subjects_hold_all_inputs() -> None:
    (suite,) = systematic_suites("XOR32_REG")
    subjects = [subject for subject in systematic_subjects("XOR32_REG") if subject.byte_order == "big"]
    assert tuple(one for subject in subjects for one in subject.inputs) == suite.inputs("big")
    assert max(len(subject.inputs) for subject in subjects) == INPUTS


def _sample() -> list[Suite]:
    """One program of each third row, another one of its programs each time."""
    families = [tuple(group) for _, group in itertools.groupby(systematic_suites(), lambda suite: suite.row_name)]
    return [family[number % len(family)] for number, family in enumerate(families)][::3]


SAMPLE = _sample()


@pytest.mark.parametrize("number", range(len(SAMPLE)), ids=lambda number: SAMPLE[number].program.section)
def test_sample_agrees(number: int, target: UnicornTarget) -> None:
    """One input on two configurations of each byte order; `bpfmips suite --systematic` judges all on all."""
    suite = SAMPLE[number]
    check(suite.program)
    for order in ("little", "big"):
        configs = [config for config in BASE_CONFIGS if config.big_endian == (order == "big")]
        chosen = (configs[number % len(configs)], configs[(number + len(configs) // 2) % len(configs)])
        inputs = suite.inputs("big" if order == "big" else "little")
        given = inputs[number * 37 % len(inputs)]
        for verdict in judge_all(suite.program, (given,), chosen, target, compile_program):
            assert verdict.status is Status.AGREE, str(verdict)
