; An atomic operation with a way out before its sc, and another one behind it: the model of the Loongson 3 erratum took the sc of the second for one of the
; first. Shows on configurations with the option loongson3.
    r0 = 0
    w0 = cmpxchg32_32(r10 - 512, w0, w0)
    lock *(u32 *)(r10 - 512) |= w0
    exit
