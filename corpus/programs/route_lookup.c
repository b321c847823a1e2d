/* Longest-prefix match: IPv4 addresses against routes in .rodata, sorted by falling prefix length, the first that matches wins. The context is
 * a list of addresses in network order; each is replaced by the next hop of its route (a number in network order). r0 counts the addresses
 * that only the default route matches. */
#include "program.h"

struct route {
    u32 prefix;
    u16 length;
    u16 next_hop;
};

static const struct route routes[] = {
    {0xc0000201, 32, 101}, /* 192.0.2.1 */
    {0xc00002c0, 27, 102}, /* 192.0.2.192 */
    {0xc0000280, 25, 103}, /* 192.0.2.128 */
    {0xc0000200, 24, 104}, /* 192.0.2.0 */
    {0xcb007100, 24, 105}, /* 203.0.113.0 */
    {0xc0a80000, 16, 106}, /* 192.168.0.0 */
    {0xc6120000, 15, 107}, /* 198.18.0.0 */
    {0xac100000, 12, 108}, /* 172.16.0.0 */
    {0x64400000, 10, 109}, /* 100.64.0.0 */
    {0x0a000000, 8, 110},  /* 10.0.0.0 */
    {0x80000000, 1, 111},  /* 128.0.0.0 */
    {0x00000000, 0, 112},  /* default */
};

u64 entry(void *memory, u64 length) {
    u32 *addresses = memory;
    u64 unmatched = 0;
    for (u64 at = 0; at < length / 4; at++) {
        u32 address = BIG32(addresses[at]);
        const struct route *route = routes;
        /* The prefix of length 0 ends the search: its mask is empty, and a shift by 32 would not be one. */
        while (route->length && (address ^ route->prefix) >> (32 - route->length))
            route++;
        unmatched += route->length == 0;
        addresses[at] = BIG32((u32)route->next_hop);
    }
    return unmatched;
}
