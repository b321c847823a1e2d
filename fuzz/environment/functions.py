"""The functions that programs may call: a deterministic set with the kernel's numbers and meanings.

Oracle and target each get a fresh set for a run, made by the same function from the same seed, so that the n-th call gives the same
result on both. Each call is written down: a call too many, in another order or with another argument is a difference even when its result is
not used, and so is one that finds other bytes where its arguments point to.
"""

from collections.abc import Callable, Iterable, Iterator, Mapping
from functools import partial
from types import MappingProxyType
from typing import NamedTuple

from ebpf.instruction import KERNEL_FUNCTIONS as KERNEL_FUNCTIONS_BY_NAME
from ebpf.kernel import POINTER, KernelFunction
from fuzz.environment.helpers import MAXIMUM_FORMAT, Surroundings, csum_diff, printed, skb_load_bytes
from fuzz.environment.maps import Maps
from oracle.world import Helper, HelperMemory, RefusedCallError

MAP_LOOKUP_ELEM = 1
MAP_UPDATE_ELEM = 2
MAP_DELETE_ELEM = 3
KTIME_GET_NS = 5
TRACE_PRINTK = 6
GET_PRANDOM_U32 = 7
GET_SMP_PROCESSOR_ID = 8
SKB_LOAD_BYTES = 26
CSUM_DIFF = 28
"""Helper functions by the numbers of Linux's enum bpf_func_id."""

MIX = KERNEL_FUNCTIONS_BY_NAME["mix"]
"""BTF id of the kernel function `mix`."""

THROW = KERNEL_FUNCTIONS_BY_NAME["bpf_throw"]
"""BTF id of bpf_throw, which is no function that returns: oracle and compiler know it themselves."""

TYPED: tuple[KernelFunction, ...] = (
    KernelFunction("mix_small", KERNEL_FUNCTIONS_BY_NAME["mix_small"], "s32", ("u8", "s8", "u16", "s16", "u32")),
    KernelFunction("mix_wide", KERNEL_FUNCTIONS_BY_NAME["mix_wide"], "u16", ("s32", "u64", "u32", "s64", "u8")),
    KernelFunction("mix_signed", KERNEL_FUNCTIONS_BY_NAME["mix_signed"], "s8", ("s64", "s16", "s32", "u32", "s8")),
)
"""Kernel functions that are always there, and do what those do that programs declare: `mix` of the arguments, cut to the type of the result."""

MAXIMUM_DECLARED = 16
"""So many kernel functions a program may declare."""

_U64 = (1 << 64) - 1

# Odd and pairwise different, so that each argument has a weight of its own in every bit from its lowest one up.
_WEIGHTS = (0x9E3779B97F4A7C15, 0xC2B2AE3D27D4EB4F, 0x165667B19E3779F9, 0xD6E8FEB86659FD93, 0xA0761D6478BD642F)


_NOWHERE = Surroundings()


class Call(NamedTuple):
    """A call that was made, its declared arguments and its result as unsigned 64-bit integers, and the bytes that it read from memory."""

    name: str
    arguments: tuple[int, ...]
    result: int
    data: tuple[bytes, ...] = ()

    def __str__(self) -> str:
        read = f", reads {' and '.join(data.hex() for data in self.data)}" if self.data else ""
        return f"{self.name}({', '.join(f'{argument:#x}' for argument in self.arguments)}) = {self.result:#x}{read}"


class _Shared(NamedTuple):
    """What the functions of a run share: `start` is the number that a seed makes, from which times and random numbers come."""

    calls: list[Call]
    maps: Maps
    surroundings: Surroundings
    start: int


_Maker = Callable[[_Shared], Helper]


class _Functions(Mapping[int, Helper]):
    """Functions by number, each made when it is asked for: a run calls few."""

    def __init__(self, makers: Mapping[int, _Maker], shared: _Shared) -> None:
        self._makers = makers
        self._shared = shared
        self._made: dict[int, Helper] = {}

    def __getitem__(self, number: int) -> Helper:
        found = self._made.get(number)
        if found is None:
            found = self._made[number] = self._makers[number](self._shared)
        return found

    def __iter__(self) -> Iterator[int]:
        return iter(self._makers)

    def __len__(self) -> int:
        return len(self._makers)


class Environment(NamedTuple):
    """The functions for one run, by number, the calls that they have seen so far, and the maps that they work on."""

    helpers: Mapping[int, Helper]
    kernel_functions: Mapping[int, Helper]
    calls: list[Call]
    maps: Maps


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


def environment(seed: int, maps: Maps | None = None, surroundings: Surroundings = _NOWHERE, declared: tuple[KernelFunction, ...] = ()) -> Environment:
    """A fresh set of functions: a clock that starts at a time of the seed's, random numbers, a processor number, `mix`; those of maps and memory.

    `declared` are the kernel functions that the program declares: all of them mix what they get.
    """
    known = Maps((), "little") if maps is None else maps
    shared = _Shared([], known, surroundings, scramble((seed ^ _WEIGHTS[1]) & _U64))
    kernel_functions = {**_KERNEL_FUNCTIONS, **_makers(declared)} if declared else _KERNEL_FUNCTIONS
    return Environment(_Functions(_HELPERS, shared), _Functions(kernel_functions, shared), shared.calls, known)


def as_type(kind: str, value: int, width: int = 64) -> int:
    """A value as one of the type, extended by it to 64 bits; unsigned. A pointer has `width` bits."""
    bits = width if kind == POINTER else int(kind[1:])
    value &= (1 << bits) - 1
    return (value - (1 << bits)) & _U64 if kind[0] == "s" and value >> bits - 1 else value


def _typed(declared: KernelFunction, shared: _Shared) -> Helper:
    """Oracle and target may give an argument with more bits than its type has."""
    calls, width = shared.calls, shared.surroundings.width

    def function(*given: int) -> int:
        arguments = tuple(as_type(kind, value, width) for kind, value in zip(declared.arguments, given, strict=True))
        first, second, third, fourth, fifth = arguments + (0,) * (len(_WEIGHTS) - len(arguments))
        result = as_type(declared.result, mix(first, second, third, fourth, fifth))
        calls.append(Call(declared.name, arguments, result))
        return result

    return Helper(declared.name, len(declared.arguments), function)


def _makers(functions: Iterable[KernelFunction]) -> dict[int, _Maker]:
    return {one.number: partial(_typed, one) for one in functions}


def conforming(functions: Environment) -> Environment:
    """The same for tests of the bpf_conformance suite, where helper 5 returns its first argument."""
    helper = _recorded(functions.calls, "first_argument", 1, lambda first: first)
    return functions._replace(helpers={**functions.helpers, KTIME_GET_NS: helper})


def _map_lookup(shared: _Shared) -> Helper:
    maps = shared.maps

    def lookup(memory: HelperMemory, address: int, key: int) -> int:
        found = maps.find(address)
        return found.lookup(memory.read(key, found.placed.map.key_size))

    return _reading(shared.calls, "map_lookup_elem", 2, lookup)


def _map_update(shared: _Shared) -> Helper:
    maps = shared.maps

    def update(memory: HelperMemory, address: int, key: int, value: int, flags: int) -> int:
        found = maps.find(address)
        contents = memory.read(key, found.placed.map.key_size), memory.read(value, found.placed.map.value_size)
        return found.update(*contents, flags, memory)

    return _reading(shared.calls, "map_update_elem", 4, update)


def _map_delete(shared: _Shared) -> Helper:
    maps = shared.maps

    def delete(memory: HelperMemory, address: int, key: int) -> int:
        found = maps.find(address)
        return found.delete(memory.read(key, found.placed.map.key_size))

    return _reading(shared.calls, "map_delete_elem", 2, delete)


def _trace_printk(shared: _Shared) -> Helper:
    """What it prints is written down with its format. It takes as many of r3 to r5 as the format says."""
    calls, known = shared.calls, shared.surroundings

    def print_format(memory: HelperMemory, address: int, size: int, *others: int | None) -> int:
        if not 0 < size & 0xFFFFFFFF <= MAXIMUM_FORMAT:
            raise RefusedCallError(f"r2 is {size:#x}; a format has 1 to {MAXIMUM_FORMAT} bytes here")
        text = memory.read(address, size & 0xFFFFFFFF)
        done = printed(text, others, known.width)
        given = tuple(other for other in others[: done.taken] if other is not None)
        calls.append(Call("trace_printk", (address, size, *given), done.result, (text, done.text)))
        return done.result

    return Helper("trace_printk", 2, print_format, memory=True, more=3)


def _skb_load_bytes(shared: _Shared) -> Helper:
    return _reading(shared.calls, "skb_load_bytes", 4, lambda memory, *given: skb_load_bytes(memory, shared.surroundings, *given))


def _csum_diff(shared: _Shared) -> Helper:
    return _reading(shared.calls, "csum_diff", 5, lambda memory, *given: csum_diff(memory, shared.surroundings, *given))


def _ktime_get_ns(shared: _Shared) -> Helper:
    # Above 2^32, so that a lost half shows.
    first = shared.start >> 2 | 1 << 40
    return _recorded(shared.calls, "ktime_get_ns", 0, lambda: first + 1_000_003 * len(shared.calls))


def _get_prandom_u32(shared: _Shared) -> Helper:
    return _recorded(shared.calls, "get_prandom_u32", 0, lambda: scramble(shared.start + len(shared.calls) & _U64) >> 32)


def _get_smp_processor_id(shared: _Shared) -> Helper:
    return _recorded(shared.calls, "get_smp_processor_id", 0, lambda: shared.start % 8)


def _mix(shared: _Shared) -> Helper:
    return _recorded(shared.calls, "mix", 5, mix)


def _recorded(calls: list[Call], name: str, arguments: int, function: Callable[..., int]) -> Helper:
    def record(*given: int) -> int:
        result = function(*given)
        calls.append(Call(name, given, result))
        return result

    return Helper(name, arguments, record)


class _Reader:
    """A view of memory that remembers what was read."""

    def __init__(self, memory: HelperMemory) -> None:
        self._memory = memory
        self.read_bytes: list[bytes] = []

    def read(self, address: int, size: int) -> bytes:
        contents = self._memory.read(address, size)
        self.read_bytes.append(contents)
        return contents

    def write(self, address: int, contents: bytes) -> None:
        self._memory.write(address, contents)


def _reading(calls: list[Call], name: str, arguments: int, function: Callable[..., int]) -> Helper:
    """A function that gets memory."""

    def record(memory: HelperMemory, *given: int) -> int:
        reader = _Reader(memory)
        result = function(reader, *given)
        calls.append(Call(name, given, result, tuple(reader.read_bytes)))
        return result

    return Helper(name, arguments, record, memory=True)


_HELPERS: Mapping[int, _Maker] = MappingProxyType(
    {
        MAP_LOOKUP_ELEM: _map_lookup,
        MAP_UPDATE_ELEM: _map_update,
        MAP_DELETE_ELEM: _map_delete,
        TRACE_PRINTK: _trace_printk,
        SKB_LOAD_BYTES: _skb_load_bytes,
        CSUM_DIFF: _csum_diff,
        KTIME_GET_NS: _ktime_get_ns,
        GET_PRANDOM_U32: _get_prandom_u32,
        GET_SMP_PROCESSOR_ID: _get_smp_processor_id,
    }
)
_KERNEL_FUNCTIONS: Mapping[int, _Maker] = MappingProxyType({MIX: _mix, **_makers(TYPED)})

_SAMPLE = environment(0)
HELPERS = tuple(_SAMPLE.helpers)
WITHOUT_ARGUMENTS = tuple(number for number, helper in _SAMPLE.helpers.items() if not helper.arguments)
KERNEL_FUNCTIONS = tuple(_SAMPLE.kernel_functions)
"""Numbers of the functions that every environment has."""
