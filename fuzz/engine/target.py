"""The protocol of targets: what runs an image, and what it must tell.

    target.load(compiled, placement)     once per image, of which translation is the dear part
    target.run(placement, recordings)    once per input; all placements of one image have the same slots and addresses

A target calls the image as the kernel does, as a C function of the platform's ABI. Everything that the image must not depend on holds
values made from the seed of the input; everything that it must leave alone is compared afterwards.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from enum import Enum
from typing import Protocol

from fuzz.environment.functions import Call
from fuzz.environment.maps import Entry
from fuzz.layout import Placement
from fuzz.recording.record import NOTHING_RECORDED, Record, Recording
from fuzz.verdict import Difference
from jit.compiled import Compiled
from oracle.outcome import Outcome


@dataclass(frozen=True, slots=True)
class Run:
    """A run of the oracle or of a target.

    calls        the calls of helpers and kernel functions in their order; runtime routines are an affair of the compiler and not among them
    maps         the entries of each hash at the end, by its name
    disagreements  what the engines of a target that has two tell differently
    violations   what the image did that no C function of its ABI may do; empty for the oracle
    record       what was recorded on the way; nothing for the oracle
    """

    outcome: Outcome
    calls: tuple[Call, ...] = ()
    violations: tuple[Difference, ...] = ()
    record: Record = NOTHING_RECORDED
    maps: Mapping[str, tuple[Entry, ...]] = field(default_factory=dict)
    disagreements: tuple[Difference, ...] = ()


class Ability(Enum):
    """What not every target can do, besides recording. What is asked of one is drawn from its abilities (`fuzz.engine.engines`).

    COUNTS        tell how many instructions an image has executed
    KERNEL_AREAS  have memory where a kernel has it
    OTHER_CPUS    play the errata of CPUs, and other CPUs that come in between
    """

    COUNTS = "counts"
    KERNEL_AREAS = "kernel areas"
    OTHER_CPUS = "other CPUs"


EVERYTHING: frozenset["Recording | Ability"] = frozenset((*Recording, *Ability))


class NoRoomError(Exception):
    """The image is longer than what the target has room for, for which the compiler cannot be blamed."""


class Target(Protocol):
    """What runs images."""

    def load(self, compiled: Compiled, placement: Placement) -> None:
        """Make the image ready to run.

        Raises ValueError for an image that was compiled for other addresses or breaks the ABI, and NoRoomError for one that is too long.
        """

    def run(self, placement: Placement, recordings: frozenset[Recording] = frozenset()) -> Run:
        """Run the loaded image on an input. What happens to the image is told in the outcome and never raised.

        A change of `recordings` from one run of an image to the next costs as much as loading it anew.
        """

    def screen(self, inputs: Sequence[tuple[Placement, Run]], recordings: frozenset[Recording] = frozenset(), variants: int = 0) -> list[int]:
        """Run the loaded image on inputs, and say of each, given the oracle's run of it, whether it is as it must be.

        The last `variants` of them are variants of others.

        0 is a proof that comparison, lockstep and screened tripwires find nothing; anything else says what there is to look at, as a sum of
        `fuzz.recording.native_screen.ENDING` and its like. What the screen looks at besides the end of a run is what it is asked to record.
        """
