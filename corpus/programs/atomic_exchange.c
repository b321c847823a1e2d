/* Exchange and compare-and-exchange, at both widths: a ticket is swapped through a slot, and a maximum is kept by a loop around
 * compare-and-exchange, as a lock-free statistic does it. The context in native byte order: u64 slot, u64 maximum, u32 slot, u32 maximum, then
 * u64 samples; each sample goes into both slots (the u32 ones get its low half) and what was there replaces it: for odd samples the u64 that
 * was in the wide slot, for even ones the u32 that was in the narrow slot. A sample equal to 7 is not swapped but compared: it replaces the
 * wide slot only if that holds 0, the narrow one only if that holds all ones, and becomes 1 for each success. r0 is the number of times that a
 * maximum grew.
 *
 * Up to v2 there are no such instructions: there the same is done by loads and stores. */
#include "program.h"

#if defined(__bpf__) && __BPF_CPU_VERSION__ < 3
#define EXCHANGE(name, type)                                        \
    static type exchange_##name(type *slot, type value) {           \
        type old = *slot;                                           \
        *slot = value;                                              \
        return old;                                                 \
    }                                                               \
    static type compare_##name(type *slot, type expected, type value) { \
        type old = *slot;                                           \
        if (old == expected)                                        \
            *slot = value;                                          \
        return old;                                                 \
    }
#else
#define EXCHANGE(name, type)                                                                                  \
    static type exchange_##name(type *slot, type value) { return __atomic_exchange_n(slot, value, __ATOMIC_SEQ_CST); } \
    static type compare_##name(type *slot, type expected, type value) { return __sync_val_compare_and_swap(slot, expected, value); }
#endif

EXCHANGE(wide, u64)
EXCHANGE(narrow, u32)

struct shared {
    u64 wide_slot, wide_maximum;
    u32 narrow_slot, narrow_maximum;
};

/* The first guess is stale on purpose, so that the exchange fails once and the loop takes what it returned. */
static u32 raise_wide(u64 *maximum, u64 sample) {
    u64 guess = 0;
    while (guess < sample) {
        u64 found = compare_wide(maximum, guess, sample);
        if (found == guess)
            return 1;
        guess = found;
    }
    return 0;
}

static u32 raise_narrow(u32 *maximum, u32 sample) {
    u32 guess = 0;
    while (guess < sample) {
        u32 found = compare_narrow(maximum, guess, sample);
        if (found == guess)
            return 1;
        guess = found;
    }
    return 0;
}

u64 entry(void *memory, u64 length) {
    struct shared *shared = memory;
    if (length < sizeof *shared)
        return ~0ull;
    u64 *sample = (u64 *)(shared + 1);
    u64 grown = 0;
    for (u64 at = sizeof *shared; at + 8 <= length; at += 8, sample++) {
        u64 value = *sample;
        if (value == 7) {
            *sample = (u64)(compare_wide(&shared->wide_slot, 0, value) == 0) + (compare_narrow(&shared->narrow_slot, ~0u, (u32)value) == ~0u);
            continue;
        }
        grown += raise_wide(&shared->wide_maximum, value) + raise_narrow(&shared->narrow_maximum, (u32)value);
        u64 wide = exchange_wide(&shared->wide_slot, value);
        u32 narrow = exchange_narrow(&shared->narrow_slot, (u32)value);
        *sample = value & 1 ? wide : narrow;
    }
    return grown;
}
