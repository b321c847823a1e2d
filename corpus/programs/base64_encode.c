/* Base64 encoding (RFC 4648 section 4). The first byte of the context is the number of bytes that follow it, n; the text is stored behind
 * them, from byte 1 + n on. r0 is the length of the text, all ones when it does not fit. */
#include "program.h"

static const char alphabet[64] = {
    'A', 'B', 'C', 'D', 'E', 'F', 'G', 'H', 'I', 'J', 'K', 'L', 'M', 'N', 'O', 'P',
    'Q', 'R', 'S', 'T', 'U', 'V', 'W', 'X', 'Y', 'Z', 'a', 'b', 'c', 'd', 'e', 'f',
    'g', 'h', 'i', 'j', 'k', 'l', 'm', 'n', 'o', 'p', 'q', 'r', 's', 't', 'u', 'v',
    'w', 'x', 'y', 'z', '0', '1', '2', '3', '4', '5', '6', '7', '8', '9', '+', '/',
};

u64 entry(void *memory, u64 length) {
    const u8 *data = (const u8 *)memory + 1;
    if (length < 1)
        return ~0ull;
    u64 size = *(const u8 *)memory;
    if (length < 1 + size + (size + 2) / 3 * 4)
        return ~0ull;
    u8 *text = (u8 *)memory + 1 + size;
    u64 at = 0, written = 0;
    for (; at + 3 <= size; at += 3) {
        u32 group = (u32)data[at] << 16 | (u32)data[at + 1] << 8 | data[at + 2];
        for (u32 shift = 0; shift < 4; shift++)
            text[written++] = alphabet[group >> (18 - 6 * shift) & 63];
    }
    if (at < size) {
        u32 pair = at + 2 == size, group = (u32)data[at] << 16;
        if (pair)
            group |= (u32)data[at + 1] << 8;
        text[written] = alphabet[group >> 18];
        text[written + 1] = alphabet[group >> 12 & 63];
        text[written + 2] = pair ? alphabet[group >> 6 & 63] : '=';
        text[written + 3] = '=';
        written += 4;
    }
    return written;
}
