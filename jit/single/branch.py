"""Conditional jumps where one 64-bit register holds an eBPF register."""

from jit import compare
from jit.code import Emitter
from jit.constants import load
from jit.registers import AT, N64_T0, ZERO


def jump64(e: Emitter, relation: str, d: int, s: int, to: int) -> None:
    compare.registers(e, relation, d, s, to)


def jump64_imm(e: Emitter, relation: str, d: int, imm: int, to: int) -> None:
    compare.immediate(e, relation, d, imm, to)


def jump32(e: Emitter, relation: str, d: int, s: int, to: int) -> None:
    if d == s:
        compare.registers(e, relation, d, s, to)
        return
    e.op("sll", N64_T0, d, 0)
    e.op("sll", AT, s, 0)
    compare.registers(e, relation, N64_T0, AT, to)


def jump32_imm(e: Emitter, relation: str, d: int, imm: int, to: int) -> None:
    e.op("sll", N64_T0, d, 0)
    compare.immediate(e, relation, N64_T0, imm, to)


def _and(e: Emitter, d: int, imm: int) -> None:
    if 0 <= imm < 0x10000:
        e.op("andi", AT, d, imm)
    else:
        load(e, AT, imm)
        e.op("and", AT, AT, d)


def set64(e: Emitter, d: int, s: int, to: int) -> None:
    e.op("and", AT, d, s)
    compare.equality(e, "JNE", AT, ZERO, to)


def set64_imm(e: Emitter, d: int, imm: int, to: int) -> None:
    if imm == -1:
        compare.equality(e, "JNE", d, ZERO, to)
    elif imm:
        _and(e, d, imm)
        compare.equality(e, "JNE", AT, ZERO, to)


def set32(e: Emitter, d: int, s: int, to: int) -> None:
    e.op("and", AT, d, s)
    e.op("sll", AT, AT, 0)
    compare.equality(e, "JNE", AT, ZERO, to)


def set32_imm(e: Emitter, d: int, imm: int, to: int) -> None:
    if imm == 0:
        return
    _and(e, d, imm)
    if imm < 0:
        e.op("sll", AT, AT, 0)
    compare.equality(e, "JNE", AT, ZERO, to)
