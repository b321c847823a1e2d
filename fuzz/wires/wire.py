"""What a tripwire is: one rule, its source, and up to two ways of looking.

    code    at the words of an image, once
    run     at one run of it

A wire reads the facts of the MIPS table and what was recorded, and shares no code with the compiler. What it reports is a `Trip`.
"""

from collections.abc import Callable, Iterable
from dataclasses import dataclass

from fuzz.layout import Placement
from fuzz.record import Record, Recording
from fuzz.target import Run
from fuzz.verdict import Trip
from jit.compiled import Compiled


@dataclass(frozen=True, slots=True)
class Observation:
    """One run of an image, as a wire sees it.

    expected  the run of the oracle on the same input, with its trace where the wire asks for BOUNDARIES
    actual    the run of the target
    """

    compiled: Compiled
    placement: Placement
    expected: Run
    actual: Run
    record: Record


@dataclass(frozen=True, slots=True)
class Wire:
    """A tripwire.

    name     as `--tripwires` selects it
    rule     one sentence
    source   manual and section, or ABI document
    needs    what a target has to record for `run`
    """

    name: str
    rule: str
    source: str
    needs: frozenset[Recording] = frozenset()
    code: Callable[[Compiled], Iterable[Trip]] | None = None
    run: Callable[[Observation], Iterable[Trip]] | None = None
