# r0 = 0x1e
    r6 = 10
    r7 = 20
    r1 = 1
    call f
    r0 = r6
    r0 += r7
    exit
f:
    r6 = 0
    r7 = 0
    if r1 == 0 goto fail
    r1 = 2
    call g
    exit
fail:
    call kernel 64
    exit
g:
    r7 = 5
    r9 = r1
    if r9 != 2 goto over
    r0 = 0
    exit
over:
    call kernel 64
    exit
