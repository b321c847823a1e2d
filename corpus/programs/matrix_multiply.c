/* The product of two square matrices of s32 with sums of 64 bits. The context in native byte order: u64 order n (1 to 8), then n * n s32 of
 * each factor, then n * n s64 of the product. r0 is the trace of the product; all ones when the order is out of range or the context too
 * short. */
#include "program.h"

u64 entry(void *memory, u64 length) {
    if (length < 8)
        return ~0ull;
    u64 order = *(const u64 *)memory;
    if (order < 1 || order > 8 || length < 8 + order * order * 16)
        return ~0ull;
    const s32 *left = (const s32 *)((u64 *)memory + 1), *right = left + order * order;
    s64 *product = (s64 *)(right + order * order);
    u64 trace = 0;
    for (u64 row = 0; row < order; row++) {
        for (u64 column = 0; column < order; column++) {
            u64 sum = 0;
            for (u64 at = 0; at < order; at++)
                sum += (u64)((s64)left[row * order + at] * right[at * order + column]);
            product[row * order + column] = (s64)sum;
            if (row == column)
                trace += sum;
        }
    }
    return trace;
}
