/* A token bucket (policer): bytes are paid for with tokens that come in at a rate and are capped by a burst. All in native byte order,
 * context: u64 rate (bytes per second, below 2^32), u64 burst (bytes, below 2^32), u64 tokens, u64 time of the last update (nanoseconds), then
 * events: u64 time, u32 bytes, u32 verdict (set to 1 pass, 2 drop). Time that buys no whole token is kept for later: the update time advances
 * by what the tokens took. r0 is the number of bytes that passed. One 64-bit division an event, another one when tokens come in. */
#include "program.h"

#define SECOND 1000000000ull

struct bucket {
    u64 rate, burst, tokens, updated;
};

struct event {
    u64 time;
    u32 bytes, verdict;
};

static void refill(struct bucket *bucket, u64 now) {
    if (now <= bucket->updated)
        return;
    u64 elapsed = now - bucket->updated;
    /* After two seconds a full bucket's worth may still be missing, but the product must not overflow: whole seconds apart. */
    u64 seconds = 0;
    if (elapsed >= SECOND) {
        seconds = elapsed / SECOND;
        elapsed %= SECOND;
    }
    u64 fraction = elapsed * bucket->rate / SECOND;
    u64 tokens = bucket->tokens + seconds * bucket->rate + fraction;
    if (tokens >= bucket->burst) {
        bucket->tokens = bucket->burst;
        bucket->updated = now;
    } else if (fraction || seconds) {
        bucket->tokens = tokens;
        bucket->updated += seconds * SECOND + fraction * SECOND / bucket->rate;
    }
}

u64 entry(void *memory, u64 length) {
    struct bucket *bucket = memory;
    u64 passed = 0;
    if (length < sizeof *bucket || bucket->rate == 0 || bucket->rate >> 32 || bucket->burst >> 32)
        return ~0ull;
    struct event *event = (struct event *)(bucket + 1);
    for (u64 at = sizeof *bucket; at + sizeof *event <= length; at += sizeof *event, event++) {
        refill(bucket, event->time);
        event->verdict = 2;
        if (bucket->tokens >= event->bytes) {
            bucket->tokens -= event->bytes;
            passed += event->bytes;
            event->verdict = 1;
        }
    }
    return passed;
}
