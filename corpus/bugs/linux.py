"""What Linux adds to the language: the counter of `may_goto`, speculation barriers, marks of zero-extension, exceptions."""

from collections.abc import Callable
from pathlib import Path

from ebpf.instruction import Instruction
from fuzz.selftest.seeded_bug import Bug, drop, in_cells, operands, rewrite, with_cells
from jit import exceptions
from jit import frame as frames
from jit.code import Emitter, Op
from jit.compiler import Parts
from jit.frame import Frame
from jit.loops import start_counter
from jit.lowering import LOWERING
from jit.registers import AT, SP, T9

COUNTER = "wrong counter"
MARK = "missing zero-extension"
UNWOUND = "wrong unwinding"
SOME = ("mips1-32*", "mips32r6-32*", "mips64r2-64*")
O32 = ("*-32*",)

# More iterations than there are, so that a counter that holds anything ends soon.
CALLS = """
    r6 = 0
next:
    may_goto done
    call 5
    r6 += 1
    if r6 != 50 goto next
done:
    r0 = r6
    exit
"""


PROGRAMS = (Path(__file__).parents[1] / "assembly" / "throw_tail_calls.s").read_text()

THROWS = """
    r6 = r1
    *(u64 *)(r10 - 8) = r6
    call f
    exit
f:
    r6 = 1
    r8 = 2
    r9 = 3
    call g
    exit
g:
    r7 = 4
    *(u64 *)(r10 - 8) = r7
    r1 = 0x123456789abcdef0 ll
    call kernel 64
    exit
"""

CATCHES = """
    may_goto over
    may_goto over
over:
    r1 = 1
    call kernel 64
    exit
exception_callback:
    r0 = 0
next:
    may_goto done
    r0 += r1
    if r0 != 50 goto next
done:
    exit
"""


def _only_at_entry(e: Emitter, iterations: int) -> None:
    """Not behind the landing, whose first instruction loads the stack pointer."""
    if not any(isinstance(item, Op) and "load" in item.facts and item.operands[0] == SP for item in e.items):
        start_counter(e, iterations)


def _one_less(e: Emitter, iterations: int) -> None:
    start_counter(e, iterations - 1)


def _as_byte(e: Emitter, iterations: int) -> None:
    start_counter(e, iterations & 0x1F)


def _not_started(e: Emitter, iterations: int) -> None:
    """The counter holds what was there."""


def _in_home_area(e: Emitter, iterations: int) -> None:
    start_counter(e, iterations)
    e.items[:] = operands("sw", lambda rt, offset, base: (rt, 8, base), when=lambda rt, offset, base: rt == AT and base == SP)(e, e.items)


def _no_code(e: Emitter, i: Instruction) -> None:
    """A mark is no instruction."""


def _sign(e: Emitter, i: Instruction) -> None:
    d = e.registers[i.dst]
    if e.config.width == 64:
        e.op("sll", d, d, 0)
    else:
        e.op("sra", d[1], d[0], 31)


def _of_r0(e: Emitter, i: Instruction) -> None:
    cells = LOWERING["ZEXT"]
    (cells.single if e.config.width == 64 else cells.pair)(e, i._replace(dst=0, src=0))


def _own_registers(e: Emitter, main: bool, written: frozenset[int], stack: int) -> Frame:
    """The main program saves r6 and r7 only."""
    return frames.layout(e, main, written - {8, 9} if main else written, stack)


def _own_registers_of_programs(e: Emitter, main: bool, written: frozenset[int], stack: int) -> Frame:
    """Of all callee-saved registers a program saves r6 and r7 only."""
    return frames.layout(e, main, written - {8, 9} if e.throws and e.counts else written, stack)


def _land_without_sp(e: Emitter, frame: Frame) -> None:
    exceptions.land(e, frame)
    del e.items[0]


def _land_without_fp(e: Emitter, frame: Frame) -> None:
    exceptions.land(e, frame._replace(stack=0))


def _land_without(number: int) -> Callable[[Emitter, Frame], None]:
    """In an image with tail calls: the count is loaded, then the stack pointer, the count is stored, then r10 is loaded."""

    def land(e: Emitter, frame: Frame) -> None:
        exceptions.land(e, frame)
        del e.items[number]

    return land


def _caller(e: Emitter) -> None:
    """The caller's frame is taken for the main program's, which is right at depth 1."""
    e.op("or", AT, SP, 0)


# fmt: off
BUGS = (
    Bug("throw-loses-s4", UNWOUND, "The main program saves only the callee-saved registers that it changes itself.",
        Parts(frame=_own_registers), (), SOME, program=THROWS),
    Bug("throw-keeps-sp", UNWOUND, "An exception leaves the stack pointer where it was thrown.",
        Parts(land=_land_without_sp), (), SOME, program=THROWS),
    Bug("throw-keeps-fp", UNWOUND, "An exception leaves r10 where it was thrown.",
        Parts(land=_land_without_fp), (), SOME, program=THROWS),
    Bug("throw-to-caller", UNWOUND, "An exception goes to the frame of the second function from the top.",
        Parts(inherit=_caller), (), SOME, program=THROWS),
    Bug("throw-loses-count", UNWOUND, "The count of tail calls is what it was when the program was entered.",
        Parts(land=_land_without(2)), (), SOME, program=PROGRAMS),
    Bug("throw-keeps-fp-of-function", UNWOUND, "An exception in a program that a tail call has reached leaves r10 where it was thrown.",
        Parts(land=_land_without(3)), (), SOME, program=PROGRAMS),
    Bug("throw-program-loses-s4", UNWOUND, "Programs that tail calls reach save only some of the callee-saved registers.",
        Parts(frame=_own_registers_of_programs), (), SOME, program=PROGRAMS),
    Bug("throw-half-a-cookie", "wrong half of a pair", "The default callback returns the low half of the cookie.",
        in_cells("MOV64_REG", drop("or", when=lambda rd, rs, rt: rd == 3)), (), ("*-32le",), program=THROWS),
    Bug("callback-counts-on", COUNTER, "The exception callback goes on with the iterations of the main program.",
        Parts(count=_only_at_entry), (), SOME, program=CATCHES),
    Bug("may-goto-not-counted", COUNTER, "The counter is decremented in a register only, and the loop never ends.",
        in_cells("MAY_GOTO", drop("sw")), (), SOME, program=CALLS),
    Bug("may-goto-one-less", COUNTER, "A loop runs once less than it may.",
        Parts(count=_one_less), ("MAY_GOTO",), SOME),
    Bug("may-goto-truncated", COUNTER, "The number of iterations is cut to five bits.",
        Parts(count=_as_byte), ("MAY_GOTO",), SOME),
    Bug("may-goto-not-started", "uninitialised memory", "A function does not set its counter.",
        Parts(count=_not_started), (), SOME, program=CALLS),
    Bug("may-goto-late", COUNTER, "The counter is stored before it is decremented.",
        in_cells("MAY_GOTO", rewrite("addiu", lambda e, op: [])), (), SOME, program=CALLS),
    Bug("may-goto-in-home-area", "memory of the called function", "The counter lies where o32 lets a called function store its arguments.",
        Parts(lowering=in_cells("MAY_GOTO", operands("lw sw", lambda rt, offset, base: (rt, 8, base))).lowering,
              count=_in_home_area), (), O32, program=CALLS),
    Bug("barrier-left-out", "lost barrier", "A speculation barrier is nothing although the configuration asks for one.",
        in_cells("NOSPEC", drop("sync")), ("NOSPEC",), ("mips32r2-32*+nospec", "mips64r6-64*+nospec")),
    Bug("zext-mark-ignored", MARK, "A mark of zero-extension is taken for nothing.",
        with_cells({"ZEXT": _no_code}), ("ADD32_IMM", "LDX_W"), ("mips1-32*+zext", "mips64r2-64*+zext")),
    Bug("zext-mark-as-sign", MARK, "A mark of zero-extension extends the sign.",
        with_cells({"ZEXT": _sign}), ("ADD32_IMM", "XOR32_REG"), ("mips1-32*+zext", "mips64r2-64*+zext")),
    Bug("zext-mark-of-r0", MARK, "A mark clears the upper half of r0, whatever its register.",
        with_cells({"ZEXT": _of_r0}), ("ADD32_IMM", "XOR32_REG"), ("mips1-32*+zext", "mips64r2-64*+zext")),
    Bug("relies-without-marks", MARK, "Sums are not zero-extended although the program has no marks.",
        in_cells("ADD32_REG", drop("dext dsll32 dsrl32 or")), ("ADD32_REG",), ("mips32r2-32*", "mips3-64*")),
    Bug("may-goto-clobbers-t9", "clobbered register", "The counter is read from a caller-saved register.",
        in_cells("MAY_GOTO", rewrite("lw", lambda e, op: [e.make("or", AT, T9, 0)])), (), SOME, program=CALLS),
)
# fmt: on
