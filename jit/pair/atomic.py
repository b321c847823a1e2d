"""Atomic operations where two 32-bit registers hold an eBPF register: words with LL and SC, all else through runtime routines."""

from jit.code import Emitter
from jit.linked import OLD, access, compare_exchange, routine_name, update
from jit.pair import alu
from jit.pair.alu import Pair
from jit.pair.call import Argument, in_order, routine
from jit.registers import pairs

PADDING = None
"""A word that is not looked at: a 64-bit argument starts at an even one."""


def atomic(e: Emitter, operation: str, base: int, offset: int, s: Pair, size: int) -> None:
    if size == 4 and e.has("ll"):
        update(e, access(e, size, base, offset, "addu"), operation, s[0], ordered=False)
    else:
        routine(e, routine_name(size, operation), _arguments(e, base, offset, s, size), None)


def fetch(e: Emitter, operation: str, base: int, offset: int, s: Pair, size: int) -> None:
    if size == 4 and e.has("ll"):
        update(e, access(e, size, base, offset, "addu"), operation, s[0], ordered=True)
        e.move(s[0], OLD)
        alu.clear_high(e, s)
    else:
        routine(e, routine_name(size, operation), _arguments(e, base, offset, s, size), s, bits=8 * size)


def cmpxchg(e: Emitter, base: int, offset: int, s: Pair, size: int) -> None:
    r0 = pairs(e.config)[0]
    if size == 4 and e.has("ll"):
        compare_exchange(e, access(e, size, base, offset, "addu"), r0[0], s[0])
        e.move(r0[0], OLD)
        alu.clear_high(e, r0)
    elif size == 4:
        routine(e, routine_name(size, "cmpxchg"), [Argument(base, offset), Argument(r0[0]), Argument(s[0])], r0, bits=32)
    else:
        arguments: list[Argument | None] = [Argument(base, offset), PADDING, *in_order(e, r0), *in_order(e, s)]
        routine(e, routine_name(size, "cmpxchg"), arguments, r0)


def load_acquire(e: Emitter, d: Pair, base: int, offset: int) -> None:
    """Of 8 bytes, in one piece."""
    routine(e, "atomic64_load", [Argument(base, offset)], d)


def store_release(e: Emitter, s: Pair, base: int, offset: int) -> None:
    """Of 8 bytes, in one piece."""
    routine(e, "atomic64_store", _arguments(e, base, offset, s, 8), None)


def _arguments(e: Emitter, base: int, offset: int, s: Pair, size: int) -> list[Argument | None]:
    if size == 4:
        return [Argument(base, offset), Argument(s[0])]
    return [Argument(base, offset), PADDING, *in_order(e, s)]
