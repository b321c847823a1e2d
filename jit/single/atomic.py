"""Atomic operations where one 64-bit register holds an eBPF register: with LL and SC, or without them through runtime routines."""

from jit.code import Emitter
from jit.linked import OLD, access, compare_exchange, routine_name, update
from jit.moves import Source
from jit.registers import N64_T0, V0
from jit.single import alu
from jit.single.call import routine


def atomic(e: Emitter, operation: str, base: int, offset: int, s: int, size: int) -> None:
    if e.has("ll"):
        update(e, access(e, size, base, offset, "daddu"), operation, s, ordered=False)
    else:
        routine(e, routine_name(size, operation), [Source(base, offset), Source(s)], [1] if size == 4 else [], None)


def fetch(e: Emitter, operation: str, base: int, offset: int, s: int, size: int) -> None:
    if e.has("ll"):
        update(e, access(e, size, base, offset, "daddu"), operation, s, ordered=True)
        _result(e, s, OLD, size)
    else:
        routine(e, routine_name(size, operation), [Source(base, offset), Source(s)], [1] if size == 4 else [], s)
        _result(e, s, s, size)


def cmpxchg(e: Emitter, base: int, offset: int, s: int, size: int) -> None:
    if not e.has("ll"):
        routine(e, routine_name(size, "cmpxchg"), [Source(base, offset), Source(V0), Source(s)], [1, 2] if size == 4 else [], V0)
        _result(e, V0, V0, size)
        return
    expected = V0
    if size == 4:
        expected = N64_T0
        alu.sign_extend(e, expected, V0)
    compare_exchange(e, access(e, size, base, offset, "daddu"), expected, s)
    _result(e, V0, OLD, size)


def _result(e: Emitter, rd: int, old: int, size: int) -> None:
    if size == 4:
        alu.zero_extend(e, rd, old)
    else:
        e.move(rd, old)
