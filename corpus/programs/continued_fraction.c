/* Calls as deep as they may be: eight functions that are active at once, each with its own stack frame. A continued fraction a0 + 1/(a1 + 1/(…
 * + 1/a7)) becomes numerator over denominator; each level stores its rest where the caller's frame has room for it. The context holds records
 * of eight u32 (a1 to a7 at least 1) and room for two u64, numerator and denominator, in native byte order. r0 is the sum of all numbers on
 * the way, numerators times level, which keeps values alive over the calls. */
#include "program.h"

struct fraction {
    u64 numerator, denominator;
};

#define LEVEL(number, deeper)                                                       \
    SUBPROGRAM u64 level##number(const u32 *terms, struct fraction *result) {       \
        struct fraction rest;                                                       \
        u32 term = terms[0];                                                        \
        u64 sum = deeper(terms + 1, &rest);                                         \
        result->numerator = term * rest.numerator + rest.denominator;               \
        result->denominator = rest.numerator;                                       \
        return sum + number * result->numerator;                                    \
    }

SUBPROGRAM u64 level7(const u32 *terms, struct fraction *result) {
    result->numerator = terms[0];
    result->denominator = 1;
    return 7ull * terms[0];
}

LEVEL(6, level7)
LEVEL(5, level6)
LEVEL(4, level5)
LEVEL(3, level4)
LEVEL(2, level3)
LEVEL(1, level2)

u64 entry(void *memory, u64 length) {
    u8 *record = memory;
    u64 sum = 0;
    for (u64 at = 0; at + 48 <= length; at += 48, record += 48) {
        const u32 *terms = (const u32 *)record;
        struct fraction rest, *result = (struct fraction *)(record + 32);
        for (u32 term = 1; term < 8; term++)
            if (terms[term] == 0)
                return ~0ull;
        sum += level1(terms + 1, &rest);
        result->numerator = terms[0] * rest.numerator + rest.denominator;
        result->denominator = rest.numerator;
    }
    return sum;
}
