"""Loads and stores where one 64-bit register holds an eBPF register. Offsets of eBPF and MIPS have the same 16 bits."""

from jit.bits import narrow
from jit.code import Emitter
from jit.constants import operand
from jit.registers import AT

_LOAD = {1: "lbu", 2: "lhu", 4: "lwu", 8: "ld"}
_LOAD_SIGNED = {1: "lb", 2: "lh", 4: "lw"}
_STORE = {1: "sb", 2: "sh", 4: "sw", 8: "sd"}


def load(e: Emitter, d: int, base: int, offset: int, size: int) -> None:
    e.op(_LOAD[size], d, offset, base)


def load_signed(e: Emitter, d: int, base: int, offset: int, size: int) -> None:
    e.op(_LOAD_SIGNED[size], d, offset, base)


def store(e: Emitter, s: int, base: int, offset: int, size: int) -> None:
    e.op(_STORE[size], s, offset, base)


def store_imm(e: Emitter, imm: int, base: int, offset: int, size: int) -> None:
    store(e, operand(e, AT, imm if size == 8 else narrow(imm, size)), base, offset, size)


def load_acquire(e: Emitter, d: int, base: int, offset: int, size: int) -> None:
    load(e, d, base, offset, size)
    e.op("sync", 0)


def store_release(e: Emitter, s: int, base: int, offset: int, size: int) -> None:
    e.op("sync", 0)
    store(e, s, base, offset, size)
