/* The Toeplitz hash with which network cards spread flows over queues (receive side scaling). The context is what is hashed: addresses, then
 * ports, in network order, at most 36 bytes (an IPv6 flow). The key, that of the published verification suite, is in .rodata. r0 is the hash;
 * all ones when the input is too long. */
#include "program.h"

static const u8 key[40] = {
    0x6d, 0x5a, 0x56, 0xda, 0x25, 0x5b, 0x0e, 0xc2, 0x41, 0x67, 0x25, 0x3d, 0x43, 0xa3, 0x8f, 0xb0, 0xd0, 0xca, 0x2b, 0xcb,
    0xae, 0x7b, 0x30, 0xb4, 0x77, 0xcb, 0x2d, 0xa3, 0x80, 0x30, 0xf2, 0x0c, 0x6a, 0x42, 0xb7, 0x3b, 0xbe, 0xac, 0x01, 0xfa,
};

u64 entry(void *memory, u64 length) {
    const u8 *bytes = memory;
    if (length > 36)
        return ~0ull;
    u32 window = (u32)key[0] << 24 | (u32)key[1] << 16 | (u32)key[2] << 8 | key[3], hash = 0;
    for (u64 at = 0; at < length; at++) {
        u8 next = key[at + 4];
        for (s32 bit = 7; bit >= 0; bit--) {
            if (bytes[at] >> bit & 1)
                hash ^= window;
            window = window << 1 | (next >> bit & 1);
        }
    }
    return hash;
}
