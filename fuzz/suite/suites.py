"""The instruction suites: for every row of the instruction table a program, or a few, whose runs bring the instruction to its edges.

They are made from `ebpf.opcodes.ROWS` and lists of edge values, and know nothing of what an instruction does: the oracle says that, and the
compiler is to say the same. Families of rows have files of their own; what a program looks like is told in `fuzz.suite.program`.
"""

from functools import cache

from fuzz.suite.arithmetic import arithmetic_suites
from fuzz.suite.atomic import atomic_suites
from fuzz.suite.calls import call_suites
from fuzz.suite.jumps import jump_suites
from fuzz.suite.long import long_suite
from fuzz.suite.loops import loop_suites
from fuzz.suite.memory import memory_suites, misaligned_suites
from fuzz.suite.packet import packet_suites
from fuzz.suite.program import Suite
from fuzz.suite.reach import reach_suites
from fuzz.suite.symbols import symbol_suites

__all__ = ["Suite", "far_suites", "misaligned_suites", "suites"]


@cache
def suites() -> tuple[Suite, ...]:
    """The suites of all rows; all accesses are naturally aligned."""
    families = (arithmetic_suites, jump_suites, call_suites, memory_suites, atomic_suites, packet_suites, symbol_suites, loop_suites)
    return tuple(suite for family in families for suite in family())


def far_suites() -> tuple[Suite, ...]:
    """Programs with jumps and calls beyond the reach of MIPS branches, and at it."""
    return (long_suite(), *reach_suites())
