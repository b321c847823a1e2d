/* Fixed-point arithmetic with 16 fraction bits (Q16.16, s32 in native byte order): product, square root and sine. The context holds records of
 * four numbers: x, y, and room for two results. Each becomes x, y, x * y (rounded down), sin(x) for x in [-pi, pi] (0 outside); r0 is the sum
 * of the integer square roots of |x| * 2^16 (sqrt(|x|) in Q16.16). The sine is a polynomial of degree 7 after folding into [-pi/2, pi/2]. */
#include "program.h"

#define PI 205887

/* An arithmetic shift rounds down for both signs. */
static s64 multiply(s64 x, s64 y) { return x * y >> 16; }

/* Digit by digit: two bits of the argument give one bit of the root. */
static u32 square_root(u64 value) {
    u64 root = 0, bit = 1ull << 46;
    while (bit > value)
        bit >>= 2;
    for (; bit; bit >>= 2) {
        if (value >= root + bit) {
            value -= root + bit;
            root = (root >> 1) + bit;
        } else {
            root >>= 1;
        }
    }
    return (u32)root;
}

/* x - x^3/6 + x^5/120 - x^7/5040, after Horner. */
static s64 sine(s64 x) {
    if (x > PI || x < -PI)
        return 0;
    if (x > PI / 2)
        x = PI - x;
    if (x < -(PI / 2))
        x = -PI - x;
    s64 square = multiply(x, x);
    s64 sum = 546 + multiply(-13, square);
    sum = -10923 + multiply(sum, square);
    sum = 65536 + multiply(sum, square);
    return multiply(sum, x);
}

u64 entry(void *memory, u64 length) {
    s32 *record = memory;
    u64 roots = 0;
    for (u64 at = 0; at + 16 <= length; at += 16, record += 4) {
        s64 x = record[0], y = record[1];
        record[2] = (s32)multiply(x, y);
        record[3] = (s32)sine(x);
        roots += square_root((u64)(x < 0 ? -x : x) << 16);
    }
    return roots;
}
