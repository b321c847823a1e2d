"""`bpf_loop`: a function of the program is called again and again, by code of the image.

    if flags != 0 goto out, r0 = -EINVAL              the count is an unsigned word
    if count > 2^23 goto out, r0 = -E2BIG
    if count == 0 goto out, r0 = 0
    frame.count, frame.callback, frame.context = count, callback, context
    index = 0
    again:
        frame.index = index
        call frame.callback(index, frame.context)
        index = frame.index + 1
        if r0 == 0 and index != frame.count goto again
    r0 = index
    out:

In Linux this is a C function (kernel/bpf/bpf_iter.c, bpf_loop), but where the verifier knows the callback it puts a loop into the program instead
(kernel/bpf/verifier.c, inline_bpf_loop), and a JIT compiler sees nothing but a call through a register. Here it is code as well: what a
function of an image finds in registers of its caller, r10 and the count of tail calls, a C function in between would not preserve.

The state lies where registers are spilled around runtime routines: an instruction is either. A callback has a frame of its own, so that loops nest.
"""

from typing import Any

from ebpf.instruction import MAXIMUM_LOOPS
from jit import call, compare
from jit.code import Emitter
from jit.constants import load
from jit.frame import SPILL
from jit.registers import AT, SP, ZERO

_E2BIG, _EINVAL = 7, 22
"""Numbers of errors (Linux, errno(3))."""

INDEX, COUNT, CALLBACK, CONTEXT = range(4)
"""Numbers of the places in the frame; the context of 32-bit code has one more."""


def place_of(e: Emitter, number: int) -> int:
    """Distance of a place from sp."""
    return 8 * number if e.config.width == 64 else SPILL + 4 * number


def bpf_loop(e: Emitter) -> None:
    """R0 = how often the function whose address is r2 was called with r3, of r1 times; r4 must be zero."""
    out, again, done = e.local(), e.local(), e.local()
    result, count, callback, context, flags = (_halves(register) for register in e.registers[:5])
    e.spills = True
    _result(e, result, -_EINVAL)
    compare.equality(e, "JNE", _any_bit(e, flags), ZERO, out)
    _result(e, result, -_E2BIG)
    e.op("sll", count[0], count[0], 0)
    compare.immediate(e, "JGT", count[0], MAXIMUM_LOOPS, out)
    _result(e, result, 0)
    compare.equality(e, "JEQ", count[0], ZERO, out)
    keep, fetch = ("sd", "ld") if e.config.width == 64 else ("sw", "lw")
    e.op(keep, count[0], place_of(e, COUNT), SP)
    e.op(keep, callback[0], place_of(e, CALLBACK), SP)
    for number, register in enumerate(context):
        e.op(keep, register, place_of(e, CONTEXT + number), SP)
    index, argument = count, callback
    _result(e, index, 0)
    e.place(again)
    e.op(keep, index[0], place_of(e, INDEX), SP)
    e.op(fetch, context[0], place_of(e, CALLBACK), SP)
    for number, register in enumerate(argument):
        e.op(fetch, register, place_of(e, CONTEXT + number), SP)
    call.register(e, context[0])
    e.op(fetch, index[0], place_of(e, INDEX), SP)
    e.op("addiu", index[0], index[0], 1)
    for register in index[1:]:
        e.move(register, ZERO)
    compare.equality(e, "JNE", _any_bit(e, result), ZERO, done)
    e.op(fetch, context[0], place_of(e, COUNT), SP)
    compare.equality(e, "JNE", index[0], context[0], again)
    e.place(done)
    for to, register in zip(result, index, strict=True):
        e.move(to, register)
    e.place(out)


def _halves(register: Any) -> tuple[int, ...]:
    """One register, or the low and the high one of a pair."""
    return (register,) if isinstance(register, int) else register


def _result(e: Emitter, registers: tuple[int, ...], value: int) -> None:
    """Put a small signed constant into an eBPF register."""
    for number, register in enumerate(registers):
        load(e, register, value >> 32 * number)


def _any_bit(e: Emitter, registers: tuple[int, ...]) -> int:
    """A register that is zero when the eBPF register is. Destroys at in 32-bit code."""
    if len(registers) == 1:
        return registers[0]
    e.op("or", AT, *registers)
    return AT
