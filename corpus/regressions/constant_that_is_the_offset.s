; A store of a constant to an offset of the same number: the tripwire of blinding took the offset, which is not blinded, for the constant.
    r1 = r10
    r1 += -32823
    *(u64 *)(r1 + 32767) = 32767
    r0 = 0
    exit
