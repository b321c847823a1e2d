"""Atomic operations where one 64-bit register holds an eBPF register. Every 64-bit ISA has LL/SC for words and doublewords."""

from jit.code import Emitter
from jit.linked import OLD, access, compare_exchange, update
from jit.registers import N64_T0, V0
from jit.single import alu


def _result(e: Emitter, rd: int, size: int) -> None:
    if size == 4:
        alu.zero_extend(e, rd, OLD)
    else:
        e.move(rd, OLD)


def atomic(e: Emitter, operation: str, base: int, offset: int, s: int, size: int) -> None:
    update(e, access(e, size, base, offset, "daddu"), operation, s, ordered=False)


def fetch(e: Emitter, operation: str, base: int, offset: int, s: int, size: int) -> None:
    update(e, access(e, size, base, offset, "daddu"), operation, s, ordered=True)
    _result(e, s, size)


def cmpxchg(e: Emitter, base: int, offset: int, s: int, size: int) -> None:
    expected = V0
    if size == 4:
        expected = N64_T0
        alu.sign_extend(e, expected, V0)
    compare_exchange(e, access(e, size, base, offset, "daddu"), expected, s)
    _result(e, V0, size)
