"""What MIPS instructions do to values: one small function for each meaning, pure, over registers as `fuzz.model.bits` has them.

Rows of the MIPS table that differ in where their operands come from share a meaning: `addiu` is ADDU of an immediate. Which row has which is in
`fuzz.model.rows`. The instructions named in a docstring are pages of volume II-A of the MIPS Architecture For Programmers, MD00087 (MIPS64; MD00086
has the same text for MIPS32): 6.06 for release 6, 5.04 for what it removed. Where a page calls a result UNPREDICTABLE the function gives any
value, and the engine decides what becomes of it.

`x` and `y` are the first and the second operand, `old` is what the written register held, `position`, `size` and `count` are fields of the
instruction.
"""

from fuzz.model.bits import (
    below,
    choose,
    double,
    high_product,
    leading_zeros,
    low,
    minus,
    native,
    ones,
    plus,
    reversed_bits,
    shifted_right,
    sign_extended_byte,
    sign_extended_halfword,
    signed_quotient,
    signed_remainder,
    swapped_bytes,
    times,
    unsigned_quotient,
    unsigned_remainder,
    word,
)

# Addition, subtraction, logic, comparison.


@native
def addu(x: int, y: int) -> int:
    """ADDU, ADDIU, and ADD, ADDI where they do not trap: temp = x + y; sign_extend(temp31..0)."""
    return word(plus(x, y))


@native
def subu(x: int, y: int) -> int:
    """SUBU, and SUB where it does not trap."""
    return word(minus(x, y))


@native
def daddu(x: int, y: int) -> int:
    """DADDU, DADDIU, and DADD, DADDI where they do not trap."""
    return plus(x, y)


@native
def dsubu(x: int, y: int) -> int:
    """DSUBU, and DSUB where it does not trap."""
    return minus(x, y)


@native
def and_(x: int, y: int) -> int:
    """AND, ANDI."""
    return x & y


@native
def or_(x: int, y: int) -> int:
    """OR, ORI; MFHI, MFLO, MTHI, MTLO, which move a value unchanged."""
    return x | y


@native
def xor(x: int, y: int) -> int:
    """XOR, XORI."""
    return x ^ y


@native
def nor(x: int, y: int) -> int:
    """NOR."""
    return ~(x | y)


@native
def slt(x: int, y: int) -> int:
    """SLT, SLTI: comparison of signed registers, of all their bits."""
    return choose(x < y, 1, 0)


@native
def sltu(x: int, y: int) -> int:
    """SLTU, SLTIU: comparison of unsigned registers; the immediate of SLTIU is sign-extended first."""
    return choose(below(x, y), 1, 0)


@native
def aui(x: int, y: int) -> int:
    """AUI, and LUI with a register that is zero: sign_extend(x + (immediate || 0^16))."""
    return word(plus(x, y << 16))


@native
def daui(x: int, y: int) -> int:
    """DAUI: x + sign_extend(immediate || 0^16)."""
    return plus(x, sign_extended_halfword(y) << 16)


@native
def dahi(x: int, y: int) -> int:
    """DAHI: x + sign_extend(immediate || 0^32)."""
    return plus(x, sign_extended_halfword(y) << 32)


@native
def dati(x: int, y: int) -> int:
    """DATI: x + (immediate || 0^48)."""
    return plus(x, y << 48)


@native
def lsa(x: int, y: int, count: int) -> int:
    """LSA: sign_extend((x << (sa + 1)) + y), where `count` is sa + 1."""
    return word(plus(x << count, y))


@native
def dlsa(x: int, y: int, count: int) -> int:
    """DLSA."""
    return plus(x << count, y)


# Shifts: of a word by y mod 32, of a doubleword by y mod 64.


@native
def sll(x: int, y: int) -> int:
    """SLL, SLLV."""
    return word(x << (y & 31))


@native
def srl(x: int, y: int) -> int:
    """SRL, SRLV."""
    return word(low(x) >> (y & 31))


@native
def sra(x: int, y: int) -> int:
    """SRA, SRAV: copies of bit 31 from the left."""
    return word(x) >> (y & 31)


@native
def rotr(x: int, y: int) -> int:
    """ROTR, ROTRV."""
    return word((low(x) << 32 | low(x)) >> (y & 31))


@native
def dsll(x: int, y: int) -> int:
    """DSLL, DSLL32, DSLLV."""
    return double(x << (y & 63))


@native
def dsrl(x: int, y: int) -> int:
    """DSRL, DSRL32, DSRLV."""
    return shifted_right(x, y & 63)


@native
def dsra(x: int, y: int) -> int:
    """DSRA, DSRA32, DSRAV."""
    return x >> (y & 63)


@native
def drotr(x: int, y: int) -> int:
    """DROTR, DROTR32, DROTRV."""
    return double(shifted_right(x, y & 63) | x << (64 - (y & 63) & 63))


# Multiplication and division. No divisor is 0: the engine does not ask then, because the result is UNPREDICTABLE.


@native
def product(x: int, y: int) -> int:
    """The product of two signed words, as a doubleword."""
    return word(x) * word(y)


@native
def unsigned_product(x: int, y: int) -> int:
    """The product of two unsigned words, as a doubleword."""
    return times(low(x), low(y))


@native
def mul(x: int, y: int) -> int:
    """MUL of both encodings, MULU; LO after MULT and MULTU: the low word of the product, which is the same for signed and unsigned words."""
    return word(product(x, y))


@native
def muh(x: int, y: int) -> int:
    """MUH; HI after MULT."""
    return word(product(x, y) >> 32)


@native
def muhu(x: int, y: int) -> int:
    """MUHU; HI after MULTU."""
    return word(unsigned_product(x, y) >> 32)


@native
def div(x: int, y: int) -> int:
    """DIV of both encodings."""
    return word(signed_quotient(word(x), word(y)))


@native
def mod(x: int, y: int) -> int:
    """MOD; HI after DIV."""
    return word(signed_remainder(word(x), word(y)))


@native
def divu(x: int, y: int) -> int:
    """DIVU of both encodings."""
    return word(low(x) // low(y))


@native
def modu(x: int, y: int) -> int:
    """MODU; HI after DIVU."""
    return word(low(x) % low(y))


@native
def dmul(x: int, y: int) -> int:
    """DMUL, DMULU; LO after DMULT and DMULTU."""
    return times(x, y)


@native
def dmuhu(x: int, y: int) -> int:
    """DMUHU; HI after DMULTU."""
    return high_product(x, y)


@native
def dmuh(x: int, y: int) -> int:
    """DMUH; HI after DMULT. A negative factor counts 2^64 too much as an unsigned one, and so the other factor too much above bit 63."""
    return minus(minus(high_product(x, y), choose(x < 0, y, 0)), choose(y < 0, x, 0))


@native
def ddiv(x: int, y: int) -> int:
    """DDIV of both encodings."""
    return signed_quotient(x, y)


@native
def dmod(x: int, y: int) -> int:
    """DMOD; HI after DDIV."""
    return signed_remainder(x, y)


@native
def ddivu(x: int, y: int) -> int:
    """DDIVU of both encodings."""
    return unsigned_quotient(x, y)


@native
def dmodu(x: int, y: int) -> int:
    """DMODU; HI after DDIVU."""
    return unsigned_remainder(x, y)


@native
def accumulator(high: int, low_word: int) -> int:
    """HI and LO as the doubleword to which MADD and its kin add."""
    return word(high) << 32 | low(low_word)


@native
def high_word(x: int) -> int:
    """HI after MADD and its kin."""
    return word(x >> 32)


# Selection.


@native
def movz(x: int, y: int, old: int) -> int:
    """MOVZ."""
    return choose(y == 0, x, old)


@native
def movn(x: int, y: int, old: int) -> int:
    """MOVN."""
    return choose(y != 0, x, old)


@native
def seleqz(x: int, y: int) -> int:
    """SELEQZ."""
    return choose(y == 0, x, 0)


@native
def selnez(x: int, y: int) -> int:
    """SELNEZ."""
    return choose(y != 0, x, 0)


# Bits and bytes.


@native
def clz(x: int) -> int:
    """CLZ."""
    return leading_zeros(low(x), 32)


@native
def clo(x: int) -> int:
    """CLO."""
    return leading_zeros(low(~x), 32)


@native
def dclz(x: int) -> int:
    """DCLZ."""
    return leading_zeros(x, 64)


@native
def dclo(x: int) -> int:
    """DCLO."""
    return leading_zeros(~x, 64)


@native
def seb(x: int) -> int:
    """SEB."""
    return sign_extended_byte(x)


@native
def seh(x: int) -> int:
    """SEH."""
    return sign_extended_halfword(x)


@native
def wsbh(x: int) -> int:
    """WSBH: the bytes within each halfword of the word are exchanged."""
    return word(swapped_bytes(x))


@native
def dsbh(x: int) -> int:
    """DSBH."""
    return swapped_bytes(x)


@native
def dshd(x: int) -> int:
    """DSHD: the four halfwords in reverse order."""
    return double(x << 48 | (x & 0xFFFF0000) << 16 | x >> 16 & 0xFFFF0000 | x >> 48 & 0xFFFF)


@native
def bitswap(x: int) -> int:
    """BITSWAP: the bits of each byte of the word in reverse order."""
    return word(reversed_bits(x))


@native
def dbitswap(x: int) -> int:
    """DBITSWAP."""
    return reversed_bits(x)


@native
def align(x: int, y: int, count: int) -> int:
    """ALIGN: y || x moved left by `count` bytes, of which the upper word."""
    return word((low(y) << 32 | low(x)) >> 32 - 8 * count)


@native
def dalign(x: int, y: int, count: int) -> int:
    """DALIGN. The shift, by 64 bits where `count` is 0, is made of two."""
    return double(y << 8 * count | shifted_right(shifted_right(x, 8), 56 - 8 * count))


@native
def ext(x: int, position: int, size: int) -> int:
    """EXT."""
    return word(low(x) >> position & ones(size))


@native
def dext(x: int, position: int, size: int) -> int:
    """DEXT, DEXTM, DEXTU."""
    return double(x >> position & ones(size))


@native
def ins(x: int, old: int, position: int, size: int) -> int:
    """INS."""
    return word(dins(x, old, position, size))


@native
def dins(x: int, old: int, position: int, size: int) -> int:
    """DINS, DINSM, DINSU."""
    return double(old & ~(ones(size) << position) | (x & ones(size)) << position)


# Addresses relative to the pc.


@native
def addiupc(pc: int, immediate: int) -> int:
    """ADDIUPC; the address of LWPC and LWUPC. The immediate counts bytes here."""
    return plus(pc, immediate)


@native
def ldpc(pc: int, immediate: int) -> int:
    """The address of LDPC: from the doubleword in which the instruction lies."""
    return plus(pc & ~7, immediate)


@native
def auipc(pc: int, immediate: int) -> int:
    """AUIPC."""
    return plus(pc, immediate << 16)


@native
def aluipc(pc: int, immediate: int) -> int:
    """ALUIPC: ~0xFFFF & (pc + sign_extend(immediate << 16))."""
    return plus(pc, immediate << 16) & ~0xFFFF


@native
def jump_target(pc: int, index: int) -> int:
    """J, JAL: the instruction index in the region of 256 MiB of the delay slot. The index counts bytes here."""
    return pc + 4 & ~0xFFFFFFF | index


# Overflow, on which ADD and its kin trap.


@native
def add_overflows(x: int, y: int) -> bool:
    """ADD, ADDI: bits 32 and 31 of the sum are not equal."""
    return word(x) + word(y) != word(word(x) + word(y))


@native
def sub_overflows(x: int, y: int) -> bool:
    """SUB."""
    return word(x) - word(y) != word(word(x) - word(y))


@native
def dadd_overflows(x: int, y: int) -> bool:
    """DADD, DADDI: both operands have the sign that the sum has not."""
    return (x ^ plus(x, y)) & (y ^ plus(x, y)) < 0


@native
def dsub_overflows(x: int, y: int) -> bool:
    """DSUB: the operands have different signs, and the difference not that of the first."""
    return (x ^ y) & (x ^ minus(x, y)) < 0


# Parts of words in memory. Of an aligned unit of `width` bytes `size` are accessed; `loaded` is their value, as an unsigned integer.


@native
def load_left(loaded: int, old: int, size: int, width: int) -> int:
    """LWL, LDL: the bytes become the most significant ones of the unit; the others stay. Of a word the result is sign-extended."""
    merged = loaded << 8 * (width - size) | old & ones(8 * (width - size) + 1) >> 1
    return choose(width == 4, word(merged), double(merged))


@native
def load_right(loaded: int, old: int, size: int, width: int) -> int:
    """LWR, LDR: the bytes become the least significant ones; the others stay.

    A whole word is sign-extended. Of a part bits 63 to 32 are unchanged or copies of bit 31, as the implementation likes (LWR): here they stay.
    """
    merged = double(old & ~ones(8 * size) | loaded)
    return choose(width == 4 and size == 4, word(merged), merged)


@native
def store_left(x: int, size: int, width: int) -> int:
    """SWL, SDL: the most significant bytes of the unit, as an unsigned integer of `size` bytes."""
    return choose(width == 4, low(x), x) >> 8 * (width - size)
