# r0 = 0x2a
    r0 = 0
    nospec
    r2 = 0
next:
    nospec
    if r2 >= 6 goto done
    nospec
    r0 += 7
    r2 += 1
    goto next
done:
    nospec
    nospec
    exit
