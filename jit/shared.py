"""One compilation for all configurations that the compiler does not tell apart.

A compilation asks its configuration a number of things (`jit.watched`): whether there is an instruction, which options there are, the width. All that
give the same answers get the same image, since a compiler does nothing else with a configuration. Of the thousands of legal ones a program has a few
dozen kinds. Which give an answer is a set, kept as a bit for each of a `Universe`.
"""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import replace
from functools import cache
from typing import Generic, TypeVar

from ebpf.instruction import Instruction
from jit.compiled import Addresses, Compiled
from jit.compiler import PARTS, Parts, compile_program
from jit.config import BASE_CONFIGS, Config, all_configs
from jit.lowered import answer
from jit.watched import Question, Watched

Result = TypeVar("Result")

MOST = 64
"""So many programs, or placements of one, have their images kept: those of one subject and of its variants."""


class Universe:
    """Configurations, of which those that give an answer are a set, a bit for each."""

    def __init__(self, configs: Sequence[Config]) -> None:
        self._configs = configs
        self._numbers = {config: number for number, config in enumerate(configs)}
        self._sets: dict[Question, Mapping[object, int]] = {}
        self._options = frozenset(option for config in configs for option in config.options)

    def watched(self, config: Config) -> Watched:
        """Stands for one of the configurations, and for others of them that are not told apart from it."""
        return Watched(config, self._options)

    def has(self, config: Config, among: int) -> bool:
        """Whether it is one of a set."""
        return bool(among >> self._numbers[config] & 1)

    def members(self, of: int) -> Iterator[Config]:
        """Those of a set."""
        return (config for number, config in enumerate(self._configs) if of >> number & 1)

    def alike(self, watched: Watched) -> int:
        """The set of those that give the answers that this one has given."""
        found = (1 << len(self._configs)) - 1
        for question, given in watched.answers.items():
            found &= self._by_answer(question)[given]
        return found

    def _by_answer(self, question: Question) -> Mapping[object, int]:
        if question not in self._sets:
            sets: dict[object, int] = {}
            for number, config in enumerate(self._configs):
                given = answer(config, question)
                sets[given] = sets.get(given, 0) | 1 << number
            self._sets[question] = sets
        return self._sets[question]


@cache
def everything() -> Universe:
    """All configurations."""
    return Universe(all_configs())


@cache
def _base() -> Universe:
    return Universe(BASE_CONFIGS)


def covering(configs: Iterable[Config]) -> Universe:
    """One that has these configurations: to think of all that there are takes longer than to judge a small program on a few."""
    return _base() if set(configs) <= set(BASE_CONFIGS) else everything()


class Answered(Generic[Result]):
    """Results, each with the configurations of a universe that it holds for."""

    def __init__(self, universe: Universe) -> None:
        self._universe = universe
        self._known: list[tuple[int, Result]] = []

    def __len__(self) -> int:
        return len(self._known)

    def get(self, config: Config) -> Result | None:
        """What is known for a configuration."""
        return next((result for among, result in self._known if self._universe.has(config, among)), None)

    def add(self, watched: Watched, result: Result) -> None:
        """Keep a result for all that give the same answers."""
        self._known.append((self._universe.alike(watched), result))


class _Program:
    """The images of a program at addresses, and the errors where there are none."""

    def __init__(self, slots: tuple[Instruction, ...], addresses: Addresses, universe: Universe) -> None:
        self.slots, self.addresses = slots, addresses
        self.images: Answered[Compiled | Exception] = Answered(universe)
        self.given: dict[Config, Compiled] = {}


class Shared:
    """Compiles as `compile_program` does. Images of configurations that are not told apart are equal in all but `config`.

    universe      has the configurations for which it is asked
    compilations  how many there were
    """

    def __init__(self, parts: Parts = PARTS, universe: Universe | None = None) -> None:
        self.universe = universe or everything()
        self.compilations = 0
        self._parts = parts
        self._programs: list[_Program] = []

    def __call__(self, slots: Sequence[Instruction], config: Config, addresses: Addresses) -> Compiled:
        """The image; raises what `compile_program` raises."""
        program = self._program(tuple(slots), addresses)
        if config in program.given:
            return program.given[config]
        image = program.images.get(config)
        if image is None:
            image = self._compile(program, config)
        if isinstance(image, Exception):
            raise image
        made = program.given[config] = replace(image, config=config)
        return made

    def _program(self, slots: tuple[Instruction, ...], addresses: Addresses) -> _Program:
        for program in reversed(self._programs):
            if program.addresses == addresses and program.slots == slots:
                return program
        if len(self._programs) >= MOST:
            del self._programs[0]
        self._programs.append(_Program(slots, addresses, self.universe))
        return self._programs[-1]

    def _compile(self, program: _Program, config: Config) -> Compiled | Exception:
        watched = self.universe.watched(config)
        image: Compiled | Exception
        self.compilations += 1
        try:
            image = replace(compile_program(program.slots, watched, program.addresses, self._parts), config=config)
        except Exception as error:
            # An error is an answer as well, of all that are not told apart.
            image = error
        program.images.add(watched, image)
        return image
