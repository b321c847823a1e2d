/* The determinant of a 5 x 5 matrix after Laplace, by nested subprograms that keep their arguments over calls, more of them than there are
 * callee-saved registers. The context holds matrices of 25 s32 in native byte order. r0 is the sum of the determinants (s64, wrapping). */
#include "program.h"

/* The columns that are left are the set bits of `columns`. */
SUBPROGRAM s64 minor2(const s32 *row, u32 columns) {
    u32 first = 0;
    while (!(columns >> first & 1))
        first++;
    u32 second = first + 1;
    while (!(columns >> second & 1))
        second++;
    return (s64)row[first] * row[5 + second] - (s64)row[second] * row[5 + first];
}

#define EXPANSION(name, smaller)                                \
    SUBPROGRAM s64 name(const s32 *row, u32 columns) {          \
        s64 sum = 0;                                            \
        s32 sign = 1;                                           \
        for (u32 column = 0; column < 5; column++) {            \
            if (!(columns & 1u << column))                      \
                continue;                                       \
            if (row[column])                                    \
                sum += sign * row[column] * smaller(row + 5, columns ^ 1u << column); \
            sign = -sign;                                       \
        }                                                       \
        return sum;                                             \
    }

EXPANSION(minor3, minor2)
EXPANSION(minor4, minor3)
EXPANSION(minor5, minor4)

u64 entry(void *memory, u64 length) {
    const s32 *matrix = memory;
    u64 sum = 0;
    for (u64 at = 0; at + 100 <= length; at += 100, matrix += 25)
        sum += (u64)minor5(matrix, 31);
    return sum;
}
