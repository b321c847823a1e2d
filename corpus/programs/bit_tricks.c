/* Bit tricks by shifts, masks and products. The context holds records of 32 bytes in native byte order: the argument, and room for what
 * follows. r0 is the exclusive or of the isolated lowest bits. */
#include "program.h"

struct record {
    u64 argument;
    u64 reversed;       /* bit 0 to bit 63 and so on */
    u64 interleaved;    /* Morton code: low half on even places, high half on odd ones */
    u32 power;          /* smallest power of two not below the low half; 0 when it has 33 bits */
    u8 population;      /* number of ones */
    u8 leading;         /* zeros above the highest one; 64 for 0 */
    u8 trailing;        /* zeros below the lowest one; 64 for 0 */
    u8 parity;          /* of the high half */
};

static u64 reverse(u64 value) {
    value = (value >> 1 & 0x5555555555555555) | (value & 0x5555555555555555) << 1;
    value = (value >> 2 & 0x3333333333333333) | (value & 0x3333333333333333) << 2;
    value = (value >> 4 & 0x0f0f0f0f0f0f0f0f) | (value & 0x0f0f0f0f0f0f0f0f) << 4;
    return __builtin_bswap64(value);
}

static u64 spread(u64 value) {
    value = (value | value << 16) & 0x0000ffff0000ffff;
    value = (value | value << 8) & 0x00ff00ff00ff00ff;
    value = (value | value << 4) & 0x0f0f0f0f0f0f0f0f;
    value = (value | value << 2) & 0x3333333333333333;
    return (value | value << 1) & 0x5555555555555555;
}

static u8 population(u64 value) {
    value -= value >> 1 & 0x5555555555555555;
    value = (value & 0x3333333333333333) + (value >> 2 & 0x3333333333333333);
    value = (value + (value >> 4)) & 0x0f0f0f0f0f0f0f0f;
    return value * 0x0101010101010101 >> 56;
}

static u8 leading_zeros(u64 value) {
    u32 zeros = 64;
    for (u32 step = 32; step; step >>= 1) {
        if (value >> step) {
            value >>= step;
            zeros -= step;
        }
    }
    return zeros - (u32)value;
}

static u32 power_of_two(u32 value) {
    value -= 1;
    value |= value >> 1;
    value |= value >> 2;
    value |= value >> 4;
    value |= value >> 8;
    value |= value >> 16;
    return value + 1;
}

static u8 parity(u32 value) {
    value ^= value >> 16;
    value ^= value >> 8;
    value ^= value >> 4;
    return 0x6996 >> (value & 15) & 1;
}

u64 entry(void *memory, u64 length) {
    struct record *record = memory;
    u64 lowest = 0;
    for (u64 at = 0; at + sizeof *record <= length; at += sizeof *record, record++) {
        u64 argument = record->argument, isolated = argument & -argument;
        lowest ^= isolated;
        record->reversed = reverse(argument);
        record->interleaved = spread((u32)argument) | spread(argument >> 32) << 1;
        record->power = power_of_two((u32)argument);
        record->population = population(argument);
        record->leading = leading_zeros(argument);
        record->trailing = population(isolated - 1);
        record->parity = parity((u32)(argument >> 32));
    }
    return lowest;
}
