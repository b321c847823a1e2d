/* Greatest common divisors after Euclid, least common multiples: unsigned division and modulo by registers at both widths. The context holds
 * records of 40 bytes in native byte order: two u64 operands, room for their divisor and multiple (wrapping; 0 for two zeros), room for
 * divisor and multiple of the low halves (u32 each). r0 is the number of coprime pairs of 64 bits. */
#include "program.h"

struct record {
    u64 a, b, divisor, multiple;
    u32 divisor32, multiple32;
};

static u64 gcd64(u64 a, u64 b) {
    while (b) {
        u64 rest = a % b;
        a = b;
        b = rest;
    }
    return a;
}

static u32 gcd32(u32 a, u32 b) {
    while (b) {
        u32 rest = a % b;
        a = b;
        b = rest;
    }
    return a;
}

u64 entry(void *memory, u64 length) {
    struct record *record = memory;
    u64 coprime = 0;
    for (u64 at = 0; at + sizeof *record <= length; at += sizeof *record, record++) {
        u64 a = record->a, b = record->b;
        record->divisor = gcd64(a, b);
        record->multiple = record->divisor ? a / record->divisor * b : 0;
        record->divisor32 = gcd32((u32)a, (u32)b);
        record->multiple32 = record->divisor32 ? (u32)a / record->divisor32 * (u32)b : 0;
        coprime += record->divisor == 1;
    }
    return coprime;
}
