/* String search after Horspool: a skip table of 256 bytes on the stack, then comparisons from the end. The first byte of the context is the
 * length n of the needle, then needle and haystack. r0 is where the needle occurs first, all ones when it does not (or the needle is empty or
 * not there). */
#include "program.h"

u64 entry(void *memory, u64 length) {
    const u8 *needle = (const u8 *)memory + 1;
    if (length < 1)
        return ~0ull;
    u64 size = *(const u8 *)memory;
    if (size == 0 || length < 1 + size)
        return ~0ull;
    const u8 *haystack = needle + size;
    u64 end = length - 1 - size;
    u64 words[32];
    u8 *skip = (u8 *)words;
    for (u32 word = 0; word < 32; word++)
        words[word] = size * 0x0101010101010101;
    for (u64 at = 0; at + 1 < size; at++)
        skip[needle[at]] = (u8)(size - 1 - at);
    u64 at = 0;
    while (at + size <= end) {
        u64 left = size;
        while (haystack[at + left - 1] == needle[left - 1])
            if (--left == 0)
                return at;
        at += skip[haystack[at + size - 1]];
    }
    return ~0ull;
}
