"""Multiplication and division where two 32-bit registers hold an eBPF register.

A product needs three multiplications: the words low * low with all 64 bits, and the two mixed ones with the low 32. A 64-bit quotient comes from a
runtime routine, which is not called for a divisor of zero.
"""

from jit.bits import power_of_two
from jit.code import Emitter
from jit.constants import load
from jit.muldiv import divide, divide_or_zero, multiply, remainder, remainder_or_same
from jit.pair import alu
from jit.pair.alu import Pair
from jit.pair.call import constant_in_order, in_order, routine
from jit.registers import AT, O32_T6, O32_T7, ZERO


def mul(e: Emitter, d: Pair, s: Pair) -> None:
    multiply(e, "mul", O32_T7, d[1], s[0])
    if s[1] != ZERO:
        multiply(e, "mul", O32_T6, d[0], s[1])
        e.op("addu", O32_T7, O32_T7, O32_T6)
    _full(e, d, s[0])
    e.op("addu", d[1], d[1], O32_T7)


def _full(e: Emitter, d: Pair, factor: int) -> None:
    """d = the 64-bit product of two words: the low one of d and the factor."""
    if e.has("muhu"):
        e.op("muhu", d[1], d[0], factor)
        e.op("mul", d[0], d[0], factor)
    else:
        e.op("multu", d[0], factor)
        e.op("mfhi", d[1])
        e.op("mflo", d[0])


def mul_imm(e: Emitter, d: Pair, imm: int) -> None:
    shift = power_of_two(imm)
    if imm == 0:
        alu.lddw(e, d, 0)
    elif imm == -1:
        alu.neg(e, d)
    elif shift is not None:
        alu.lsh_imm(e, d, shift)
    else:
        load(e, AT, imm)
        multiply(e, "mul", O32_T7, d[1], AT)
        if imm < 0:
            # The high word of the constant is -1.
            e.op("subu", O32_T7, O32_T7, d[0])
        _full(e, d, AT)
        e.op("addu", d[1], d[1], O32_T7)


def mul32(e: Emitter, d: Pair, s: Pair) -> None:
    multiply(e, "mul", d[0], d[0], s[0])
    alu.finish(e, d)


def mul32_imm(e: Emitter, d: Pair, imm: int) -> None:
    shift = power_of_two(imm)
    if imm == 0:
        e.move(d[0], ZERO)
    elif imm == -1:
        e.op("subu", d[0], ZERO, d[0])
    elif shift is not None:
        if shift:
            e.op("sll", d[0], d[0], shift)
    else:
        load(e, AT, imm)
        multiply(e, "mul", d[0], d[0], AT)
    alu.finish(e, d)


def _routine(signed: bool, modulo: bool) -> str:
    return f"{'s' if signed else 'u'}{'mod' if modulo else 'div'}64"


def div(e: Emitter, d: Pair, s: Pair, signed: bool) -> None:
    e.op("or", AT, s[0], s[1])
    if d == s:
        e.op("sltu", d[0], ZERO, AT)
        alu.clear_high(e, d)
        return
    call, done = e.local(), e.local()
    e.branch("bne", AT, ZERO, to=call)
    e.move(d[0], ZERO)
    e.branch("beq", ZERO, ZERO, to=done, slot=e.make("or", d[1], ZERO, ZERO))
    e.place(call)
    routine(e, _routine(signed, False), in_order(e, d) + in_order(e, s), d)
    e.place(done)


def mod(e: Emitter, d: Pair, s: Pair, signed: bool) -> None:
    if d == s:
        alu.lddw(e, d, 0)
        return
    e.op("or", AT, s[0], s[1])
    done = e.local()
    e.branch("beq", AT, ZERO, to=done)
    routine(e, _routine(signed, True), in_order(e, d) + in_order(e, s), d)
    e.place(done)


def div_imm(e: Emitter, d: Pair, imm: int, signed: bool) -> None:
    shift = power_of_two(imm)
    if imm == 0:
        alu.lddw(e, d, 0)
    elif signed and imm == -1:
        alu.neg(e, d)
    elif shift is not None and (shift == 0 or not signed):
        alu.rsh_imm(e, d, shift)
    else:
        routine(e, _routine(signed, False), in_order(e, d) + constant_in_order(e, imm), d)


def mod_imm(e: Emitter, d: Pair, imm: int, signed: bool) -> None:
    if imm == 1 or (signed and imm == -1):
        alu.lddw(e, d, 0)
    elif not signed and power_of_two(imm) is not None:
        alu.and_imm(e, d, imm - 1)
    elif imm:
        routine(e, _routine(signed, True), in_order(e, d) + constant_in_order(e, imm), d)


def div32(e: Emitter, d: Pair, s: Pair, signed: bool) -> None:
    if d == s:
        e.op("sltu", d[0], ZERO, d[0])
    else:
        divide_or_zero(e, "div" if signed else "divu", d[0], d[0], s[0])
    alu.finish(e, d)


def mod32(e: Emitter, d: Pair, s: Pair, signed: bool) -> None:
    if d == s:
        e.move(d[0], ZERO)
    else:
        remainder_or_same(e, "div" if signed else "divu", d[0], s[0], AT)
    alu.finish(e, d)


def div32_imm(e: Emitter, d: Pair, imm: int, signed: bool) -> None:
    shift = power_of_two(imm)
    if imm == 0:
        e.move(d[0], ZERO)
    elif signed and imm == -1:
        e.op("subu", d[0], ZERO, d[0])
    elif shift is not None and (shift == 0 or not signed):
        if shift:
            e.op("srl", d[0], d[0], shift)
    else:
        load(e, AT, imm)
        divide(e, "div" if signed else "divu", d[0], d[0], AT)
    alu.finish(e, d)


def mod32_imm(e: Emitter, d: Pair, imm: int, signed: bool) -> None:
    if imm == 1 or (signed and imm == -1):
        e.move(d[0], ZERO)
    elif not signed and power_of_two(imm) is not None:
        alu.and_low(e, d[0], imm - 1)
    elif imm:
        load(e, AT, imm)
        remainder(e, "div" if signed else "divu", d[0], d[0], AT)
    alu.finish(e, d)
