/* Packet parsing down to the ports: Ethernet, up to two VLAN tags, IPv4 with options or IPv6 with extension headers, TCP or UDP.
 *
 * The context is a 40-byte flow key, 2 bytes of padding and the frame, so that the network header is aligned as it is in a receive buffer.
 * Key: source and destination address (16 bytes each, an IPv4 address in the first 4), source and destination port, outermost VLAN identifier
 * (all in network order), protocol, hop limit. r0 is where the transport payload begins in the frame, or one of the errors below. Nothing is
 * written after an error. */
#include "program.h"

#define TRUNCATED (-1ll)
#define UNKNOWN_TYPE (-2ll)
#define MALFORMED (-3ll)
#define FRAGMENT (-4ll)
#define UNKNOWN_PROTOCOL (-5ll)

#define FRAME 42

struct key {
    u32 source[4];
    u32 destination[4];
    u16 source_port;
    u16 destination_port;
    u16 vlan;
    u8 protocol;
    u8 hop_limit;
};

/* Skips the extension headers that may precede the transport header (RFC 8200 section 4): hop-by-hop, routing, destination options, fragment. */
SUBPROGRAM s64 skip_extensions(const u8 *packet, u64 at, u64 end, u8 *protocol) {
    for (u32 headers = 0; headers < 8; headers++) {
        u8 next = *protocol;
        if (next != 0 && next != 43 && next != 44 && next != 60)
            return at;
        if (at + 8 > end)
            return TRUNCATED;
        if (next == 44) {
            if (BIG16(*(const u16 *)(packet + at + 2)) & 0xfff8)
                return FRAGMENT;
            *protocol = packet[at];
            at += 8;
        } else {
            *protocol = packet[at];
            at += (packet[at + 1] + 1ull) * 8;
        }
    }
    return MALFORMED;
}

u64 entry(void *memory, u64 length) {
    u8 *packet = memory;
    u64 at = FRAME + 14;
    if (length < at)
        return TRUNCATED;
    struct key key = {0};
    u16 type = BIG16(*(const u16 *)(packet + FRAME + 12));
    for (u32 tags = 0; (type == 0x8100 || type == 0x88a8) && tags < 2; tags++) {
        if (length < at + 4)
            return TRUNCATED;
        if (tags == 0)
            key.vlan = *(const u16 *)(packet + at) & BIG16(0x0fff);
        type = BIG16(*(const u16 *)(packet + at + 2));
        at += 4;
    }
    u64 end;
    if (type == 0x0800) {
        if (length < at + 20)
            return TRUNCATED;
        u64 header = (packet[at] & 15) * 4ull, total = BIG16(*(const u16 *)(packet + at + 2));
        if (packet[at] >> 4 != 4 || header < 20 || total < header)
            return MALFORMED;
        end = at + total;
        if (length < end)
            return TRUNCATED;
        if (BIG16(*(const u16 *)(packet + at + 6)) & 0x1fff)
            return FRAGMENT;
        key.hop_limit = packet[at + 8];
        key.protocol = packet[at + 9];
        key.source[0] = *(const u32 *)(packet + at + 12);
        key.destination[0] = *(const u32 *)(packet + at + 16);
        at += header;
    } else if (type == 0x86dd) {
        if (length < at + 40)
            return TRUNCATED;
        if (packet[at] >> 4 != 6)
            return MALFORMED;
        end = at + 40 + BIG16(*(const u16 *)(packet + at + 4));
        if (length < end)
            return TRUNCATED;
        key.protocol = packet[at + 6];
        key.hop_limit = packet[at + 7];
        for (u32 word = 0; word < 4; word++) {
            key.source[word] = *(const u32 *)(packet + at + 8 + 4 * word);
            key.destination[word] = *(const u32 *)(packet + at + 24 + 4 * word);
        }
        s64 transport = skip_extensions(packet, at + 40, end, &key.protocol);
        if (transport < 0)
            return transport;
        at = transport;
    } else {
        return UNKNOWN_TYPE;
    }
    u64 size;
    if (key.protocol == 17) {
        size = 8;
    } else if (key.protocol == 6) {
        if (end < at + 20)
            return TRUNCATED;
        size = (packet[at + 12] >> 4) * 4ull;
        if (size < 20)
            return MALFORMED;
    } else {
        return UNKNOWN_PROTOCOL;
    }
    if (end < at + size)
        return TRUNCATED;
    key.source_port = *(const u16 *)(packet + at);
    key.destination_port = *(const u16 *)(packet + at + 2);
    *(struct key *)memory = key;
    return at + size - FRAME;
}
