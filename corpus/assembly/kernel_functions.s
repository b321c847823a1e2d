# r0 = 4 + 0x1122334455667788
# Functions of the kernel that are declared here: arguments that are equal by their types give equal results, others do not; results are extended by their type.
.kernel_function spread 100 u64 u8 s64 s16 u32 s8
.kernel_function narrow 101 s8 u64 pointer u16
.kernel_function nothing 2000000000 u16
.variable word 102 1122334455667788 8877665544332211
    r6 = r10
    r6 += -8
    r1 = -1
    r2 = 0x8000000000000001 ll
    r3 = 0xfffffffff8000 ll
    r4 = 0xffffffff80000000 ll
    r5 = 0x80
    call kernel 100
    r7 = r0
    r1 = 255
    r2 = 0x8000000000000001 ll
    r3 = 0x8000
    r4 = 0x80000000 ll
    r5 = -128
    call kernel 100
    r8 = 0
    if r0 != r7 goto second
    r8 += 1
second:
    r1 = 255
    r2 = 1
    r3 = 0x8000
    r4 = 0x80000000 ll
    r5 = -128
    call kernel 100
    if r0 == r7 goto third
    r8 += 1
third:
    r1 = 7
    r2 = r6
    r3 = 0x12345
    call kernel 101
    r9 = r0
    r1 = 7
    r2 = r6
    r3 = 0x2345
    call kernel 101
    if r0 != r9 goto fourth
    r9 <<= 56
    r9 s>>= 56
    if r0 != r9 goto fourth
    r8 += 1
fourth:
    call kernel 2000000000
    if r0 > 0xffff goto last
    r8 += 1
last:
    r1 = variable 102
    r0 = *(u64 *)(r1 + 0)
    r0 = be64 r0
    r0 += r8
    exit
