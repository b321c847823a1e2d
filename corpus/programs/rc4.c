/* RC4, obsolete as a cipher and good as a test: 256 bytes of state on the stack, permuted by byte loads and stores at computed addresses. The
 * first byte of the context is the length of the key, then key and data, which are encrypted in place. r0 is the length of the data; all ones
 * for an empty or cut key. */
#include "program.h"

u64 entry(void *memory, u64 length) {
    const u8 *key = (const u8 *)memory + 1;
    if (length < 1)
        return ~0ull;
    u64 size = *(const u8 *)memory;
    if (size == 0 || length < 1 + size)
        return ~0ull;
    u8 state[256], other = 0;
    for (u32 at = 0; at < 256; at++)
        state[at] = (u8)at;
    u64 place = 0;
    for (u32 at = 0; at < 256; at++) {
        u8 held = state[at];
        other += held + key[place];
        state[at] = state[other];
        state[other] = held;
        if (++place == size)
            place = 0;
    }
    u8 *data = (u8 *)memory + 1 + size, at = 0;
    other = 0;
    for (u64 left = length - 1 - size; left; left--) {
        u8 held = state[++at];
        other += held;
        u8 swapped = state[other];
        state[at] = swapped;
        state[other] = held;
        *data++ ^= state[(u8)(held + swapped)];
    }
    return length - 1 - size;
}
