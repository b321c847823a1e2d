"""Exceptions: `bpf_throw` leaves all functions at once and ends the program, or goes on in its exception callback.

    throw, anywhere                jump to the landing, the cookie in r1
    landing                        sp = stack pointer of the program; fp from it
      without a callback           r0 = r1; the program's exit
      with one                     the callback, which has the frame of the program, and ends by the program's exit

In Linux bpf_throw is a function of the kernel that walks the stack to the frame of the program that was entered last, the main program or one that
a tail call has reached, and enters its callback with it (kernel/bpf/helpers.c, bpf_throw; arch/x86/net/bpf_jit_comp.c and
arch/arm64/net/bpf_jit_comp.c, exception_boundary and exception_cb). A MIPS has no frame pointer to walk by, and in o32 no register is left that could
hold the stack pointer of the program. So every function of an image that throws keeps it in its frame, at the same distance from sp, where those
that it calls find it before they make their own frames. A program saves every callee-saved register that any function of the image changes, because
those in between do not get to restore theirs.

In an image with tail calls the frames of all programs are alike, so that one landing serves them. A program keeps its r10 there too, and whether it
is the main program, which alone may have a callback; and the landing takes along the count of tail calls of the function that has thrown.
"""

from ebpf.instruction import Instruction
from ebpf.opcodes import BY_NAME
from jit import compare
from jit.code import Emitter
from jit.frame import COUNT, Frame, count_place, main_pointer_place
from jit.registers import AT, FP, SP, ZERO

_FRAME_POINTER, _OTHER = 8, 16
"""Distances from the place of the stack pointer, in programs of images with tail calls."""

COOKIE_IS_RESULT = Instruction(BY_NAME["MOV64_REG"].opcode, 0, 1)
"""r0 = r1: what the default callback does."""


def inherit(e: Emitter) -> None:
    """At the entry of a subprogram, before it makes its frame: at = the program's stack pointer, from the frame of the caller."""
    e.op(_load(e), AT, main_pointer_place(e), SP)


def keep(e: Emitter, program: bool, main: bool) -> None:
    """Behind that: store it into the own frame. With tail calls a program stores r10 as well, and a word that is zero if it is the main one."""
    store = "sd" if e.config.width == 64 else "sw"
    e.op(store, SP if program else AT, main_pointer_place(e), SP)
    if program and e.counts:
        e.op(store, FP, main_pointer_place(e) + _FRAME_POINTER, SP)
        e.op("sw", ZERO if main else SP, main_pointer_place(e) + _OTHER, SP)


def throw(e: Emitter, landing: int) -> None:
    """Go to the landing; the frames in between are left as they are."""
    compare.jump(e, landing)


def land(e: Emitter, frame: Frame) -> None:
    """Back to the frame of the program, which is given; the own one may be any."""
    if e.counts:
        e.op("lw", COUNT, count_place(e), SP)
    e.op(_load(e), SP, main_pointer_place(e), SP)
    if e.counts:
        e.op("sw", COUNT, count_place(e), SP)
    if frame.moves_fp:
        e.op(_load(e), FP, main_pointer_place(e) + _FRAME_POINTER, SP)
    elif frame.stack:
        e.op("daddiu" if e.config.width == 64 else "addiu", FP, SP, frame.size - frame.top)


def unless_main(e: Emitter, to: int) -> None:
    """Behind the landing of an image with tail calls: go to a label if the program is not the main one."""
    e.op("lw", AT, main_pointer_place(e) + _OTHER, SP)
    compare.equality(e, "JNE", AT, ZERO, to)


def _load(e: Emitter) -> str:
    return "ld" if e.config.width == 64 else "lw"
