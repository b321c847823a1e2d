; A loop of which only one instruction has a boundary, because a word of that is in the delay slot of the branch, while two instructions elsewhere share a
; word: lockstep took all rounds for one and compared the last one with the first.
    r7 = 5
    r9 = 6
    r0 = -8
    r9 = r9
next:
    w7 |= w9
    r0 += 1
    if w0 s< 0 goto next
    exit
