"""The functions that programs may call: deterministic, and sensitive to every bit that they are given."""

import struct

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ebpf.kernel import INTEGERS, POINTER, KernelFunction
from fuzz.environment.functions import GET_PRANDOM_U32, GET_SMP_PROCESSOR_ID, KTIME_GET_NS, MIX, TYPED, as_type, environment, mix, scramble
from fuzz.environment.helpers import Surroundings

U64 = st.integers(0, (1 << 64) - 1)
ARGUMENTS = st.tuples(U64, U64, U64, U64, U64)


def _session(seed: int) -> list[int]:
    functions = environment(seed)
    order = (KTIME_GET_NS, GET_PRANDOM_U32, KTIME_GET_NS, GET_SMP_PROCESSOR_ID, GET_PRANDOM_U32)
    return [functions.helpers[number].function() for number in order]


@given(U64, U64)
def test_a_seed_gives_the_same_results_each_time(seed: int, other: int) -> None:
    assert _session(seed) == _session(seed)
    if seed != other:
        assert _session(seed) != _session(other)


@given(U64)
def test_results_are_in_range(seed: int) -> None:
    first, number, second, processor, other_number = _session(seed)
    assert 0 < first < second < 1 << 63
    assert second >> 32
    assert max(number, other_number) < 1 << 32
    assert number != other_number
    assert 0 <= processor < 8


@given(U64, U64)
def test_scramble_is_injective(first: int, second: int) -> None:
    assert 0 <= scramble(first) < 1 << 64
    assert (scramble(first) == scramble(second)) == (first == second)


@given(ARGUMENTS, st.integers(0, 4), st.integers(0, 63))
@settings(max_examples=200)
def test_mix_sees_every_bit(arguments: tuple[int, int, int, int, int], at: int, bit: int) -> None:
    changed = list(arguments)
    changed[at] ^= 1 << bit
    assert mix(*arguments) != mix(*changed)


@given(ARGUMENTS, st.permutations(range(5)))
@settings(max_examples=200)
def test_mix_sees_the_order(arguments: tuple[int, int, int, int, int], order: list[int]) -> None:
    moved = tuple(arguments[at] for at in order)
    assert (mix(*moved) == mix(*arguments)) == (moved == arguments)


def test_calls_are_recorded() -> None:
    functions = environment(3)
    time = functions.helpers[KTIME_GET_NS].function()
    result = functions.kernel_functions[MIX].function(1, 2, 3, 4, 5)
    assert [str(call) for call in functions.calls] == [
        f"ktime_get_ns() = {time:#x}",
        f"mix(0x1, 0x2, 0x3, 0x4, 0x5) = {result:#x}",
    ]


def test_helpers_declare_their_arguments() -> None:
    functions = environment(0)
    assert [functions.helpers[number].arguments for number in (KTIME_GET_NS, GET_PRANDOM_U32, GET_SMP_PROCESSOR_ID)] == [0, 0, 0]
    assert functions.kernel_functions[MIX].arguments == 5


@given(st.sampled_from(("u8", "s8", "u16", "s16", "u32", "s32", "u64", "s64")), U64)
def test_a_value_as_a_type_is_what_struct_makes_of_it(kind: str, value: int) -> None:
    letter = {"8": "b", "16": "h", "32": "i", "64": "q"}[kind[1:]]
    (expected,) = struct.unpack_from(f"<{letter.upper() if kind[0] == 'u' else letter}", value.to_bytes(8, "little"))
    assert as_type(kind, value) == expected % (1 << 64)


KINDS = st.sampled_from(INTEGERS)
DECLARED = st.builds(
    lambda result, arguments: KernelFunction("declared", 100, result, tuple(arguments)), KINDS, st.lists(KINDS, min_size=1, max_size=5)
)


@given(st.sampled_from(TYPED) | DECLARED, ARGUMENTS, st.integers(0, 4), st.integers(0, 63))
def test_kernel_functions_look_at_the_bits_of_their_types(
    declared: KernelFunction, arguments: tuple[int, int, int, int, int], at: int, bit: int
) -> None:
    given, at = arguments[: len(declared.arguments)], at % len(declared.arguments)
    functions = environment(0, declared=() if declared in TYPED else (declared,))
    changed = tuple(value ^ (1 << bit if which == at else 0) for which, value in enumerate(given))
    results = [functions.kernel_functions[declared.number].function(*some) for some in (given, changed)]
    assert all(result == as_type(declared.result, result) for result in results)
    first, second = functions.calls
    assert (first.arguments == second.arguments) == (bit >= int(declared.arguments[at][1:]))


@pytest.mark.parametrize(("width", "same"), [(32, True), (64, False)])
def test_a_pointer_is_as_wide_as_the_machine(width: int, same: bool) -> None:
    functions = environment(0, surroundings=Surroundings(width=width), declared=(KernelFunction("f", 9, "u64", (POINTER,)),))
    assert (functions.kernel_functions[9].function(1) == functions.kernel_functions[9].function(1 | 1 << 32)) == same
