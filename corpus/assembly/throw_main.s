# r0 = 0xffffffffffffffff
    r6 = r2
    r1 = -1
    if r6 == 0 goto quiet
    call kernel 64
quiet:
    r0 = 5
    exit
