"""The instruction suites are complete, valid, deterministic, and reach the edges that they promise."""

import struct
import time
from collections.abc import Iterator
from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ebpf.instruction import FRAME_POINTER, Instruction
from ebpf.opcodes import BY_NAME, ROWS, Row, lookup
from ebpf.program import ByteOrder
from ebpf.validity import check
from fuzz.case import Case
from fuzz.layout import place
from fuzz.suite.atomic import is_atomic
from fuzz.suite.bare import bare_suites
from fuzz.suite.jumps import is_conditional
from fuzz.suite.long import long_suite
from fuzz.suite.memory import access_size
from fuzz.suite.program import RUNS, Assembly, instruction, permutation
from fuzz.suite.suites import Suite, misaligned_suites, suites
from fuzz.suite.values import EDGES_32, EDGES_64, EDGES_NARROW, IMMEDIATES, SHIFTS, pairs, related
from jit.config import Config
from oracle.interpreter import run
from oracle.outcome import FaultKind, Outcome

STRICTEST = tuple(map(Config.parse, ("mips1-32be", "mips3-64le")))
ALL = suites() + misaligned_suites()
GENERAL = range(10)


def uses(row: Row) -> Iterator[Instruction]:
    """The instructions of that row in the suites of that row."""
    for suite in suites():
        if suite.row_name == row.name:
            yield from (slot for slot in suite.program.slots if lookup(slot) == row)


def outcomes(suite: Suite, config: Config, trace: bool = False) -> Iterator[Outcome]:
    """What the oracle makes of each run."""
    for item in suite.inputs("big" if config.big_endian else "little"):
        placement = place(Case(suite.program, item), config)
        yield run(placement.slots, placement.fresh_world()[0], trace)


@pytest.mark.parametrize("row", ROWS, ids=lambda row: row.name)
def test_every_row_occurs_in_a_suite_of_its_own(row: Row) -> None:
    assert list(uses(row))


@pytest.mark.parametrize("suite", ALL, ids=lambda suite: suite.program.section)
def test_program_is_valid_and_short(suite: Suite) -> None:
    check(suite.program)
    assert len(suite.program.slots) <= 250
    assert suite.program.section.split("/")[0] == suite.row_name


@pytest.mark.parametrize("config", STRICTEST, ids=str)
def test_no_run_faults_where_alignment_is_strictest(config: Config) -> None:
    for suite in (*suites(), *bare_suites(), long_suite()):
        assert [outcome.fault for outcome in outcomes(suite, config)] == [None] * len(suite.operands), suite.program.section


@pytest.mark.parametrize("config", STRICTEST, ids=str)
def test_misaligned_runs_fault_with_nothing_else(config: Config) -> None:
    faults = [outcome.fault for suite in misaligned_suites() for outcome in outcomes(suite, config)]
    assert {fault.kind for fault in faults if fault is not None} == {FaultKind.MISALIGNED}
    # 8 bytes off by 4 are fine for 32-bit code, except for atomic operations.
    fine = [row for row in ROWS if row.offset == "memory" and access_size(row) == 8 and not is_atomic(row)]
    assert faults.count(None) == (2 * len(fine) if config.width == 32 else 0)


@pytest.mark.parametrize("row", [row for row in ROWS if is_conditional(row)], ids=lambda row: row.name)
def test_each_conditional_jump_goes_both_ways_unless_its_operands_decide(row: Row) -> None:
    ways: dict[int, set[bool]] = {}
    (suite,) = (suite for suite in suites() if suite.row_name == row.name)
    for outcome in outcomes(suite, STRICTEST[1], trace=True):
        for (at, _), (following, _) in pairwise(outcome.trace):
            ways.setdefault(at, set()).add(following == at + 1)
    for at, seen in ways.items():
        slot = suite.program.slots[at]
        decided = slot.dst == slot.src or FRAME_POINTER in (slot.dst, slot.src) or (row.imm == "imm" and slot.imm in (0, -1, 0x7FFFFFFF, -0x80000000))
        assert lookup(slot) != row or decided or len(seen) == 2, slot


def test_bare_programs_are_short_and_name_few_registers() -> None:
    assert {suite.row_name for suite in bare_suites()} == {row.name for row in ROWS if "LDDW" not in row.name and row.name != "EXIT"}
    for suite in bare_suites():
        check(suite.program)
        rows = [lookup(slot) for slot in suite.program.slots if slot.opcode]
        assert BY_NAME[suite.row_name] in rows
        assert len(rows) <= 8
        named = {slot.dst for slot in suite.program.slots} | {slot.src for slot in suite.program.slots}
        assert len(named) <= (7 if suite.row_name == "CALL_KERNEL" else 4)


def test_sections_are_unique() -> None:
    names = [suite.program.section for suite in suites()]
    assert len(names) == len(set(names))


@pytest.mark.parametrize("row", [row for row in ROWS if isinstance(row.dst, str) and isinstance(row.src, str)], ids=lambda row: row.name)
def test_two_register_row_sees_every_register_in_both_roles_and_both_the_same(row: Row) -> None:
    seen = list(uses(row))
    assert {slot.dst for slot in seen}.issuperset(GENERAL)
    assert {slot.src for slot in seen}.issuperset(GENERAL)
    assert any(slot.dst == slot.src for slot in seen)
    for field, use in (("dst", row.dst), ("src", row.src)):
        assert any(getattr(slot, field) == FRAME_POINTER for slot in seen) == ("w" not in str(use))


@pytest.mark.parametrize("row", [row for row in ROWS if isinstance(row.dst, str) != isinstance(row.src, str)], ids=lambda row: row.name)
def test_one_register_row_sees_every_register(row: Row) -> None:
    if row.group == "packet":
        assert {slot.src for slot in uses(row)} == set(GENERAL) - {6}
    else:
        assert {slot.dst for slot in uses(row)}.issuperset(GENERAL)


@pytest.mark.parametrize("row", [row for row in ROWS if row.offset == 0 and row.imm == "imm" and row.dst == "rw"], ids=lambda row: row.name)
def test_immediates(row: Row) -> None:
    seen = {slot.imm for slot in uses(row)}
    width = 32 if row.opcode & 7 == 4 else 64
    assert seen.issuperset(range(width) if "SH" in row.name else IMMEDIATES)
    assert "SH" not in row.name or {width, 255, -1} <= seen


@pytest.mark.parametrize("row", [row for row in ROWS if row.offset == "jump" and row.dst == "r"], ids=lambda row: row.name)
def test_conditional_jumps_go_forwards_and_backwards(row: Row) -> None:
    offsets = {slot.offset for slot in uses(row)}
    assert min(offsets) < 0 < max(offsets)


@pytest.mark.parametrize("name", ["JA", "JA32"])
def test_goto_goes_far_both_ways_and_to_the_next_instruction(name: str) -> None:
    distances = {slot.offset or slot.imm for slot in uses(BY_NAME[name])}
    assert min(distances) < -100
    assert max(distances) > 100
    assert 0 in distances


@pytest.mark.parametrize("row", [row for row in ROWS if row.offset == "memory"], ids=lambda row: row.name)
def test_memory_rows_see_the_edges_of_the_offset(row: Row) -> None:
    offsets = {slot.offset for slot in uses(row)}
    assert {0, 32767, -32768, 255, 256, -256, -257} <= offsets
    # The second word of eight bytes lies at offset + 4.
    assert any(offset + 4 > 32767 for offset in offsets)


@pytest.mark.parametrize("row", [row for row in ROWS if row.offset == "memory" and access_size(row) > 1], ids=lambda row: row.name)
def test_misaligned_suites_cover_every_size_and_kind(row: Row) -> None:
    chosen = [suite for suite in misaligned_suites() if suite.row_name == row.name]
    offsets = {slot.offset for suite in chosen for slot in suite.program.slots if lookup(slot) == row}
    assert offsets >= {1, access_size(row) - 1}


@pytest.mark.parametrize("byte_order", ["little", "big"])
def test_operands_are_the_same_numbers_in_both_byte_orders(byte_order: ByteOrder) -> None:
    for suite in suites():
        assert len(suite.operands) in (1, 2, RUNS, RUNS + 3)
        for values, case in zip(suite.operands, suite.inputs(byte_order), strict=True):
            assert struct.unpack_from(f"{'<' if byte_order == 'little' else '>'}{len(values)}Q", case.memory) == values
            assert len(case.memory) == 8 * len(values) + suite.result_size


def test_generation_is_deterministic_and_quick() -> None:
    start = time.process_time()
    again = suites.__wrapped__()
    assert time.process_time() - start < 2
    assert again == suites()
    assert [suite.inputs("big") for suite in again] == [suite.inputs("big") for suite in suites()]


@given(st.lists(st.integers(), unique=True, min_size=1, max_size=12))
def test_pairs_holds_every_ordered_pair_once(values: list[int]) -> None:
    sequence = pairs(values)
    neighbours = sorted(pairwise((*sequence, sequence[0])))
    assert neighbours == sorted((first, second) for first in values for second in values)


@pytest.mark.parametrize("values", [EDGES_32, EDGES_64, EDGES_NARROW, SHIFTS], ids=["EDGES_32", "EDGES_64", "EDGES_NARROW", "SHIFTS"])
def test_edge_lists_are_short_enough_for_all_pairs_and_fit_64_bits(values: tuple[int, ...]) -> None:
    assert len(set(values)) == len(values) == 26
    assert all(0 <= value < 1 << 64 for value in values)


@pytest.mark.parametrize("name", ["ADD32_REG", "SDIV64_REG", "LSH32_REG", "JSGT64_REG", "MOVSX64_8"])
def test_a_register_suite_meets_every_pair_of_edges(name: str) -> None:
    (suite,) = (suite for suite in suites() if suite.row_name == name)
    edges = EDGES_NARROW if "SX" in name else SHIFTS if "SH" in name else EDGES_32 if "32" in name else EDGES_64
    met = {pair for table in suite.operands for first in range(0, 50, 10) for pair in pairwise(table[first : first + 10])}
    assert met.issuperset((first, second) for first in edges for second in edges)


@given(st.integers(0, 1000))
def test_permutation_is_one(number: int) -> None:
    assert sorted(permutation(number)) == list(GENERAL)


@given(st.sampled_from(IMMEDIATES), st.integers(0, RUNS - 1), st.integers(0, 49))
def test_related_operands_fit_and_start_with_the_immediate_itself(immediate: int, run: int, number: int) -> None:
    assert 0 <= related(immediate, run, number) < 1 << 64
    assert related(immediate, 0, number) == immediate % (1 << 64)


def test_instruction_refuses_a_value_in_a_fixed_field() -> None:
    with pytest.raises(ValueError, match="ADD64_REG: imm is 0, not 1"):
        instruction("ADD64_REG", 1, 2, imm=1)


def test_a_place_is_named_once_and_a_target_must_exist() -> None:
    assembly = Assembly()
    assembly.place("here")
    with pytest.raises(ValueError, match="placed twice"):
        assembly.place("here")
    assembly.jump("JA", "nowhere")
    with pytest.raises(KeyError):
        assembly.finish()


def test_jumps_are_resolved_into_the_field_of_their_row() -> None:
    assembly = Assembly()
    assembly.place("start")
    assembly.jump("JA", "end")
    assembly.jump("JA32", "start")
    assembly.function(1, "start")
    assembly.place("end")
    assembly.emit("EXIT")
    slots = assembly.finish()
    assert [(slot.offset, slot.imm) for slot in slots] == [(3, 0), (0, -2), (0, -3), (0, 0), (0, 0)]


def test_every_atomic_row_and_every_conditional_jump_is_recognised() -> None:
    assert {row.name for row in ROWS if is_atomic(row)} == {row.name for row in ROWS if row.group.startswith("atomic")}
    assert {row.name for row in ROWS if is_conditional(row)} == {row.name for row in ROWS if row.name[0] == "J" and row.name not in ("JA", "JA32")}
