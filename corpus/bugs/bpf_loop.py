"""`bpf_loop`: what of its state a callback destroys, how often it is called, what is looked at of the arguments."""

from pathlib import Path

from ebpf.instruction import LOOP, MAXIMUM_LOOPS, Instruction
from fuzz.selftest.seeded_bug import Bug, drop, in_cells, operands, rewrite, with_cells
from jit.bpf_loop import bpf_loop
from jit.code import Emitter
from jit.frame import SPILL
from jit.lowering import LOWERING
from jit.registers import A0, A1, SP, V0, ZERO

LOOPS = (Path(__file__).parents[1] / "assembly" / "bpf_loop.s").read_text()
STOPS = """
    r1 = 5
    r2 = code callback
    r3 = 0
    r4 = 0
    call 181
    exit
callback:
    r0 = r1
    exit
"""

STATE = "a callback destroys the state of a loop"
TIMES = "wrong number of calls"
SOME = ("mips1-32*", "mips32r6-32*", "mips64r2-64*")
O32 = ("mips1-32*", "mips64r2-32*")
N64 = ("mips3-64*", "mips64r6-64*")


def _without_frame(e: Emitter, i: Instruction) -> None:
    """The state has no room of its own."""
    if i.imm == LOOP:
        bpf_loop(e)
        e.spills = False
        return
    row = LOWERING["CALL"]
    (row.single if e.config.width == 64 else row.pair)(e, i)


# fmt: off
BUGS = (
    Bug("loop-index-in-register", STATE, "The index is taken from a register behind the call of the callback.",
        in_cells("CALL", drop("ld lw", when=lambda rt, offset, base: base == SP and offset in (0, SPILL))),
        (), SOME, "", LOOPS),
    Bug("loop-context-in-register", STATE, "The second argument of the callback is not loaded for each call.",
        in_cells("CALL", drop("ld", when=lambda rt, offset, base: (base, offset) == (SP, 24))), (), N64, "", LOOPS),
    Bug("loop-context-high-half", STATE, "The upper half of the second argument is not loaded for each call.",
        in_cells("CALL", drop("lw", when=lambda rt, offset, base: (base, offset) == (SP, SPILL + 16))), (), O32, "", LOOPS),
    Bug("loop-index-high-half", STATE, "The upper half of the index is not cleared for each call.",
        in_cells("CALL", drop("or", when=lambda rd, rs, rt: rd in (A0, A1) and rs == ZERO)), (), O32, "", LOOPS),
    Bug("loop-callback-in-register", STATE, "The address of the callback is not loaded for each call.",
        in_cells("CALL", drop("ld", when=lambda rt, offset, base: (base, offset) == (SP, 16))), (), N64, "", LOOPS),
    Bug("loop-without-frame", STATE, "The state of the loop has no room in the frame.",
        with_cells({"CALL": _without_frame}), (), SOME, "", LOOPS),
    Bug("loop-from-one", TIMES, "The first index is 1.",
        in_cells("CALL", operands("addiu", lambda rt, rs, imm: (rt, rs, 1), when=lambda rt, rs, imm: imm == 0 and rt == A0 and rs == ZERO)),
        (), SOME, "", LOOPS),
    Bug("loop-does-not-stop", TIMES, "The result of the callback is not looked at.",
        in_cells("CALL", drop("bne bnezc", when=lambda rs, *rest: rs == V0)), (), N64, "", STOPS),
    Bug("loop-limit", TIMES, "The greatest number of calls is too many.",
        in_cells("CALL", operands("lui", lambda rt, imm: (rt, imm - 1), when=lambda rt, imm: imm == MAXIMUM_LOOPS >> 16)), (), SOME, "", LOOPS),
    Bug("loop-count-64-bits", TIMES, "All of the count is looked at.",
        in_cells("CALL", drop("sll", when=lambda rd, rt, sa: rd == rt == A0 and sa == 0)), (), N64, "", LOOPS),
    Bug("loop-flags-low-half", TIMES, "The upper half of the flags is not looked at.",
        in_cells("CALL", rewrite("or", lambda e, op: [e.make("or", op.operands[0], op.operands[1], ZERO)],
                                 when=lambda rd, rs, rt: 8 <= rs <= 11 and 8 <= rt <= 11)), (), O32, "", LOOPS),
)
# fmt: on
