"""Results kept by the identity of what they were made from.

Images, placements and runs are large values that many wires and configurations ask about one after the other: to compare or hash them costs more than
what is asked.
"""

from collections.abc import Callable
from functools import wraps
from typing import Any, ParamSpec, TypeVar

Arguments = ParamSpec("Arguments")
Result = TypeVar("Result")


def kept(most: int) -> Callable[[Callable[Arguments, Result]], Callable[Arguments, Result]]:
    """Keep the last `most` results of a function of positional arguments that never change."""

    def decorate(function: Callable[Arguments, Result]) -> Callable[Arguments, Result]:
        # As long as arguments are kept here no others have their identity.
        known: dict[tuple[int, ...], tuple[Any, Result]] = {}

        @wraps(function)
        def ask(*arguments: Arguments.args, **named: Arguments.kwargs) -> Result:
            key = tuple(map(id, arguments))
            found = known.get(key)
            if found is None:
                found = arguments, function(*arguments, **named)
                if len(known) >= most:
                    del known[next(iter(known))]
                known[key] = found
            return found[1]

        return ask

    return decorate
