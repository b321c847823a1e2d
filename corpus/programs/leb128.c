/* LEB128 (DWARF 5 section 7.6), unsigned and signed. The first 16 bytes of the context are room for two sums in native byte order: of the
 * unsigned numbers (u64) and of the signed ones (s64); then numbers follow, unsigned and signed by turns. r0 is how many there were, or the
 * place of the number that is longer than 64 bits or lacks its last byte, as ~place. Sums up to there are stored in any case. */
#include "program.h"

u64 entry(void *memory, u64 length) {
    const u8 *bytes = memory;
    if (length < 16)
        return ~0ull;
    u64 unsigned_sum = 0, count = 0, result = 0, at = 16;
    s64 signed_sum = 0;
    while (at < length) {
        u64 start = at, value = 0;
        u32 shift = 0;
        u8 byte;
        do {
            if (at == length || shift > 63) {
                result = ~start;
                goto store;
            }
            byte = bytes[at++];
            value |= (u64)(byte & 0x7f) << shift;
            shift += 7;
        } while (byte & 0x80);
        if (count & 1) {
            if (shift < 64 && byte & 0x40)
                value |= -1ull << shift;
            signed_sum = (s64)((u64)signed_sum + value);
        } else {
            unsigned_sum += value;
        }
        count++;
    }
    result = count;
store:
    ((u64 *)memory)[0] = unsigned_sum;
    ((s64 *)memory)[1] = signed_sum;
    return result;
}
