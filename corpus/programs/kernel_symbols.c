/* Functions and variables of the kernel, which are declared here and numbered by BTF. The context holds numbers of 8 bytes, in native byte order: the first
 * becomes a hash of the variables; for the others it counts how often two calls of one function, with arguments that are equal by their types or are
 * not, return the same. What the functions return is no matter; r0 is the count of those that ought to be equal, and 2^32 times that of the others. */
#include "helpers.h"

#define KERNEL __attribute__((section(".ksyms")))

extern const u64 clock KERNEL;
extern const u16 table[5] KERNEL;
extern const s8 level KERNEL;

extern u64 small(u8 a, s16 b, u32 c, s8 d, u64 e) KERNEL;
extern s16 large(s64 a, u16 b, const void *c, s32 d) KERNEL;
extern u32 one(s8 a) KERNEL;
extern u64 none(void) KERNEL;

u64 entry(void *memory, u64 length) {
    u64 *numbers = memory;
    u64 equal = 0, others = 0;
    if (length < sizeof *numbers)
        return 0;
    u64 hash = clock + (s64)level;
    for (u64 at = 0; at < 5; at++)
        hash = hash * 31 + table[at];
    for (u64 at = 1; at < length / sizeof *numbers; at++) {
        u64 x = numbers[at];
        equal += small(x, x, x, x, x) == small(x + 0x100, x - 0x10000, x + (1ULL << 40), x ^ 0xff00, x);
        equal += large(x, x, numbers, x) == large(x, x + 0x10000, numbers, x ^ 7ULL << 33);
        equal += one(x) == one(x & 0xff);
        equal += none() == none();
        others += small(x, x, x, x, x) == small(x, x, x, x, x ^ 1ULL << 63);
        others += small(x, x, x, x, x) == small(x, x, x ^ 1ULL << 31, x, x);
        others += one(x) == one(x ^ 0x80);
        others += large(x, x, numbers, x) == large(x ^ 1ULL << 32, x, numbers, x);
    }
    *numbers = hash;
    return others << 32 | equal;
}
