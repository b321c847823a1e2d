/* Shifts by counts from registers, at both widths and of all three kinds. The context holds records of 48 bytes in native byte order: a u64
 * value, u32 position, u32 width (position + width at most 64, width at least 1), and room for: the field of that place unsigned (u64) and
 * signed (s64), the value with the field cleared (u64); then the same of the low half, (u32 unsigned, s32 signed) for position and width
 * modulo 32. r0 is the sum of the signed fields. A record out of range ends the run with all ones. */
#include "program.h"

struct record {
    u64 value;
    u32 position, width;
    u64 unsigned_field;
    s64 signed_field;
    u64 cleared;
    u32 unsigned_half;
    s32 signed_half;
};

u64 entry(void *memory, u64 length) {
    struct record *record = memory;
    u64 sum = 0;
    for (u64 at = 0; at + sizeof *record <= length; at += sizeof *record, record++) {
        u64 value = record->value;
        u32 position = record->position, width = record->width;
        if (width < 1 || width > 64 || position > 64 - width)
            return ~0ull;
        u64 left = value << (64 - width - position);
        record->unsigned_field = left >> (64 - width);
        record->signed_field = (s64)left >> (64 - width);
        record->cleared = value & ~(~0ull >> (64 - width) << position);
        sum += (u64)record->signed_field;
        u32 position32 = position % 32, width32 = width % 32;
        if (width32 == 0 || position32 + width32 > 32)
            continue;
        u32 left32 = (u32)value << (32 - width32 - position32);
        record->unsigned_half = left32 >> (32 - width32);
        record->signed_half = (s32)left32 >> (32 - width32);
        sum += (u64)(s64)record->signed_half;
    }
    return sum;
}
