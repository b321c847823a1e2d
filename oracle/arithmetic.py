"""What arithmetic means: integers of a width, RFC 9669 section 4.1 (arithmetic) and 4.2 (byte swaps), in the RFC's order.

A register holds an unsigned 64-bit integer, and so does an immediate by the time it comes here, sign-extended. Every operation
is a function of such integers that takes the same steps:

1. read each operand at the operation's width, as unsigned (`u32`, `u64`) or signed (`s32`, `s64`);
2. compute with integers that have no width;
3. cut the result to the width, which leaves the upper half of a 32-bit result zero.
"""

from ebpf.program import ByteOrder


def u8(value: int) -> int:
    """The low 8 bits as an unsigned integer."""
    return value & 0xFF


def u16(value: int) -> int:
    """The low 16 bits as an unsigned integer."""
    return value & 0xFFFF


def u32(value: int) -> int:
    """The low 32 bits as an unsigned integer."""
    return value & 0xFFFF_FFFF


def u64(value: int) -> int:
    """The low 64 bits as an unsigned integer."""
    return value & 0xFFFF_FFFF_FFFF_FFFF


def s8(value: int) -> int:
    """The low 8 bits as a signed integer."""
    return (value & 0xFF) - ((value & 0x80) << 1)


def s16(value: int) -> int:
    """The low 16 bits as a signed integer."""
    return (value & 0xFFFF) - ((value & 0x8000) << 1)


def s32(value: int) -> int:
    """The low 32 bits as a signed integer."""
    return (value & 0xFFFF_FFFF) - ((value & 0x8000_0000) << 1)


def s64(value: int) -> int:
    """The low 64 bits as a signed integer."""
    return (value & 0xFFFF_FFFF_FFFF_FFFF) - ((value & 0x8000_0000_0000_0000) << 1)


def truncated_quotient(dividend: int, divisor: int) -> int:
    """The quotient of two signed integers, rounded toward zero; the divisor is not zero."""
    quotient = abs(dividend) // abs(divisor)
    return quotient if (dividend < 0) == (divisor < 0) else -quotient


# Section 4.1, ALU: both operands are 32 bits wide, and so is the result; the upper half of dst becomes zero.


def add32(dst: int, src: int) -> int:
    """ADD, 32 bits: the sum."""
    return u32(u32(dst) + u32(src))


def sub32(dst: int, src: int) -> int:
    """SUB, 32 bits: the difference."""
    return u32(u32(dst) - u32(src))


def mul32(dst: int, src: int) -> int:
    """MUL, 32 bits: the low half of the product."""
    return u32(u32(dst) * u32(src))


def div32(dst: int, src: int) -> int:
    """DIV, 32 bits: the unsigned quotient; 0 when the divisor is 0."""
    return u32(u32(dst) // u32(src)) if u32(src) else 0


def sdiv32(dst: int, src: int) -> int:
    """SDIV, 32 bits: the signed quotient, rounded toward zero; 0 when the divisor is 0. INT32_MIN / -1 wraps to INT32_MIN."""
    return u32(truncated_quotient(s32(dst), s32(src))) if s32(src) else 0


def or32(dst: int, src: int) -> int:
    """OR, 32 bits."""
    return u32(u32(dst) | u32(src))


def and32(dst: int, src: int) -> int:
    """AND, 32 bits."""
    return u32(u32(dst) & u32(src))


def lsh32(dst: int, src: int) -> int:
    """LSH, 32 bits: shift left by the low 5 bits of src."""
    return u32(u32(dst) << (src & 0x1F))


def rsh32(dst: int, src: int) -> int:
    """RSH, 32 bits: shift right by the low 5 bits of src, zeros from the left."""
    return u32(u32(dst) >> (src & 0x1F))


def neg32(dst: int) -> int:
    """NEG, 32 bits: the two's complement."""
    return u32(-u32(dst))


def mod32(dst: int, src: int) -> int:
    """MOD, 32 bits: the unsigned remainder; dst, cut to 32 bits, when the divisor is 0."""
    return u32(u32(dst) % u32(src)) if u32(src) else u32(dst)


def smod32(dst: int, src: int) -> int:
    """SMOD, 32 bits: the remainder of SDIV, with the dividend's sign; dst, cut to 32 bits, when the divisor is 0. INT32_MIN % -1 is 0."""
    return u32(s32(dst) - s32(src) * truncated_quotient(s32(dst), s32(src))) if s32(src) else u32(dst)


def xor32(dst: int, src: int) -> int:
    """XOR, 32 bits."""
    return u32(u32(dst) ^ u32(src))


def mov32(src: int) -> int:
    """MOV, 32 bits."""
    return u32(src)


def movsx32_8(src: int) -> int:
    """MOVSX of 8 bits to 32 bits."""
    return u32(s8(src))


def movsx32_16(src: int) -> int:
    """MOVSX of 16 bits to 32 bits."""
    return u32(s16(src))


def arsh32(dst: int, src: int) -> int:
    """ARSH, 32 bits: shift right by the low 5 bits of src, copies of the sign bit from the left."""
    return u32(s32(dst) >> (src & 0x1F))


# Section 4.1, ALU64: both operands and the result are 64 bits wide.


def add64(dst: int, src: int) -> int:
    """ADD, 64 bits: the sum."""
    return u64(u64(dst) + u64(src))


def sub64(dst: int, src: int) -> int:
    """SUB, 64 bits: the difference."""
    return u64(u64(dst) - u64(src))


def mul64(dst: int, src: int) -> int:
    """MUL, 64 bits: the low half of the product."""
    return u64(u64(dst) * u64(src))


def div64(dst: int, src: int) -> int:
    """DIV, 64 bits: the unsigned quotient; 0 when the divisor is 0."""
    return u64(u64(dst) // u64(src)) if u64(src) else 0


def sdiv64(dst: int, src: int) -> int:
    """SDIV, 64 bits: the signed quotient, rounded toward zero; 0 when the divisor is 0. INT64_MIN / -1 wraps to INT64_MIN."""
    return u64(truncated_quotient(s64(dst), s64(src))) if s64(src) else 0


def or64(dst: int, src: int) -> int:
    """OR, 64 bits."""
    return u64(u64(dst) | u64(src))


def and64(dst: int, src: int) -> int:
    """AND, 64 bits."""
    return u64(u64(dst) & u64(src))


def lsh64(dst: int, src: int) -> int:
    """LSH, 64 bits: shift left by the low 6 bits of src."""
    return u64(u64(dst) << (src & 0x3F))


def rsh64(dst: int, src: int) -> int:
    """RSH, 64 bits: shift right by the low 6 bits of src, zeros from the left."""
    return u64(u64(dst) >> (src & 0x3F))


def neg64(dst: int) -> int:
    """NEG, 64 bits: the two's complement."""
    return u64(-u64(dst))


def mod64(dst: int, src: int) -> int:
    """MOD, 64 bits: the unsigned remainder; dst when the divisor is 0."""
    return u64(u64(dst) % u64(src)) if u64(src) else u64(dst)


def smod64(dst: int, src: int) -> int:
    """SMOD, 64 bits: the remainder of SDIV, with the dividend's sign; dst when the divisor is 0. INT64_MIN % -1 is 0."""
    return u64(s64(dst) - s64(src) * truncated_quotient(s64(dst), s64(src))) if s64(src) else u64(dst)


def xor64(dst: int, src: int) -> int:
    """XOR, 64 bits."""
    return u64(u64(dst) ^ u64(src))


def mov64(src: int) -> int:
    """MOV, 64 bits."""
    return u64(src)


def movsx64_8(src: int) -> int:
    """MOVSX of 8 bits to 64 bits."""
    return u64(s8(src))


def movsx64_16(src: int) -> int:
    """MOVSX of 16 bits to 64 bits."""
    return u64(s16(src))


def movsx64_32(src: int) -> int:
    """MOVSX of 32 bits to 64 bits."""
    return u64(s32(src))


def arsh64(dst: int, src: int) -> int:
    """ARSH, 64 bits: shift right by the low 6 bits of src, copies of the sign bit from the left."""
    return u64(s64(dst) >> (src & 0x3F))


# Section 4.2, byte swaps: the result is as wide as the operand, and the bits of dst above it become zero.


def bswap16(dst: int) -> int:
    """BSWAP of the low 16 bits."""
    return int.from_bytes(u16(dst).to_bytes(2, "little"), "big")


def bswap32(dst: int) -> int:
    """BSWAP of the low 32 bits."""
    return int.from_bytes(u32(dst).to_bytes(4, "little"), "big")


def bswap64(dst: int) -> int:
    """BSWAP of 64 bits."""
    return int.from_bytes(u64(dst).to_bytes(8, "little"), "big")


def le16(dst: int, host: ByteOrder) -> int:
    """TO_LE of the low 16 bits: between the host's byte order and little-endian."""
    return u16(dst) if host == "little" else bswap16(dst)


def le32(dst: int, host: ByteOrder) -> int:
    """TO_LE of the low 32 bits."""
    return u32(dst) if host == "little" else bswap32(dst)


def le64(dst: int, host: ByteOrder) -> int:
    """TO_LE of 64 bits."""
    return u64(dst) if host == "little" else bswap64(dst)


def be16(dst: int, host: ByteOrder) -> int:
    """TO_BE of the low 16 bits: between the host's byte order and big-endian."""
    return u16(dst) if host == "big" else bswap16(dst)


def be32(dst: int, host: ByteOrder) -> int:
    """TO_BE of the low 32 bits."""
    return u32(dst) if host == "big" else bswap32(dst)


def be64(dst: int, host: ByteOrder) -> int:
    """TO_BE of 64 bits."""
    return u64(dst) if host == "big" else bswap64(dst)
