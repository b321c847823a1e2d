/* Global variables of every width in .data, .bss and .rodata: a histogram of the bytes of the context and running statistics. Configuration is
 * in .rodata, read as libbpf programs do it (const volatile). What the globals hold at the end is what the first 64 bytes of the context
 * become, in native byte order; r0 is the number of bytes counted, 0 when the context is too short. */
#include "program.h"

static const volatile u32 limit = 200;
static const volatile s16 offsets[4] = {-300, 0, 7, 32767};

static u64 calls = 0x100000000;
static s32 balance = -5;
static u16 last = 0xbeef;
static u8 lowest = 0xff;

static u32 histogram[8];
static u64 total;
static u8 highest;

SUBPROGRAM void count(u8 byte) {
    histogram[byte >> 5]++;
    total += byte;
    calls++;
    balance += offsets[byte & 3];
    last = (u16)(last << 3 ^ byte);
    if (byte < lowest)
        lowest = byte;
    if (byte > highest)
        highest = byte;
}

struct results {
    u32 histogram[8];
    u64 total, calls;
    s32 balance;
    u16 last;
    u8 lowest, highest;
    u64 reserved;
};

u64 entry(void *memory, u64 length) {
    const u8 *bytes = memory;
    struct results *results = memory;
    if (length < sizeof *results)
        return 0;
    u64 counted = 0;
    for (; counted < length && counted < limit; counted++)
        count(bytes[counted]);
    for (u32 bin = 0; bin < 8; bin++)
        results->histogram[bin] = histogram[bin];
    results->total = total;
    results->calls = calls;
    results->balance = balance;
    results->last = last;
    results->lowest = lowest;
    results->highest = highest;
    results->reserved = 0;
    return counted;
}
