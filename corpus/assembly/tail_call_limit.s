# r0 = 8 + 34
# A program that counts its executions in the context, where 8 is at the start, and calls itself, with a helper in between that may destroy what is in registers.
.map table prog_array 4 4 2
.program table 1 again
again:
    r6 = r1
    call 7
    r0 = *(u8 *)(r6 + 8)
    r0 += 1
    *(u8 *)(r6 + 8) = r0
    r9 = r0
    r1 = r6
    r2 = map_fd 0
    r3 = 0x700000001 ll
    call 12
    r0 = r9
    exit
