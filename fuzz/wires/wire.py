"""What a tripwire is: one rule, its source, up to three ways of looking, and examples.

    code      at the words of an image, once, with the program and the layout that it was made for
    run       at each run of it
    variants  at further runs: other placements of the first input, on which image and oracle must agree as well

A wire reads the facts of the MIPS table and what was recorded, and shares no code with the compiler. What it reports is a `Trip`; each difference on
a variant becomes one.
"""

from collections.abc import Callable, Iterable
from dataclasses import dataclass

from fuzz.case import Case
from fuzz.engine.target import Ability, Run
from fuzz.layout import Placement
from fuzz.recording.record import Record, Recording
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
class Example:
    """An image that trips the wire, or must not.

    config   name of the configuration
    code     instructions of the MIPS table, one a line or separated by ";". "mips4: " before one takes it from that ISA, "3> " before it makes it
             part of the code of eBPF instruction 3, and SEED is the digit that is the seed of the compiler. What sets r0 to 42 and returns is added
    trips    whether it must trip; otherwise image and oracle must also agree
    program  in eBPF assembly, what the image is an image of
    """

    config: str
    code: str
    trips: bool
    program: str = "r0 = 42; exit"


@dataclass(frozen=True, slots=True)
class Wire:
    """A tripwire.

    name      as `--tripwires` selects it
    rule      one sentence
    source    manual and section, or ABI document
    needs     what a target has to record for `run`
    doubt     the doubts about the words without which `code` finds nothing (`fuzz.recording.text`): it is not asked about others. 0 for always
    asks      what else a target must be able to do
    screened  whether `run` finds nothing where the screen has found nothing (`fuzz.recording.screen`); such runs are not shown to it
    variants  given the image, the case and its placement: placements that may need another image, because the program sees addresses
    images    looks at the image, at the one of a variant that needs its own, and at the placement of the variant; it may ask for images at
              other placements
    """

    name: str
    rule: str
    source: str
    needs: frozenset[Recording] = frozenset()
    asks: frozenset[Ability] = frozenset()
    screened: bool = False
    code: Callable[[Compiled, Placement], Iterable[Trip]] | None = None
    doubt: int = 0
    run: Callable[[Observation], Iterable[Trip]] | None = None
    variants: Callable[[Compiled, Case, Placement], Iterable[Placement]] | None = None
    images: Callable[[Compiled, Compiled, Placement, Callable[[Placement], Compiled]], Iterable[Trip]] | None = None
    examples: tuple[Example, ...] = ()


def trip(wire: str, compiled: Compiled, word: int, detail: str) -> Trip:
    """A trip at a word of the image."""
    slot = compiled.slot_of[word]
    return Trip(wire, word, slot if slot >= 0 else None, detail, compiled.base + 4 * word)
