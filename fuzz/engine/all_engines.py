"""Several engines as one target: a first one that judges, and others, which run every input as well.

What another engine cannot do is not asked of it: memory where no process has any, CPUs with errata, other CPUs. Where it ends otherwise than the
first one, the difference names it.
"""

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import replace

from fuzz.cpu.erratum_models import occurrences
from fuzz.engine.abilities import ABILITIES, missing, runs_on
from fuzz.engine.disagreements import disagreements
from fuzz.engine.target import Ability, Run, Target
from fuzz.layout import KERNEL_AREAS, Placement
from fuzz.qemu.target import QemuTarget
from fuzz.recording.record import Recording
from fuzz.verdict import Difference
from jit.compiled import Compiled
from oracle.outcome import FaultKind


def qiling() -> Target:
    """Imported only now."""
    from fuzz.qiling.target import QilingTarget

    return QilingTarget()


OTHERS: Mapping[str, Callable[[], Target]] = {"qemu": QemuTarget, "qiling": qiling}
"""The engines that are no part of the first one."""


class All:
    """See `fuzz.engine.target.Target`. What is recorded is the first engine's; `others` are by name."""

    def __init__(self, first: Target, others: Mapping[str, Target] | None = None) -> None:
        self._first = first
        self._others = {name: make() for name, make in OTHERS.items() if not missing(name)} if others is None else dict(others)
        self._image: tuple[Compiled, Placement] | None = None
        self._loaded = set[str]()
        self._faulty = False

    def load(self, compiled: Compiled, placement: Placement) -> None:
        """Make the image ready to run. Raises ValueError for one made for other addresses or against the ABI, NoRoomError for a long one."""
        self._first.load(compiled, placement)
        self._image, self._faulty = (compiled, placement), any(occurrences(compiled))
        self._loaded.clear()

    def _able(self, placement: Placement) -> Iterator[tuple[str, Target]]:
        """The others that can run it, with the image."""
        if self._image is None:
            raise ValueError("no image is loaded")
        for name, target in self._others.items():
            abilities = ABILITIES[name]
            if (self._faulty or placement.interference) and Ability.OTHER_CPUS not in abilities:
                continue
            if (in_kernel_area(placement) and Ability.KERNEL_AREAS not in abilities) or not runs_on(name, self._image[0].config):
                continue
            if name not in self._loaded:
                target.load(*self._image)
                self._loaded.add(name)
            yield name, target

    def run(self, placement: Placement, recordings: frozenset[Recording] = frozenset()) -> Run:
        """Run the loaded image on an input. What happens to the image is told in the outcome and never raised."""
        run = self._first.run(placement, recordings)
        # Inverted operands are a question to the first engine alone.
        plain = self._first.run(placement) if Recording.FLIPS in recordings and run.record.operands else run
        found = [difference for name, target in self._able(placement) for difference in _told(name, plain, target.run(placement))]
        return replace(run, disagreements=(*run.disagreements, *found))

    def screen(self, inputs: Sequence[tuple[Placement, Run]], recordings: frozenset[Recording] = frozenset(), variants: int = 0) -> list[int]:
        """Run the loaded image on inputs; say of each what may not be as it must be (`fuzz.engine.target`). Variants run on the first engine."""
        found = list(self._first.screen(inputs, recordings, variants))
        for number, (placement, expected) in enumerate(inputs[: len(inputs) - variants]):
            if not found[number]:
                found[number] = max((target.screen([(placement, expected)])[0] for _, target in self._able(placement)), default=0)
        return found


def in_kernel_area(placement: Placement) -> bool:
    """Whether the program's memory lies where a kernel has it."""
    return any(area <= placement.layout.context < area + (1 << 29) for area in KERNEL_AREAS[placement.world.address_width])


def _told(name: str, first: Run, other: Run) -> Iterator[Difference]:
    """What the other engine tells differently, as its own."""
    faults = first.outcome.fault, other.outcome.fault
    if faults[0] is not None and faults[0].kind is FaultKind.INSTRUCTION_LIMIT:
        # Where an image that runs on is stopped engines tell as well as they can.
        return
    if other.disagreements:
        yield from other.disagreements
        return
    if all(fault is not None and fault.kind is FaultKind.ENGINE for fault in faults):
        # So do they to which instruction a wild jump belongs.
        return
    yield from (replace(difference, place=f"{name}: {difference.place}") for difference in disagreements(first, other))
