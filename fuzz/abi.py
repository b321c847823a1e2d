"""The calling conventions o32 and n64, from the view of the called function: where arguments are, where a result goes, what may change.

    o32   arguments are words at sp + 4 * n, of which the first four are in a0 to a3 and have only room in memory (the home area, which belongs
          to the called function). A 64-bit argument starts at an even word; its words are in memory order. A 64-bit result is in v0 and v1 in
          memory order.
    n64   the first eight arguments are in a0 to a7, each in a register of its own; there is no home area. 32-bit integers, unsigned as
          well, are sign-extended.

Sources: MIPS ABI supplement of System V, third edition, chapter 3; MIPSpro N32 ABI handbook (007-2816), chapter 2. The kernel adds
that gp is never changed, because it holds a pointer to the current task, and that k0 and k1 belong to exception handlers.

Register values are given as read from the engine: unsigned, of 64 bits on a 64-bit CPU and 32 bits otherwise. 32-bit code on a 64-bit CPU is held to
what keeps a 64-bit CPU defined: each word in a register is sign-extended.
"""

from collections.abc import Callable, Iterator, Sequence
from typing import NamedTuple

from jit.config import Config
from jit.mips import REGISTER_NAMES
from jit.runtime import Routine

HI, LO = 32, 33
"""Where the values of HI and LO are in a list of register values."""

REGISTERS = 34
"""Length of such a list: 32 general registers, HI and LO."""

V0, V1, A0, A1, GP, SP, RA = 2, 3, 4, 5, 28, 29, 31

CALLER_SAVED = (slice(1, 16), slice(24, 26), slice(HI, LO + 1))
"""What a called function may change; the numbers are the same in both ABIs: at, v0, v1, a0 on, t0 on; t8, t9; HI, LO."""

PRESERVED = (*range(16, 24), 26, 27, GP, SP, 30)
"""What must hold after a function what it held before: s0 to s7, k0, k1, gp, sp, fp."""

HOME_AREA = 16
"""Bytes at sp that belong to the called function in o32."""

_SMALL = {"u8": 8, "s8": 8, "u16": 16, "s16": 16, "s32": 32}
"""Integers that a register holds extended by their type; a u32 is sign-extended in n64."""

_WIDE = ("u64", "s64")

STACK_ALIGNMENT = {32: 8, 64: 16}
"""By width."""


class AbiError(Exception):
    """An argument is not passed as the ABI says: the message says what is wrong, as "expected …, got …"; `place` says where."""

    def __init__(self, place: str, expected: str, actual: str) -> None:
        super().__init__(f"{place}: expected {expected}, got {actual}")
        self.place, self.expected, self.actual = place, expected, actual


def register_name(number: int, config: Config) -> str:
    """As assemblers write it, with HI and LO as well."""
    return {HI: "HI", LO: "LO"}.get(number) or f"${REGISTER_NAMES[config.width][number]}"


def is_word(value: int) -> bool:
    """Whether an unsigned 64-bit value is a sign-extended word (NotWordValue of the MIPS64 manual, MD00087, is its negation)."""
    return value < 0x8000_0000 or value >= 0xFFFF_FFFF_8000_0000


class Caller(NamedTuple):
    """The state at the entry of a called function: register values, and a function that reads bytes of memory (address, size)."""

    config: Config
    registers: Sequence[int]
    read: Callable[[int, int], bytes]

    def word(self, number: int) -> int:
        """The register's value, which must be a word, as an unsigned 32-bit integer; raises AbiError when it is none."""
        value = self.registers[number]
        if self.config.cpu_64 and not is_word(value):
            raise AbiError(register_name(number, self.config), "a sign-extended word", f"{value:#x}")
        return value & 0xFFFFFFFF

    def arguments(self, types: Sequence[str]) -> tuple[int, ...]:
        """The arguments as unsigned integers of 32 or 64 bits; raises AbiError when one is not passed as the ABI says."""
        return tuple(self._n64(types) if self.config.width == 64 else self._o32(types))

    def _n64(self, types: Sequence[str]) -> Iterator[int]:
        for number, kind in enumerate(types, A0):
            yield self.word(number) if kind == "u32" else self._extended(kind, self.registers[number], 64, register_name(number, self.config))

    def _extended(self, kind: str, value: int, width: int, place: str) -> int:
        """The argument in a register of that width; raises AbiError when it is not extended by its type."""
        if kind not in _SMALL:
            return value
        bits = _SMALL[kind]
        cut = value & (1 << bits) - 1
        wanted = cut | ((1 << width) - (1 << bits) if kind[0] == "s" and cut >> bits - 1 else 0)
        if value != wanted:
            raise AbiError(place, f"{wanted:#x}, the {kind} extended", f"{value:#x}")
        return cut

    def _o32(self, types: Sequence[str]) -> Iterator[int]:
        at = 0
        for kind in types:
            if kind not in _WIDE:
                yield self._extended(kind, self._argument_word(at), 32, f"word {at}")
                at += 1
                continue
            at += at % 2
            first, second = self._argument_word(at), self._argument_word(at + 1)
            yield first << 32 | second if self.config.big_endian else second << 32 | first
            at += 2

    def _argument_word(self, at: int) -> int:
        if at < 4:
            return self.word(A0 + at)
        stack = self.read(self.registers[SP] + 4 * at & 0xFFFFFFFF, 4)
        return int.from_bytes(stack, "big" if self.config.big_endian else "little")


def argument_area(types: Sequence[str], width: int) -> int:
    """Bytes at sp that belong to a called function with these arguments."""
    if width == 64:
        return 0
    at = 0
    for kind in types:
        at = at + at % 2 + 2 if kind in _WIDE else at + 1
    return max(HOME_AREA, 4 * at)


def result(kind: str, value: int, config: Config) -> dict[int, int]:
    """The registers of a result and their values, words sign-extended to 64 bits; raises ValueError for a value that is not of the type."""
    if kind == "void":
        return {}
    bits = _SMALL.get(kind, 32 if kind == "u32" else 64)
    if not 0 <= value < 1 << bits:
        raise ValueError(f"{value:#x} is no {kind}")
    if kind in _SMALL:
        # A 32-bit word in 32-bit code is what n64 has sign-extended.
        value |= (1 << 32) - (1 << bits) if kind[0] == "s" and value >> bits - 1 else 0
        return {V0: sign_extended(value)}
    if kind == "u32" or config.width == 64:
        return {V0: value if bits == 64 else sign_extended(value)}
    low, high = sign_extended(value & 0xFFFFFFFF), sign_extended(value >> 32)
    return {V0: high, V1: low} if config.big_endian else {V0: low, V1: high}


def sign_extended(word: int) -> int:
    """An unsigned 32-bit integer as a 64-bit register holds it."""
    return word | 0xFFFF_FFFF_0000_0000 if word >> 31 else word


def helper_signature(arguments: int) -> Routine:
    """Helpers and kernel functions: so many 64-bit arguments to a 64-bit result."""
    return Routine("u64", ("u64",) * arguments)
