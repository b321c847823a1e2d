"""Generated programs: valid, terminating, reproducible, and judged."""

import re
from collections import Counter
from collections.abc import Callable, Iterator
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from ebpf.instruction import LOOP, MAXIMUM_LOOPS, TAIL_CALL, Instruction
from ebpf.kernel import KernelFunction, KernelVariable
from ebpf.opcodes import BY_NAME, lookup
from ebpf.program import Program, wide_immediate
from ebpf.validity import check
from fuzz.case import Case
from fuzz.environment.functions import CSUM_DIFF, SKB_LOAD_BYTES, THROW, TRACE_PRINTK
from fuzz.gen import TIERS, Features, Tier, batch, cases, draw_features, programs
from fuzz.gen.inputs import make_input
from fuzz.judge import interpret
from fuzz.layout import place
from jit.config import Config
from oracle.outcome import FaultKind

LEAST = {"context": 88, "singles": 1, "length": 1, "constants": 1, "functions": 0, "tails": 0, "callbacks": 0, "nesting": 0}
"""What programs can be made of at least."""

CONFIGS = tuple(Config.parse(name) for name in ("mips32r2-32be", "mips64r6-64le"))


def features(tier: Tier) -> st.SearchStrategy[Features]:
    return st.randoms(use_true_random=False).map(lambda source: draw_features(source, tier))


@pytest.mark.parametrize("tier", TIERS)
@settings(suppress_health_check=list(HealthCheck), max_examples=40)
@given(st.data())
def test_programs_are_valid_and_end(tier: Tier, data: st.DataObject) -> None:
    """Under the oracle; with no fault but that of an access that is misaligned on purpose."""
    chosen = data.draw(features(tier))
    case = data.draw(cases(chosen, 2))
    check(case.program)
    for given_ in case.inputs:
        for config in CONFIGS:
            fault = interpret(place(Case(case.program, given_), config)).outcome.fault
            assert fault is None or (chosen.misaligned and fault.kind is FaultKind.MISALIGNED), str(fault)


@given(programs())
@settings(suppress_health_check=list(HealthCheck), max_examples=20)
def test_programs_without_features_of_their_own(program: Program) -> None:
    check(program)


@pytest.mark.parametrize(
    ("given_", "reason"),
    [
        *(({"tier": tier}, f"tier {tier!r}; one of single, block, structured") for tier in ("bogus", "", None, "all")),
        *(({name: least - 1}, f"{name} {least - 1}; at least {least}") for name, least in LEAST.items()),
        *(({name: ()}, f"{name}: none, ") for name in ("arithmetic", "loads", "stores", "branches")),
        *(({name: (BY_NAME["EXIT"],)}, f"{name}: EXIT is none of them") for name in ("arithmetic", "loads", "stores", "atomics", "branches")),
    ],
    ids=lambda value: value if isinstance(value, str) else "",
)
def test_features_of_which_there_are_no_programs_are_refused(given_: dict[str, Any], reason: str) -> None:
    with pytest.raises(ValueError, match=f"^{re.escape(reason)}"):
        Features(**given_)


@pytest.mark.parametrize("least", [{**LEAST, "atomics": (), "branches": ()}, {**LEAST, "tier": "single", "branches": (), "nesting": 2}], ids=str)
def test_the_least_features_make_programs(least: dict[str, Any]) -> None:
    @given(programs(Features(**least)))
    @settings(suppress_health_check=list(HealthCheck), max_examples=10)
    def test(program: Program) -> None:
        check(program)

    test()


@pytest.mark.parametrize("wanted", ["block", "", 3])
@pytest.mark.parametrize("strategy", [programs, cases])
def test_what_are_no_features_is_refused_at_the_call(strategy: Callable[[Any], object], wanted: object) -> None:
    with pytest.raises(TypeError, match=rf"^features are {wanted!r}; Features are wanted"):
        strategy(wanted)


def test_a_case_without_inputs_is_refused_at_the_call() -> None:
    with pytest.raises(ValueError, match=r"^0 inputs; at least 1$"):
        cases(inputs=0)


@pytest.mark.parametrize("tier", TIERS)
def test_a_batch_is_the_same_each_time(tier: Tier) -> None:
    first = batch.cases(7, 3, tier, 3)
    batch._maker.cache_clear()
    batch.cases(8, 1, tier, 1)
    assert batch.cases(7, 3, tier, 3) == first
    assert batch.cases(7, 3, tier, 2) == first[:2]
    assert batch.cases(7, 4, tier, 3) != first
    assert batch.cases(8, 3, tier, 3) != first


def test_batches_use_different_features() -> None:
    drawn = [batch.features_of(1, number, "structured") for number in range(20)]
    assert len(set(drawn)) == len(drawn)
    assert Counter(bool(one.atomics) for one in drawn).keys() == {False, True}


def executed(chosen: Features, batches: int) -> Iterator[tuple[Program, list[Instruction]]]:
    """Programs of batches with these features, and what the oracle executes of them on one input."""
    for number in range(batches):
        case = batch.make_case(chosen, batch.choices(5, number, "structured", 0))
        assert case is not None
        run = interpret(place(Case(case.program, case.inputs[0]), CONFIGS[0]), trace=True)
        yield case.program, [case.program.slots[at] for at, _ in run.outcome.trace]


def test_tail_calls_succeed_fail_and_come_to_their_limit() -> None:
    found = Counter[str]()
    for program, slots in executed(Features(tails=2), 40):
        calls = sum(BY_NAME["CALL"] is lookup(slot) and slot.imm == TAIL_CALL for slot in slots)
        found["none"] += not calls
        found["some"] += 0 < calls < 33
        found["more than 33"] += calls > 33
        found["programs"] += bool(program.programs)
    assert min(found[kind] for kind in ("none", "some", "more than 33")) > 0
    # Without a tail call there is no prog array.
    assert 0 < found["programs"] < 40


def test_exceptions_are_thrown_with_and_without_a_callback() -> None:
    thrown = [
        program.exception_callback is not None
        for program, slots in executed(Features(throws=True), 60)
        if any(lookup(slot) is BY_NAME["CALL_KERNEL"] and slot.imm == THROW for slot in slots)
    ]
    assert True in thrown
    assert False in thrown


def test_callbacks_of_bpf_loop_are_called_and_return() -> None:
    """Under the oracle, which is the judge of whether what they return is 0 or 1."""
    found = Counter[str]()
    for program, slots in executed(Features(callbacks=2), 40):
        starts = {at + 1 + slot.imm for at, slot in enumerate(program.slots) if lookup(slot) is BY_NAME["LDDW_CODE"]}
        found["loops"] += any(lookup(slot) is BY_NAME["CALL"] and slot.imm == LOOP for slot in slots)
        found["callbacks"] += bool(starts)
        # Only what stops at once may be called so often.
        found["many"] += any(program.slots[at].dst == 1 and slot.imm in (MAXIMUM_LOOPS - 1, MAXIMUM_LOOPS) for at, slot in enumerate(program.slots))
    assert min(found["loops"], found["callbacks"]) > 5
    assert found["many"] > 1


def test_bit_tests_are_often_of_a_single_bit() -> None:
    """Which half of a register a test looks at shows nowhere else."""
    places = set[int]()
    for program, _ in executed(Features(branches=(BY_NAME["JSET64_IMM"],), tier="structured", nesting=2), 40):
        for at, slot in enumerate(program.slots):
            if lookup(slot) is BY_NAME["LDDW"]:
                number = wide_immediate(slot, program.slots[at + 1])
                places |= {number.bit_length() - 1} if number.bit_count() == 1 else set()
    assert len({place for place in places if place < 32}) > 5
    assert len({place for place in places if place >= 32}) > 5


def test_what_programs_declare_is_used() -> None:
    declared = (KernelFunction("declared0", 1000, "s16", ("u8", "pointer")),)
    chosen = Features(declared=declared, variables=(KernelVariable("variable0", 2000, bytes(24)),))
    programs_, names = [], Counter[object]()
    for program, slots in executed(chosen, 60):
        programs_.append(program)
        names.update({(lookup(slot), slot.imm) for slot in slots})
    assert names[BY_NAME["CALL_KERNEL"], 1000] > 0
    assert names[BY_NAME["LDDW_VARIABLE"], 2000] > 0
    assert {bool(program.kernel_functions) for program in programs_} == {bool(program.variables) for program in programs_} == {False, True}


def test_helper_functions_get_memory() -> None:
    names = Counter(slot.imm for _, slots in executed(Features(), 60) for slot in set(slots) if lookup(slot) is BY_NAME["CALL"])
    assert min(names[number] for number in (TRACE_PRINTK, SKB_LOAD_BYTES, CSUM_DIFF)) > 0


def test_exceptions_and_tail_calls_in_one_run() -> None:
    both = 0
    for _, slots in executed(Features(tails=2, throws=True), 60):
        kinds = {(lookup(slot), slot.imm) for slot in slots}
        both += (BY_NAME["CALL"], TAIL_CALL) in kinds and (BY_NAME["CALL_KERNEL"], THROW) in kinds
    assert both > 0


def test_inputs_have_their_size_and_differ() -> None:
    assert [len(make_input(5, size).memory) for size in (88, 101, 128)] == [88, 101, 128]
    assert make_input(0, 88).memory == bytes(88)
    assert make_input(6, 88) == make_input(6, 88)
    assert make_input(6, 88) != make_input(8, 88)
