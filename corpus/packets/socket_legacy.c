/* A socket filter with the packet instructions: how many bytes of a DNS query over UDP over IPv4 to accept, none for everything else. The header's
 * length is read from the packet, so that the offset of what follows is not known beforehand. */
#include "packet.h"

u64 load_byte(void *skb, u64 offset) __asm__("llvm.bpf.load.byte");
u64 load_half(void *skb, u64 offset) __asm__("llvm.bpf.load.half");
u64 load_word(void *skb, u64 offset) __asm__("llvm.bpf.load.word");

#define NETWORK_HEADER (-0x100000)

SECTION("socket") int queries(struct __sk_buff *skb)
{
    if (skb->protocol != NETWORK16(IPV4) || load_byte(skb, NETWORK_HEADER + 9) != UDP)
        return 0;
    u64 header = (load_byte(skb, 14) & 15) * 4;
    if (load_half(skb, 14 + header + 2) != 53)
        return 0;
    return load_half(skb, 14 + header + 4) + (load_word(skb, 14 + 12) >> 24);
}
