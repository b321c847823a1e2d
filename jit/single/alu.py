"""Arithmetic where one 64-bit register holds an eBPF register.

A 32-bit operation needs the low word of its operands, and leaves it zero-extended. On a 64-bit MIPS the word instructions want
sign-extended operands and give sign-extended results, so both would cost extensions. Where the low word of the result depends on nothing but
the low words of the operands (add, subtract, multiply, and, or, xor, shift left) the 64-bit instruction is used instead,
and the result is zero-extended once.
"""

from jit.bits import field, narrow
from jit.code import Emitter
from jit.constants import load, plan
from jit.registers import AT, N64_T2, ZERO


def zero_extend(e: Emitter, rd: int, rs: int) -> None:
    """rd = low word of rs, zero-extended."""
    if e.has("dext"):
        e.op("dext", rd, rs, 0, 32)
    else:
        e.op("dsll32", rd, rs, 0)
        e.op("dsrl32", rd, rd, 0)


def finish(e: Emitter, rd: int, rs: int) -> None:
    """rd = the 32-bit result in rs, zero-extended unless the program has marks where that is to be done."""
    if e.marked:
        e.move(rd, rs)
    else:
        zero_extend(e, rd, rs)


def sign_extend(e: Emitter, rd: int, rs: int) -> None:
    """rd = low word of rs, sign-extended."""
    e.op("sll", rd, rs, 0)


def shift(e: Emitter, mnemonic: str, rd: int, rt: int, amount: int) -> None:
    """A 64-bit shift (dsll, dsrl, dsra) by 0 to 63."""
    if amount >= 32:
        e.op(f"{mnemonic}32", rd, rt, amount - 32)
    elif amount or rd != rt:
        e.op(mnemonic, rd, rt, amount)


# 64-bit operations with a register.


def add(e: Emitter, d: int, s: int) -> None:
    e.op("daddu", d, d, s)


def sub(e: Emitter, d: int, s: int) -> None:
    e.op("dsubu", d, d, s)


def or_(e: Emitter, d: int, s: int) -> None:
    e.op("or", d, d, s)


def and_(e: Emitter, d: int, s: int) -> None:
    e.op("and", d, d, s)


def xor(e: Emitter, d: int, s: int) -> None:
    e.op("xor", d, d, s)


def lsh(e: Emitter, d: int, s: int) -> None:
    e.op("dsllv", d, d, s)


def rsh(e: Emitter, d: int, s: int) -> None:
    e.op("dsrlv", d, d, s)


def arsh(e: Emitter, d: int, s: int) -> None:
    e.op("dsrav", d, d, s)


def mov(e: Emitter, d: int, s: int) -> None:
    e.move(d, s)


def neg(e: Emitter, d: int) -> None:
    e.op("dsubu", d, ZERO, d)


# 64-bit operations with a sign-extended immediate.


def add_imm(e: Emitter, d: int, imm: int) -> None:
    if -0x8000 <= imm < 0x8000:
        if imm:
            e.op("daddiu", d, d, imm)
    elif imm == 0x8000:
        # The one value that subtracts in one step less than it adds.
        load(e, AT, -imm)
        e.op("dsubu", d, d, AT)
    else:
        load(e, AT, imm)
        e.op("daddu", d, d, AT)


def sub_imm(e: Emitter, d: int, imm: int) -> None:
    if -0x8000 <= -imm < 0x8000:
        add_imm(e, d, -imm)
    else:
        load(e, AT, imm)
        e.op("dsubu", d, d, AT)


def or_imm(e: Emitter, d: int, imm: int) -> None:
    if 0 <= imm < 0x10000:
        if imm:
            e.op("ori", d, d, imm)
    elif imm == -1:
        load(e, d, -1)
    else:
        load(e, AT, imm)
        e.op("or", d, d, AT)


def and_imm(e: Emitter, d: int, imm: int) -> None:
    ones, zeros = field(imm), field(~imm)
    if imm == 0:
        e.move(d, ZERO)
    elif imm == -1:
        return
    elif 0 < imm < 0x10000:
        e.op("andi", d, d, imm)
    elif ones and ones[0] == 0 and e.has("dext"):
        e.op("dext", d, d, 0, ones[1])
    elif zeros and e.has("dins"):
        e.op("dins", d, ZERO, *zeros)
    else:
        load(e, AT, imm)
        e.op("and", d, d, AT)


def xor_imm(e: Emitter, d: int, imm: int) -> None:
    if 0 <= imm < 0x10000:
        if imm:
            e.op("xori", d, d, imm)
    elif imm == -1:
        e.op("nor", d, d, ZERO)
    else:
        load(e, AT, imm)
        e.op("xor", d, d, AT)


def lsh_imm(e: Emitter, d: int, imm: int) -> None:
    shift(e, "dsll", d, d, imm & 63)


def rsh_imm(e: Emitter, d: int, imm: int) -> None:
    shift(e, "dsrl", d, d, imm & 63)


def arsh_imm(e: Emitter, d: int, imm: int) -> None:
    shift(e, "dsra", d, d, imm & 63)


def mov_imm(e: Emitter, d: int, imm: int) -> None:
    load(e, d, imm)


# 32-bit operations with a register: zero-extended results, unless marks tell where that is wanted.


def add32(e: Emitter, d: int, s: int) -> None:
    e.op("daddu", d, d, s)
    finish(e, d, d)


def sub32(e: Emitter, d: int, s: int) -> None:
    e.op("dsubu", d, d, s)
    finish(e, d, d)


def or32(e: Emitter, d: int, s: int) -> None:
    e.op("or", d, d, s)
    finish(e, d, d)


def and32(e: Emitter, d: int, s: int) -> None:
    e.op("and", d, d, s)
    finish(e, d, d)


def xor32(e: Emitter, d: int, s: int) -> None:
    e.op("xor", d, d, s)
    finish(e, d, d)


def lsh32(e: Emitter, d: int, s: int) -> None:
    e.op("sllv", d, d, s)
    finish(e, d, d)


def rsh32(e: Emitter, d: int, s: int) -> None:
    sign_extend(e, AT, d)
    e.op("srlv", d, AT, s)
    # A shift by zero leaves the word sign-extended.
    finish(e, d, d)


def arsh32(e: Emitter, d: int, s: int) -> None:
    sign_extend(e, AT, d)
    e.op("srav", d, AT, s)
    finish(e, d, d)


def mov32(e: Emitter, d: int, s: int) -> None:
    finish(e, d, s)


def zext(e: Emitter, d: int, s: int) -> None:
    zero_extend(e, d, s)


def neg32(e: Emitter, d: int) -> None:
    e.op("dsubu", d, ZERO, d)
    finish(e, d, d)


# 32-bit operations with an immediate.


def add32_imm(e: Emitter, d: int, imm: int) -> None:
    add_imm(e, d, imm)
    finish(e, d, d)


def sub32_imm(e: Emitter, d: int, imm: int) -> None:
    sub_imm(e, d, imm)
    finish(e, d, d)


def or32_imm(e: Emitter, d: int, imm: int) -> None:
    if imm == -1:
        load(e, d, 0xFFFFFFFF)
    else:
        or_imm(e, d, imm)
        finish(e, d, d)


def and32_imm(e: Emitter, d: int, imm: int) -> None:
    and_imm(e, d, imm)
    if imm < 0:
        finish(e, d, d)


def xor32_imm(e: Emitter, d: int, imm: int) -> None:
    xor_imm(e, d, imm)
    finish(e, d, d)


def lsh32_imm(e: Emitter, d: int, imm: int) -> None:
    if e.marked:
        shift(e, "dsll", d, d, imm & 31)
    elif imm & 31:
        e.op("dsll32", d, d, imm & 31)
        e.op("dsrl32", d, d, 0)
    else:
        finish(e, d, d)


def rsh32_imm(e: Emitter, d: int, imm: int) -> None:
    amount = imm & 31
    if e.has("dext"):
        e.op("dext", d, d, amount, 32 - amount)
    else:
        e.op("dsll32", d, d, 0)
        e.op("dsrl32", d, d, amount)


def arsh32_imm(e: Emitter, d: int, imm: int) -> None:
    if imm & 31 and e.marked:
        sign_extend(e, d, d)
        e.op("sra", d, d, imm & 31)
    elif imm & 31:
        # With the word in the upper half, its sign is that of the register.
        e.op("dsll32", d, d, 0)
        e.op("dsra", d, d, imm & 31)
        e.op("dsrl32", d, d, 0)
    else:
        finish(e, d, d)


def mov32_imm(e: Emitter, d: int, imm: int) -> None:
    load(e, d, imm if e.marked else imm & 0xFFFFFFFF)


# Moves with sign extension. seb and seh want a sign-extended word as well, so shifts do it.


def movsx(e: Emitter, d: int, s: int, bits: int) -> None:
    if bits == 32:
        sign_extend(e, d, s)
    else:
        e.op("dsll32", d, s, 32 - bits)
        e.op("dsra32", d, d, 32 - bits)


def movsx32(e: Emitter, d: int, s: int, bits: int) -> None:
    if e.marked:
        movsx(e, d, s, bits)
        return
    e.op("dsll32", d, s, 32 - bits)
    e.op("dsra", d, d, 32 - bits)
    e.op("dsrl32", d, d, 0)


# Byte swaps.


def truncate(e: Emitter, d: int, bits: int) -> None:
    if bits == 16:
        e.op("andi", d, d, 0xFFFF)
    elif bits == 32:
        finish(e, d, d)


def swap(e: Emitter, d: int, bits: int) -> None:
    {16: _swap16, 32: _swap32, 64: _swap64}[bits](e, d)


def _swap16(e: Emitter, d: int) -> None:
    if e.has("dsbh"):
        e.op("dsbh", d, d)
        e.op("andi", d, d, 0xFFFF)
        return
    e.op("dsrl", AT, d, 8)
    e.op("andi", AT, AT, 0xFF)
    e.op("andi", d, d, 0xFF)
    e.op("dsll", d, d, 8)
    e.op("or", d, d, AT)


def _swap32(e: Emitter, d: int) -> None:
    if e.has("dsbh"):
        e.op("dsbh", d, d)
        e.op("dshd", d, d)
        e.op("dsrl32", d, d, 0)
        return
    _swap_fields(e, d, 8, 0x00FF00FF)
    e.op("dsrl", AT, d, 16)
    e.op("dsll32", d, d, 16)
    e.op("dsrl32", d, d, 0)
    e.op("or", d, d, AT)


def _swap64(e: Emitter, d: int) -> None:
    if e.has("dsbh"):
        e.op("dsbh", d, d)
        e.op("dshd", d, d)
        return
    _swap_fields(e, d, 8, 0x00FF00FF00FF00FF)
    _swap_fields(e, d, 16, 0x0000FFFF0000FFFF)
    e.op("dsrl32", AT, d, 0)
    e.op("dsll32", d, d, 0)
    e.op("or", d, d, AT)


def _swap_fields(e: Emitter, d: int, bits: int, mask: int) -> None:
    """Exchange neighbouring fields of so many bits, within the pairs that the mask has the lower halves of; bits outside are cleared."""

    load(e, AT, mask)
    e.op("and", N64_T2, d, AT)
    e.op("dsrl", d, d, bits)
    e.op("and", d, d, AT)
    e.op("dsll", N64_T2, N64_T2, bits)
    e.op("or", d, d, N64_T2)


def lddw(e: Emitter, d: int, value: int) -> None:
    low, high = narrow(value, 4), narrow(value >> 32, 4)
    halves = len(plan(low, e.config)) + len(plan(high, e.config)) + 1
    if e.has("dinsu") and halves < len(plan(value, e.config)):
        load(e, d, low)
        load(e, AT, high)
        e.op("dinsu", d, AT, 32, 32)
    else:
        load(e, d, value)
