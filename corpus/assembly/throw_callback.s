# r0 = 0x100000000 + 37 + 9
    r6 = 9
    r9 = 1
    *(u64 *)(r10 - 8) = r6
loop:
    may_goto over
    goto loop
over:
    r1 = r9
    call middle
    r0 = 0
    exit
middle:
    r7 = r1
    r1 <<= 32
    *(u64 *)(r10 - 8) = r7
    call thrower
    r0 = 0
    exit
thrower:
    r6 = 99
    call kernel 64
    exit
exception_callback:
    r6 = r1
    r7 = *(u64 *)(r10 - 8)
    *(u64 *)(r10 - 16) = r6
    call 8
    r8 = 0
again:
    may_goto enough
    r8 += 1
    goto again
enough:
    r0 = *(u64 *)(r10 - 16)
    r0 += r8
    r0 += r7
    exit
