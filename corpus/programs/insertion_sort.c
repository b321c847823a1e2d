/* Insertion sort of s32 in native byte order, stable and in place: signed 32-bit comparisons and moves. r0 is the number of moves. */
#include "program.h"

u64 entry(void *memory, u64 length) {
    s32 *numbers = memory;
    u64 moves = 0;
    for (u64 sorted = 1; sorted < length / 4; sorted++) {
        s32 number = numbers[sorted];
        u64 at = sorted;
        for (; at > 0 && numbers[at - 1] > number; at--, moves++)
            numbers[at] = numbers[at - 1];
        numbers[at] = number;
    }
    return moves;
}
