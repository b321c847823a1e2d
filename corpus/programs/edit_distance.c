/* Levenshtein distance with one row of the table on the stack, which takes nearly all of its 512 bytes. The first byte of the context is the
 * length of the first string (at most 57), the rest of it both strings. r0 is the distance; all ones when the first string is too long or not
 * there. */
#include "program.h"

#define LONGEST 57

u64 entry(void *memory, u64 length) {
    const u8 *first = (const u8 *)memory + 1;
    if (length < 1)
        return ~0ull;
    u64 size = *(const u8 *)memory;
    if (size > LONGEST || length < 1 + size)
        return ~0ull;
    u64 row[LONGEST + 1];
    for (u64 at = 0; at <= size; at++)
        row[at] = at;
    for (u64 place = 1 + size; place < length; place++) {
        u8 letter = ((const u8 *)memory)[place];
        u64 diagonal = row[0];
        row[0]++;
        for (u64 at = 1; at <= size; at++) {
            u64 substituted = diagonal + (first[at - 1] != letter), shortest = row[at] < row[at - 1] ? row[at] : row[at - 1];
            diagonal = row[at];
            row[at] = shortest + 1 < substituted ? shortest + 1 : substituted;
        }
    }
    return row[size];
}
