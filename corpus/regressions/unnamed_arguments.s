; A function that needs a runtime routine and does not name all of its arguments: o32 lost the others, which lockstep compares.
    r1 = -700
    r2 = 100
    r3 = 3
    r4 = 4
    r5 = 55
    call divide
    exit
divide:
    r1 s/= 7
    r2 += 1
    r0 = r1
    exit
