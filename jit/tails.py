"""Tail calls: leave the running program for another one, which takes its place.

    at = array.max_entries            if index >= at goto out        the index is an unsigned word
    count = frame.count               if count >= 33 goto out
    target = array.programs[index]    if target == 0 goto out
    count += 1
    take down the frame               of the function that is running, in code that all tail calls of a function share
    jump to target + TAIL_ENTRY       behind where the entry of a program starts the count

An image with tail calls differs from others. Every function, the main program too, is made like a subprogram: it keeps what it changes for its
caller, and its eBPF stack is what it finds below r10 of its caller. So a program can take the place of any function at any depth. A C function calls
the main program: it has the eBPF stack in its frame, and it is the entry of the image.

The count is of the whole run, as in Linux (x86-64 and arm64 keep it where all functions reach it, and count the calls that find a program). A
function keeps it in its frame, where no function that it calls can destroy it; on the way from one function of the image to another it is in a
register.

A prog array in memory: a word with the number of its entries, from byte 8 on pointers to entries of programs, or 0.
"""

from jit import compare
from jit.code import Emitter
from jit.frame import COUNT, count_place
from jit.registers import AT, SP, T9, ZERO

LIMIT = 33
"""Tail calls of a run (Linux: MAX_TAIL_CALL_CNT)."""

TAIL_ENTRY = 8
"""Bytes from the entry of a program to where a tail call enters."""

_PROGRAMS = 8
"""Bytes from the beginning of a prog array to its first pointer."""


def tail_call(e: Emitter, array: int, index: int) -> None:
    """Leave for a program of the array whose address is in one register, if there is one at the index in the other."""
    e.tails = True
    function = e.place_of_instruction.function
    out = e.local()
    e.op("lw", AT, 0, array)
    if e.config.width == 64:
        e.op("sll", T9, index, 0)
        index = T9
    e.op("sltu", AT, index, AT)
    e.branch("beq", AT, ZERO, to=out)
    e.op("lw", COUNT, count_place(e), SP)
    e.op("sltiu", AT, COUNT, LIMIT)
    e.branch("beq", AT, ZERO, to=out)
    shift, add, load, size = ("dsll", "daddu", "ld", 3) if e.config.width == 64 else ("sll", "addu", "lw", 2)
    e.op(shift, T9, index, size)
    e.op(add, T9, T9, array)
    e.op(load, T9, _PROGRAMS, T9)
    e.branch("beq", T9, ZERO, to=out)
    e.op("addiu", COUNT, COUNT, 1)
    e.op("daddiu" if e.config.width == 64 else "addiu", T9, T9, TAIL_ENTRY)
    compare.jump(e, function.tail)
    e.place(out)
