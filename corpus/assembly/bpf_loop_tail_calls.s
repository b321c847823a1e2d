# r0 = 34 * 256 + 33 + 1
# The callback leaves for another program until the limit is reached, which is counted over all calls; the 34th call finds none, and ends the loop.
.map table prog_array 4 4 2
.program table 1 target
    r6 = r1
    r7 = 256
    *(u64 *)(r10 - 8) = r1
    r1 = 1000
    r2 = code callback
    r3 = r10
    r3 += -8
    r4 = 0
    call 181                   # 34
    r0 *= r7
    r1 = *(u8 *)(r6 + 0)       # counted up 33 times from 0
    r0 += r1
    r7 = r0
    r1 = r6
    r2 = map_fd 0
    r3 = 1
    call 12                    # fails
    r0 = r7
    r0 += 1
    exit
callback:
    r6 = r1
    r7 = 5
    r1 = *(u64 *)(r2 + 0)
    r2 = map_fd 0
    r3 = 1
    call 12
    r0 = 1
    exit
target:
    r6 = r1
    r7 = 6
    call 7
    r0 = *(u8 *)(r6 + 0)
    r0 += 1
    *(u8 *)(r6 + 0) = r0
    r0 = 0
    exit
