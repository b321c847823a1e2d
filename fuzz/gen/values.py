"""Values: boundary classes for operands and immediates, and to which class a value belongs.

Boundary values come as often as values at random. `value_class` and `immediate_class` partition all 64-bit values and all immediates: coverage is
counted in them.
"""

import random
from collections.abc import Callable

from fuzz.gen.choose import Chooser
from fuzz.suite.values import CONSTANTS, EDGES_32, EDGES_64, EDGES_NARROW, IMMEDIATES

MASK = (1 << 64) - 1
_WORD = (1 << 32) - 1


def _swapped(value: int) -> int:
    """The halves exchanged."""
    return value >> 32 | (value & _WORD) << 32


def _simplest_first(values: set[int]) -> tuple[int, ...]:
    return tuple(sorted(values, key=lambda value: (abs(value), value < 0)))


_POWERS = {(1 << bit) + step for bit in range(64) for step in (-1, 0, 1)}

_KNOWN = {*_POWERS, *EDGES_64, *EDGES_32, *EDGES_NARROW, *CONSTANTS}

EDGES: tuple[int, ...] = _simplest_first({number & MASK for known in _KNOWN for number in (known, ~known, -known, _swapped(known & MASK))})
"""Unsigned 64-bit values: powers of two ± 1, their negatives, complements and exchanged halves, and the edges of the instruction suites."""

IMMEDIATE_EDGES: tuple[int, ...] = _simplest_first(
    {value for bit in range(32) for step in (-1, 0, 1) for value in ((1 << bit) + step, -(1 << bit) - step) if -(1 << 31) <= value < 1 << 31}
    | set(IMMEDIATES)
)
"""Signed 32-bit values: powers of two ± 1 of both signs and the edges of what MIPS encodes."""

_COUNT_EDGES = (0, 1, 15, 16, 31, 32, 33, 63, 64, -1)

COUNTS: tuple[int, ...] = (*range(64), 64, 95, 255, 0x10000, -1, -(1 << 31), *_COUNT_EDGES * 7)
"""Shift counts as immediates: all, and some past the width, which are masked (RFC 9669 section 4.1); edges as often as any."""


def _is_power(number: int) -> bool:
    return number > 0 and number & (number - 1) == 0


def value_class(number: int) -> str:
    """The class of an unsigned 64-bit value."""
    high, low = number >> 32, number & _WORD
    if number in (0, 1, MASK):
        return {0: "zero", 1: "one", MASK: "minus one"}[number]
    if _is_power(number):
        return "power of two"
    if _is_power(number + 1) or _is_power(number - 1):
        return "beside a power of two"
    if high == 0:
        return "word, sign bit set" if low >> 31 else "positive word"
    if high == _WORD:
        return "negative word" if low >> 31 else "word, sign bit clear, high half set"
    if low == 0:
        return "high half only"
    return "other, sign bit of the low word set" if low >> 31 else "other, sign bit of the low word clear"


VALUE_CLASSES: tuple[str, ...] = (
    "zero", "one", "minus one", "power of two", "beside a power of two", "positive word", "word, sign bit set", "negative word",
    "word, sign bit clear, high half set", "high half only", "other, sign bit of the low word set", "other, sign bit of the low word clear",
)  # fmt: skip
"""All that `value_class` returns."""


def immediate_class(number: int) -> str:
    """The class of a signed 32-bit immediate: what MIPS does with it."""
    if number in (0, 1, -1):
        return {0: "zero", 1: "one", -1: "minus one"}[number]
    if number in (0x7FFF, -0x8000, 0x8000, -0x8001, 0xFFFF, 0x10000):
        return "edge of 16 bits"
    if number in (0x7FFFFFFF, -0x80000000):
        return "edge of 32 bits"
    if -0x8000 <= number < 0x8000:
        return "16 bits, signed" if number < 0 else "16 bits, positive"
    if 0 <= number <= 0xFFFF:
        return "16 bits, unsigned"
    if not number & 0xFFFF:
        return "upper half only"
    return "32 bits, negative" if number < 0 else "32 bits, positive"


IMMEDIATE_CLASSES: tuple[str, ...] = (
    "zero", "one", "minus one", "edge of 16 bits", "edge of 32 bits", "16 bits, signed", "16 bits, positive", "16 bits, unsigned",
    "upper half only", "32 bits, negative", "32 bits, positive",
)  # fmt: skip
"""All that `immediate_class` returns."""


_EACH = 24
"""How many edges of each class there are to choose from; of a class that has fewer some come more often."""


def _balanced(edges: tuple[int, ...], classify: Callable[[int], str]) -> tuple[int, ...]:
    """As many edges of each class, the simplest first."""
    classes: dict[str, list[int]] = {}
    for edge in edges:
        classes.setdefault(classify(edge), []).append(edge)
    chosen = [edge for known in classes.values() for edge in (known[at * len(known) // _EACH] for at in range(_EACH))]
    return tuple(sorted(chosen, key=edges.index))


_EVEN, _EVEN_IMMEDIATES = _balanced(EDGES, value_class), _balanced(IMMEDIATE_EDGES, immediate_class)


def value(choose: Chooser) -> int:
    """An unsigned 64-bit value: an edge as often as any, of each class as often."""
    at = choose.number(0, 2 * len(_EVEN) - 1)
    return _EVEN[at] if at < len(_EVEN) else choose.number(0, MASK)


def immediate(choose: Chooser) -> int:
    """A signed 32-bit immediate: an edge as often as any, of each class as often."""
    at = choose.number(0, 2 * len(_EVEN_IMMEDIATES) - 1)
    return _EVEN_IMMEDIATES[at] if at < len(_EVEN_IMMEDIATES) else choose.number(-(1 << 31), (1 << 31) - 1)


def mask_immediate(choose: Chooser) -> int:
    """A signed 32-bit immediate for bitwise operations: as often contiguous bits, or all but those, as any."""
    if choose.rarely(2):
        low = choose.number(0, 31)
        mask = (1 << choose.number(low, 31) + 1) - (1 << low)
        return (mask ^ -choose.number(0, 1) ^ 1 << 31) % (1 << 32) - (1 << 31)
    return immediate(choose)


_COMPARED = (0, 1, -1, 0x7FFE, 0x7FFF, 0x8000, -0x8000, -0x8001, 0xFFFE, 0xFFFF, 0x10000, 0x7FFFFFFE, 0x7FFFFFFF, -0x7FFFFFFF, -0x80000000)
"""Immediates of comparisons at which the code changes, and beside them: `slti` has 16 signed bits, and x <= n is x < n + 1."""


def branch_immediate(choose: Chooser) -> int:
    """A signed 32-bit immediate that is compared with: as often one at which the code of comparisons changes as any."""
    at = choose.number(0, 2 * len(_COMPARED) - 1)
    return _COMPARED[at] if at < len(_COMPARED) else immediate(choose)


def random_value(source: random.Random) -> int:
    """The same as `value`, from a generator of pseudo-random numbers."""
    return source.choice(_EVEN) if source.getrandbits(1) else source.getrandbits(64)
