/* Adler-32 (RFC 1950 section 8.2) of the context, with one modulo a byte for the first sum, and one at the end for the second. For size
 * instead of speed, so that the remainders stay divisions by constants, of 32 and of 64 bits, and do not become products. */
#include "program.h"

#define PRIME 65521

__attribute__((minsize)) u64 entry(void *memory, u64 length) {
    const u8 *bytes = memory;
    u32 first = 1;
    u64 second = 0;
    for (u64 at = 0; at < length; at++) {
        first = (first + bytes[at]) % PRIME;
        second += first;
    }
    return second % PRIME << 16 | first;
}
