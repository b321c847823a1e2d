; A runtime routine, as without LL and SC, in a program that does not name r2: in 64-bit code the length of the context, which lockstep compares, was lost.
; Shows on configurations with the option nollsc.
    r0 = *(u64 *)(r1 + 0)
    lock *(u32 *)(r10 - 512) += w0
    w0 += 0
    exit
