# r0 = 0xf + 13 + 14
# csum_diff of two words, trace_printk with arguments of both sizes, skb_load_bytes of a packet that there is not.
    r6 = r1
    *(u32 *)(r10 - 8) = 0x00010002
    *(u32 *)(r10 - 4) = 0x00030004
    r1 = 0
    r2 = 0
    r3 = r10
    r3 += -8
    r4 = 8
    r5 = 5
    call 28
    r7 = r0
    *(u8 *)(r10 - 16) = 37     # "%d %llu"
    *(u8 *)(r10 - 15) = 100
    *(u8 *)(r10 - 14) = 32
    *(u8 *)(r10 - 13) = 37
    *(u8 *)(r10 - 12) = 108
    *(u8 *)(r10 - 11) = 108
    *(u8 *)(r10 - 10) = 117
    *(u8 *)(r10 - 9) = 0
    r1 = r10
    r1 += -16
    r2 = 8
    r3 = -5
    r4 = 0x200000000 ll
    call 6
    r7 += r0
    r1 = r6
    r2 = 0
    r3 = r10
    r3 += -24
    r4 = 8
    call 26
    r1 = *(u64 *)(r10 - 24)
    if r1 != 0 goto wrong
    r7 -= r0
    r0 = r7
    exit
wrong:
    r0 = 0
    exit
