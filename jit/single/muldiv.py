"""Multiplication and division where one 64-bit register holds an eBPF register."""

from jit.bits import power_of_two
from jit.code import Emitter
from jit.constants import load
from jit.muldiv import divide, divide_or_zero, multiply, remainder, remainder_or_same
from jit.registers import AT, N64_T0, ZERO
from jit.single import alu


def mul(e: Emitter, d: int, s: int) -> None:
    multiply(e, "dmul", d, d, s)


def mul32(e: Emitter, d: int, s: int) -> None:
    mul(e, d, s)
    alu.finish(e, d, d)


def mul_imm(e: Emitter, d: int, imm: int) -> None:
    shift = power_of_two(imm)
    above, below = power_of_two(imm - 1), power_of_two(imm + 1)
    if imm == 0:
        e.move(d, ZERO)
    elif imm == -1:
        alu.neg(e, d)
    elif shift is not None:
        alu.shift(e, "dsll", d, d, shift)
    elif above in (1, 2, 3, 4) and e.has("dlsa"):
        e.op("dlsa", d, d, d, above)
    elif above is not None or below is not None:
        alu.shift(e, "dsll", AT, d, above or below or 0)
        e.op("dsubu" if above is None else "daddu", d, AT, d)
    else:
        load(e, AT, imm)
        mul(e, d, AT)


def mul32_imm(e: Emitter, d: int, imm: int) -> None:
    shift = power_of_two(imm)
    if shift is not None:
        alu.lsh32_imm(e, d, shift)
    else:
        mul_imm(e, d, imm)
        if imm:
            alu.finish(e, d, d)


def div(e: Emitter, d: int, s: int, signed: bool) -> None:
    if d == s:
        e.op("sltu", d, ZERO, d)
    else:
        divide_or_zero(e, "ddiv" if signed else "ddivu", d, d, s)


def mod(e: Emitter, d: int, s: int, signed: bool) -> None:
    if d == s:
        e.move(d, ZERO)
    else:
        remainder_or_same(e, "ddiv" if signed else "ddivu", d, s, AT)


def div32(e: Emitter, d: int, s: int, signed: bool) -> None:
    if d == s:
        alu.sign_extend(e, d, d)
        e.op("sltu", d, ZERO, d)
        return
    alu.sign_extend(e, AT, s)
    alu.sign_extend(e, d, d)
    divide_or_zero(e, "div" if signed else "divu", d, d, AT)
    alu.finish(e, d, d)


def mod32(e: Emitter, d: int, s: int, signed: bool) -> None:
    if d == s:
        e.move(d, ZERO)
        return
    alu.sign_extend(e, AT, s)
    alu.sign_extend(e, d, d)
    remainder_or_same(e, "div" if signed else "divu", d, AT, N64_T0)
    alu.finish(e, d, d)


def div_imm(e: Emitter, d: int, imm: int, signed: bool) -> None:
    shift = power_of_two(imm)
    if imm == 0:
        e.move(d, ZERO)
    elif signed and imm == -1:
        alu.neg(e, d)
    elif shift is not None and (shift == 0 or not signed):
        alu.shift(e, "dsrl", d, d, shift)
    else:
        load(e, AT, imm)
        divide(e, "ddiv" if signed else "ddivu", d, d, AT)


def mod_imm(e: Emitter, d: int, imm: int, signed: bool) -> None:
    if imm == 1 or (signed and imm == -1):
        e.move(d, ZERO)
    elif not signed and power_of_two(imm) is not None:
        alu.and_imm(e, d, imm - 1)
    elif imm:
        load(e, AT, imm)
        remainder(e, "ddiv" if signed else "ddivu", d, d, AT)


def div32_imm(e: Emitter, d: int, imm: int, signed: bool) -> None:
    shift = power_of_two(imm)
    if imm == 0:
        e.move(d, ZERO)
    elif signed and imm == -1:
        alu.neg32(e, d)
    elif shift is not None and (shift == 0 or not signed):
        alu.rsh32_imm(e, d, shift)
    else:
        load(e, AT, imm)
        alu.sign_extend(e, d, d)
        divide(e, "div" if signed else "divu", d, d, AT)
        alu.finish(e, d, d)


def mod32_imm(e: Emitter, d: int, imm: int, signed: bool) -> None:
    if imm == 0:
        alu.finish(e, d, d)
    elif imm == 1 or (signed and imm == -1):
        e.move(d, ZERO)
    elif not signed and power_of_two(imm) is not None:
        alu.and32_imm(e, d, imm - 1)
    else:
        load(e, AT, imm)
        alu.sign_extend(e, d, d)
        remainder(e, "div" if signed else "divu", d, d, AT)
        alu.finish(e, d, d)
