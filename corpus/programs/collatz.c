/* Collatz sequences: each 8 bytes of the context are a number, in native byte order, at the start, and at the end where its sequence is after at most 200
 * steps, or at 1 or 0. Both loops are calls of bpf_loop, one in the callback of the other. r0 is the number of steps of all sequences. */
#include "helpers.h"

struct sequences {
    u64 *numbers;
    u64 steps;
};

static u64 step(u64 index __attribute__((unused)), void *context) {
    u64 *number = context;
    if (*number <= 1)
        return 1;
    *number = *number & 1 ? *number * 3 + 1 : *number >> 1;
    return *number <= 1;
}

static u64 sequence(u64 index, void *context) {
    struct sequences *sequences = context;
    u64 number = sequences->numbers[index];
    u64 before = number;
    u64 steps = loop(200, step, &number, 0);
    sequences->numbers[index] = number;
    sequences->steps += before <= 1 ? 0 : steps;
    return 0;
}

u64 entry(void *memory, u64 length) {
    struct sequences sequences = {memory, 0};
    s64 done = loop(length / sizeof(u64), sequence, &sequences, 0);
    return done < 0 ? (u64)done : sequences.steps;
}
