/* TCP options (RFC 9293 section 3.1, RFC 7323, RFC 2018): the context is 16 bytes for what is found and the option bytes. Found, in native
 * byte order: u32 timestamp value, u32 timestamp echo, u16 maximum segment size, u8 window scale, u8 SACK permitted, u8 number of SACK blocks,
 * u8 number of unknown options. What is not found is 0, but for the segment size, which is 536 (RFC 9293 section 3.7.1). r0 is the number of
 * options; all ones when there is no room, or when a length is malformed, after which no default is set. */
#include "program.h"

struct found {
    u32 value, echo;
    u16 segment_size;
    u8 window_scale, sack_permitted, sack_blocks, unknown;
    u16 reserved;
};

static u32 load_big(const u8 *bytes, u32 count) {
    u32 value = 0;
    for (u32 at = 0; at < count; at++)
        value = value << 8 | bytes[at];
    return value;
}

u64 entry(void *memory, u64 length) {
    struct found *found = memory;
    const u8 *options = memory;
    u64 at = 16, count = 0;
    if (length < 16)
        return ~0ull;
    *found = (struct found){0};
    while (at < length) {
        u8 kind = options[at];
        if (kind == 0)
            break;
        count++;
        if (kind == 1) {
            at++;
            continue;
        }
        if (at + 2 > length)
            return ~0ull;
        u8 size = options[at + 1];
        if (size < 2 || at + size > length)
            return ~0ull;
        const u8 *value = options + at + 2;
        switch (kind) {
        case 2:
            if (size != 4)
                return ~0ull;
            found->segment_size = (u16)load_big(value, 2);
            break;
        case 3:
            if (size != 3)
                return ~0ull;
            found->window_scale = *value > 14 ? 14 : *value;
            break;
        case 4:
            if (size != 2)
                return ~0ull;
            found->sack_permitted = 1;
            break;
        case 5:
            if (size % 8 != 2)
                return ~0ull;
            found->sack_blocks = size / 8;
            break;
        case 8:
            if (size != 10)
                return ~0ull;
            found->value = load_big(value, 4);
            found->echo = load_big(value + 4, 4);
            break;
        default:
            found->unknown++;
        }
        at += size;
    }
    if (found->segment_size == 0)
        found->segment_size = 536;
    return count;
}
