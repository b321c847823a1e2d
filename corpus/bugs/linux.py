"""What Linux adds to the language: `may_goto` and its counter."""

from fuzz.seeded_bug import Bug, drop, in_cells, operands, rewrite
from jit.code import Emitter
from jit.compiler import Parts
from jit.loops import start_counter
from jit.registers import AT, SP, T9

COUNTER = "wrong counter"
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


def _one_less(e: Emitter, iterations: int) -> None:
    start_counter(e, iterations - 1)


def _as_byte(e: Emitter, iterations: int) -> None:
    start_counter(e, iterations & 0x1F)


def _not_started(e: Emitter, iterations: int) -> None:
    """The counter holds what was there."""


def _in_home_area(e: Emitter, iterations: int) -> None:
    start_counter(e, iterations)
    e.items[:] = operands("sw", lambda rt, offset, base: (rt, 8, base), when=lambda rt, offset, base: rt == AT and base == SP)(e, e.items)


# fmt: off
BUGS = (
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
    Bug("may-goto-clobbers-t9", "clobbered register", "The counter is read from a caller-saved register.",
        in_cells("MAY_GOTO", rewrite("lw", lambda e, op: [e.make("or", AT, T9, 0)])), (), SOME, program=CALLS),
)
# fmt: on
