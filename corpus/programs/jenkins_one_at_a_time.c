/* Bob Jenkins' one-at-a-time hash of the context: 32-bit additions and shifts by constants, a byte a step. */
#include "program.h"

u64 entry(void *memory, u64 length) {
    const u8 *bytes = memory;
    u32 hash = 0;
    for (u64 at = 0; at < length; at++) {
        hash += bytes[at];
        hash += hash << 10;
        hash ^= hash >> 6;
    }
    hash += hash << 3;
    hash ^= hash >> 11;
    hash += hash << 15;
    return hash;
}
