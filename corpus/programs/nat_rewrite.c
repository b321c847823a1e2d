/* Source NAT of an IPv4 packet with TCP or UDP: new source address and port, one hop less, both checksums corrected incrementally (RFC 1624,
 * equation 3: HC' = ~(~HC + ~m + m')). The context is the new address (4 bytes), the new port (2 bytes), 2 bytes of padding, all in network
 * order, and the packet. r0: 0 done, 1 truncated, 2 not for us, 3 hop limit exhausted. */
#include "program.h"

static u16 update(u16 checksum, u16 before, u16 after) {
    u32 sum = (u16)~checksum + (u16)~before + after;
    sum = (sum & 0xffff) + (sum >> 16);
    sum = (sum & 0xffff) + (sum >> 16);
    return (u16)~sum;
}

u64 entry(void *memory, u64 length) {
    const u16 *new_source = memory;
    u16 *packet = (u16 *)memory + 4;
    if (length < 8 + 20)
        return 1;
    u8 *bytes = (u8 *)packet;
    if (bytes[0] != 0x45 || BIG16(packet[3]) & 0x1fff)
        return 2;
    u8 protocol = bytes[9];
    if (protocol != 6 && protocol != 17)
        return 2;
    u32 checksum_at = protocol == 6 ? 18 : 13; /* in 16-bit words */
    if (length < 8 + 2 * checksum_at + 2)
        return 1;
    if (bytes[8] <= 1)
        return 3;
    u16 before = packet[4];
    bytes[8]--;
    packet[5] = update(packet[5], before, packet[4]);
    /* A UDP checksum of zero is none; a computed zero is sent as all ones (RFC 768). */
    u32 has_checksum = protocol == 6 || packet[checksum_at] != 0;
    u16 transport = packet[checksum_at];
    for (u32 word = 0; word < 2; word++) {
        packet[5] = update(packet[5], packet[6 + word], new_source[word]);
        transport = update(transport, packet[6 + word], new_source[word]);
        packet[6 + word] = new_source[word];
    }
    transport = update(transport, packet[10], new_source[2]);
    packet[10] = new_source[2];
    if (has_checksum)
        packet[checksum_at] = protocol == 17 && transport == 0 ? 0xffff : transport;
    return 0;
}
