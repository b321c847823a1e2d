"""General registers by number, and where each eBPF register lives.

Every eBPF register has MIPS registers of its own, at both widths, so native operations need no stack. The choice follows both the
C ABI and the kernel's JIT: r0 is where a C function returns its result, r1 to r5 are where it takes arguments (as far as there are registers),
r6 to r9 survive a call.

          r0     r1     r2     r3     r4     r5     r6     r7     r8     r9     r10      r11
    n64   v0     a0     a1     a2     a3     a4     s0     s1     s2     s3     fp       t3
    o32   v0 v1  a0 a1  a2 a3  t0 t1  t2 t3  t4 t5  s0 s1  s2 s3  s4 s5  s6 s7  fp zero  t8 t9

r11 holds constants that are blinded, within the code of one instruction (`jit.blinding`). t1 of n64, t6 and t7 of o32, and t8 and t9 are used by what
works around errata as well (`jit.errata`).

The two registers of a pair are in the order in which the o32 ABI passes the words of a 64-bit value: low then high on a little-endian
CPU, high then low on a big-endian one.
"""

from typing import Any

from jit.config import Config

ZERO, AT, V0, V1, A0, A1, A2, A3 = range(8)
S0, S1, S2, S3, S4, S5, S6, S7 = range(16, 24)
T8, T9, SP, FP, RA = 24, 25, 29, 30, 31

N64_A4 = 8
N64_T0, N64_T1, N64_T2, N64_T3 = range(12, 16)

O32_T0, O32_T1, O32_T2, O32_T3, O32_T4, O32_T5, O32_T6, O32_T7 = range(8, 16)

HI, LO = 32, 33
"""Pseudo numbers of the multiplier's registers in the MIPS table."""

SINGLES: tuple[int, ...] = (V0, A0, A1, A2, A3, N64_A4, S0, S1, S2, S3, FP)
"""For r0 to r10 the register of n64 code."""

_PAIRS: tuple[tuple[int, int], ...] = (
    (V0, V1),
    (A0, A1),
    (A2, A3),
    (O32_T0, O32_T1),
    (O32_T2, O32_T3),
    (O32_T4, O32_T5),
    (S0, S1),
    (S2, S3),
    (S4, S5),
    (S6, S7),
)

PAIRS_LITTLE: tuple[tuple[int, int], ...] = (*_PAIRS, (FP, ZERO))
"""For r0 to r10 the (low, high) registers of little-endian o32 code."""

PAIRS_BIG: tuple[tuple[int, int], ...] = (*((low, high) for high, low in _PAIRS), (FP, ZERO))
"""The same for big-endian code."""


def pairs(config: Config) -> tuple[tuple[int, int], ...]:
    """For r0 to r10 the (low, high) registers of 32-bit code."""
    return PAIRS_BIG if config.big_endian else PAIRS_LITTLE


def of_code(config: Config) -> tuple[Any, ...]:
    """For r0 to r11 where they live: a number each in 64-bit code, a pair of numbers in 32-bit code."""
    return (*SINGLES, N64_T3) if config.width == 64 else (*pairs(config), (T8, T9))
