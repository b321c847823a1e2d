"""Results kept by the identity of what they were made from.

Images, placements and runs are large values that many wires and configurations ask about one after the other: to compare or hash them costs more than
what is asked.
"""

from collections.abc import Callable
from functools import wraps
from typing import TypeVar

First = TypeVar("First")
Second = TypeVar("Second")
Result = TypeVar("Result")


def kept(most: int) -> Callable[[Callable[[First], Result]], Callable[[First], Result]]:
    """For a function of one argument: keep its last `most` results."""

    def decorate(function: Callable[[First], Result]) -> Callable[[First], Result]:
        # As long as an argument is kept here no other one has its identity.
        known: dict[int, tuple[First, Result]] = {}

        @wraps(function)
        def ask(first: First) -> Result:
            found = known.get(id(first))
            if found is None:
                found = first, function(first)
                if len(known) >= most:
                    del known[next(iter(known))]
                known[id(first)] = found
            return found[1]

        return ask

    return decorate


def kept_of_two(most: int) -> Callable[[Callable[[First, Second], Result]], Callable[[First, Second], Result]]:
    """For a function of two arguments: keep its last `most` results."""

    def decorate(function: Callable[[First, Second], Result]) -> Callable[[First, Second], Result]:
        known: dict[tuple[int, int], tuple[First, Second, Result]] = {}

        @wraps(function)
        def ask(first: First, second: Second) -> Result:
            found = known.get((id(first), id(second)))
            if found is None:
                found = first, second, function(first, second)
                if len(known) >= most:
                    del known[next(iter(known))]
                known[id(first), id(second)] = found
            return found[2]

        return ask

    return decorate
