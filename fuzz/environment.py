"""The functions that programs may call: a small deterministic set with the kernel's numbers that need no memory.

Oracle and target each get a fresh set for a run, made by the same function from the same seed, so that the n-th call gives the same
result on both. Each call is written down: a call too many, in another order or with another argument is a difference even when its result is
not used.
"""

from collections.abc import Callable, Mapping
from typing import NamedTuple

from oracle.world import Helper

KTIME_GET_NS = 5
GET_PRANDOM_U32 = 7
GET_SMP_PROCESSOR_ID = 8
"""Helper functions by the numbers of Linux's enum bpf_func_id."""

MIX = 1
"""BTF id of the kernel function `mix`."""

_U64 = (1 << 64) - 1

# Odd and pairwise different, so that each argument has a weight of its own in every bit from its lowest one up.
_WEIGHTS = (0x9E3779B97F4A7C15, 0xC2B2AE3D27D4EB4F, 0x165667B19E3779F9, 0xD6E8FEB86659FD93, 0xA0761D6478BD642F)


class Call(NamedTuple):
    """A call that was made, its declared arguments and its result as unsigned 64-bit integers."""

    name: str
    arguments: tuple[int, ...]
    result: int

    def __str__(self) -> str:
        return f"{self.name}({', '.join(f'{argument:#x}' for argument in self.arguments)}) = {self.result:#x}"


class Environment(NamedTuple):
    """The functions for one run, by number, and the calls that they have seen so far."""

    helpers: Mapping[int, Helper]
    kernel_functions: Mapping[int, Helper]
    calls: list[Call]


def scramble(value: int) -> int:
    """A bijection of unsigned 64-bit integers in which each bit depends on all others (multiply and fold, three times)."""
    for shift in (32, 29, 32):
        value = (value ^ value >> shift) * _WEIGHTS[0] & _U64
    return value ^ value >> 32


def mix(first: int, second: int, third: int, fourth: int, fifth: int) -> int:
    """A hash of five unsigned 64-bit integers to one, that changes when any two are exchanged or any one is truncated."""
    state = 0
    for argument, weight in zip((first, second, third, fourth, fifth), _WEIGHTS, strict=True):
        state = scramble(state ^ scramble(argument + weight & _U64))
    return state


def environment(seed: int) -> Environment:
    """A fresh set of functions: a clock that starts at a time of the seed's and goes on, pseudo-random numbers, a processor number, `mix`."""
    calls: list[Call] = []
    start = scramble((seed ^ _WEIGHTS[1]) & _U64)

    def ktime_get_ns() -> int:
        # Above 2^32, so that a lost half shows.
        return (start >> 2 | 1 << 40) + 1_000_003 * len(calls)

    def get_prandom_u32() -> int:
        return scramble(start + len(calls) & _U64) >> 32

    def get_smp_processor_id() -> int:
        return start % 8

    return Environment(
        {
            KTIME_GET_NS: _recorded(calls, "ktime_get_ns", 0, ktime_get_ns),
            GET_PRANDOM_U32: _recorded(calls, "get_prandom_u32", 0, get_prandom_u32),
            GET_SMP_PROCESSOR_ID: _recorded(calls, "get_smp_processor_id", 0, get_smp_processor_id),
        },
        {MIX: _recorded(calls, "mix", 5, mix)},
        calls,
    )


def _recorded(calls: list[Call], name: str, arguments: int, function: Callable[..., int]) -> Helper:
    def record(*given: int) -> int:
        result = function(*given)
        calls.append(Call(name, given, result))
        return result

    return Helper(name, arguments, record)


_SAMPLE = environment(0)
HELPERS = tuple(_SAMPLE.helpers)
KERNEL_FUNCTIONS = tuple(_SAMPLE.kernel_functions)
"""Numbers of the functions that every environment has."""
