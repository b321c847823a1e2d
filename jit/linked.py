"""Atomic operations with LL and SC, on one register each for address, operand and result.

    [sync]                        fetching operations are fully ordered, as Linux defines them for eBPF
    retry:  ll    old, offset(base)
            op    new, old, operand
            sc    new, offset(base)
            beq   new, zero, retry
    [sync]

Between LL and SC there is no access to memory, and at most two instructions. LL gives a sign-extended word, and SC stores the low word of any
register, so the operation in between may be a 64-bit one on a 64-bit CPU, which takes operands that are not sign-extended.
"""

from typing import NamedTuple

from jit.code import Emitter
from jit.registers import AT, T8, T9, ZERO

OLD = T8
"""Where the value that was in memory is left."""


class Access(NamedTuple):
    """A location and the instructions for its size: `ll` and `sc`, or `lld` and `scd`; `add` is one that takes any operand."""

    ll: str
    sc: str
    add: str
    base: int
    offset: int


def routine_name(size: int, operation: str) -> str:
    """The runtime routine for "add", "or", "and", "xor", "xchg" or "cmpxchg" with a value of so many bytes."""
    return f"atomic{8 * size}_{operation if operation in ('xchg', 'cmpxchg') else f'fetch_{operation}'}"


def access(e: Emitter, size: int, base: int, offset: int, add: str) -> Access:
    """Make the offset fit: LL and SC of release 6 have 9 bits. Uses t9."""
    if not e.fits("ll", AT, offset, base):
        e.op("daddiu" if e.config.width == 64 else "addiu", T9, base, offset)
        base, offset = T9, 0
    return Access("ll" if size == 4 else "lld", "sc" if size == 4 else "scd", add, base, offset)


def update(e: Emitter, at: Access, operation: str, operand: int, ordered: bool) -> None:
    """Replace what is in memory by the result of "add", "or", "and", "xor" or "xchg" with the operand; the old value is left in OLD."""
    if ordered:
        e.op("sync", 0)
    retry = e.local()
    e.place(retry)
    e.op(at.ll, OLD, at.offset, at.base)
    if operation == "xchg":
        e.move(AT, operand)
    else:
        e.op(at.add if operation == "add" else operation, AT, OLD, operand)
    _conclude(e, at, retry)
    if ordered:
        e.op("sync", 0)


def compare_exchange(e: Emitter, at: Access, expected: int, new: int) -> None:
    """Store `new` if memory equals `expected` (for a word: sign-extended); the old value is left in OLD."""
    e.op("sync", 0)
    retry, done = e.local(), e.local()
    e.place(retry)
    e.op(at.ll, OLD, at.offset, at.base)
    e.branch("bne", OLD, expected, to=done, slot=e.make("or", AT, new, ZERO))
    _conclude(e, at, retry)
    e.place(done)
    e.op("sync", 0)


def _conclude(e: Emitter, at: Access, retry: int) -> None:
    e.op(at.sc, AT, at.offset, at.base)
    if e.has("beqzc"):
        e.branch("beqzc", AT, to=retry)
    else:
        e.branch("beq", AT, ZERO, to=retry, slot=e.nop())
