"""Code for CPUs with errata without the workaround. The configuration's CPU is played by the target, so that most change values as well."""

from collections.abc import Mapping
from functools import partial

from fuzz.selftest.seeded_bug import Bug, with_words
from jit.code import Item
from jit.compiler import Parts
from jit.config import Config
from jit.errata import WORKAROUNDS, Workaround, work_around
from jit.passes import Code, fill_delay_slots, separate

KIND = "no workaround"
_NOP_OF_LOONGSON_2F = 0x00200825


def _unchanged(code: Code, config: Config) -> list[Item]:
    return code.items


def _without(name: str) -> Parts:
    workarounds: Mapping[str, Workaround] = {**WORKAROUNDS, name: _unchanged}
    return Parts(passes=(fill_delay_slots, partial(work_around, workarounds=workarounds), separate))


def _usual_nops(config: Config, words: list[int]) -> list[int]:
    return [0 if word == _NOP_OF_LOONGSON_2F else word for word in words]


_LOOP = """
w0 = 0
w2 = 5
again:
w0 += 3
w2 += -1
if w2 != 0 goto again
exit
"""

_STORES = """
r3 = 1
*(u32 *)(r10 - 32) = w3
*(u32 *)(r10 - 24) = w3
*(u32 *)(r10 - 16) = w3
*(u32 *)(r10 - 8) = w3
r0 = *(u32 *)(r10 - 32)
exit
"""

_OVERFLOW = """
r0 = 0x7fffffffffffffff ll
r0 += 1
r0 >>= 40
exit
"""

_PRODUCTS = """
r2 = *(u64 *)(r1 + 0)
r3 = *(u64 *)(r1 + 8)
r4 = *(u64 *)(r1 + 16)
r2 *= r3
r3 *= r4
w5 = w3
w5 *= w4
w5 <<= w4
r2 += r5
r0 = *(u64 *)(r1 + 24)
r0 += r2
r0 += r3
exit
"""

_LOAD = """
r2 = *(u64 *)(r1 + 0)
r3 = *(u64 *)(r1 + 8)
r2 *= r3
r0 = *(u64 *)(r1 + 24)
r0 += r2
exit
"""


# fmt: off
BUGS = (
    Bug("erratum-r10000", KIND, "The retry of an atomic operation is no branch-likely.",
        _without("r10000"), ("ATOMIC_ADD_W", "CMPXCHG_W"), ("mips[34]-*+r10000",), "Linux, 099f83aa2d06"),
    Bug("erratum-loongson3", KIND, "No sync before LL.",
        _without("loongson3"), ("ATOMIC_ADD_W", "XCHG_W"), ("mips64r2-*+loongson3", "mips3-*+loongson3")),
    Bug("erratum-loongson2f-nop", KIND, "Nops are the usual ones.",
        with_words(_usual_nops), ("JEQ64_REG",), ("mips3-*+loongson2f-nop",)),
    Bug("erratum-loongson2f-jump", KIND, "Registers are not masked before a jump.",
        _without("loongson2f-jump"), ("CALL", "ADD64_REG"), ("mips3-*+loongson2f-jump",)),
    Bug("erratum-r4000-multiply", KIND, "Products are not finished.",
        _without("r4000-multiply"), ("MUL32_REG", "MUL64_REG"), ("mips3-*+r4000-multiply",), "", _PRODUCTS),
    Bug("erratum-r4000-daddiu", KIND, "Constants are added as immediates.",
        _without("r4000-daddiu"), (), ("mips3-64*+r4000-daddiu",), "", _OVERFLOW),
    Bug("erratum-r7000-hilo", KIND, "Results are used as soon as they are read from HI and LO.",
        _without("r7000-hilo"), ("MUL32_REG",), ("mips[34]-*+r7000-hilo",)),
    Bug("erratum-rm7000-dmult", KIND, "Loads follow products.",
        _without("rm7000-dmult"), (), ("mips[34]-64*+rm7000-dmult",), "", _LOAD),
    Bug("erratum-vr4130", KIND, "HI and LO are written soon after they are read.",
        _without("vr4130"), ("MUL64_REG",), ("mips3-*+vr4130",), "", _PRODUCTS),
    Bug("erratum-vr4120-multiply", KIND, "Doublewords are multiplied as unsigned ones.",
        _without("vr4120-multiply"), ("MUL64_REG",), ("mips3-64*+vr4120-multiply",)),
    Bug("erratum-vr4120-divide", KIND, "Negative numbers are divided.",
        _without("vr4120-divide"), ("SDIV32_REG", "SMOD32_REG"), ("mips3-*+vr4120-divide",)),
    Bug("erratum-24k", KIND, "Three stores follow each other.",
        _without("24k"), (), ("mips32r[12]-*+24k", "mips2-*+24k"), "", _STORES),
    Bug("erratum-r5900", KIND, "A short loop ends with a delay slot in use.",
        _without("r5900"), (), ("mips3-32*+nollsc+r5900",), "", _LOOP),
)
# fmt: on
