"""Multiplication and division instructions: through HI and LO before release 6, three operands from then on.

eBPF defines what MIPS leaves UNPREDICTABLE: x / 0 is 0 and x % 0 is x. The division is done anyway, it does not trap, and its result is
replaced. INT_MIN / -1 needs nothing: the quotient wraps by the manuals' own definition of DIV, and the remainder is 0.
"""

from jit.code import Emitter
from jit.registers import ZERO
from jit.select import replace_if_nonzero, replace_if_zero


def multiply(e: Emitter, mnemonic: str, rd: int, rs: int, rt: int) -> None:
    """rd = low part of rs * rt; mnemonic is "mul" or "dmul"."""
    if e.has(mnemonic):
        e.op(mnemonic, rd, rs, rt)
    else:
        e.op({"mul": "multu", "dmul": "dmultu"}[mnemonic], rs, rt)
        e.op("mflo", rd)


def divide(e: Emitter, mnemonic: str, rd: int, rs: int, rt: int) -> None:
    """rd = rs / rt; mnemonic is "div", "divu", "ddiv" or "ddivu". The divisor is not checked."""
    if e.has("mod"):
        e.op(mnemonic, rd, rs, rt)
    else:
        e.op(mnemonic, rs, rt)
        e.op("mflo", rd)


def remainder(e: Emitter, mnemonic: str, rd: int, rs: int, rt: int) -> None:
    """rd = rs % rt; as above."""
    if e.has("mod"):
        e.op(mnemonic.replace("div", "mod"), rd, rs, rt)
    else:
        e.op(mnemonic, rs, rt)
        e.op("mfhi", rd)


def divide_or_zero(e: Emitter, mnemonic: str, rd: int, rs: int, rt: int) -> None:
    """rd = rs / rt, or 0 if rt is 0. rd and rt must differ."""
    divide(e, mnemonic, rd, rs, rt)
    replace_if_zero(e, rd, ZERO, rt)


def remainder_or_same(e: Emitter, mnemonic: str, rd: int, rt: int, temporary: int) -> None:
    """rd = rd % rt, or rd as it is if rt is 0. rd and rt must differ; the temporary is lost."""
    remainder(e, mnemonic, temporary, rd, rt)
    replace_if_nonzero(e, rd, temporary, rt)
