/* Comparisons of all kinds at both widths, between registers and with constants, as branches that each leave a bit: which way was taken is the
 * result. The context holds records of 24 bytes in native byte order, two u64 operands and room for a u64 of bits. r0 is the exclusive or of
 * all bits rotated by the number of their record. */
#include "program.h"

/* The empty statement keeps clang from merging branches into arithmetic on the condition. */
#define BRANCH(condition)                 \
    do {                                  \
        bits <<= 1;                       \
        if (condition) {                  \
            __asm__ volatile("");         \
            bits |= 1;                    \
        }                                 \
    } while (0)

#define ORDER(a, b)      \
    do {                 \
        BRANCH(a == b);  \
        BRANCH(a != b);  \
        BRANCH(a < b);   \
        BRANCH(a <= b);  \
        BRANCH(a > b);   \
        BRANCH(a >= b);  \
    } while (0)

SUBPROGRAM u64 compare64(u64 a, u64 b) {
    u64 bits = 0;
    ORDER(a, b);
    ORDER((s64)a, (s64)b);
    BRANCH(a & b);
    BRANCH(a & 0x40000001);
    BRANCH(a > 0x7ffffffe);
    BRANCH(a >= 0xffffffff80000000);
    BRANCH(a < 0x1000);
    BRANCH(a == 0xffffffffffffffff);
    BRANCH((s64)a > -2);
    BRANCH((s64)a < -0x7fffffff);
    BRANCH((s64)a >= 0x7fffffff);
    BRANCH((s64)a <= 0);
    BRANCH(a != 0x123456789);
    return bits;
}

SUBPROGRAM u64 compare32(u32 a, u32 b) {
    u64 bits = 0;
    ORDER(a, b);
    ORDER((s32)a, (s32)b);
    BRANCH(a & b);
    BRANCH(a & 0x40000001);
    BRANCH(a & 0x80000000);
    BRANCH(a > 0x7ffffffe);
    BRANCH(a >= 0x80000001);
    BRANCH(a < 0x1000);
    BRANCH(a == 0xffffffff);
    BRANCH((s32)a > -2);
    BRANCH((s32)a < -0x7fffffff);
    BRANCH((s32)a >= 0x7fffffff);
    BRANCH((s32)a <= 0);
    BRANCH(a != 0x23456789);
    return bits;
}

u64 entry(void *memory, u64 length) {
    u64 *record = memory, result = 0;
    for (u64 at = 0; at + 24 <= length; at += 24, record += 3) {
        u64 bits = compare64(record[0], record[1]) << 32 | compare32((u32)record[0], (u32)record[1]);
        record[2] = bits;
        result = (result << 1 | result >> 63) ^ bits;
    }
    return result;
}
