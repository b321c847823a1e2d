/* Signed narrow loads and conversions: sound of 8, 16 and 32 bits a sample is summed, scaled, clipped and stored. The context in native byte
 * order: s64 for the sum of all samples, s64 for the sum of the clipped ones, then records of s8 gain (applied as gain / 64), s8 sample, s16
 * sample, s32 sample, s16 room for the mixture, s8 room for its upper byte and u8 room for 1 when it was clipped, 4 bytes of padding. r0 is
 * the smallest mixture before clipping (0 when there is none), as s64. */
#include "program.h"

struct record {
    s8 gain, small;
    s16 middle;
    s32 large;
    s16 mixture;
    s8 upper;
    u8 clipped;
    u32 padding;
};

u64 entry(void *memory, u64 length) {
    s64 *sums = memory, smallest = 0;
    if (length < 16)
        return 0;
    struct record *record = (struct record *)(sums + 2);
    for (u64 at = 16; at + sizeof *record <= length; at += sizeof *record, record++) {
        s64 samples = (s64)record->small + record->middle + record->large;
        sums[0] += samples;
        s64 mixture = ((s64)record->small * 256 + record->middle + (record->large >> 16)) * record->gain >> 6;
        if (mixture < smallest)
            smallest = mixture;
        s16 clipped = (s16)(mixture > 32767 ? 32767 : mixture < -32768 ? -32768 : mixture);
        record->clipped = clipped != mixture;
        record->mixture = clipped;
        record->upper = (s8)((u16)clipped >> 8);
        sums[1] += clipped;
        /* Truncations of sums to each width, sign-extended again. */
        sums[1] += (s8)samples;
        sums[1] += (s16)samples;
        sums[1] += (s32)samples;
    }
    return (u64)smallest;
}
