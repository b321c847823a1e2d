/* Quicksort of signed words, with insertion sort for short stretches, and heapsort of signed halfwords. */
#include "work.h"

enum { COUNT = 2048 };

static void insertion_sort(s32 *values, int count)
{
    for (int i = 1; i < count; i++) {
        s32 value = values[i];
        int at = i;
        for (; at > 0 && values[at - 1] > value; at--)
            values[at] = values[at - 1];
        values[at] = value;
    }
}

static void quicksort(s32 *values, int count)
{
    while (count > 12) {
        s32 pivot = values[count / 2];
        int low = 0, high = count - 1;
        while (low <= high) {
            while (values[low] < pivot)
                low++;
            while (values[high] > pivot)
                high--;
            if (low <= high) {
                s32 other = values[low];
                values[low++] = values[high];
                values[high--] = other;
            }
        }
        quicksort(values, high + 1);
        values += low;
        count -= low;
    }
    insertion_sort(values, count);
}

static void sift_down(s16 *values, int root, int count)
{
    for (;;) {
        int child = 2 * root + 1;
        if (child >= count)
            return;
        if (child + 1 < count && values[child + 1] > values[child])
            child++;
        if (values[root] >= values[child])
            return;
        s16 other = values[root];
        values[root] = values[child];
        values[child] = other;
        root = child;
    }
}

static void heapsort(s16 *values, int count)
{
    for (int root = count / 2; root-- > 0;)
        sift_down(values, root, count);
    while (count-- > 1) {
        s16 other = values[0];
        values[0] = values[count];
        values[count] = other;
        sift_down(values, 0, count);
    }
}

void sorting(u8 *memory)
{
    s32 *words = (s32 *)(memory + WORDS_AT);
    s16 *halves = (s16 *)(memory + HALVES_AT);
    for (int i = 0; i < COUNT; i++) {
        words[i] = ((s32 *)memory)[i];
        halves[i] = ((s16 *)memory)[i];
    }
    quicksort(words, COUNT);
    heapsort(halves, COUNT);
}
