/* Heap sort of u64 in native byte order, in place, with the sift in a subprogram. r0 is the median (the upper of two), 0 when there are no
 * numbers. */
#include "program.h"

SUBPROGRAM void sift_down(u64 *numbers, u64 root, u64 count) {
    u64 sinking = numbers[root];
    for (;;) {
        u64 child = 2 * root + 1;
        if (child >= count)
            break;
        if (child + 1 < count && numbers[child + 1] > numbers[child])
            child++;
        if (numbers[child] <= sinking)
            break;
        numbers[root] = numbers[child];
        root = child;
    }
    numbers[root] = sinking;
}

u64 entry(void *memory, u64 length) {
    u64 *numbers = memory, count = length / 8;
    for (u64 root = count / 2; root-- > 0;)
        sift_down(numbers, root, count);
    for (u64 end = count; end-- > 1;) {
        u64 largest = numbers[0];
        numbers[0] = numbers[end];
        numbers[end] = largest;
        sift_down(numbers, 0, end);
    }
    return count ? numbers[count / 2] : 0;
}
