/* ChaCha20 (RFC 8439 section 2.4): the context is a key of 32 bytes, the block counter (u32, little-endian), a nonce of 12 bytes and data,
 * which are encrypted in place. r0 is the number of blocks; 0 when the parameters are not complete. State and working copy are on the stack. */
#include "program.h"

#define QUARTER(a, b, c, d)                                 \
    do {                                                    \
        work[a] += work[b]; work[d] = rotate_left32(work[d] ^ work[a], 16); \
        work[c] += work[d]; work[b] = rotate_left32(work[b] ^ work[c], 12); \
        work[a] += work[b]; work[d] = rotate_left32(work[d] ^ work[a], 8);  \
        work[c] += work[d]; work[b] = rotate_left32(work[b] ^ work[c], 7);  \
    } while (0)

u64 entry(void *memory, u64 length) {
    if (length < 48)
        return 0;
    const u32 *parameters = memory;
    u8 *data = (u8 *)memory + 48;
    u64 left = length - 48, blocks = 0;
    u32 state[16] = {0x61707865, 0x3320646e, 0x79622d32, 0x6b206574}, work[16];
    for (u32 word = 0; word < 12; word++)
        state[4 + word] = LITTLE32(parameters[word]);
    for (; left; blocks++, state[12]++) {
        for (u32 word = 0; word < 16; word++)
            work[word] = state[word];
#pragma clang loop unroll(disable)
        for (u32 round = 0; round < 10; round++) {
            QUARTER(0, 4, 8, 12);
            QUARTER(1, 5, 9, 13);
            QUARTER(2, 6, 10, 14);
            QUARTER(3, 7, 11, 15);
            QUARTER(0, 5, 10, 15);
            QUARTER(1, 6, 11, 12);
            QUARTER(2, 7, 8, 13);
            QUARTER(3, 4, 9, 14);
        }
        for (u32 word = 0; word < 16; word++)
            work[word] = LITTLE32(work[word] + state[word]);
        const u8 *key_stream = (const u8 *)work;
        for (u32 at = 0; at < 64 && left; at++, left--)
            *data++ ^= key_stream[at];
    }
    return blocks;
}
