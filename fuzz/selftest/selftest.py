"""The testers tested: each seeded bug of corpus/bugs is put into the compiler, and something has to be found.

    bug ─ configurations where it applies, a sample ─┬─ judged without tripwires ── what values show
          what it names to show it                   └─ judged with all of them ─── what the tripwires show

A bug counts as caught when it is on every configuration on which it was judged.
"""

import importlib.util
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from fnmatch import fnmatchcase
from functools import cache, partial
from pathlib import Path

from ebpf.assembler import assemble
from ebpf.program import ByteOrder, Program
from ebpf.trampoline import read
from fuzz.case import Compiler, Input
from fuzz.engine.target import Target
from fuzz.judge import judge_all
from fuzz.selftest.seeded_bug import Bug
from fuzz.suite.suites import suites
from fuzz.trampoline.judge import RULES, judge
from fuzz.trampoline.target import TrampolineTarget
from fuzz.verdict import Verdict
from fuzz.wires import WIRES
from fuzz.wires.wire import Wire
from jit import trampoline as trampolines
from jit.compiler import compile_program
from jit.config import Config

BUGS = Path(__file__).parents[2] / "corpus" / "bugs"
"""One file for each family of seeded bugs."""

TRAMPOLINES = BUGS.parent / "trampolines"
"""Functions that are traced."""

INPUTS = 4
"""So many inputs of each suite are judged."""

MEMORY = bytes(range(0x80, 0xC0))
"""The context of a bug's own program."""


@dataclass(frozen=True, slots=True)
class Capture:
    """How a bug shows on one configuration.

    values      kinds of differences that are there without any tripwire
    tripwires   names of those that tripped
    others      kinds of differences that are there only with tripwires on, as from a run with inverted operands
    """

    config: Config
    values: tuple[str, ...]
    tripwires: tuple[str, ...]
    others: tuple[str, ...]

    @property
    def by(self) -> tuple[str, ...]:
        """Everything that shows it; empty when nothing does."""
        return self.values + self.tripwires + (() if self.tripwires else self.others)


@dataclass(frozen=True, slots=True)
class Result:
    """What came of one bug: its captures on the configurations on which it was judged, in their order; some may be empty."""

    bug: Bug
    captures: tuple[Capture, ...]

    @property
    def caught(self) -> bool:
        """Whether it is caught wherever it was judged."""
        return bool(self.captures) and all(capture.by for capture in self.captures)

    @property
    def by_values(self) -> bool:
        """Whether values alone show it on any configuration."""
        return any(capture.values for capture in self.captures)

    @property
    def first(self) -> Capture | None:
        """The capture on the first configuration that shows the bug."""
        return next((capture for capture in self.captures if capture.by), None)


@cache
def bugs() -> tuple[Bug, ...]:
    """All seeded bugs, family by family. Raises ValueError when two have one name."""
    found: list[Bug] = []
    for path in sorted(BUGS.glob("*.py")):
        specification = importlib.util.spec_from_file_location(f"corpus_bugs_{path.stem}", path)
        assert specification is not None
        assert specification.loader is not None
        module = importlib.util.module_from_spec(specification)
        specification.loader.exec_module(module)
        found += module.BUGS
    names = [bug.name for bug in found]
    if len(set(names)) < len(names):
        raise ValueError(f"two seeded bugs of one name: {', '.join(name for name in sorted(set(names)) if names.count(name) > 1)}")
    return tuple(found)


def sample(bug: Bug) -> tuple[Config, ...]:
    """The first and the last of the configurations where the bug applies: in most cases another ISA and the other byte order."""
    configs = bug.applies()
    return tuple(dict.fromkeys((*configs[:1], *configs[-1:])))


def cases(bug: Bug, config: Config) -> list[tuple[Program, tuple[Input, ...]]]:
    """What is judged: the suites that the bug names, and the program that it carries."""
    order: ByteOrder = "big" if config.big_endian else "little"
    chosen = (suite for suite in suites() if any(fnmatchcase(suite.row_name, glob) for glob in bug.suites))
    found = [(suite.program, suite.inputs(order)[:INPUTS]) for suite in chosen]
    if bug.program:
        found.append((assemble(bug.program, bug.name), (Input(MEMORY),)))
    return found


def compiler(bug: Bug) -> Compiler:
    """The compiler with the bug in it."""
    return partial(compile_program, parts=bug.parts)


def verdicts(bug: Bug, config: Config, target: Target, under_test: Compiler, wires: Sequence[Wire] = WIRES) -> Iterator[Verdict]:
    """The verdicts of a compiler on what shows the bug."""
    for program, inputs in cases(bug, config):
        yield from judge_all(program, inputs, (config,), target, under_test, wires=wires)


def examine(bug: Bug, target: Target, configs: Sequence[Config] | None = None) -> Result:
    """Judge the compiler with the bug in it on these configurations, or on its sample."""
    return Result(bug, tuple(_capture(bug, config, target) for config in (sample(bug) if configs is None else configs)))


@cache
def _trampoline_target() -> TrampolineTarget:
    return TrampolineTarget()


def _capture_trampoline(parts: trampolines.Parts, globs: Sequence[str], config: Config) -> Capture:
    compiled = partial(trampolines.compile_trampoline, parts=parts)
    paths = [path for path in sorted(TRAMPOLINES.glob("*.toml")) if any(fnmatchcase(path.stem, glob) for glob in globs)]
    found = [difference for path in paths for difference in judge(read(str(path)), config, _trampoline_target(), compiled)]
    kinds = tuple(dict.fromkeys(difference.kind for difference in found))
    return Capture(config, tuple(kind for kind in kinds if kind not in RULES), tuple(kind for kind in kinds if kind in RULES), ())


def _capture(bug: Bug, config: Config, target: Target) -> Capture:
    if bug.trampoline is not None:
        return _capture_trampoline(*bug.trampoline, config)
    values = _kinds(verdicts(bug, config, target, compiler(bug), ()))
    judged = list(verdicts(bug, config, target, compiler(bug)))
    tripped = tuple(dict.fromkeys(trip.wire for verdict in judged for trip in verdict.trips))
    return Capture(config, values, tripped, tuple(kind for kind in _kinds(judged) if kind not in values))


def _kinds(judged: Iterable[Verdict]) -> tuple[str, ...]:
    return tuple(dict.fromkeys(difference.kind for verdict in judged for difference in verdict.differences))
