/* FNV-1a (64 bits, draft-eastlake-fnv) of the context, then the finalisers of MurmurHash3: 64 bits, and 32 bits on both halves. Products of
 * 64-bit constants that no immediate holds. The three hashes are stored, in native byte order, in the first 24 bytes of the context after it
 * was hashed; r0 is FNV-1a. Without room for them r0 is 0. */
#include "program.h"

static u64 finalise64(u64 value) {
    value = (value ^ value >> 33) * 0xff51afd7ed558ccdull;
    value = (value ^ value >> 33) * 0xc4ceb9fe1a85ec53ull;
    return value ^ value >> 33;
}

static u32 finalise32(u32 value) {
    value = (value ^ value >> 16) * 0x85ebca6bu;
    value = (value ^ value >> 13) * 0xc2b2ae35u;
    return value ^ value >> 16;
}

u64 entry(void *memory, u64 length) {
    if (length < 24)
        return 0;
    const u8 *bytes = memory;
    u64 hash = 0xcbf29ce484222325ull;
    for (u64 at = 0; at < length; at++)
        hash = (hash ^ bytes[at]) * 0x100000001b3ull;
    u64 *results = memory;
    results[0] = finalise64(hash);
    results[1] = finalise32((u32)hash);
    results[2] = finalise32((u32)(hash >> 32));
    return hash;
}
