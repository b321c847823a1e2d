/* A classifier: gives a packet a mark, a priority and a class by what the context says of it, keeps numbers in `cb`, and reads fields of the context
 * in part. r0 folds up all that it has seen. */
#include "packet.h"

SECTION("tc") int classify(struct __sk_buff *skb)
{
    void *data = POINTER(skb->data), *end = POINTER(skb->data_end);
    struct ethernet *frame = data;

    if ((void *)(frame + 1) > end)
        return -1;
    u32 linear = end - data;
    skb->cb[0] = skb->len;
    skb->cb[1] = linear;
    skb->cb[4] = skb->cb[0] - linear;
    skb->priority = frame->type == NETWORK16(IPV6) ? 6 : frame->type == NETWORK16(IPV4) ? 4 : 0;
    skb->tc_index = skb->ifindex + 7;
    skb->mark = skb->priority << 28 | skb->tc_index << 16 | (u16)skb->cb[0];
    u32 seen = skb->pkt_type + skb->ingress_ifindex + skb->hash + skb->vlan_tci + skb->vlan_present;
    u16 protocol = *(volatile u16 *)((u8 *)&skb->protocol + (__BYTE_ORDER__ == __ORDER_LITTLE_ENDIAN__ ? 0 : 2));
    u8 low = *(volatile u8 *)((u8 *)&skb->mark + (__BYTE_ORDER__ == __ORDER_LITTLE_ENDIAN__ ? 0 : 3));
    return seen + skb->mark + NETWORK16(protocol) * 3 + skb->cb[4] * 5 + low * 7;
}
