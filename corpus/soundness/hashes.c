/* SHA-256, CRC-32 bit by bit, Adler-32 and a multiplicative hash with rotations: logic, shifts, rotations and products of words. */
#include "work.h"

static const u32 primes[64] = {
    0x428a2f98, 0x71374491, 0xb5c0fbcf, 0xe9b5dba5, 0x3956c25b, 0x59f111f1, 0x923f82a4, 0xab1c5ed5, 0xd807aa98, 0x12835b01, 0x243185be,
    0x550c7dc3, 0x72be5d74, 0x80deb1fe, 0x9bdc06a7, 0xc19bf174, 0xe49b69c1, 0xefbe4786, 0x0fc19dc6, 0x240ca1cc, 0x2de92c6f, 0x4a7484aa,
    0x5cb0a9dc, 0x76f988da, 0x983e5152, 0xa831c66d, 0xb00327c8, 0xbf597fc7, 0xc6e00bf3, 0xd5a79147, 0x06ca6351, 0x14292967, 0x27b70a85,
    0x2e1b2138, 0x4d2c6dfc, 0x53380d13, 0x650a7354, 0x766a0abb, 0x81c2c92e, 0x92722c85, 0xa2bfe8a1, 0xa81a664b, 0xc24b8b70, 0xc76c51a3,
    0xd192e819, 0xd6990624, 0xf40e3585, 0x106aa070, 0x19a4c116, 0x1e376c08, 0x2748774c, 0x34b0bcb5, 0x391c0cb3, 0x4ed8aa4a, 0x5b9cca4f,
    0x682e6ff3, 0x748f82ee, 0x78a5636f, 0x84c87814, 0x8cc70208, 0x90befffa, 0xa4506ceb, 0xbef9a3f7, 0xc67178f2,
};

static u32 rotate_right(u32 value, int count)
{
    return value >> count | value << (32 - count);
}

static u32 big_endian(const u8 *at)
{
    return (u32)at[0] << 24 | (u32)at[1] << 16 | (u32)at[2] << 8 | at[3];
}

static void block(u32 state[8], const u8 *data)
{
    u32 w[64];
    u32 a = state[0], b = state[1], c = state[2], d = state[3], e = state[4], f = state[5], g = state[6], h = state[7];
    for (int i = 0; i < 16; i++)
        w[i] = big_endian(data + 4 * i);
    for (int i = 16; i < 64; i++) {
        u32 x = w[i - 15], y = w[i - 2];
        w[i] = w[i - 16] + w[i - 7] + (rotate_right(x, 7) ^ rotate_right(x, 18) ^ x >> 3) + (rotate_right(y, 17) ^ rotate_right(y, 19) ^ y >> 10);
    }
    for (int i = 0; i < 64; i++) {
        u32 t = h + (rotate_right(e, 6) ^ rotate_right(e, 11) ^ rotate_right(e, 25)) + ((e & f) ^ (~e & g)) + primes[i] + w[i];
        u32 u = (rotate_right(a, 2) ^ rotate_right(a, 13) ^ rotate_right(a, 22)) + ((a & b) ^ (a & c) ^ (b & c));
        h = g, g = f, f = e, e = d + t, d = c, c = b, b = a, a = t + u;
    }
    state[0] += a, state[1] += b, state[2] += c, state[3] += d, state[4] += e, state[5] += f, state[6] += g, state[7] += h;
}

/* Of a whole number of blocks. */
static void sha256(const u8 *data, u32 size, u8 *digest)
{
    u32 state[8] = {0x6a09e667, 0xbb67ae85, 0x3c6ef372, 0xa54ff53a, 0x510e527f, 0x9b05688c, 0x1f83d9ab, 0x5be0cd19};
    u8 last[64];
    for (u32 at = 0; at < size; at += 64)
        block(state, data + at);
    for (int i = 0; i < 64; i++)
        last[i] = 0;
    last[0] = 0x80;
    for (int i = 0; i < 4; i++)
        last[60 + i] = (u8)(size * 8 >> (24 - 8 * i));
    block(state, last);
    for (int i = 0; i < 32; i++)
        digest[i] = (u8)(state[i / 4] >> (24 - 8 * (i % 4)));
}

static u32 crc32(const u8 *data, u32 size)
{
    u32 crc = ~0u;
    for (u32 i = 0; i < size; i++) {
        crc ^= data[i];
        for (int bit = 0; bit < 8; bit++)
            crc = crc >> 1 ^ (0xedb88320u & -(crc & 1));
    }
    return ~crc;
}

static u32 adler32(const u8 *data, u32 size)
{
    u32 a = 1, b = 0;
    for (u32 i = 0; i < size; i++) {
        a = (a + data[i]) % 65521;
        b = (b + a) % 65521;
    }
    return b << 16 | a;
}

static u32 murmur(const u8 *data, u32 size)
{
    u32 h = 0x9747b28c;
    for (u32 i = 0; i < size; i += 4) {
        u32 k = big_endian(data + i) * 0xcc9e2d51u;
        h ^= rotate_right(k, 17) * 0x1b873593u;
        h = rotate_right(h, 19) * 5 + 0xe6546b64u;
    }
    return h;
}

/* A 64-bit FNV-1a, of which both halves are taken as words again and again. */
static u32 folded(const u8 *data, u32 size)
{
    u64 h = 0xcbf29ce484222325;
    u32 total = 0;
    for (u32 i = 0; i < size; i++) {
        h = (h ^ data[i]) * 0x100000001b3;
        total = total * 31 + ((u32)h >> 5) + (u32)(h >> 32) % 1000;
    }
    return total;
}

void hashes(u8 *memory)
{
    sha256(memory, INPUT_SIZE, memory + SHA256_AT);
    *(u32 *)(memory + CRC32_AT) = crc32(memory, INPUT_SIZE);
    *(u32 *)(memory + ADLER32_AT) = adler32(memory, INPUT_SIZE);
    *(u32 *)(memory + MURMUR_AT) = murmur(memory, INPUT_SIZE);
    *(u32 *)(memory + FOLDED_AT) = folded(memory, INPUT_SIZE);
}
