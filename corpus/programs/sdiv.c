/* Signed division and remainder of 64-, 32-, 16- and 8-bit operands. The context holds pairs (dividend, divisor) of s64 in native byte order;
 * each pair is replaced by (quotient, remainder), and r0 mixes the results of all widths. A zero divisor and the overflowing
 * quotient are left to the program, as in C: the pair stays as it is.
 *
 * For size instead of speed, so that divisions by constants stay divisions. Before v4 there is no signed division: there the program divides
 * magnitudes, as every portable BPF program has to. */
#include "program.h"

#ifdef __BPF_FEATURE_SDIV_SMOD
#define NATIVE_DIVISION 1
#elif defined(__bpf__)
#define NATIVE_DIVISION 0
#else
#define NATIVE_DIVISION 1
#endif

static s64 divide64(s64 dividend, s64 divisor) {
#if NATIVE_DIVISION
    return dividend / divisor;
#else
    u64 quotient = (dividend < 0 ? -(u64)dividend : (u64)dividend) / (divisor < 0 ? -(u64)divisor : (u64)divisor);
    return (s64)((dividend ^ divisor) < 0 ? -quotient : quotient);
#endif
}

static s64 remainder64(s64 dividend, s64 divisor) {
#if NATIVE_DIVISION
    return dividend % divisor;
#else
    u64 remainder = (dividend < 0 ? -(u64)dividend : (u64)dividend) % (divisor < 0 ? -(u64)divisor : (u64)divisor);
    return (s64)(dividend < 0 ? -remainder : remainder);
#endif
}

static s32 divide32(s32 dividend, s32 divisor) {
#if NATIVE_DIVISION
    return dividend / divisor;
#else
    u32 quotient = (dividend < 0 ? -(u32)dividend : (u32)dividend) / (divisor < 0 ? -(u32)divisor : (u32)divisor);
    return (s32)((dividend ^ divisor) < 0 ? -quotient : quotient);
#endif
}

static s32 remainder32(s32 dividend, s32 divisor) {
#if NATIVE_DIVISION
    return dividend % divisor;
#else
    u32 remainder = (dividend < 0 ? -(u32)dividend : (u32)dividend) % (divisor < 0 ? -(u32)divisor : (u32)divisor);
    return (s32)(dividend < 0 ? -remainder : remainder);
#endif
}

#define MINIMUM32 (-0x7fffffff - 1)
#define MINIMUM64 (-0x7fffffffffffffffll - 1)

__attribute__((minsize)) u64 entry(void *memory, u64 length) {
    s64 *pair = memory;
    u64 mixed = 0;
    for (u64 at = 0; at + 16 <= length; at += 16, pair += 2) {
        s64 dividend = pair[0], divisor = pair[1];
        if (divisor != 0 && !(dividend == MINIMUM64 && divisor == -1)) {
            pair[0] = divide64(dividend, divisor);
            pair[1] = remainder64(dividend, divisor);
            mixed = mixed * 31 + (u64)divide64(dividend, -10) + (u64)remainder64(dividend, 1000003);
        }
        /* The other way around, only the remainder: next to a quotient it would be computed from that. */
        if (dividend != 0 && !(divisor == MINIMUM64 && dividend == -1))
            mixed = mixed * 31 + (u64)remainder64(divisor, dividend);
        s32 dividend32 = (s32)dividend, divisor32 = (s32)divisor;
        if (divisor32 != 0 && !(dividend32 == MINIMUM32 && divisor32 == -1))
            mixed = mixed * 31 + (u64)(s64)divide32(dividend32, divisor32) + (u64)(s64)remainder32(dividend32, divisor32);
        mixed = mixed * 31 + (u64)(s64)divide32(dividend32, -7) + (u64)(s64)remainder32(dividend32, 10);
        s16 dividend16 = (s16)dividend, divisor16 = (s16)divisor;
        if (divisor16 != 0)
            mixed = mixed * 31 + (u64)(s64)divide32(dividend16, divisor16);
        s8 dividend8 = (s8)dividend, divisor8 = (s8)divisor;
        if (divisor8 != 0)
            mixed = mixed * 31 + (u64)(s64)remainder32(dividend8, divisor8);
    }
    return mixed;
}
