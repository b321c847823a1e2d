"""When a conditional jump is taken: RFC 9669 section 4.3, in the RFC's order.

Operands are unsigned 64-bit integers, immediates sign-extended. A JMP compares all 64 bits, a JMP32 the low 32.
"""

from oracle.arithmetic import s32, s64, u32, u64


def jeq64(dst: int, src: int) -> bool:
    """JEQ, 64 bits: equal."""
    return u64(dst) == u64(src)


def jgt64(dst: int, src: int) -> bool:
    """JGT, 64 bits: greater, unsigned."""
    return u64(dst) > u64(src)


def jge64(dst: int, src: int) -> bool:
    """JGE, 64 bits: greater or equal, unsigned."""
    return u64(dst) >= u64(src)


def jset64(dst: int, src: int) -> bool:
    """JSET, 64 bits: a bit in common."""
    return u64(dst) & u64(src) != 0


def jne64(dst: int, src: int) -> bool:
    """JNE, 64 bits: different."""
    return u64(dst) != u64(src)


def jsgt64(dst: int, src: int) -> bool:
    """JSGT, 64 bits: greater, signed."""
    return s64(dst) > s64(src)


def jsge64(dst: int, src: int) -> bool:
    """JSGE, 64 bits: greater or equal, signed."""
    return s64(dst) >= s64(src)


def jlt64(dst: int, src: int) -> bool:
    """JLT, 64 bits: less, unsigned."""
    return u64(dst) < u64(src)


def jle64(dst: int, src: int) -> bool:
    """JLE, 64 bits: less or equal, unsigned."""
    return u64(dst) <= u64(src)


def jslt64(dst: int, src: int) -> bool:
    """JSLT, 64 bits: less, signed."""
    return s64(dst) < s64(src)


def jsle64(dst: int, src: int) -> bool:
    """JSLE, 64 bits: less or equal, signed."""
    return s64(dst) <= s64(src)


def jeq32(dst: int, src: int) -> bool:
    """JEQ, 32 bits: equal."""
    return u32(dst) == u32(src)


def jgt32(dst: int, src: int) -> bool:
    """JGT, 32 bits: greater, unsigned."""
    return u32(dst) > u32(src)


def jge32(dst: int, src: int) -> bool:
    """JGE, 32 bits: greater or equal, unsigned."""
    return u32(dst) >= u32(src)


def jset32(dst: int, src: int) -> bool:
    """JSET, 32 bits: a bit in common."""
    return u32(dst) & u32(src) != 0


def jne32(dst: int, src: int) -> bool:
    """JNE, 32 bits: different."""
    return u32(dst) != u32(src)


def jsgt32(dst: int, src: int) -> bool:
    """JSGT, 32 bits: greater, signed."""
    return s32(dst) > s32(src)


def jsge32(dst: int, src: int) -> bool:
    """JSGE, 32 bits: greater or equal, signed."""
    return s32(dst) >= s32(src)


def jlt32(dst: int, src: int) -> bool:
    """JLT, 32 bits: less, unsigned."""
    return u32(dst) < u32(src)


def jle32(dst: int, src: int) -> bool:
    """JLE, 32 bits: less or equal, unsigned."""
    return u32(dst) <= u32(src)


def jslt32(dst: int, src: int) -> bool:
    """JSLT, 32 bits: less, signed."""
    return s32(dst) < s32(src)


def jsle32(dst: int, src: int) -> bool:
    """JSLE, 32 bits: less or equal, signed."""
    return s32(dst) <= s32(src)
