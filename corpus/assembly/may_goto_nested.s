# r0 = 0x55e
# Of 37 iterations the main program takes 36, in each a function takes 37 of its own; one is left for the last loop.
    r6 = 0
    r7 = 0
outer:
    if r7 == 36 goto done
    may_goto done
    r7 += 1
    call inner
    r6 += r0
    goto outer
done:
    r6 += r7
last:
    may_goto end
    r6 += 6
    goto last
end:
    r0 = r6
    exit
inner:
    r0 = 0
again:
    may_goto leave
    r0 += 1
    goto again
leave:
    exit
