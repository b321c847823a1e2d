/* The consumer of a ring buffer between CPUs: flags and positions are read with acquire and written with release ordering, at all four widths.
 * Context in native byte order: u64 total, u32 head, u32 tail, then 8 slots of 16 bytes: u8 state (1: ready), u8 tag, u16 sequence, u32 value,
 * u64 stamp. Slots from head on (modulo 8) are consumed until the tail or a slot that is not ready: the state becomes 2, the sequence grows by
 * one, the value becomes its complement, the stamp becomes the total so far, to which value, sequence and stamp were added. r0 is the number
 * of consumed slots; all ones when the context is too short.
 *
 * Before v4 there are no such instructions: there the accesses are volatile ones. */
#include "program.h"

#if defined(__bpf__) && !defined(__BPF_FEATURE_LOAD_ACQ_STORE_REL)
#define LOAD_ACQUIRE(type, place) (*(volatile type *)(place))
#define STORE_RELEASE(type, place, value) (*(volatile type *)(place) = (value))
#else
#define LOAD_ACQUIRE(type, place) __atomic_load_n((type *)(place), __ATOMIC_ACQUIRE)
#define STORE_RELEASE(type, place, value) __atomic_store_n((type *)(place), value, __ATOMIC_RELEASE)
#endif

struct slot {
    u8 state, tag;
    u16 sequence;
    u32 value;
    u64 stamp;
};

struct ring {
    u64 total;
    u32 head, tail;
    struct slot slots[8];
};

u64 entry(void *memory, u64 length) {
    struct ring *ring = memory;
    if (length < sizeof *ring)
        return ~0ull;
    u64 total = LOAD_ACQUIRE(u64, &ring->total), consumed = 0;
    u32 head = ring->head, tail = LOAD_ACQUIRE(u32, &ring->tail);
    for (; head != tail && consumed < 8; head++, consumed++) {
        struct slot *slot = &ring->slots[head & 7];
        if (LOAD_ACQUIRE(u8, &slot->state) != 1)
            break;
        u16 sequence = LOAD_ACQUIRE(u16, &slot->sequence);
        u32 value = LOAD_ACQUIRE(u32, &slot->value);
        total += (u64)sequence + value + LOAD_ACQUIRE(u64, &slot->stamp);
        STORE_RELEASE(u16, &slot->sequence, (u16)(sequence + 1));
        STORE_RELEASE(u32, &slot->value, ~value);
        STORE_RELEASE(u64, &slot->stamp, total);
        STORE_RELEASE(u8, &slot->state, 2);
    }
    STORE_RELEASE(u64, &ring->total, total);
    STORE_RELEASE(u32, &ring->head, head);
    return consumed;
}
