/* Steps of the Collatz sequence, in loops that end by `may_goto` if not before: 37 iterations for each call of a function (`fuzz.layout.LOOPS`; 2^23 in a
 * kernel). The context holds records of 16 bytes in native byte order: a number, and room for the number of steps to 1, or for what was reached
 * after 37 with the upper bit set. Not more than 37 records are looked at. r0 is their number; a number of zero ends the program at once, by an exception
 * whose cookie is the index of its record. */
#include "helpers.h"

extern void bpf_throw(u64 cookie) __attribute__((section(".ksyms")));

/* A statement that ends the loop around it when there are no iterations left. */
#define WHILE_ALLOWED                                             \
    ({                                                            \
        __label__ ended, goes_on;                                 \
        __asm__ goto("may_goto %l[ended]" : : : : ended);         \
        goto goes_on;                                             \
    ended:                                                        \
        break;                                                    \
    goes_on:;                                                     \
    })

struct record {
    u64 number, result;
};

SUBPROGRAM u64 steps(u64 number, u64 index) {
    u64 count = 0;
    if (number == 0)
        bpf_throw(index);
    for (;;) {
        if (number == 1)
            return count;
        WHILE_ALLOWED;
        number = number & 1 ? 3 * number + 1 : number >> 1;
        count++;
    }
    return number | 1ull << 63;
}

u64 entry(void *memory, u64 length) {
    struct record *record = memory;
    u64 count = 0;
    for (;;) {
        if ((count + 1) * sizeof *record > length)
            return count;
        WHILE_ALLOWED;
        record[count].result = steps(record[count].number, count);
        count++;
    }
    return count;
}
