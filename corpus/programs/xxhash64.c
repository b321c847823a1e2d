/* xxHash64 with seed 0 (the xxHash specification, section "XXH64 algorithm description") of the context. */
#include "program.h"

#define PRIME1 0x9e3779b185ebca87ull
#define PRIME2 0xc2b2ae3d27d4eb4full
#define PRIME3 0x165667b19e3779f9ull
#define PRIME4 0x85ebca77c2b2ae63ull
#define PRIME5 0x27d4eb2f165667c5ull

static u64 round_(u64 accumulator, u64 lane) { return rotate_left64(accumulator + lane * PRIME2, 31) * PRIME1; }

static u64 merge(u64 hash, u64 accumulator) { return (hash ^ round_(0, accumulator)) * PRIME1 + PRIME4; }

u64 entry(void *memory, u64 length) {
    const u64 *lanes = memory;
    u64 left = length, hash = PRIME5;
    if (left >= 32) {
        u64 a = PRIME1 + PRIME2, b = PRIME2, c = 0, d = -PRIME1;
        for (; left >= 32; left -= 32, lanes += 4) {
            a = round_(a, LITTLE64(lanes[0]));
            b = round_(b, LITTLE64(lanes[1]));
            c = round_(c, LITTLE64(lanes[2]));
            d = round_(d, LITTLE64(lanes[3]));
        }
        hash = rotate_left64(a, 1) + rotate_left64(b, 7) + rotate_left64(c, 12) + rotate_left64(d, 18);
        hash = merge(merge(merge(merge(hash, a), b), c), d);
    }
    hash += length;
    for (; left >= 8; left -= 8)
        hash = rotate_left64(hash ^ round_(0, LITTLE64(*lanes++)), 27) * PRIME1 + PRIME4;
    const u32 *half = (const u32 *)lanes;
    if (left >= 4) {
        hash = rotate_left64(hash ^ LITTLE32(*half++) * PRIME1, 23) * PRIME2 + PRIME3;
        left -= 4;
    }
    for (const u8 *bytes = (const u8 *)half; left; left--)
        hash = rotate_left64(hash ^ *bytes++ * PRIME5, 11) * PRIME1;
    hash = (hash ^ hash >> 33) * PRIME2;
    hash = (hash ^ hash >> 29) * PRIME3;
    return hash ^ hash >> 32;
}
