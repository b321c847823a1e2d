"""How a traced function is called: its arguments and its result, of any type, by the conventions o32 and n64.

    o32   an argument of up to 32 bits is a word, one of 64 bits two words in memory order from an even place on; the first four words are in a0
          to a3, and word n lies at sp + 4 n otherwise
    n64   each argument is a doubleword, the first eight in a0 to a7, and number n at sp + 8 (n - 8) otherwise
    both  a value that is narrower than that is extended by its type; in n64 a 32-bit one by its sign, whatever its type

Sources: MIPS ABI supplement of System V, third edition, chapter 3; MIPSpro N32 ABI handbook (007-2816), chapter 2. This is written without regard to
how a compiler does it. Values are unsigned 64-bit integers, extended to that by their types.
"""

from collections.abc import Callable, Sequence
from typing import NamedTuple

from ebpf.trampoline import SIZES
from fuzz.abi import A0, V0, V1, is_word, register_name, sign_extended
from jit.config import Config

_MASK_32 = 0xFFFF_FFFF


class Mismatch(Exception):  # noqa: N818
    """A value is not passed as the convention says; the message says which, and what is wrong."""


class Place(NamedTuple):
    """Where a part of an argument is: in a register, or at a distance from sp in bytes."""

    register: int | None
    offset: int


def _parts(kind: str, value: int, config: Config) -> list[int]:
    """What registers or stack places hold of a value, each an unsigned 64-bit integer."""
    if config.width == 64:
        return [sign_extended(value & _MASK_32) if kind == "u32" else value]
    low, high = sign_extended(value & _MASK_32), sign_extended(value >> 32)
    if SIZES[kind] < 8:
        return [low]
    return [high, low] if config.big_endian else [low, high]


def _places(kinds: Sequence[str], config: Config) -> list[list[Place]]:
    """For each argument the places of its parts."""
    found: list[list[Place]] = []
    used = 0
    for kind in kinds:
        parts = 2 if config.width == 32 and SIZES[kind] == 8 else 1
        if parts == 2 and used % 2:
            used += 1
        mine = range(used, used + parts)
        if config.width == 32:
            found.append([Place(A0 + n if n < 4 else None, 4 * n) for n in mine])
        else:
            found.append([Place(A0 + n if n < 8 else None, 8 * (n - 8)) for n in mine])
        used += parts
    return found


def area(kinds: Sequence[str], config: Config) -> int:
    """Bytes at sp that belong to the called function."""
    least = 16 if config.width == 32 else 0
    return max([least, *(place.offset + config.width // 8 for places in _places(kinds, config) for place in places)])


class Passed(NamedTuple):
    """Arguments as they are passed: registers by number, and bytes by their distance from sp."""

    registers: dict[int, int]
    stack: dict[int, bytes]


def pass_arguments(kinds: Sequence[str], values: Sequence[int], config: Config) -> Passed:
    """For a call of the function."""
    passed = Passed({}, {})
    for kind, value, places in zip(kinds, values, _places(kinds, config), strict=True):
        for place, part in zip(places, _parts(kind, value, config), strict=True):
            if place.register is not None:
                passed.registers[place.register] = part
            else:
                size = config.width // 8
                passed.stack[place.offset] = (part & (1 << config.width) - 1).to_bytes(size, "big" if config.big_endian else "little")
    return passed


def take_arguments(kinds: Sequence[str], registers: Sequence[int], read: Callable[[int, int], bytes], config: Config) -> tuple[int, ...]:
    """In the function: `read` gives bytes at a distance from sp. Raises Mismatch for an argument that is not extended as its type says."""
    values = []
    for number, (kind, places) in enumerate(zip(kinds, _places(kinds, config), strict=True)):
        parts = [_taken(place, registers, read, config) for place in places]
        values.append(_value(f"argument {number}, of type {kind}", kind, parts, config))
    return tuple(values)


def _taken(place: Place, registers: Sequence[int], read: Callable[[int, int], bytes], config: Config) -> int:
    if place.register is None:
        return int.from_bytes(read(place.offset, config.width // 8), "big" if config.big_endian else "little")
    value = registers[place.register]
    if config.width == 32 and config.cpu_64 and not is_word(value):
        raise Mismatch(f"{register_name(place.register, config)} holds {value:#x}, which is no sign-extended word")
    return value & (1 << config.width) - 1


def _value(what: str, kind: str, parts: Sequence[int], config: Config) -> int:
    """The value that the parts make, extended by its type."""
    if len(parts) == 2:
        return parts[0] << 32 | parts[1] if config.big_endian else parts[1] << 32 | parts[0]
    (part,) = parts
    bits = 8 * SIZES[kind] if SIZES[kind] else config.width
    value = part & (1 << bits) - 1
    if kind[0] == "s" and value >> bits - 1:
        value += (1 << 64) - (1 << bits)
    held = _parts(kind, value, config)[0] & (1 << config.width) - 1
    if held != part:
        raise Mismatch(f"{what} is {part:#x}, expected {held:#x}")
    return value


def result_registers(kind: str, value: int, config: Config) -> dict[int, int]:
    """The registers of a result."""
    if kind == "void":
        return {}
    parts = _parts(kind, value, config)
    return dict(zip((V0, V1), parts, strict=False))


def take_result(kind: str, registers: Sequence[int], config: Config) -> int:
    """The result that registers hold, 0 for void; raises Mismatch."""
    if kind == "void":
        return 0
    count = 2 if config.width == 32 and SIZES[kind] == 8 else 1
    for number in (V0, V1)[:count]:
        if config.width == 32 and config.cpu_64 and not is_word(registers[number]):
            raise Mismatch(f"{register_name(number, config)} holds {registers[number]:#x}, which is no sign-extended word")
    parts = [registers[number] & (1 << config.width) - 1 for number in (V0, V1)[:count]]
    return _value(f"result, of type {kind}", kind, parts, config)
