"""Arithmetic where two 32-bit registers hold an eBPF register: a `Pair` is (low, high).

A 32-bit operation works on the low register and clears the high one. The high half of r10 is register zero; r10 is never written.
"""

from jit.bits import field
from jit.code import Emitter
from jit.constants import load
from jit.registers import AT, O32_T6, T8, ZERO

Pair = tuple[int, int]


def clear_high(e: Emitter, d: Pair) -> None:
    """Zero-extend the low register."""
    e.move(d[1], ZERO)


def finish(e: Emitter, d: Pair) -> None:
    """Zero-extend a 32-bit result, unless the program has marks where that is to be done."""
    if not e.marked:
        clear_high(e, d)


def extend_sign(e: Emitter, d: Pair) -> None:
    """Sign-extend the low register."""
    e.op("sra", d[1], d[0], 31)


# 64-bit operations with a register.


def add(e: Emitter, d: Pair, s: Pair) -> None:
    if d == s:
        lsh_imm(e, d, 1)
        return
    e.op("addu", d[0], d[0], s[0])
    e.op("sltu", AT, d[0], s[0])
    if s[1] != ZERO:
        e.op("addu", d[1], d[1], s[1])
    e.op("addu", d[1], d[1], AT)


def sub(e: Emitter, d: Pair, s: Pair) -> None:
    if d == s:
        _both(e, d, ZERO)
        return
    e.op("sltu", AT, d[0], s[0])
    e.op("subu", d[0], d[0], s[0])
    if s[1] != ZERO:
        e.op("subu", d[1], d[1], s[1])
    e.op("subu", d[1], d[1], AT)


def or_(e: Emitter, d: Pair, s: Pair) -> None:
    e.op("or", d[0], d[0], s[0])
    if s[1] != ZERO:
        e.op("or", d[1], d[1], s[1])


def and_(e: Emitter, d: Pair, s: Pair) -> None:
    e.op("and", d[0], d[0], s[0])
    e.op("and", d[1], d[1], s[1])


def xor(e: Emitter, d: Pair, s: Pair) -> None:
    e.op("xor", d[0], d[0], s[0])
    if s[1] != ZERO:
        e.op("xor", d[1], d[1], s[1])


def mov(e: Emitter, d: Pair, s: Pair) -> None:
    e.move(d[0], s[0])
    e.move(d[1], s[1])


def neg(e: Emitter, d: Pair) -> None:
    # -x is ~x + 1, and the carry into the high half is there only for a low half of zero.
    e.op("nor", d[1], d[1], ZERO)
    e.op("subu", d[0], ZERO, d[0])
    e.op("sltiu", AT, d[0], 1)
    e.op("addu", d[1], d[1], AT)


def _both(e: Emitter, d: Pair, s: int) -> None:
    e.move(d[0], s)
    e.move(d[1], s)


# 64-bit operations with a sign-extended immediate.


def add_imm(e: Emitter, d: Pair, imm: int) -> None:
    """Also of 2**31, which occurs as the negation of an immediate."""
    if imm == 0:
        return
    if 0 < imm < 0x8000:
        e.op("addiu", d[0], d[0], imm)
        e.op("sltiu", AT, d[0], imm)
        e.op("addu", d[1], d[1], AT)
    elif -0x8000 < imm < 0:
        # A borrow if low < -imm.
        e.op("sltiu", AT, d[0], -imm)
        e.op("addiu", d[0], d[0], imm)
        e.op("subu", d[1], d[1], AT)
    else:
        load(e, AT, imm)
        e.op("addu", d[0], d[0], AT)
        e.op("sltu", AT, d[0], AT)
        e.op("addu", d[1], d[1], AT)
        if imm < 0:
            e.op("addiu", d[1], d[1], -1)


def sub_imm(e: Emitter, d: Pair, imm: int) -> None:
    add_imm(e, d, -imm)


def or_imm(e: Emitter, d: Pair, imm: int) -> None:
    or_low(e, d[0], imm)
    if imm < 0:
        load(e, d[1], -1)


def and_imm(e: Emitter, d: Pair, imm: int) -> None:
    and_low(e, d[0], imm)
    if imm >= 0:
        clear_high(e, d)


def xor_imm(e: Emitter, d: Pair, imm: int) -> None:
    xor_low(e, d[0], imm)
    if imm < 0:
        e.op("nor", d[1], d[1], ZERO)


def mov_imm(e: Emitter, d: Pair, imm: int) -> None:
    load(e, d[0], imm)
    if imm < 0:
        load(e, d[1], -1)
    else:
        clear_high(e, d)


def lddw(e: Emitter, d: Pair, value: int) -> None:
    low, high = value & 0xFFFFFFFF, value >> 32
    load(e, d[0], low)
    if low == high:
        e.move(d[1], d[0])
    else:
        load(e, d[1], high)


# The low word with an immediate.


def or_low(e: Emitter, r: int, imm: int) -> None:
    if 0 <= imm < 0x10000:
        if imm:
            e.op("ori", r, r, imm)
    elif imm == -1:
        load(e, r, -1)
    else:
        load(e, AT, imm)
        e.op("or", r, r, AT)


def and_low(e: Emitter, r: int, imm: int) -> None:
    ones, zeros = field(imm), field(~imm & 0xFFFFFFFF)
    if imm == 0:
        e.move(r, ZERO)
    elif 0 < imm < 0x10000:
        e.op("andi", r, r, imm)
    elif ones and ones[0] == 0 and e.has("ext"):
        e.op("ext", r, r, 0, ones[1])
    elif zeros and e.has("ins"):
        e.op("ins", r, ZERO, *zeros)
    elif imm != -1:
        load(e, AT, imm)
        e.op("and", r, r, AT)


def xor_low(e: Emitter, r: int, imm: int) -> None:
    if 0 <= imm < 0x10000:
        if imm:
            e.op("xori", r, r, imm)
    elif imm == -1:
        e.op("nor", r, r, ZERO)
    else:
        load(e, AT, imm)
        e.op("xor", r, r, AT)


# 64-bit shifts.


def lsh_imm(e: Emitter, d: Pair, imm: int) -> None:
    low, high = d
    count = imm & 63
    if count >= 32:
        _shift(e, "sll", high, low, count - 32)
        e.move(low, ZERO)
    elif count and count % 8 == 0 and e.has("align"):
        e.op("align", high, low, high, count // 8)
        e.op("sll", low, low, count)
    elif count:
        e.op("srl", AT, low, 32 - count)
        e.op("sll", high, high, count)
        e.op("or", high, high, AT)
        e.op("sll", low, low, count)


def rsh_imm(e: Emitter, d: Pair, imm: int) -> None:
    low, high = d
    count = imm & 63
    if count >= 32:
        _shift(e, "srl", low, high, count - 32)
        e.move(high, ZERO)
    else:
        _right(e, d, "srl", count)


def arsh_imm(e: Emitter, d: Pair, imm: int) -> None:
    low, high = d
    count = imm & 63
    if count >= 32:
        _shift(e, "sra", low, high, count - 32)
        e.op("sra", high, high, 31)
    else:
        _right(e, d, "sra", count)


def _right(e: Emitter, d: Pair, mnemonic: str, count: int) -> None:
    low, high = d
    if not count:
        return
    if count % 8 == 0 and e.has("align"):
        e.op("align", low, low, high, 4 - count // 8)
        e.op(mnemonic, high, high, count)
        return
    e.op("srl", low, low, count)
    if e.has("ins"):
        # The bits that leave the high half are the low ones of it, which is where `ins` takes them from.
        e.op("ins", low, high, 32 - count, count)
    else:
        e.op("sll", AT, high, 32 - count)
        e.op("or", low, low, AT)
    e.op(mnemonic, high, high, count)


def _shift(e: Emitter, mnemonic: str, rd: int, rt: int, count: int) -> None:
    if count:
        e.op(mnemonic, rd, rt, count)
    else:
        e.move(rd, rt)


def lsh(e: Emitter, d: Pair, s: Pair) -> None:
    low, high, count = d[0], d[1], _count(e, d, s)
    big, done = e.local(), e.local()
    e.op("andi", AT, count, 32)
    e.branch("bne", AT, ZERO, to=big, slot=e.make("sllv", AT, low, count))
    # low >> (32 - count), which for a count of 0 is 0: shift by 1 and by 31 - count.
    e.op("srl", low, low, 1)
    e.op("nor", O32_T6, count, ZERO)
    e.op("srlv", low, low, O32_T6)
    e.op("sllv", high, high, count)
    e.branch("beq", ZERO, ZERO, to=done, slot=e.make("or", high, high, low))
    e.place(big)
    e.op("or", high, AT, ZERO)
    e.op("or", AT, ZERO, ZERO)
    e.place(done)
    e.op("or", low, AT, ZERO)


def rsh(e: Emitter, d: Pair, s: Pair) -> None:
    _right_by(e, d, s, "srlv")


def arsh(e: Emitter, d: Pair, s: Pair) -> None:
    _right_by(e, d, s, "srav")


def _right_by(e: Emitter, d: Pair, s: Pair, mnemonic: str) -> None:
    low, high, count = d[0], d[1], _count(e, d, s)
    big, done = e.local(), e.local()
    e.op("andi", AT, count, 32)
    e.branch("bne", AT, ZERO, to=big, slot=e.make(mnemonic, AT, high, count))
    e.op("sll", high, high, 1)
    e.op("nor", O32_T6, count, ZERO)
    e.op("sllv", high, high, O32_T6)
    e.op("srlv", low, low, count)
    e.branch("beq", ZERO, ZERO, to=done, slot=e.make("or", low, low, high))
    e.place(big)
    e.op("or", low, AT, ZERO)
    if mnemonic == "srav":
        e.op("sra", AT, AT, 31)
    else:
        e.op("or", AT, ZERO, ZERO)
    e.place(done)
    e.op("or", high, AT, ZERO)


def _count(e: Emitter, d: Pair, s: Pair) -> int:
    """A register with the shift count that survives changes of d."""
    if d == s:
        e.move(T8, s[0])
        return T8
    return s[0]


# 32-bit operations: the low word, then a high word of zero unless marks tell where one is wanted.


def low(mnemonic: str, e: Emitter, d: Pair, s: Pair) -> None:
    """addu, subu, and, or, xor."""
    e.op(mnemonic, d[0], d[0], s[0])
    finish(e, d)


def mov32(e: Emitter, d: Pair, s: Pair) -> None:
    e.move(d[0], s[0])
    finish(e, d)


def zext(e: Emitter, d: Pair, s: Pair) -> None:
    e.move(d[0], s[0])
    clear_high(e, d)


def neg32(e: Emitter, d: Pair) -> None:
    e.op("subu", d[0], ZERO, d[0])
    finish(e, d)


def add32_imm(e: Emitter, d: Pair, imm: int) -> None:
    if -0x8000 <= imm < 0x8000:
        if imm:
            e.op("addiu", d[0], d[0], imm)
    elif imm == 0x8000:
        load(e, AT, -imm)
        e.op("subu", d[0], d[0], AT)
    else:
        load(e, AT, imm)
        e.op("addu", d[0], d[0], AT)
    finish(e, d)


def sub32_imm(e: Emitter, d: Pair, imm: int) -> None:
    add32_imm(e, d, -imm)


def or32_imm(e: Emitter, d: Pair, imm: int) -> None:
    or_low(e, d[0], imm)
    finish(e, d)


def and32_imm(e: Emitter, d: Pair, imm: int) -> None:
    and_low(e, d[0], imm)
    finish(e, d)


def xor32_imm(e: Emitter, d: Pair, imm: int) -> None:
    xor_low(e, d[0], imm)
    finish(e, d)


def shift32_imm(mnemonic: str, e: Emitter, d: Pair, imm: int) -> None:
    """sll, srl, sra."""
    if imm & 31:
        e.op(mnemonic, d[0], d[0], imm & 31)
    finish(e, d)


def mov32_imm(e: Emitter, d: Pair, imm: int) -> None:
    load(e, d[0], imm)
    finish(e, d)


# Moves with sign extension.


def movsx(e: Emitter, d: Pair, s: Pair, bits: int) -> None:
    extend_low(e, d[0], s[0], bits)
    extend_sign(e, d)


def movsx32(e: Emitter, d: Pair, s: Pair, bits: int) -> None:
    extend_low(e, d[0], s[0], bits)
    finish(e, d)


def extend_low(e: Emitter, rd: int, rs: int, bits: int) -> None:
    mnemonic = {8: "seb", 16: "seh"}.get(bits)
    if mnemonic is None:
        e.move(rd, rs)
    elif e.has(mnemonic):
        e.op(mnemonic, rd, rs)
    else:
        e.op("sll", rd, rs, 32 - bits)
        e.op("sra", rd, rd, 32 - bits)


# Byte swaps.


def truncate(e: Emitter, d: Pair, bits: int) -> None:
    if bits == 16:
        e.op("andi", d[0], d[0], 0xFFFF)
    if bits < 64:
        finish(e, d)


def swap(e: Emitter, d: Pair, bits: int) -> None:
    if bits == 16:
        _swap16(e, d[0])
        clear_high(e, d)
    elif bits == 32:
        _swap32(e, d[0], d[0])
        clear_high(e, d)
    else:
        _swap32(e, T8, d[0])
        _swap32(e, d[0], d[1])
        e.move(d[1], T8)


def _swap16(e: Emitter, r: int) -> None:
    if e.has("wsbh"):
        e.op("wsbh", r, r)
        e.op("andi", r, r, 0xFFFF)
        return
    e.op("srl", AT, r, 8)
    e.op("andi", AT, AT, 0xFF)
    e.op("andi", r, r, 0xFF)
    e.op("sll", r, r, 8)
    e.op("or", r, r, AT)


def _swap32(e: Emitter, rd: int, rs: int) -> None:
    if e.has("wsbh"):
        e.op("wsbh", rd, rs)
        e.op("rotr", rd, rd, 16)
        return
    e.op("sll", O32_T6, rs, 24)
    e.op("srl", AT, rs, 24)
    e.op("or", O32_T6, O32_T6, AT)
    e.op("andi", AT, rs, 0xFF00)
    e.op("sll", AT, AT, 8)
    e.op("or", O32_T6, O32_T6, AT)
    e.op("srl", AT, rs, 8)
    e.op("andi", AT, AT, 0xFF00)
    e.op("or", rd, O32_T6, AT)
