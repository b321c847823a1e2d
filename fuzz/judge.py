"""Judging: does the image of a program do exactly what the oracle says, and keep the rules of the architecture?

    program, input, configuration ─ place ─┬─ oracle ────────────── Run ─┬─ compare ─ differences ─┐
                                           └─ compiler ─ target ─── Run ─┴─ tripwires ─ trips ─────┴─ Verdict

`judge` is the definition. `judge_all` gives the same verdicts for many inputs and configurations, but runs the oracle once for all configurations
that see the same world, and compiles and loads once for all inputs.

Tripwires look at the words of an image once and at each of its runs; some want further runs of the first input (`fuzz.wires.wire`). Those that need
an image of their own, because the program sees addresses that have changed, come first, and then those for which the same image will do.

All runs of an image pass a screen first, which takes a small part of the time (`fuzz.recording.screen`). Only those of which it does not say that
they are as they must be are run again and looked at in words.
"""

from collections.abc import Callable, Hashable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import partial
from typing import NamedTuple

from ebpf.program import Program
from fuzz.case import Case, Compiler, Input
from fuzz.compare import compare
from fuzz.cpu.erratum_models import occurrences
from fuzz.engine.target import NoRoomError, Run, Target
from fuzz.exceptions import named
from fuzz.layout import LAYOUTS, ZEROS, Layout, Placement, Setting, place, setting
from fuzz.lockstep import first_difference, unwatched
from fuzz.recording.record import Recording
from fuzz.recording.text import doubts
from fuzz.verdict import Difference, Status, Trip, Verdict
from fuzz.wires import WIRES
from fuzz.wires.wire import Observation, Wire
from jit.compiled import Compiled
from jit.config import Config
from oracle import interpreter
from oracle.outcome import FaultKind


def judge(case: Case, config: Config, target: Target, compiler: Compiler, wires: Sequence[Wire] = WIRES, *, lockstep: bool = True) -> Verdict:
    """The verdict on one case; raises ProgramError for a program that cannot be placed."""
    return next(judge_all(case.program, (case.input,), (config,), target, compiler, wires=wires, lockstep=lockstep))


def recordings(wires: Sequence[Wire], lockstep: bool) -> frozenset[Recording]:
    """What a target has to record for these."""
    return frozenset({Recording.BOUNDARIES} if lockstep else ()).union(*(wire.needs for wire in wires))


def interpret(placement: Placement, trace: bool = False) -> Run:
    """What the oracle says."""
    world, functions = placement.fresh_world()
    outcome = interpreter.run(placement.slots, world, trace=trace)
    return Run(outcome, tuple(functions.calls), maps=functions.maps.contents(outcome.memory))


def trips_of(wires: Sequence[Wire], compiled: Compiled, placement: Placement) -> Iterator[Trip]:
    """What tripwires find in the words of an image."""
    doubted = doubts(compiled, placement)
    for wire in wires:
        if wire.code and (not wire.doubt or wire.doubt & doubted):
            yield from wire.code(compiled, placement)


def judge_all(
    program: Program,
    inputs: Sequence[Input],
    configs: Iterable[Config],
    target: Target,
    compiler: Compiler,
    layouts: Mapping[int, Layout] = LAYOUTS,
    wires: Sequence[Wire] = WIRES,
    lockstep: bool = True,
    cpu: Callable[[Config], str] | None = None,
) -> Iterator[Verdict]:
    """The verdicts on all inputs on the first configuration, in their order, then on the next one.

    `layouts` says by code width where things lie. With `lockstep` registers are compared at every eBPF instruction. With `cpu`, which names the
    target's CPU for a configuration, an image that has agreed before on the same CPU is not run again: its verdicts are marked as repeated.
    Raises ProgramError for a program that cannot be placed.
    """
    judge = Judge(target, compiler, tuple(wires), recordings(wires, lockstep), lockstep)
    known: dict[Setting, Expectations] = {}
    repeats = None if cpu is None else Repeats(cpu)
    for config in configs:
        order = "big" if config.big_endian else "little"
        if program.byte_order not in (None, order):
            reason = f"the program is for {program.byte_order}-endian machines"
            yield from (Verdict(Status.INCONCLUSIVE, config, number, reason=reason) for number in range(len(inputs)))
            continue
        key = setting(config)
        if key not in known:
            stricter = [known[other].inputs for other in known if other._replace(alignment=key.alignment) == key and other.alignment > key.alignment]
            found = [_lenient(each, key.alignment) for each in stricter[0]] if stricter else [None] * len(inputs)
            cases = [Case(program, given) for given in inputs]
            asked = [one or judge.expectation(case, place(case, config, layouts[config.width])) for case, one in zip(cases, found, strict=True)]
            most = max((each.expected.outcome.executed for each in asked), default=0)
            known[key] = Expectations([each.within(most) for each in asked])
        yield from judge.image(config, known[key], repeats)


def bounded(placement: Placement, executed: int) -> Placement:
    """With room for so many eBPF instructions, and for what an image does besides: one that runs away is stopped soon."""
    return replace(placement, limit=2 * executed + 1000)


class Repeats:
    """The verdicts on images that have agreed, by what they and their runs depend on.

    `cpu` names the target's CPU for a configuration: all of it, the ISA included, that a run or a tripwire that watches one depends on.
    """

    def __init__(self, cpu: Callable[[Config], str]) -> None:
        self.cpu = cpu
        self.agreed: dict[Hashable, tuple[Verdict, ...]] = {}


class Expectation(NamedTuple):
    """A case, where it lies, and what the oracle says of it; `bounded` is the placement for the image, which may execute little more."""

    case: Case
    placement: Placement
    expected: Run
    bounded: Placement

    def within(self, executed: int) -> "Expectation":
        """With room for so many eBPF instructions, and for what an image does besides: one that runs away is stopped soon."""
        return Expectation(self.case, self.placement, self.expected, bounded(self.placement, executed))


Inputs = tuple[tuple[Placement, Run], ...]
"""Placements, and what the oracle says of each: as a target is given them. The same for many images, so that what is made of them is kept."""


class _Plan(NamedTuple):
    """What runs for an image besides the inputs: variants of the first one that wires want, on this image and on those that need their own.

    `placements` are those that the wires asked for, `screened` all that runs on this image.
    """

    placements: tuple[Placement, ...]
    here: tuple[tuple[Wire, Expectation], ...]
    elsewhere: tuple[tuple[Wire, Expectation, Inputs], ...]
    screened: Inputs


@dataclass(frozen=True, slots=True, eq=False)
class Expectations:
    """What the oracle says of all inputs, and of the variants of the first one that were asked for so far; and what is to be run for that."""

    inputs: Sequence[Expectation]
    variants: list[Expectation] = field(default_factory=list)
    plans: dict[tuple[int, ...], _Plan] = field(default_factory=dict)


def variation(placement: Placement) -> str:
    """What may be other than usual in a placement, for people."""
    fill = "zeros" if placement.fill == ZEROS else placement.fill
    broken = f", {placement.interference} attempts of atomic operations broken" if placement.interference else ""
    return f"with memory from {placement.layout.context:#x} on, fill {fill}, seed {placement.addresses.seed}{broken}"


class _Variant(NamedTuple):
    """How an image did on a variant of the first input for a wire; `fault` is why nothing is to be expected of it, else empty.

    `found` is what the image of the variant and the one of the first input show side by side.
    """

    wire: Wire
    placement: Placement
    differences: tuple[Difference, ...]
    fault: str
    found: tuple[Trip, ...] = ()

    def trips(self, first: Placement, known: Sequence[Difference]) -> Iterator[Trip]:
        """A trip for each difference that the first input itself has not, and where the program sees the same for each that the variant has not."""
        yield from self.found
        if not (self.differences or known):
            return
        place = variation(self.placement)
        same = self.placement.world == first.world
        places = {(difference.kind, difference.place) for difference in known}
        for difference in self.differences:
            if difference not in known if same else (difference.kind, difference.place) not in places:
                yield Trip(self.wire.name, None, None, f"{place}: {difference}")
        for difference in known if same and not self.fault else ():
            if difference not in self.differences:
                yield Trip(self.wire.name, None, None, f"{place} otherwise than: {difference}")


@dataclass(frozen=True, slots=True)
class Judge:
    """Judges images: with a target, a compiler, tripwires, what these need recorded, and lockstep or not."""

    target: Target
    compiler: Compiler
    wires: tuple[Wire, ...]
    recordings: frozenset[Recording]
    lockstep: bool

    @property
    def screening(self) -> bool:
        """Whether a run in which the screen finds nothing is as it must be for all wires."""
        return all(wire.screened for wire in self.wires if wire.run)

    def expectation(self, case: Case, placement: Placement) -> Expectation:
        """A case, and what the oracle says of it."""
        made = Expectation(case, placement, interpret(placement, Recording.BOUNDARIES in self.recordings), placement)
        if _promises_nothing(made):
            # Nothing is compared with the trace, and of a program that never ends it is long.
            return made._replace(expected=replace(made.expected, outcome=replace(made.expected.outcome, trace=())))
        return made

    def image(self, config: Config, world: Expectations, repeats: Repeats | None = None) -> Iterator[Verdict]:
        """The verdicts on one image."""
        if not world.inputs:
            return
        first = world.inputs[0]
        key = None
        try:
            compiled = self._compile(config, first.placement)
            plan = self._plan(compiled, world)
            elsewhere = [self._elsewhere(config, expectation.placement) for _, expectation, _ in plan.elsewhere]
            if repeats is not None:
                key = self._key(compiled, elsewhere, world, repeats)
                if key in repeats.agreed and not any(trips_of(self.wires, compiled, first.placement)):
                    yield from (replace(verdict, config=config, repeated=True) for verdict in repeats.agreed[key])
                    return
            self.target.load(compiled, first.placement)
        except NoRoomError as error:
            yield from (Verdict(Status.INCONCLUSIVE, config, number, reason=str(error)) for number in range(len(world.inputs)))
            return
        except Exception as error:
            # Whatever a compiler may raise, that there is no image is its failure.
            yield from (Verdict(Status.DIFFER, config, number, (_refusal(error),)) for number in range(len(world.inputs)))
            return
        trips = tuple(trips_of(self.wires, compiled, first.placement))
        variants = tuple(self._vary_elsewhere(compiled, made, *pair) for made, pair in zip(elsewhere, plan.elsewhere, strict=True))
        if plan.elsewhere:
            self.target.load(compiled, first.placement)
        found = self._screen(plan.screened, self.recordings, len(plan.here))
        suspects = found[: len(world.inputs)]
        variants += tuple(
            self._vary(compiled, *pair, self.recordings, suspect) for pair, suspect in zip(plan.here, found[len(suspects) :], strict=True)
        )
        hidden = unwatched(first.placement.slots, compiled) if self.lockstep else ()
        verdicts: list[Verdict] = []
        silent = not (trips or hidden)
        for number, (expectation, suspect) in enumerate(zip(world.inputs, suspects, strict=True)):
            if silent and number and not suspect and not _promises_nothing(expectation):
                verdicts.append(Verdict(Status.AGREE, config, number, outcome=expectation.expected.outcome))
            else:
                verdicts.append(self._run(number, compiled, trips, expectation, () if number else variants, suspect, hidden))
            yield verdicts[-1]
        if key is not None and repeats is not None and all(verdict.status is Status.AGREE for verdict in verdicts):
            repeats.agreed[key] = tuple(verdicts)

    def _key(self, compiled: Compiled, elsewhere: Sequence[Compiled | Exception], world: Expectations, repeats: Repeats) -> Hashable | None:
        """Equal for images of which the runs, of all inputs and all their variants, cannot differ; None where the CPU would show its errata.

        `elsewhere` are the images of variants that need their own; what there is instead of one the run of the variant reports.
        """
        others = [image for image in elsewhere if not isinstance(image, Exception)]
        if len(others) < len(elsewhere) or occurrences(compiled):
            return None
        images = [compiled, *others]
        parts = tuple(
            [(image.words, image.bpf_at, image.slot_of, image.exits, image.registers, image.stack_size, image.frame_pointer) for image in images]
        )
        config = compiled.config
        # Errata, and what an image does not show of other options, are no affair of a run.
        options = tuple(name for name in config.options if name not in (*config.errata, "nollsc", "nospec"))
        return id(world), config.width, repeats.cpu(config), options, parts

    def _screen(self, inputs: Inputs, recordings: frozenset[Recording], variants: int = 0) -> list[bool]:
        """Of which of these runs of the loaded image it is not certain that they are as they must be."""
        if not self.screening:
            return [True] * len(inputs)
        return [found != 0 for found in self.target.screen(inputs, recordings, variants)]

    def _compile(self, config: Config, placement: Placement) -> Compiled:
        """The image. Raises what the compiler raises, and ValueError for an image of a longer program."""
        compiled = self.compiler(placement.slots, config, placement.addresses)
        if len(compiled.bpf_at) > len(placement.slots):
            raise ValueError(f"the image says where {len(compiled.bpf_at)} instructions are; the program has {len(placement.slots)}")
        return compiled

    def _elsewhere(self, config: Config, placement: Placement) -> Compiled | Exception:
        """The image of a variant that needs its own, or why there is none."""
        try:
            return self._compile(config, placement)
        except Exception as error:
            return error

    def _plan(self, compiled: Compiled, world: Expectations) -> _Plan:
        """What to run for an image. Where wires ask for the same placements as for one before it is the same."""
        first = world.inputs[0]
        wanted: list[tuple[Wire, Placement]] = []
        if not _promises_nothing(first):
            for wire in self.wires:
                if wire.variants is not None:
                    wanted += [(wire, placement) for placement in wire.variants(compiled, first.case, first.placement)]
        key = tuple([id(each) for pair in wanted for each in pair])
        plan = world.plans.get(key)
        if plan is None:
            known = [(wire, placement, self._known(world, placement)) for wire, placement in wanted]
            here = tuple((wire, made) for wire, placement, made in known if _same_image(first.placement, placement))
            elsewhere = tuple((wire, made, _inputs([made])) for wire, placement, made in known if not _same_image(first.placement, placement))
            screened = _inputs([*world.inputs, *(made for _, made in here)])
            plan = world.plans[key] = _Plan(tuple(placement for _, placement in wanted), here, elsewhere, screened)
        return plan

    def _known(self, world: Expectations, placement: Placement) -> Expectation:
        """What the oracle says of a placement of the first case, from what it has said before where that is the same."""
        for known in (world.inputs[0], *world.variants):
            if known.placement == placement:
                return known
        for known in (world.inputs[0], *world.variants):
            if known.placement.world == placement.world and known.placement.slots == placement.slots:
                world.variants.append(known._replace(placement=placement).within(known.expected.outcome.executed))
                return world.variants[-1]
        made = self.expectation(world.inputs[0].case, placement)
        world.variants.append(made.within(made.expected.outcome.executed))
        return world.variants[-1]

    def _vary_elsewhere(self, first: Compiled, compiled: Compiled | Exception, wire: Wire, expectation: Expectation, alone: Inputs) -> _Variant:
        """A variant that needs an image of its own, or why there is none."""
        if isinstance(compiled, Exception):
            return _Variant(wire, expectation.placement, (_refusal(compiled),), "")
        compile_at = partial(self._compile, first.config)
        try:
            found = tuple(wire.images(first, compiled, expectation.placement, compile_at)) if wire.images else ()
            self.target.load(compiled, expectation.placement)
        except Exception as error:
            return _Variant(wire, expectation.placement, (_refusal(error),), "")
        return self._vary(compiled, wire, expectation, _NOTHING, *self._screen(alone, _NOTHING))._replace(found=found)

    def _vary(self, compiled: Compiled, wire: Wire, expectation: Expectation, recordings: frozenset[Recording], suspect: bool) -> _Variant:
        """With the recordings of the other runs an image need not be translated again."""
        placement, expected = expectation.placement, expectation.expected
        if _promises_nothing(expectation):
            return _Variant(wire, placement, (), f"{wire.name}: with memory from {placement.layout.context:#x} on {expected.outcome.fault}")
        differences = compare(expected, self.target.run(expectation.bounded, recordings), compiled, placement) if suspect else ()
        return _Variant(wire, placement, differences, "")

    def _run(
        self,
        number: int,
        compiled: Compiled,
        trips: tuple[Trip, ...],
        expectation: Expectation,
        variants: tuple[_Variant, ...],
        suspect: bool,
        hidden: tuple[str, ...],
    ) -> Verdict:
        placement, expected = expectation.placement, expectation.expected
        if _promises_nothing(expectation):
            return Verdict(Status.INCONCLUSIVE, compiled.config, number, reason=str(expected.outcome.fault), outcome=expected.outcome)
        unseen = [*hidden, *(variant.fault for variant in variants)]
        if not suspect:
            found = (*trips, *(trip for variant in variants for trip in variant.trips(placement, ())))
            return self._verdict(number, compiled, (), found, unseen, expected)
        actual = self.target.run(expectation.bounded, self.recordings)
        ends = differences = compare(expected, actual, compiled, placement)
        if self.lockstep and compiled.bpf_at and (divergence := first_difference(placement.slots, expected.outcome, actual, compiled)) is not None:
            differences = (*differences, divergence.difference())
        seen = Observation(compiled, placement, expected, actual, actual.record)
        found = (
            *trips,
            *(trip for wire in self.wires if wire.run for trip in wire.run(seen)),
            *(trip for variant in variants for trip in variant.trips(placement, ends)),
        )
        if actual.record.truncated:
            unseen.append(f"recorded in part: {', '.join(sorted(kind.value for kind in actual.record.truncated))}")
        return self._verdict(number, compiled, differences, found, unseen, expected, actual.disagreements)

    def _verdict(
        self,
        number: int,
        compiled: Compiled,
        differences: tuple[Difference, ...],
        trips: tuple[Trip, ...],
        unseen: Sequence[str],
        expected: Run,
        engines: tuple[Difference, ...] = (),
    ) -> Verdict:
        status = Status.DIFFER if differences else Status.TRIPPED if trips else Status.AGREE
        # Engines may disagree about what the architecture leaves undefined: then a wire trips.
        if engines and not trips:
            status, differences = Status.ENGINE, (*engines, *differences)
        return Verdict(status, compiled.config, number, differences, trips, "; ".join(filter(None, unseen)), outcome=expected.outcome)


_NOTHING: frozenset[Recording] = frozenset()


def _inputs(expectations: Sequence[Expectation]) -> Inputs:
    return tuple((each.bounded, each.expected) for each in expectations)


def _same_image(first: Placement, second: Placement) -> bool:
    return first.slots == second.slots and first.addresses == second.addresses


def _lenient(stricter: Expectation, alignment: int) -> Expectation | None:
    """The same on a machine that permits more accesses, as `fuzz.layout.setting` says; None where the stricter one has refused one."""
    fault, placement = stricter.expected.outcome.fault, stricter.placement
    if fault is not None and fault.kind is FaultKind.MISALIGNED:
        return None
    placement = replace(placement, world=replace(placement.world, alignment=alignment))
    return stricter._replace(placement=placement, bounded=placement)


def _promises_nothing(expectation: Expectation) -> bool:
    """Whether a verifier refuses such programs: nothing is said about what the image does."""
    fault = expectation.expected.outcome.fault
    return fault is not None and fault.kind is not FaultKind.MISALIGNED


def _refusal(error: Exception) -> Difference:
    return Difference("compiler", "", "an image", named(error))
