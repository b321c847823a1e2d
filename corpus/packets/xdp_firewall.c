/* A firewall: drops IPv4 fragments other than the first, TCP and UDP to the ports 22 and 5353 over IPv4 and IPv6, and what is malformed; passes the
 * rest. Behind one VLAN tag it looks as well. Reads through pointers that each comparison with the end of the packet has made safe. */
#include "packet.h"

static int is_refused(void *transport, void *end, u8 protocol)
{
    struct udp *ports = transport;

    if (protocol != TCP && protocol != UDP)
        return XDP_PASS;
    if ((void *)(ports + 1) > end)
        return XDP_ABORTED;
    u16 port = NETWORK16(ports->destination);
    return port == 22 || port == 5353 ? XDP_DROP : XDP_PASS;
}

SECTION("xdp") int firewall(struct xdp_md *context)
{
    void *data = POINTER(context->data), *end = POINTER(context->data_end);
    struct ethernet *frame = data;
    void *network = frame + 1;

    if (network > end)
        return XDP_ABORTED;
    u16 type = frame->type;
    if (type == NETWORK16(VLAN)) {
        u16 *tag = network;
        if ((void *)(tag + 2) > end)
            return XDP_ABORTED;
        type = tag[1];
        network = tag + 2;
    }
    if (type == NETWORK16(IPV4)) {
        /* Behind a tag the header is not aligned, and is read by bytes. */
        u8 *ip = network;
        if ((void *)(ip + 20) > end || ip[0] >> 4 != 4 || (ip[0] & 15) < 5)
            return XDP_ABORTED;
        if ((ip[6] & 0x1F) != 0 || ip[7] != 0)
            return XDP_DROP;
        u8 *transport = ip + 4 * (ip[0] & 15);
        if ((void *)transport > end)
            return XDP_ABORTED;
        return is_refused(transport, end, ip[9]);
    }
    if (type == NETWORK16(IPV6)) {
        u8 *ip = network;
        if ((void *)(ip + 40) > end || ip[0] >> 4 != 6)
            return XDP_ABORTED;
        return is_refused(ip + 40, end, ip[6]);
    }
    return XDP_PASS;
}
