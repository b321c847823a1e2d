"""The passes of the compiler, in the order in which they are applied."""

from collections.abc import Callable

from jit.config import Config
from jit.errata import work_around
from jit.passes import Code, fill_delay_slots, separate

Pass = Callable[[Code, Config], Code]

PASSES: tuple[Pass, ...] = (fill_delay_slots, work_around, separate)
"""What works around errata finds the delay slots filled; what keeps the architecture's own distances comes last."""
