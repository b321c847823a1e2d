/* Sends UDP over IPv4 back to where it came from: exchanges the addresses of both layers and the ports, takes one from the time to live, and
 * changes the checksum of the header by what that changes (RFC 1624). Writes to the packet; everything else passes as it is. */
#include "packet.h"

SECTION("xdp") int reflect(struct xdp_md *context)
{
    void *end = POINTER(context->data_end);
    struct ethernet *frame = POINTER(context->data);
    struct ipv4 *ip = (struct ipv4 *)(frame + 1);
    struct udp *udp = (struct udp *)(ip + 1);

    if ((void *)(udp + 1) > end)
        return XDP_PASS;
    if (frame->type != NETWORK16(IPV4) || ip->version_length != 0x45 || ip->protocol != UDP || (ip->fragment & NETWORK16(0x3FFF)))
        return XDP_PASS;
    if (ip->ttl < 2)
        return XDP_DROP;
    for (int at = 0; at < 6; at++) {
        u8 octet = frame->destination[at];
        frame->destination[at] = frame->source[at];
        frame->source[at] = octet;
    }
    u32 address = ip->source;
    ip->source = ip->destination;
    ip->destination = address;
    u16 port = udp->source;
    udp->source = udp->destination;
    udp->destination = port;
    ip->ttl--;
    u32 sum = NETWORK16(ip->checksum) + 0x100u;
    ip->checksum = NETWORK16((u16)(sum + (sum >> 16)));
    return XDP_TX;
}
