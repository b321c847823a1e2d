"""Exceptions: `bpf_throw` leaves all functions at once and ends the program, or goes on in its exception callback.

    throw, anywhere                jump to the landing, the cookie in r1
    landing                        sp = stack pointer of the main program; fp from it
      without a callback           r0 = r1; the main program's exit
      with one                     the callback, which has the frame of the main program, and ends by the main program's exit

In Linux bpf_throw is a function of the kernel that walks the stack to the frame of the main program and enters the callback with it
(kernel/bpf/helpers.c, bpf_throw; arch/x86/net/bpf_jit_comp.c and arch/arm64/net/bpf_jit_comp.c, exception_boundary and exception_cb). A MIPS has no
frame pointer to walk by, and in o32 no register is left that could hold the stack pointer of the main program. So every function of a program that
throws keeps it in its frame, at the same distance from sp, where those that it calls find it before they make their own frames. The main
program saves every callee-saved register that any function of the program changes, because those in between do not get to restore theirs.
"""

from ebpf.instruction import Instruction
from ebpf.opcodes import BY_NAME
from jit import compare
from jit.code import Emitter
from jit.frame import Frame, main_pointer_place
from jit.registers import AT, FP, SP

COOKIE_IS_RESULT = Instruction(BY_NAME["MOV64_REG"].opcode, 0, 1)
"""r0 = r1: what the default callback does."""


def inherit(e: Emitter) -> None:
    """At the entry of a subprogram, before it makes its frame: at = the main program's stack pointer, from the frame of the caller."""
    e.op("ld" if e.config.width == 64 else "lw", AT, main_pointer_place(e), SP)


def keep(e: Emitter, main: bool) -> None:
    """Behind that: store it into the own frame."""
    e.op("sd" if e.config.width == 64 else "sw", SP if main else AT, main_pointer_place(e), SP)


def throw(e: Emitter, landing: int) -> None:
    """Go to the landing; the frames in between are left as they are."""
    compare.jump(e, landing)


def land(e: Emitter, frame: Frame) -> None:
    """Back to the frame of the main program, which is given; the own one may be any."""
    wide = e.config.width == 64
    e.op("ld" if wide else "lw", SP, main_pointer_place(e), SP)
    if frame.stack:
        e.op("daddiu" if wide else "addiu", FP, SP, frame.size - frame.top)
