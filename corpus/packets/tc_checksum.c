/* A classifier that takes the header of an IPv4 packet into a buffer of its own and returns the sum over it, which is 0xffff for a sound one, plus 2^16 times
 * the length of what it writes to the kernel's log. The negative result of the helper function is returned for a packet that is too short, 0 for another
 * kind of packet. A map, declared as they were before BTF, has the number of bytes that were added up. */
#include "packet.h"

static long (*const skb_load_bytes)(const void *skb, u32 offset, void *to, u32 length) = (void *)26;
static long (*const csum_diff)(const u32 *from, u32 from_size, const u32 *to, u32 to_size, u32 seed) = (void *)28;
static long (*const trace_printk)(const char *format, u32 size, ...) = (void *)6;
static void *(*const map_lookup_elem)(void *map, const void *key) = (void *)1;

struct bpf_map_def {
    u32 type, key_size, value_size, max_entries, map_flags;
};

SECTION("maps") struct bpf_map_def bytes = {.type = 2, .key_size = 4, .value_size = 8, .max_entries = 2};

SECTION("tc") int checksum(struct __sk_buff *skb)
{
    u32 header[5];
    u32 key = 1;
    if (skb->protocol != NETWORK16(IPV4))
        return 0;
    long error = skb_load_bytes(skb, sizeof(struct ethernet), header, sizeof header);
    if (error)
        return error;
    long sum = csum_diff(0, 0, header, sizeof header, 0);
    u64 *value = map_lookup_elem(&bytes, &key);
    if (value)
        *value += sizeof header;
    static const char format[] = "sum %x of %d";
    return NETWORK16(sum) | trace_printk(format, sizeof format, NETWORK16(sum), (u32)sizeof header) << 16;
}
