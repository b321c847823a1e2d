"""Loads and stores where two 32-bit registers hold an eBPF register. An address is a low register; a doubleword is two words."""

from jit.bits import narrow
from jit.code import Emitter
from jit.constants import load as load_constant
from jit.constants import operand
from jit.pair.alu import Pair, extend_sign, finish
from jit.registers import AT, T8

_LOAD = {1: "lbu", 2: "lhu", 4: "lw"}
_LOAD_SIGNED = {1: "lb", 2: "lh", 4: "lw"}
_STORE = {1: "sb", 2: "sh", 4: "sw"}


def _words(e: Emitter, base: int, offset: int, temporary: int) -> tuple[int, int, int]:
    """(base, offset of the low word, offset of the high word) of a doubleword, of which both offsets fit."""
    if offset + 4 > 0x7FFF:
        e.op("addiu", temporary, base, offset)
        base, offset = temporary, 0
    return (base, offset + 4, offset) if e.config.big_endian else (base, offset, offset + 4)


def load(e: Emitter, d: Pair, base: int, offset: int, size: int) -> None:
    if size < 8:
        e.op(_LOAD[size], d[0], offset, base)
        finish(e, d)
        return
    base, low, high = _words(e, base, offset, AT)
    if d[0] == base:
        e.op("lw", d[1], high, base)
        e.op("lw", d[0], low, base)
    else:
        e.op("lw", d[0], low, base)
        e.op("lw", d[1], high, base)


def load_signed(e: Emitter, d: Pair, base: int, offset: int, size: int) -> None:
    e.op(_LOAD_SIGNED[size], d[0], offset, base)
    extend_sign(e, d)


def store(e: Emitter, s: Pair, base: int, offset: int, size: int) -> None:
    if size < 8:
        e.op(_STORE[size], s[0], offset, base)
        return
    base, low, high = _words(e, base, offset, AT)
    e.op("sw", s[0], low, base)
    e.op("sw", s[1], high, base)


def store_imm(e: Emitter, imm: int, base: int, offset: int, size: int) -> None:
    if size < 8:
        e.op(_STORE[size], operand(e, AT, narrow(imm, size)), offset, base)
        return
    base, low, high = _words(e, base, offset, T8)
    register = operand(e, AT, imm)
    e.op("sw", register, low, base)
    if imm < -1:
        load_constant(e, AT, -1)
    e.op("sw", AT if imm < 0 else 0, high, base)


def load_acquire(e: Emitter, d: Pair, base: int, offset: int, size: int) -> None:
    """Of up to 4 bytes."""
    load(e, d, base, offset, size)
    if e.has("sync"):
        e.op("sync", 0)


def store_release(e: Emitter, s: Pair, base: int, offset: int, size: int) -> None:
    """Of up to 4 bytes."""
    if e.has("sync"):
        e.op("sync", 0)
    store(e, s, base, offset, size)
