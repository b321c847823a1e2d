"""Drawing from Hypothesis, in the few forms that the generator needs.

All choices are integers from 0 on, so that they shrink towards the first of the options: what is listed first must be what is simplest. An option is
chosen by its number, because a strategy object for each list of options would cost more than the choice itself.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache
from typing import TypeVar

from hypothesis import strategies as st
from hypothesis.strategies import DrawFn, SearchStrategy

T = TypeVar("T")


@cache
def _integers(low: int, high: int) -> SearchStrategy[int]:
    return st.integers(low, high)


@dataclass(frozen=True, slots=True)
class Chooser:
    """Choices made by Hypothesis; `draw` is what `st.composite` hands to a strategy."""

    draw: DrawFn

    def number(self, low: int, high: int) -> int:
        """An integer from `low` to `high`, both included; it shrinks towards zero, or to the one of both that is nearer to it."""
        return self.draw(_integers(low, high))

    def pick(self, options: Sequence[T]) -> T:
        """One of the options, of which the first is the simplest. Raises IndexError when there is none."""
        return options[self.draw(_integers(0, len(options) - 1)) if len(options) > 1 else 0]

    def rarely(self, one_in: int) -> bool:
        """True once in so many times; false is simpler."""
        return self.draw(_integers(0, one_in - 1)) == one_in - 1

    def mostly(self, but_one_in: int) -> bool:
        """True but once in so many times; false is simpler."""
        return self.draw(_integers(0, but_one_in - 1)) != 0
