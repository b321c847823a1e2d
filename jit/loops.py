"""`may_goto`: a conditional jump on a counter that every call of a function has for itself.

    entry      at = iterations           instruction   at = counter
               counter = at                            if at == 0 goto target
                                                       counter = at - 1

The kernel's verifier turns the instruction into four that keep the counter in a hidden slot of the eBPF stack. Here the compiler does it: the
counter is a word of the native frame, so that a program keeps its slots and its whole stack, and image and program can be compared
instruction by instruction. The counter has a fixed place relative to sp (see `jit.frame`).
"""

from jit import compare
from jit.call import CompileError
from jit.code import Emitter
from jit.constants import load
from jit.frame import counter_place
from jit.registers import AT, SP, ZERO

MAXIMUM = (1 << 31) - 1
"""The most iterations: what a word holds that is the same signed and unsigned."""


def start_counter(e: Emitter, iterations: int) -> None:
    """At the entry of a function; raises CompileError for a number that does not fit."""
    if not 0 <= iterations <= MAXIMUM:
        raise CompileError(f"{iterations} iterations of may_goto; 0 to {MAXIMUM}")
    load(e, AT, iterations)
    e.op("sw", AT, counter_place(e), SP)


def may_goto(e: Emitter, to: int) -> None:
    """Go to a label if there are no iterations left, else take one."""
    e.loops = True
    e.op("lw", AT, counter_place(e), SP)
    compare.equality(e, "JEQ", AT, ZERO, to)
    e.op("addiu", AT, AT, -1)
    e.op("sw", AT, counter_place(e), SP)
