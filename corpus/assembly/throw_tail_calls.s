# r0 = 0x1122334400000000 + 7 * 0x10 + 17 + 0x9900
# A program that a tail call has reached throws: it is left, and its cookie is what the function returns whose place it took; the main program goes on, and
# throws itself in the end, to its callback. Tail calls before an exception count.
.map table prog_array 4 4 3
.program table 0 thrower
.program table 1 idle
.program table 2 main
main:
    r6 = r1
    r7 = 0x1122334400000000 ll
    r8 = 0
    r9 = r10
    *(u64 *)(r10 - 8) = r7
next:
    r1 = r6
    call leaves
    if r0 == 1 goto over       # of 33 calls two are gone with each but the last
    if r0 != 7 goto wrong
    if r9 != r10 goto wrong
    r8 += 1
    goto next
over:
    if r8 != 17 goto wrong
    r1 = *(u64 *)(r10 - 8)
    if r1 != r7 goto wrong
    r1 = r8
    call deeper
wrong:
    r0 = 0
    exit
leaves:
    r6 = 1
    r7 = 2
    r8 = r1
    r9 = 3
    *(u64 *)(r10 - 512) = r6
    r2 = map_fd 0
    r3 = 0
    call 12
    r0 = 1
    exit
thrower:
    r6 = 4
    r9 = 5
    *(u64 *)(r10 - 16) = r9
    r1 = r10
    call f
    r0 = 2
    exit
f:
    r7 = 6
    r8 = r10
    call idles
    call g
    r0 = 3
    exit
idles:
    r6 = 7
    r1 = 0
    r2 = map_fd 0
    r3 = 1
    call 12
    r0 = 4
    exit
idle:
    r6 = 8
    r0 = 5
    exit
g:
    r6 = r10
    call 7
    r1 = 7
    call kernel 64
    exit
deeper:
    r9 = 8
    r6 = r1
    *(u64 *)(r10 - 8) = r9
    call helper
    r1 = r6
    call kernel 64
    exit
helper:
    r8 = 1
    r0 = 0
    exit
exception_callback:
    r6 = r1
    r7 = *(u64 *)(r10 - 8)
    call 5
    r1 = 0x99
    call shifted
    r0 += r6
    r0 += r7
    r0 += 0x70
    exit
shifted:
    r6 = r1
    r6 <<= 8
    r0 = r6
    exit
