# r0 = 45 + 10 * 5 + 10 + 1
# A loop in a loop: the outer callback adds up indices and what the inner loop returns, which stops at its fifth call; and what ends before the first call.
    r6 = 0x1111111122222222 ll
    r7 = r10
    r8 = 0
    *(u64 *)(r10 - 512) = r8
    r1 = 0x70000000a ll        # ten: the lower half counts
    r2 = code outer
    r3 = r10
    r3 += -512
    r4 = 0
    call 181                   # 10
    r9 = r0
    if r7 != r10 goto wrong
    if r8 != 0 goto wrong
    r1 = 0x1111111122222222 ll
    if r6 != r1 goto wrong
    r8 = *(u64 *)(r10 - 512)   # 95
    r8 += r9
    r1 = 0x800001              # more than 2^23
    r2 = code outer
    r3 = 0
    r4 = 0
    call 181
    if r0 != -7 goto wrong
    r1 = 1
    r2 = code outer
    r3 = 0
    r4 = 0x100000000 ll        # flags
    call 181
    if r0 != -22 goto wrong
    r1 = 0x100000000 ll
    r2 = code outer
    r3 = 0
    r4 = 0
    call 181
    if r0 != 0 goto wrong
    r1 = 0x800000
    r2 = code once
    r3 = 0
    r4 = 0
    call 181                   # 1
    r0 += r8
    exit
wrong:
    r0 = 0
    exit
outer:
    r6 = r1
    r7 = r2
    r8 = 0x1111
    r9 = 0x2222
    call 5
    call 7
    r1 = 100
    r2 = code inner
    r3 = r10
    r3 += -8
    r4 = 0
    *(u64 *)(r10 - 8) = r8
    call 181                   # 5
    r0 += r6
    r1 = *(u64 *)(r7 + 0)
    r1 += r0
    *(u64 *)(r7 + 0) = r1
    r0 = *(u64 *)(r10 - 8)     # 0x1111 + 5 * 0x2222
    r0 -= 0xbbbb
    exit
inner:
    r6 = r1
    r9 = *(u64 *)(r2 + 0)
    r9 += 0x2222
    *(u64 *)(r2 + 0) = r9
    *(u64 *)(r10 - 512) = r9
    r1 = 3
    call double
    r0 = r6
    r0 >>= 2                   # 1 at index 4
    exit
double:
    r6 = r1
    call 8
    r0 = r6
    r0 += r6
    exit
once:
    r0 = 1
    if r1 != 0 goto out
    if r2 == 0 goto out
    r0 = 5
out:
    exit
