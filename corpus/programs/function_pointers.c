/* A machine that runs a program of its own: each byte of the context chooses an operation on a 64-bit state, as a function called through a pointer; one
 * of them calls the one that its argument points to. The first 8 bytes of the context are the state at the start, in native byte order, and at the end.
 * r0 is the number of operations, plus 2^32 for each one that went through two pointers. */
#include "program.h"

typedef u64 operation(u64 state, u64 argument);

SUBPROGRAM u64 add(u64 state, u64 argument) { return state + argument; }
SUBPROGRAM u64 multiply(u64 state, u64 argument) { return state * (argument | 1); }
SUBPROGRAM u64 rotate(u64 state, u64 argument) { return state << 13 ^ state >> 51 ^ argument; }
SUBPROGRAM u64 fold(u64 state, u64 argument) { return state ^ (state >> 32) * argument; }

struct through {
    operation *first, *second;
    u64 argument;
};

SUBPROGRAM u64 both(u64 state, struct through *through) {
    u64 middle = through->first(state, through->argument);
    return through->second(middle, ~through->argument) - middle;
}

SUBPROGRAM operation *choose(u64 selector) {
    switch (selector & 3) {
    case 0:
        return add;
    case 1:
        return multiply;
    case 2:
        return rotate;
    }
    return fold;
}

u64 entry(void *memory, u64 length) {
    u64 *state = memory;
    const u8 *codes = memory;
    if (length < sizeof *state)
        return 0;
    u64 count = 0;
    u64 value = *state;
    for (u64 at = sizeof *state; at < length; at++) {
        u8 code = codes[at];
        count++;
        if (code & 0x80) {
            struct through through = {choose(code), choose(code >> 2), code};
            value = both(value, &through);
            count += 1ULL << 32;
        } else {
            value = choose(code)(value, code);
        }
    }
    *state = value;
    return count;
}
