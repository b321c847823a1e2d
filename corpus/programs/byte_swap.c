/* Byte swaps of every width, unconditional and to a byte order. The context holds records of 24 bytes: one u64, two u32, four u16, each of
 * which is swapped in place. r0 sums what the fields said before, the first half of the record read as big-endian numbers, the second as
 * little-endian. */
#include "program.h"

struct record {
    u64 whole;
    u32 halves[2];
    u16 quarters[4];
};

u64 entry(void *memory, u64 length) {
    struct record *record = memory;
    u64 sum = 0;
    for (u64 at = 0; at + sizeof *record <= length; at += sizeof *record, record++) {
        sum += BIG64(record->whole) ^ LITTLE64(record->whole);
        sum += (u64)BIG32(record->halves[0]) + LITTLE32(record->halves[1]);
        sum += (u64)BIG16(record->quarters[0]) + BIG16(record->quarters[1]) + LITTLE16(record->quarters[2]) + LITTLE16(record->quarters[3]);
        record->whole = __builtin_bswap64(record->whole);
        for (u32 half = 0; half < 2; half++)
            record->halves[half] = __builtin_bswap32(record->halves[half]);
        for (u32 quarter = 0; quarter < 4; quarter++)
            record->quarters[quarter] = __builtin_bswap16(record->quarters[quarter]);
        /* Swaps of sums: the bits above the width must not leak in. */
        u64 low = sum + 0xfffefdfcfbfaf9f8;
        sum += __builtin_bswap16((u16)low) + (u64)__builtin_bswap32((u32)low);
    }
    return sum;
}
