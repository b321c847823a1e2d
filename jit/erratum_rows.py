"""The errata of CPUs that bite in code of this kind: a row each. What the compiler does about each is in `jit.errata`.

The errata sheets of these CPUs are mostly not public. What is known of them is what assemblers, compilers and kernels that work around them say, and
the sources of the rows name these. What they list and is not here cannot bite, or is no affair of a compiler; `NOT_TAKEN` says why.
"""

from collections.abc import Mapping
from types import MappingProxyType
from typing import NamedTuple

CPUS: Mapping[str, str] = MappingProxyType(
    {
        "R4000": "mips3",
        "R4400": "mips3",
        "VR4120": "mips3",
        "VR4130": "mips3",
        "R5900": "mips3",
        "Loongson-2F": "mips3",
        "RM7000": "mips4",
        "R10000": "mips4",
        "24K": "mips32r2",
        "Loongson-3": "mips64r2",
    }
)
"""The CPUs, with the ISA of each."""


class Row(NamedTuple):
    """One erratum.

    name        of the option
    cpus        names of `CPUS`
    goes_wrong  what the CPU does
    pattern     the code in which it does it
    instead     what is emitted
    source      where it is documented
    widths      of code in which the pattern can occur, in bits
    needs       options that code for the CPU needs anyway
    excludes    options with which the pattern cannot occur
    """

    name: str
    cpus: tuple[str, ...]
    goes_wrong: str
    pattern: str
    instead: str
    source: str
    widths: tuple[int, ...] = (32, 64)
    needs: tuple[str, ...] = ()
    excludes: tuple[str, ...] = ()


# fmt: off
ROWS: tuple[Row, ...] = (
    Row("r10000", ("R10000",),
        "revisions before 3.0: SC reports success although LL and SC were not atomic; before 2.7 they may deadlock",
        "the result of sc is tested by a branch that is not branch-likely",
        "beql in the retry loop",
        "gcc, -mfix-r10000; Linux, arch/mips/include/asm/llsc.h",
        excludes=("nollsc",)),
    Row("loongson3", ("Loongson-3",),
        "LL may be executed as a plain load: SC succeeds although somebody else has written",
        "ll without a sync before it, or a way out of the sequence between ll and sc that does not begin with one",
        "sync before each ll, and where a sequence is left early",
        "binutils, -mfix-loongson3-llsc; Linux, CONFIG_CPU_LOONGSON3_WORKAROUNDS",
        excludes=("nollsc",)),
    Row("loongson2f-nop", ("Loongson-2F",),
        "2F01 and 2F02: the CPU hangs when nops fill the queues of its out-of-order core",
        "sll zero, zero, 0",
        "or at, at, zero",
        "Loongson 2F User Manual, chapter 15; binutils, -mfix-loongson2f-nop"),
    Row("loongson2f-jump", ("Loongson-2F",),
        "2F01 and 2F02: instructions are fetched from where a wrong prediction leads, outside of memory, and the CPU hangs",
        "jr or jalr through a register that may hold an address outside of a window of 256 MiB",
        "bits 28 and 29 of the register are cleared first; all code lies where they are zero",
        "Loongson 2F User Manual, chapter 15; binutils, -mfix-loongson2f-jump"),
    Row("r4000-multiply", ("R4000",),
        "a doubleword or variable shift has a wrong result while a multiplication is in progress",
        "such a shift after mult, multu, dmult or dmultu, with no read of HI in between: LO is there before HI",
        "mfhi zero after mflo",
        "gcc, -mfix-r4000; Linux, arch/mips/kernel/r4k-bugs64.c and arch/mips/net/bpf_jit_comp64.c"),
    Row("r4000-daddiu", ("R4000", "R4400"),
        "the result is wrong when the signed addition overflows",
        "daddiu",
        "addiu from zero, daddu",
        "Linux, arch/mips/kernel/r4k-bugs64.c (R4000PC/SC errata 41, R4400PC/SC erratum 7)",
        widths=(64,)),
    Row("r7000-hilo", ("RM7000",),
        "an instruction that follows mfhi or mflo closely does not see its result",
        "one of the next two instructions after mfhi or mflo reads its destination",
        "nops in between",
        "binutils, -mfix7000"),
    Row("rm7000-dmult", ("RM7000",),
        "what goes wrong is not told; that it is in dmult, dmultu and a load after them is",
        "one of the next three instructions after dmult or dmultu loads",
        "nops in between",
        "binutils and gcc, -mfix-rm7000",
        widths=(64,)),
    Row("vr4130", ("VR4130",),
        "mfhi or mflo has a wrong result when HI and LO are written soon afterwards",
        "one of the next four instructions multiplies or divides, and none up to it reads the destination of mfhi or mflo",
        "nops in between",
        "binutils and gcc, -mfix-vr4130"),
    Row("vr4120-multiply", ("VR4120",),
        "dmultu does not always have the correct result",
        "dmultu",
        "dmult, which has the same lower half",
        "gcc, -mfix-vr4120",
        widths=(64,)),
    Row("vr4120-divide", ("VR4120",),
        "div and ddiv do not always have the correct result when an operand is negative",
        "div or ddiv",
        "divu or ddivu of the absolute values; the sign is put in afterwards",
        "gcc, -mfix-vr4120"),
    Row("24k", ("24K",),
        "data of stores to a cache line that is being filled is lost",
        "three consecutive stores, to three doublewords",
        "a nop between the second and the third",
        "binutils, -mfix-24k (24K erratum E48)"),
    Row("r5900", ("R5900",),
        "a short loop is executed once or twice only",
        "a loop of at most six instructions, the delay slot among them, with one conditional branch, at its end, and something in its delay slot",
        "a nop in the delay slot",
        "binutils and gcc, -mfix-r5900",
        widths=(32,), needs=("nollsc",)),
)


class NotTaken(NamedTuple):
    """Something that others work around and this compiler does not have to: what it is, who lists it, and why it cannot bite."""

    name: str
    listed: str
    reason: str


NOT_TAKEN: tuple[NotTaken, ...] = (
    NotTaken("R4000, R4400: doubleword or variable shift right after a division has been started",
             "gcc, -mfix-r4000 and -mfix-r4400",
             "the instruction after every division is the mflo or mfhi of its result, which waits for it; no pass puts anything in between"),
    NotTaken("R4000: division started in a delay slot",
             "gcc, -mfix-r4000",
             "nothing that touches HI or LO is moved into a delay slot"),
    NotTaken("R4000, R4400: daddi does not trap on overflow", "Linux, arch/mips/kernel/r4k-bugs64.c",
             "no instruction that traps on overflow is emitted"),
    NotTaken("VR4120: pairs of macc, dmacc, mult, dmult, div and mthi, mtlo that need one instruction in between",
             "binutils, -mfix-vr4120",
             "macc and dmacc are not emitted, mthi and mtlo neither, and after mult, dmult and div comes mfhi or mflo"),
    NotTaken("VR4300: a multiplication after mul.s or mul.d", "LLVM, -mfix4300", "no floating point is emitted"),
    NotTaken("24K: eret or deret followed by a branch", "binutils, -mfix-24k", "neither is emitted"),
    NotTaken("CN63XX pass 1: pref hints 0 to 4 and 6 to 24", "binutils, -mfix-cn63xxp1", "pref is not emitted"),
    NotTaken("SB-1 revision 2: floating point", "gcc, -mfix-sb1", "no floating point is emitted"),
    NotTaken("R10000: speculative stores and non-coherent DMA", "gcc, -mr10k-cache-barrier",
             "a property of machines (IP28, IP32) and not of the CPU; what their kernels put around accesses is a privileged cache operation"),
    NotTaken("R4600, R5000, TX49, SB-1, BCM1250: cache and TLB operations", "Linux, arch/mips/include/asm/war.h",
             "they concern privileged instructions, which are not emitted"),
    NotTaken("Loongson-2F: prefetch from where the branch target buffer and the return address stack of the user point",
             "Linux, arch/mips/include/asm/stackframe.h, CONFIG_CPU_JUMP_WORKAROUNDS",
             "what empties them, at the entry of the kernel, is a privileged instruction"),
    NotTaken("SB-1 revision 2: data prefetch, cache errors", "Linux, CONFIG_SB1_PASS_2_WORKAROUNDS and CONFIG_SB1_PASS_2_1_WORKAROUNDS",
             "no pref is emitted; the rest concerns cache operations"),
    NotTaken("XBurst: loops that its branch target buffer takes for short ones", "Linux, arch/mips/kernel/cpu-probe.c",
             "what turns that off is a bit of a privileged register"),
    NotTaken("34K, 4K: instruction cache refill, missed ITLB", "Linux, arch/mips/include/asm/war.h",
             "they concern exception handlers and cache flushes"),
    NotTaken("SB-1 revision 1: what the option does is not told", "Linux, CONFIG_SB1_PASS_1_WORKAROUNDS, -msb1-pass1-workarounds for modules",
             "only a compiler of 2001 had the option, and nobody has written down what it avoids: code for this CPU cannot be vouched for"),
    NotTaken("RM9000: Create_Dirty_Exclusive; R5432: writes to a privileged register", "Linux, arch/mips/include/asm/war.h",
             "they concern privileged instructions, which are not emitted"),
    NotTaken("R5000, Nevada in an O2: LL and SC of the unmapped 64-bit segment go to a bus that does not know them",
             "Linux, arch/mips/include/asm/mach-ip32/cpu-feature-overrides.h",
             "the answer is a CPU option: such code is compiled with +nollsc"),
    NotTaken("4Kc of the AR5312: LL and SC", "Linux, arch/mips/include/asm/mach-ath25/cpu-feature-overrides.h",
             "the answer is a CPU option: such code is compiled with +nollsc"),
    NotTaken("RM7000, E9000: words that are no instructions, in a cache line with instructions, raise exceptions",
             "Linux, ICACHE_REFILLS_WORKAROUND_WAR",
             "all words of an image are instructions; that nothing else is in its first and last line of 32 bytes is up to who places it"),
    NotTaken("Loongson-3: a loop that reads may keep stores of its own CPU from being seen",
             "Linux, cpu_relax in arch/mips/include/asm/vdso/processor.h",
             "it delays a store, and no longer than the loop runs; loops of a program that a verifier has accepted come to an end"),
    NotTaken("Octeon: LL and SC that need syncw, of which one may be none", "Linux, arch/mips/include/asm/barrier.h and sync.h",
             "syncw is a cheaper sync; the sync that is emitted orders at least as much"),
    NotTaken("any: a jump to register zero", "binutils, -mtrap-zero-jump", "a debugging aid and no erratum"),
)
# fmt: on
