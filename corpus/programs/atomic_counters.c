/* Counters shared between CPUs: every atomic read-modify-write that adds or combines, at both widths, with and without the old value.
 *
 * The context is two counters in native byte order, u64 and u32 (and 4 bytes of padding), then records of u64 operand, u32 operation, u32 room
 * for the low half of the old value. Operations: 0 add, 1 subtract, 2 or, 3 and, 4 exclusive or; they fetch the old value of the u64 counter,
 * plus 8 of the u32 counter, plus 16 do not fetch. Then the number of records is added to both counters and to one on the stack. r0 is the sum
 * of the old values and the counter on the stack; all ones for an unknown operation.
 *
 * Up to v2 there is only an addition that does not fetch: there the other operations are a load and a store. */
#include "program.h"

#if defined(__bpf__) && __BPF_CPU_VERSION__ < 3
#define OPERATION(name, type, expression)                      \
    static u64 name(type *counter, type operand) {             \
        type old = *counter;                                   \
        *counter = (type)(expression);                         \
        return old;                                            \
    }
#define FETCH(name, type, builtin, expression) OPERATION(name, type, expression)
#define QUIET(name, type, builtin, expression) OPERATION(name, type, expression)
#else
#define FETCH(name, type, builtin, expression) \
    static u64 name(type *counter, type operand) { return builtin(counter, operand, __ATOMIC_SEQ_CST); }
/* Relaxed and with the result unused, clang takes the instruction that does not fetch. */
#define QUIET(name, type, builtin, expression)         \
    static u64 name(type *counter, type operand) {     \
        builtin(counter, operand, __ATOMIC_RELAXED);   \
        return 0;                                      \
    }
#endif

FETCH(fetch_add64, u64, __atomic_fetch_add, old + operand)
FETCH(fetch_sub64, u64, __atomic_fetch_sub, old - operand)
FETCH(fetch_or64, u64, __atomic_fetch_or, old | operand)
FETCH(fetch_and64, u64, __atomic_fetch_and, old & operand)
FETCH(fetch_xor64, u64, __atomic_fetch_xor, old ^ operand)
FETCH(fetch_add32, u32, __atomic_fetch_add, old + operand)
FETCH(fetch_sub32, u32, __atomic_fetch_sub, old - operand)
FETCH(fetch_or32, u32, __atomic_fetch_or, old | operand)
FETCH(fetch_and32, u32, __atomic_fetch_and, old & operand)
FETCH(fetch_xor32, u32, __atomic_fetch_xor, old ^ operand)
QUIET(or64, u64, __atomic_fetch_or, old | operand)
QUIET(and64, u64, __atomic_fetch_and, old & operand)
QUIET(xor64, u64, __atomic_fetch_xor, old ^ operand)
QUIET(or32, u32, __atomic_fetch_or, old | operand)
QUIET(and32, u32, __atomic_fetch_and, old & operand)
QUIET(xor32, u32, __atomic_fetch_xor, old ^ operand)

struct counters {
    u64 wide;
    u32 narrow, padding;
};

struct record {
    u64 operand;
    u32 operation, old;
};

static u64 apply(struct counters *counters, const struct record *record) {
    u64 operand = record->operand;
    u32 half = (u32)operand;
    switch (record->operation) {
    case 0: return fetch_add64(&counters->wide, operand);
    case 1: return fetch_sub64(&counters->wide, operand);
    case 2: return fetch_or64(&counters->wide, operand);
    case 3: return fetch_and64(&counters->wide, operand);
    case 4: return fetch_xor64(&counters->wide, operand);
    case 8: return fetch_add32(&counters->narrow, half);
    case 9: return fetch_sub32(&counters->narrow, half);
    case 10: return fetch_or32(&counters->narrow, half);
    case 11: return fetch_and32(&counters->narrow, half);
    case 12: return fetch_xor32(&counters->narrow, half);
    case 16: __atomic_fetch_add(&counters->wide, operand, __ATOMIC_RELAXED); return 0;
    case 17: __atomic_fetch_add(&counters->wide, -operand, __ATOMIC_RELAXED); return 0;
    case 18: or64(&counters->wide, operand); return 0;
    case 19: and64(&counters->wide, operand); return 0;
    case 20: xor64(&counters->wide, operand); return 0;
    case 24: __atomic_fetch_add(&counters->narrow, half, __ATOMIC_RELAXED); return 0;
    case 25: __atomic_fetch_add(&counters->narrow, -half, __ATOMIC_RELAXED); return 0;
    case 26: or32(&counters->narrow, half); return 0;
    case 27: and32(&counters->narrow, half); return 0;
    case 28: xor32(&counters->narrow, half); return 0;
    default: return 0;
    }
}

u64 entry(void *memory, u64 length) {
    struct counters *counters = memory;
    if (length < sizeof *counters)
        return ~0ull;
    struct record *record = (struct record *)(counters + 1);
    u64 sum = 0, records = 0, local = 0x100000000;
    for (u64 at = sizeof *counters; at + sizeof *record <= length; at += sizeof *record, record++, records++) {
        if (record->operation > 28 || (record->operation & 7) > 4)
            return ~0ull;
        u64 old = apply(counters, record);
        record->old = (u32)old;
        sum += old;
    }
    __atomic_fetch_add(&counters->wide, records, __ATOMIC_RELAXED);
    __atomic_fetch_add(&counters->narrow, (u32)records, __ATOMIC_RELAXED);
    __atomic_fetch_add(&local, records, __ATOMIC_RELAXED);
    return sum + local;
}
