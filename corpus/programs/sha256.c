/* SHA-256 (FIPS 180-4). The context is 32 bytes for the digest followed by the message; the program pads, hashes and stores the digest. r0 is
 * the number of blocks, 0 when there is no room for the digest. The message schedule is a ring of 16 words on the stack. */
#include "program.h"

static const u32 constants[64] = {
    0x428a2f98, 0x71374491, 0xb5c0fbcf, 0xe9b5dba5, 0x3956c25b, 0x59f111f1, 0x923f82a4, 0xab1c5ed5,
    0xd807aa98, 0x12835b01, 0x243185be, 0x550c7dc3, 0x72be5d74, 0x80deb1fe, 0x9bdc06a7, 0xc19bf174,
    0xe49b69c1, 0xefbe4786, 0x0fc19dc6, 0x240ca1cc, 0x2de92c6f, 0x4a7484aa, 0x5cb0a9dc, 0x76f988da,
    0x983e5152, 0xa831c66d, 0xb00327c8, 0xbf597fc7, 0xc6e00bf3, 0xd5a79147, 0x06ca6351, 0x14292967,
    0x27b70a85, 0x2e1b2138, 0x4d2c6dfc, 0x53380d13, 0x650a7354, 0x766a0abb, 0x81c2c92e, 0x92722c85,
    0xa2bfe8a1, 0xa81a664b, 0xc24b8b70, 0xc76c51a3, 0xd192e819, 0xd6990624, 0xf40e3585, 0x106aa070,
    0x19a4c116, 0x1e376c08, 0x2748774c, 0x34b0bcb5, 0x391c0cb3, 0x4ed8aa4a, 0x5b9cca4f, 0x682e6ff3,
    0x748f82ee, 0x78a5636f, 0x84c87814, 0x8cc70208, 0x90befffa, 0xa4506ceb, 0xbef9a3f7, 0xc67178f2,
};

static u32 rotate_right(u32 value, u32 count) { return value >> count | value << (32 - count); }

/* Word `at` of the padded message: data, then one bit, zeros, and the length in bits. */
static u32 message_word(const u8 *message, u64 size, u64 at, u64 blocks) {
    if (at + 4 <= size)
        return BIG32(*(const u32 *)(message + at));
    if (at + 4 == blocks * 64)
        return (u32)(size * 8);
    u32 word = 0;
    for (u32 byte = 0; byte < 4; byte++) {
        u64 place = at + byte;
        word = word << 8 | (place < size ? message[place] : place == size ? 0x80u : 0u);
    }
    return word;
}

u64 entry(void *memory, u64 length) {
    if (length < 32)
        return 0;
    const u8 *message = (const u8 *)memory + 32;
    u64 size = length - 32, blocks = (size + 9 + 63) / 64;
    u32 state[8] = {0x6a09e667, 0xbb67ae85, 0x3c6ef372, 0xa54ff53a, 0x510e527f, 0x9b05688c, 0x1f83d9ab, 0x5be0cd19};
    u32 schedule[16];
    for (u64 block = 0; block < blocks; block++) {
        for (u32 at = 0; at < 16; at++)
            schedule[at] = message_word(message, size, block * 64 + at * 4, blocks);
        u32 a = state[0], b = state[1], c = state[2], d = state[3], e = state[4], f = state[5], g = state[6], h = state[7];
#pragma clang loop unroll(disable)
        for (u32 at = 0; at < 64; at++) {
            u32 word = schedule[at & 15];
            if (at >= 16) {
                u32 early = schedule[(at + 1) & 15], late = schedule[(at + 14) & 15];
                word += (rotate_right(early, 7) ^ rotate_right(early, 18) ^ early >> 3) + schedule[(at + 9) & 15];
                word += rotate_right(late, 17) ^ rotate_right(late, 19) ^ late >> 10;
                schedule[at & 15] = word;
            }
            u32 first = h + (rotate_right(e, 6) ^ rotate_right(e, 11) ^ rotate_right(e, 25)) + ((e & f) ^ (~e & g)) + constants[at] + word;
            u32 second = (rotate_right(a, 2) ^ rotate_right(a, 13) ^ rotate_right(a, 22)) + ((a & b) ^ (a & c) ^ (b & c));
            h = g; g = f; f = e; e = d + first;
            d = c; c = b; b = a; a = first + second;
        }
        state[0] += a; state[1] += b; state[2] += c; state[3] += d;
        state[4] += e; state[5] += f; state[6] += g; state[7] += h;
    }
    u32 *digest = memory;
    for (u32 at = 0; at < 8; at++)
        digest[at] = BIG32(state[at]);
    return blocks;
}
