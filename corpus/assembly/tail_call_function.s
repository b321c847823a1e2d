# r0 = 0x9c
# From functions: the program that is called returns to the caller of the function, with r6 to r9 as they were, and the calls of all functions count.
.map table prog_array 4 4 3
.program table 0 target
.program table 2 deep
    r6 = r1
    r7 = 0x40
    r8 = 0x11
    r9 = r10
    call leaves                # 1
    if r9 != r10 goto wrong
    r7 += r0                   # 0x41
    r1 = r6
    call leaves_deep           # 1 + 7
    r7 += r0                   # 0x49
    r6 = 30                    # of 33 calls two are gone with the first, and one with the second
    r0 = *(u64 *)(r10 - 8)
loop:
    r6 += -1
    r1 = 0
    call leaves
    r7 += r0
    if r6 != 0 goto loop       # 0x49 + 30 = 0x67
    r1 = 0
    call leaves                # there is none left: 0x35
    r0 += r7
    exit
wrong:
    r0 = 0
    exit
leaves:
    r7 = 5
    r9 = 6
    *(u64 *)(r10 - 512) = r7
    r2 = map_fd 0
    r3 = 0
    call 12
    r0 = 0x35
    exit
leaves_deep:
    r6 = r1
    call 8
    r1 = r6
    r6 = 77
    r8 = r10
    r2 = map_fd 0
    r3 = 2
    call 12
    r0 = 0
    exit
target:
    r9 = 1
    *(u64 *)(r10 - 16) = r9
    r0 = r9
    exit
deep:
    r6 = 7
    call leaves
    r0 += r6
    exit
