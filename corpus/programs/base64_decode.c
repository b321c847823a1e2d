/* Base64 decoding (RFC 4648 section 4), in place: the context is the text, the data go to its beginning. Strict: whole groups, padding only at
 * the end, no bits left over. r0 is the length of the data, or the place of the first bad group with all upper bits set (~place). */
#include "program.h"

/* 0 to 63, or 64 for a character that is not of the alphabet: comparisons instead of a table. */
static u32 value_of(u8 character) {
    if (character >= 'A' && character <= 'Z')
        return character - 'A';
    if (character >= 'a' && character <= 'z')
        return character - 'a' + 26;
    if (character >= '0' && character <= '9')
        return character - '0' + 52;
    return character == '+' ? 62 : character == '/' ? 63 : 64;
}

u64 entry(void *memory, u64 length) {
    u8 *bytes = memory;
    u64 written = 0;
    for (u64 at = 0; at < length; at += 4) {
        if (at + 4 > length)
            return ~at;
        u32 padding = 0;
        if (at + 4 == length)
            padding = bytes[at + 3] != '=' ? 0 : bytes[at + 2] != '=' ? 1 : 2;
        u32 group = 0;
        for (u32 place = 0; place < 4; place++) {
            u32 value = place >= 4 - padding ? 0 : value_of(bytes[at + place]);
            if (value == 64)
                return ~at;
            group = group << 6 | value;
        }
        if (group & ((1u << 8 * padding) - 1))
            return ~at;
        bytes[written] = group >> 16;
        if (padding < 2)
            bytes[written + 1] = group >> 8;
        if (padding < 1)
            bytes[written + 2] = group;
        written += 3 - padding;
    }
    return written;
}
