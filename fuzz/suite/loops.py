"""Suites of what Linux's verifier adds to a program or lowers: `may_goto`, speculation barriers, and marks of zero-extension.

The program of `may_goto` has three loops that share the iterations of the main program, and functions that have iterations of their own:

    first     as many iterations as an operand says, or as there are        second    all that are left, calling a function in each
    third     none are left: its body runs never
    function  a loop of its own, from the full number at every call, around a call of a function that has another one; a jump backwards
"""

from ebpf.instruction import FRAME_POINTER
from fuzz.layout import LOOPS
from fuzz.suite.program import CONTEXT, RING, RUNS, Assembly, Suite, load_ring, make_suite, permutation, start, store_ring
from fuzz.suite.values import EDGES_64

_LIMITS = (0, 1, LOOPS - 1, LOOPS, LOOPS + 1, 1 << 32, 2, 20, 3, 5, 8, 13, 21, 34, LOOPS - 2, LOOPS + 2)


def _counted(assembly: Assembly, name: str, limit: int | None = None) -> None:
    """A loop that adds 1 to r6, at most as often as register `limit` says."""
    assembly.place(name)
    if limit is not None:
        assembly.jump("JGE64_REG", f"{name} end", 6, limit)
    assembly.jump("MAY_GOTO", f"{name} end")
    assembly.emit("ADD64_IMM", 6, imm=1)


def _end(assembly: Assembly, name: str) -> None:
    assembly.jump("JA", name)
    assembly.place(f"{name} end")


def _may_goto_suite() -> Suite:
    assembly = Assembly()
    start(assembly)
    assembly.emit("LDX_DW", 7, 1, 0)
    assembly.emit("MOV64_IMM", 6)
    _counted(assembly, "first", 7)
    _end(assembly, "first")
    assembly.emit("STX_DW", FRAME_POINTER, 6, CONTEXT - 8)
    assembly.emit("MOV64_IMM", 8)
    _counted(assembly, "second")
    assembly.emit("MOV64_REG", 1, 6)
    assembly.jump("CALL_LOCAL", "outer")
    assembly.emit("ADD64_REG", 8, 0)
    _end(assembly, "second")
    assembly.emit("STX_DW", FRAME_POINTER, 6, CONTEXT - 16)
    _counted(assembly, "third")
    assembly.emit("MOV64_IMM", 8, imm=-1)
    _end(assembly, "third")
    assembly.emit("MOV64_REG", 0, 8)
    assembly.emit("ADD64_REG", 0, 6)
    assembly.emit("EXIT")
    assembly.place("outer")
    assembly.emit("MOV64_IMM", 6)
    assembly.emit("MOV64_IMM", 9)
    # A jump backwards, taken in the end.
    assembly.jump("JA", "outer test")
    assembly.place("outer end")
    assembly.emit("MOV64_REG", 0, 9)
    assembly.emit("EXIT")
    assembly.place("outer test")
    assembly.jump("MAY_GOTO", "outer end")
    assembly.emit("ADD64_IMM", 6, imm=1)
    assembly.jump("JNE64_IMM", "outer test", 6, imm=LOOPS - 2)
    assembly.jump("CALL_LOCAL", "inner")
    assembly.emit("ADD64_REG", 9, 0)
    assembly.emit("ADD64_REG", 9, 6)
    assembly.jump("JA", "outer test")
    assembly.place("inner")
    assembly.jump("MAY_GOTO", "inner end")
    assembly.emit("MOV64_IMM", 0, imm=5)
    assembly.jump("JA", "inner")
    assembly.place("inner end")
    assembly.emit("EXIT")
    return make_suite("MAY_GOTO", assembly, [[limit] for limit in _LIMITS])


def _nospec_suite() -> Suite:
    """Barriers at the begin, between loads and stores, as the target of a jump, two in a row, and before the exit; all registers hold something."""
    assembly = Assembly()
    start(assembly)
    assembly.emit("NOSPEC")
    order = permutation(3)
    load_ring(assembly, order, 0)
    assembly.emit("NOSPEC")
    assembly.jump("JSGT64_REG", "over", order[0], order[1])
    assembly.emit("NOSPEC")
    assembly.emit("XOR64_REG", order[0], order[1])
    assembly.place("over")
    assembly.emit("NOSPEC")
    assembly.emit("NOSPEC")
    store_ring(assembly, order, 8 * RING, 0)
    assembly.emit("NOSPEC")
    assembly.emit("EXIT")
    tables = [[EDGES_64[(run * RING + at) % len(EDGES_64)] for at in range(RING)] for run in range(RUNS)]
    return make_suite("NOSPEC", assembly, tables, 8 * (RING - 1))


def loop_suites() -> list[Suite]:
    """The suites of MAY_GOTO and NOSPEC; that of ZEXT is among those of arithmetic."""
    return [_may_goto_suite(), _nospec_suite()]
