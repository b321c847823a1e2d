# r0 = 0x110 + 17 + 2
# A hash with one entry: made, changed in place, made again, deleted, looked up; and the value of an array without a look-up.
.map counts hash 4 8 1
.map single array 4 16 1
    *(u32 *)(r10 - 4) = 9
    *(u64 *)(r10 - 16) = 0x100
    r1 = map_fd 0
    r2 = r10
    r2 += -4
    r3 = r10
    r3 += -16
    r4 = 0
    call 2
    r6 = r0
    r1 = map_index 0
    r2 = r10
    r2 += -4
    call 1
    if r0 == 0 goto wrong
    r1 = 16
    lock *(u64 *)(r0 + 0) += r1
    r6 = *(u64 *)(r0 + 0)
    r7 = map_value 1 8
    *(u64 *)(r7 + 0) = r6
    r1 = map_fd 0
    r2 = r10
    r2 += -4
    r3 = r10
    r3 += -16
    r4 = 1
    call 2                     # -17
    r6 -= r0
    r1 = map_fd 0
    r2 = r10
    r2 += -4
    call 3
    r6 += r0
    r1 = map_fd 0
    r2 = r10
    r2 += -4
    call 1
    if r0 != 0 goto wrong
    r1 = map_fd 0
    r2 = r10
    r2 += -4
    call 3                     # -2
    r6 -= r0
    r0 = r6
    exit
wrong:
    r0 = 0
    exit
