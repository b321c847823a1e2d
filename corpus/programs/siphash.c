/* SipHash-2-4 (Aumasson and Bernstein, "SipHash: a fast short-input PRF"): the context is the 16-byte key followed by the message. r0 is the
 * 64-bit tag; all ones when there is no key. */
#include "program.h"

static u64 load_little(const u8 *bytes, u32 count) {
    u64 value = 0;
    for (u32 at = 0; at < count; at++)
        value |= (u64)bytes[at] << 8 * at;
    return value;
}

#define ROUND                                                          \
    do {                                                               \
        v0 += v1; v1 = rotate_left64(v1, 13) ^ v0; v0 = rotate_left64(v0, 32); \
        v2 += v3; v3 = rotate_left64(v3, 16) ^ v2;                     \
        v0 += v3; v3 = rotate_left64(v3, 21) ^ v0;                     \
        v2 += v1; v1 = rotate_left64(v1, 17) ^ v2; v2 = rotate_left64(v2, 32); \
    } while (0)

u64 entry(void *memory, u64 length) {
    if (length < 16)
        return ~0ull;
    const u64 *key = memory;
    const u8 *message = (const u8 *)memory + 16;
    u64 size = length - 16;
    u64 k0 = LITTLE64(key[0]), k1 = LITTLE64(key[1]);
    u64 v0 = k0 ^ 0x736f6d6570736575, v1 = k1 ^ 0x646f72616e646f6d, v2 = k0 ^ 0x6c7967656e657261, v3 = k1 ^ 0x7465646279746573;
    for (u64 at = 0; at + 8 <= size; at += 8) {
        u64 block = LITTLE64(*(const u64 *)(message + at));
        v3 ^= block;
        ROUND;
        ROUND;
        v0 ^= block;
    }
    u64 last = size << 56 | load_little(message + (size & ~7ull), size & 7);
    v3 ^= last;
    ROUND;
    ROUND;
    v0 ^= last;
    v2 ^= 0xff;
    ROUND;
    ROUND;
    ROUND;
    ROUND;
    return v0 ^ v1 ^ v2 ^ v3;
}
