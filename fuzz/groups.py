"""Configurations of which one is judged for all: they have the same image, and nothing that a run or a tripwire asks tells them apart.

    configuration ─ compile ─► image ─ tripwires on its words ─► silent ─ variants ─► their images ─► key: machine, images
                       │                       │
                   `jit.shared`            `jit.watched`        both look once at all configurations that give the same answers

Whatever is found on the words of an image, or the CPU would show of its errata, is judged on its own, and so is a group whose first member does not
agree. What is taken over is counted. Of the images that were not compiled a part is, by the compiler as it is, and has to be the same.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field, fields, replace
from typing import NamedTuple
from zlib import crc32

from ebpf.program import Program
from fuzz.case import Case, Compiler, Input
from fuzz.cpu.erratum_models import occurrences
from fuzz.cpu.machine import machine
from fuzz.engine.target import Target
from fuzz.judge import judge_all, trips_of
from fuzz.layout import Placement, Setting, place, setting
from fuzz.tally import Images
from fuzz.verdict import Status, Verdict
from fuzz.wires.wire import Wire
from jit.compiled import Compiled
from jit.compiler import compile_program
from jit.config import Config
from jit.shared import Answered, Shared, Universe, covering

EVERY = 64
"""One of so many images that were not compiled is compiled all the same, to see that it is the same."""

_DESCRIBED = tuple(each.name for each in fields(Compiled) if each.name != "config")


class SharedImageError(Exception):
    """An image that was taken from another configuration is not the one that the compiler makes."""


class _Look(NamedTuple):
    """Whether something is found on an image itself; the placements of variants that have images of their own."""

    found: bool
    elsewhere: tuple[Placement, ...]


@dataclass(slots=True)
class Grouped:
    """Judges a program on many configurations."""

    program: Program
    inputs: Sequence[Input]
    target: Target
    wires: tuple[Wire, ...]
    compiler: Compiler = field(default_factory=Shared)
    lockstep: bool = True
    images: Images = field(default_factory=Images)
    _placed: dict[Setting, tuple[Case, Placement]] = field(default_factory=dict)
    _universe: Universe | None = None
    _looks: dict[tuple[int, Setting], Answered[_Look]] = field(default_factory=dict)

    def judge(self, configs: Sequence[Config]) -> Iterator[tuple[Verdict, tuple[Config, ...]]]:
        """Verdicts, each with the other configurations for which it was taken over.

        Raises ProgramError for a program that cannot be placed, and SharedImageError.
        """
        self._universe = covering(configs)
        groups = self._groups(configs)
        others = {group[0]: group[1:] for group in groups}
        alone: list[Config] = []
        for config, verdicts in self._judge([group[0] for group in groups]):
            settled = all(map(_is_settled, verdicts))
            alone += () if settled else others[config]
            yield from ((verdict, others[config] if settled else ()) for verdict in verdicts)
        for _, verdicts in self._judge(alone):
            yield from ((verdict, ()) for verdict in verdicts)
        self.images.compiled = self.compiler.compilations if isinstance(self.compiler, Shared) else len(configs)
        self.images.wanted = len(configs)

    def _judge(self, configs: Sequence[Config]) -> Iterator[tuple[Config, list[Verdict]]]:
        found: list[Verdict] = []
        judged = judge_all(self.program, self.inputs, configs, self.target, self.compiler, wires=self.wires, lockstep=self.lockstep, cpu=machine)
        for verdict in judged:
            found.append(verdict)
            if len(found) == len(self.inputs):
                self.images.run += not verdict.repeated
                yield verdict.config, found
                found = []

    def _groups(self, configs: Sequence[Config]) -> list[tuple[Config, ...]]:
        groups: dict[object, list[Config]] = {}
        for config in configs:
            groups.setdefault(self._key(config) if self.inputs else config, []).append(config)
        for number, config in enumerate(config for group in groups.values() for config in group[1:]):
            if isinstance(self.compiler, Shared) and (number + crc32(self.program.section.encode())) % EVERY == 0:
                self._check(config)
        return [tuple(group) for group in groups.values()]

    def _place(self, config: Config) -> tuple[Case, Placement]:
        """The first input in memory."""
        key = setting(config)
        if key not in self._placed:
            case = Case(self.program, self.inputs[0])
            self._placed[key] = case, place(case, config)
        return self._placed[key]

    def _key(self, config: Config) -> object:
        """Equal for configurations of one group; the configuration itself when it has to be judged on its own."""
        case, placement = self._place(config)
        try:
            compiled = self.compiler(placement.slots, config, placement.addresses)
            look = self._look(compiled, case, placement)
            if look.found:
                return config
            images = [compiled, *(self.compiler(there.slots, config, there.addresses) for there in look.elsewhere)]
        except Exception:
            # Judging raises it again, and says what is to be said.
            return config
        return (machine(config), *(id(image.words) for image in images))

    def _look(self, compiled: Compiled, case: Case, placement: Placement) -> _Look:
        assert self._universe is not None
        looks = self._looks.setdefault((id(compiled.words), setting(compiled.config)), Answered(self._universe))
        look = looks.get(compiled.config)
        if look is None:
            watched = self._universe.watched(compiled.config)
            seen = replace(compiled, config=watched)
            found = bool(occurrences(seen)) or any(trips_of(self.wires, seen, placement))
            wanted = (there for wire in self.wires if wire.variants for there in wire.variants(seen, case, placement))
            look = _Look(found, tuple(there for there in wanted if there.slots != placement.slots or there.addresses != placement.addresses))
            looks.add(watched, look)
        return look

    def _check(self, config: Config) -> None:
        """Compile it as if nothing were known."""
        _, placement = self._place(config)
        shared, own = (compiler(placement.slots, config, placement.addresses) for compiler in (self.compiler, compile_program))
        self.images.checked += 1
        for name in _DESCRIBED:
            if getattr(shared, name) != getattr(own, name):
                raise SharedImageError(f"{config}: {name} is not that of the image that others share")


def _is_settled(verdict: Verdict) -> bool:
    """Whether it holds for the whole group: it agrees, or the oracle alone has said that nothing is promised."""
    return verdict.status is Status.AGREE or (verdict.status is Status.INCONCLUSIVE and verdict.outcome is not None)
