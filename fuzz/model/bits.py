"""What the meanings of MIPS instructions are made of: parts of 64-bit registers.

A register is a signed integer of 64 bits. Then the same text is right for Python's integers, which have no end, for numba's `int64`, which wraps,
and for bit-vectors whose operators are signed: none of them has to be told which it is, and no expression mixes signed with unsigned
numbers, of which numba makes floating-point ones. `native` marks what numba compiles when compiled code calls it; for Python it changes nothing.
Only what may leave the range of a register has two texts, `plus`, `minus` and `times`: numba tells LLVM that signed integers never do.

On a 32-bit CPU a register is kept as a sign-extended word, which none of its instructions can tell from a register of 32 bits.
"""

from collections.abc import Callable
from typing import Any, TypeVar

import numpy as np
from numba.extending import overload, register_jitable
from numpy.typing import NDArray

Numbers = NDArray[np.int64]

_Function = TypeVar("_Function", bound=Callable[..., Any])


def native(function: _Function) -> _Function:
    """The function itself, which compiled code may call as well."""
    marked: _Function = register_jitable(function)
    return marked


@native
def low(x: int) -> int:
    """Bits 31 to 0, zero-extended."""
    return x & 0xFFFFFFFF


@native
def word(x: int) -> int:
    """Bits 31 to 0, sign-extended: sign_extend(x31..0) of the manual."""
    return (x & 0xFFFFFFFF ^ 0x80000000) - 0x80000000


@native
def double(x: int) -> int:
    """Bits 63 to 0, as a signed integer."""
    return word(x >> 32) << 32 | low(x)


def plus(x: int, y: int) -> int:
    """x + y, modulo 2^64."""
    return double(x + y)


def minus(x: int, y: int) -> int:
    """x - y, modulo 2^64."""
    return double(x - y)


def times(x: int, y: int) -> int:
    """x * y, modulo 2^64."""
    return double(x * y)


# Numba compares the arguments of a text with those of what it stands for, types included.


@overload(plus)
def _plus(x, y):  # type: ignore[no-untyped-def]
    return lambda x, y: np.int64(np.uint64(x) + np.uint64(y))


@overload(minus)
def _minus(x, y):  # type: ignore[no-untyped-def]
    return lambda x, y: np.int64(np.uint64(x) - np.uint64(y))


@overload(times)
def _times(x, y):  # type: ignore[no-untyped-def]
    return lambda x, y: np.int64(np.uint64(x) * np.uint64(y))


@native
def sign_extended_halfword(x: int) -> int:
    """Bits 15 to 0, sign-extended."""
    return (x & 0xFFFF ^ 0x8000) - 0x8000


@native
def sign_extended_byte(x: int) -> int:
    """Bits 7 to 0, sign-extended."""
    return (x & 0xFF ^ 0x80) - 0x80


@native
def is_word(x: int) -> bool:
    """Whether bits 63 to 31 are all equal; NotWordValue of the manual is its negation."""
    return word(x) == x


@native
def ones(size: int) -> int:
    """As many bits that are 1, 1 to 64; 64 of them are -1 or, what is the same in a register, 2^64 - 1."""
    return ~(-1 << size - 1 << 1)


@native
def shifted_right(x: int, n: int) -> int:
    """A doubleword shifted right by 0 to 63 bits, with zeros from the left."""
    return double(x >> n & ones(64 - n))


@native
def below(x: int, y: int) -> bool:
    """Whether x is less than y, both as unsigned doublewords."""
    return (x < y) != (x ^ y < 0)


@native
def choose(condition: bool, first: int, second: int) -> int:
    """The first where the condition holds, else the second."""
    return first if condition else second


@native
def high_product(x: int, y: int) -> int:
    """Bits 127 to 64 of the product of unsigned doublewords, from the four products of their halves."""
    x_high, x_low, y_high, y_low = low(x >> 32), low(x), low(y >> 32), low(y)
    first = plus(times(x_high, y_low), low(times(x_low, y_low) >> 32))
    second = plus(times(x_low, y_high), low(first))
    return plus(times(x_high, y_high), low(first >> 32) + low(second >> 32))


@native
def unsigned_quotient(x: int, y: int) -> int:
    """The quotient of unsigned doublewords; the divisor is not 0.

    With a divisor of 2^63 or more it is 0 or 1. Otherwise half the dividend gives half the quotient, which is then exact or one too small.
    """
    half = (shifted_right(x, 1) // choose(y > 0, y, 1)) << 1
    rest = minus(x, times(half, y))
    return choose(y < 0, choose(below(x, y), 0, 1), plus(half, choose(below(rest, y), 0, 1)))


@native
def unsigned_remainder(x: int, y: int) -> int:
    """The remainder of unsigned doublewords; the divisor is not 0."""
    return minus(x, times(unsigned_quotient(x, y), y))


@native
def magnitude(x: int) -> int:
    """Of a signed doubleword, as an unsigned one: that of -2^63 is 2^63."""
    return choose(x < 0, minus(0, x), x)


@native
def signed_quotient(x: int, y: int) -> int:
    """The quotient of signed doublewords, truncated towards zero; the divisor is not 0. -2^63 / -1 is -2^63."""
    quotient = unsigned_quotient(magnitude(x), magnitude(y))
    return choose(x ^ y < 0, minus(0, quotient), quotient)


@native
def signed_remainder(x: int, y: int) -> int:
    """The remainder of signed doublewords, with the sign of the dividend; the divisor is not 0."""
    return minus(x, times(signed_quotient(x, y), y))


@native
def leading_zeros(x: int, size: int) -> int:
    """How many of the upper bits of an unsigned integer of `size` bits are 0 before the first 1."""
    count = 0
    for position in range(size):
        count += choose(x >> position == 0, 1, 0)
    return count


@native
def reversed_bits(x: int) -> int:
    """Each byte of a doubleword with its bits in reverse order: halves, quarters and single bits change places."""
    x = x >> 4 & 0x0F0F0F0F0F0F0F0F | (x & 0x0F0F0F0F0F0F0F0F) << 4
    x = x >> 2 & 0x3333333333333333 | (x & 0x3333333333333333) << 2
    return double(x >> 1 & 0x5555555555555555 | (x & 0x5555555555555555) << 1)


@native
def swapped_bytes(x: int) -> int:
    """A doubleword with the two bytes of each halfword exchanged."""
    return double(x >> 8 & 0x00FF00FF00FF00FF | (x & 0x00FF00FF00FF00FF) << 8)
