/* Bob Jenkins' lookup3 (public domain, 2006), function hashlittle: the context is the initial value, a little-endian u32 padded to 8 bytes,
 * followed by the key. Three 32-bit words are mixed by subtractions, exclusive ors and rotations. r0 is the hash; all ones without an initial
 * value. */
#include "program.h"

#define MIX(x, y, z, count) (x -= z, x ^= rotate_left32(z, count), z += y)
#define FINISH(x, y, count) (x ^= y, x -= rotate_left32(y, count))

static u32 load_word(const u8 *key, u64 at, u64 size) {
    u32 word = 0;
    for (u32 byte = 0; byte < 4; byte++)
        if (at + byte < size)
            word |= (u32)key[at + byte] << 8 * byte;
    return word;
}

u64 entry(void *memory, u64 length) {
    if (length < 8)
        return ~0ull;
    const u8 *key = (const u8 *)memory + 8;
    u64 size = length - 8, at = 0;
    u32 a = 0xdeadbeef + (u32)size + LITTLE32(*(const u32 *)memory), b = a, c = a;
    for (; size - at > 12; at += 12) {
        a += load_word(key, at, size);
        b += load_word(key, at + 4, size);
        c += load_word(key, at + 8, size);
        MIX(a, b, c, 4);
        MIX(b, c, a, 6);
        MIX(c, a, b, 8);
        MIX(a, b, c, 16);
        MIX(b, c, a, 19);
        MIX(c, a, b, 4);
    }
    if (at == size)
        return c;
    a += load_word(key, at, size);
    b += load_word(key, at + 4, size);
    c += load_word(key, at + 8, size);
    FINISH(c, b, 14);
    FINISH(a, c, 11);
    FINISH(b, a, 25);
    FINISH(c, b, 16);
    FINISH(a, c, 4);
    FINISH(b, a, 14);
    FINISH(c, b, 24);
    return c;
}
