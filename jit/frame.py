"""The native stack frame of a function, and its entry and exit.

From high to low addresses:

    sp at entry ->  saved registers        ra if the function calls, s-registers and fp that it changes
            r10 ->  eBPF stack             main program only: 512 bytes for each of the functions that can be active at once
                    stack pointer          of the program, and more, in images that throw (see `jit.exceptions`)
                    count of tail calls    a word, in images that have them
                    counter of `may_goto`  a word
                    spilled registers      caller-saved registers that hold r0 to r5, around calls of runtime routines; the state of `bpf_loop`
             sp ->  argument area          o32 only: 16 bytes of home area, and three 64-bit arguments

A subprogram has its eBPF stack in the frame of the main program, 512 bytes below that of its caller, wherever it was called from: fp is moved down by
512 at its entry and up again at its exit. So r10 of a function depends on nothing but the depth of the call, as it does in an interpreter.

Everything below the eBPF stack has a fixed place relative to sp, so that code can be emitted before the size of the frame is known.
"""

from typing import NamedTuple

from ebpf.instruction import FRAME_SIZE
from jit.code import Emitter
from jit.registers import A0, A1, FP, RA, S0, SP, T9, V0, ZERO, pairs

ARGUMENTS = 16 + 3 * 8
"""Bytes of the o32 argument area: enough for five 64-bit arguments."""

SPILL = ARGUMENTS
"""Distance from sp to the first spilled register."""

SPILLED = 12
"""How many registers can be spilled: six pairs."""

N64_SPILLED = 6
"""How many in 64-bit code, from sp on."""


COUNT = 15
"""The register that holds the count of tail calls on the way from one function of an image to another."""


def count_place(e: Emitter) -> int:
    """Distance from sp to the count of tail calls, for functions of images that have them."""
    return counter_place(e) + 4


def counter_place(e: Emitter) -> int:
    """Distance from sp to the counter of `may_goto`, for functions that have one."""
    return _end_of_spills(e)


def main_pointer_place(e: Emitter) -> int:
    """Distance from sp to the stack pointer of the program, in images that throw."""
    return counter_place(e) + 8


class Frame(NamedTuple):
    """saved: registers saved at entry. stack: bytes of eBPF stack. size: of the whole frame, in bytes; top: from r10 up to sp at entry.

    count_at: distance from sp to the count of tail calls, None for a function that does not keep it.
    """

    main: bool
    saved: tuple[int, ...]
    stack: int
    size: int
    top: int
    moves_fp: bool
    count_at: int | None = None


def layout(e: Emitter, main: bool, written: frozenset[int], stack: int) -> Frame:
    """The frame of a function that writes the given eBPF registers, in a program with so many bytes of eBPF stack, none if it does not use r10.

    The body of the function has been lowered: the emitter knows whether it calls something and spills registers.
    """
    wide = e.config.width == 64
    saved: list[int] = [RA] if e.calls else []
    for number in range(6, 10):
        if number in written:
            saved.extend([S0 + number - 6] if wide else [S0 + 2 * (number - 6), S0 + 2 * (number - 6) + 1])
    if main and stack:
        saved.append(FP)
    unit, alignment = (8, 16) if wide else (4, 8)
    top = _align(unit * len(saved), alignment)
    below = _below(e)
    own = stack if main else 0
    size, count = _align(top + own + below, alignment), count_place(e) if e.counts and not main else None
    return Frame(main, tuple(saved), own, size, top, bool(stack) and not main, count)


def _end_of_spills(e: Emitter) -> int:
    return 8 * N64_SPILLED if e.config.width == 64 else SPILL + 4 * SPILLED


def _below(e: Emitter) -> int:
    """Bytes of the frame below the eBPF stack."""
    if e.throws:
        return main_pointer_place(e) + (24 if e.counts else 8)
    if e.counts:
        return count_place(e) + 4
    if e.loops:
        return counter_place(e) + 4
    if e.spills:
        return _end_of_spills(e)
    return ARGUMENTS if e.calls and e.config.width == 32 else 0


def _align(size: int, alignment: int) -> int:
    return -(-size // alignment) * alignment


def prologue(e: Emitter, frame: Frame, named: frozenset[int]) -> None:
    """Set up the frame; in the main program also r10 and, from the C arguments, r1 and r2 if the program names them."""
    add, store, unit = ("daddiu", "sd", 8) if e.config.width == 64 else ("addiu", "sw", 4)
    if frame.size:
        e.op(add, SP, SP, -frame.size)
    for number, register in enumerate(frame.saved, 1):
        e.op(store, register, frame.size - unit * number, SP)
    if frame.count_at is not None:
        e.op("sw", COUNT, frame.count_at, SP)
    if frame.moves_fp:
        e.op(add, FP, FP, -FRAME_SIZE)
    if not frame.main:
        return
    if frame.stack:
        e.op(add, FP, SP, frame.size - frame.top)
    if e.config.width == 32:
        _widen_arguments(e, named)


def _widen_arguments(e: Emitter, named: frozenset[int]) -> None:
    """o32: the two pointer-sized arguments in a0 and a1 become zero-extended pairs. The second one makes room for the first."""
    (low1, high1), (low2, high2) = pairs(e.config)[1:3]
    if 2 in named:
        e.move(low2, A1)
        e.move(high2, ZERO)
    if 1 in named:
        e.move(low1, A0)
        e.move(high1, ZERO)


def epilogue(e: Emitter, frame: Frame) -> None:
    """Take down the frame and return: the main program as a C function that returns an `unsigned int`."""
    if frame.count_at is not None:
        e.op("lw", COUNT, frame.count_at, SP)
    _restore(e, frame)
    steps = []
    if frame.main:
        if e.config.width == 64:
            # n64 returns a 32-bit integer sign-extended, unsigned or not.
            steps.append(e.make("sll", V0, V0, 0))
        elif e.config.big_endian:
            steps.append(e.make("or", V0, pairs(e.config)[0][0], ZERO))
    if frame.size:
        steps.append(e.make("daddiu" if e.config.width == 64 else "addiu", SP, SP, frame.size))
    e.items.extend(steps[:-1])
    e.with_slot("jr", RA, slot=steps[-1] if steps else e.nop())


def leave(e: Emitter, frame: Frame) -> None:
    """Take down the frame and jump to the address in t9, with the count of tail calls in its register."""
    _restore(e, frame)
    size = e.make("daddiu" if e.config.width == 64 else "addiu", SP, SP, frame.size)
    e.with_slot("jr", T9, slot=size)


def _restore(e: Emitter, frame: Frame) -> None:
    add, load, unit = ("daddiu", "ld", 8) if e.config.width == 64 else ("addiu", "lw", 4)
    if frame.moves_fp:
        e.op(add, FP, FP, FRAME_SIZE)
    for number, register in enumerate(frame.saved, 1):
        e.op(load, register, frame.size - unit * number, SP)
