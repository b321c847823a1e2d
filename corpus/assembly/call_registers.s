# r0 = 0x1d
# Functions called through registers, by addresses that were kept in the stack, and through each other.
    r6 = code twice
    r7 = code once
    *(u64 *)(r10 - 8) = r6
    *(u64 *)(r10 - 16) = r7
    r1 = 5
    callx r6                   # 11
    r1 = r0
    r9 = *(u64 *)(r10 - 16)
    callx r9                   # 12
    r1 = r0
    r2 = code once
    r3 = code twice
    r0 = r3
    callx r0                   # 25
    r1 = *(u64 *)(r10 - 16)
    if r1 != r7 goto wrong
    r1 = r0
    callx r7                   # 26
    r1 = r0
    callx r7
    r1 = r0
    callx r7
    r1 = r0
    callx r7
    exit
wrong:
    r0 = 0
    exit
once:
    r0 = r1
    r0 += 1
    exit
twice:
    r6 = r1
    r7 = code once
    callx r7
    r0 += r6
    exit
