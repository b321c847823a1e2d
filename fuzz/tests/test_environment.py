"""The functions that programs may call: deterministic, and sensitive to every bit that they are given."""

import struct

from hypothesis import given, settings
from hypothesis import strategies as st

from fuzz.environment import GET_PRANDOM_U32, GET_SMP_PROCESSOR_ID, KTIME_GET_NS, MIX, SIGNATURES, as_type, environment, mix, scramble

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


@given(st.sampled_from(sorted(SIGNATURES)), ARGUMENTS, st.integers(0, 4), st.integers(0, 63))
def test_kernel_functions_look_at_the_bits_of_their_types(number: int, arguments: tuple[int, int, int, int, int], at: int, bit: int) -> None:
    functions, signature = environment(0), SIGNATURES[number]
    changed = tuple(value ^ (1 << bit if which == at else 0) for which, value in enumerate(arguments))
    results = [functions.kernel_functions[number].function(*given) for given in (arguments, changed)]
    assert all(result == as_type(signature.result, result) for result in results)
    first, second = functions.calls
    assert (first.arguments == second.arguments) == (bit >= int(signature.arguments[at][1:]))
