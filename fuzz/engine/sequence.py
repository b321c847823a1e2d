"""The smallest MIPS sequence that shows that engines disagree.

    image ─ words in ever smaller pieces become nops, as long as the engines disagree on the same thing ─► Smallest

What is looked for is a fault of an engine, and so no part of it may be outside of what the architecture defines: candidates on which a tripwire
that watches its rules trips are not taken. What the image means is of no concern here: nothing is compared with the oracle, and the compiler is not
asked again. Only the engine that is named by the first disagreement has to disagree.
"""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, replace
from typing import NamedTuple

from fuzz.case import Case, Compiler
from fuzz.engine.target import NoRoomError, Run, Target
from fuzz.judge import bounded, interpret, recordings
from fuzz.layout import Layout, Placement, place
from fuzz.model.target import ModelTarget
from fuzz.verdict import Difference
from fuzz.wires import errata, hazards, legality, ordering, sign_extension
from fuzz.wires.wire import Observation
from jit.code import nop
from jit.compiled import Compiled
from jit.config import Config
from oracle.outcome import FaultKind

RULES = (legality.WIRE, hazards.WIRE, ordering.WIRE, sign_extension.WIRE, errata.WIRE)
"""The tripwires that watch the architecture, and not a compiler's promises."""

CANDIDATES = 600
"""So many images are tried at most."""


class Smallest(NamedTuple):
    """An image of the same length as the one it came of, the indices of its words that are no nops, and what the engines tell differently of it.

    minimal   whether none of these words can become a nop; else there were too many candidates
    """

    compiled: Compiled
    words: tuple[int, ...]
    disagreements: tuple[Difference, ...]
    minimal: bool


@dataclass(slots=True)
class _Reducer:
    """`image` is the smallest so far, on which engines disagree as `found` says."""

    target: Target
    placement: Placement
    expected: Run
    image: Compiled
    found: tuple[Difference, ...]
    kind: FaultKind | None
    empty: int
    left: int = CANDIDATES

    def words(self) -> list[int]:
        """The indices of what is no nop."""
        return [at for at, word in enumerate(self.image.words) if word != self.empty]

    def try_without(self, gone: Iterable[int]) -> bool:
        """Take the image in which these words are nops, when the engines disagree about it."""
        if self.left <= 0:
            return False
        self.left -= 1
        words = list(self.image.words)
        for at in gone:
            words[at] = self.empty
        image = replace(self.image, words=tuple(words))
        found = self._disagreements(image)
        if found:
            self.image, self.found = image, found
        return bool(found)

    def _disagreements(self, image: Compiled) -> tuple[Difference, ...]:
        """On what they disagreed from the beginning; nothing about an image that ends otherwise or breaks rules, which the model alone is asked."""
        model, placement = ModelTarget(), self.placement
        try:
            model.load(image, placement)
            self.target.load(image, placement)
        except (ValueError, NoRoomError):
            return ()
        run = model.run(placement, recordings(RULES, lockstep=False))
        if _kind(run) is not self.kind or self._breaks_rules(image, run):
            return ()
        places = {difference.place for difference in self.found}
        return tuple(difference for difference in self.target.run(placement).disagreements if difference.place in places)

    def _breaks_rules(self, image: Compiled, run: Run) -> bool:
        seen = Observation(image, self.placement, self.expected, run, run.record)
        return any(
            (wire.code is not None and any(wire.code(image, self.placement))) or (wire.run is not None and any(wire.run(seen))) for wire in RULES
        )


def _kind(run: Run) -> FaultKind | None:
    return None if run.outcome.fault is None else run.outcome.fault.kind


def _pieces(words: list[int], size: int) -> Iterator[list[int]]:
    """From the end to the beginning: what nobody reads any more goes first."""
    for end in range(len(words), 0, -size):
        yield words[max(end - size, 0) : end]


def smallest(case: Case, config: Config, target: Target, compiler: Compiler, layout: Layout | None = None) -> Smallest | None:
    """What is left of the image of a case on which the engines of the target disagree; None where they do not, when it is run once more."""
    placement = place(case, config, layout)
    compiled = compiler(placement.slots, config, placement.addresses)
    expected = interpret(placement)
    placement = bounded(placement, expected.outcome.executed)
    target.load(compiled, placement)
    model = ModelTarget()
    model.load(compiled, placement)
    found = target.run(placement).disagreements
    if not found:
        return None
    reducer = _Reducer(target, placement, expected, compiled, found, _kind(model.run(placement)), nop(config).word)
    size = len(compiled.words)
    while True:
        taken = [piece for piece in _pieces(reducer.words(), size) if reducer.try_without(piece)]
        if reducer.left <= 0 or (size == 1 and not taken):
            break
        size = max(size // 2, 1)
    return Smallest(reducer.image, tuple(reducer.words()), reducer.found, reducer.left > 0)
