# r0 = 0xfedcba9876543210
    r6 = r1
    r7 = 1
    r8 = 2
    r9 = 3
    *(u64 *)(r10 - 8) = r9
    r1 = 0
    call level
    r0 = 1
    exit
level:
    r6 = r1
    r6 += 1
    r7 = 0x1111111122222222 ll
    *(u64 *)(r10 - 16) = r7
    if r6 == 7 goto bottom
    r1 = r6
    r8 = r6
    r9 = r6
    call level
    r0 += r8
    exit
bottom:
    r8 = 5
    *(u64 *)(r10 - 512) = r8
    r1 = 0xfedcba9876543210 ll
    call kernel 64
    r0 = 2
    exit
