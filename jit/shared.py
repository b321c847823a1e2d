"""One compilation for all configurations that the compiler does not tell apart.

A compilation asks its configuration a number of things (`jit.watched`): whether there is an instruction, which options there are, the width. All that
give the same answers get the same image, since a compiler does nothing else with a configuration. Of the thousands of legal ones a program has a few
dozen kinds. Which give an answer is a set, kept as a bit for each of `all_configs`.
"""

from collections.abc import Mapping, Sequence
from dataclasses import replace
from functools import cache
from types import MappingProxyType
from typing import Generic, TypeVar

from ebpf.instruction import Instruction
from jit.compiled import Addresses, Compiled
from jit.compiler import PARTS, Parts, compile_program
from jit.config import Config, all_configs
from jit.mips import rows
from jit.watched import FIELD, OPTION, Question, Watched

Result = TypeVar("Result")

MOST = 64
"""So many programs, or placements of one, have their images kept: those of one subject and of its variants."""


def answer(config: Config, question: Question) -> object:
    """What a configuration answers."""
    kind, name = question
    if kind == FIELD:
        return getattr(config, name)
    return name in config.options if kind == OPTION else rows(config).get(name)


@cache
def _numbers() -> Mapping[Config, int]:
    return MappingProxyType({config: number for number, config in enumerate(all_configs())})


@cache
def _sets(question: Question) -> Mapping[object, int]:
    """By answer the configurations that give it."""
    sets: dict[object, int] = {}
    for number, config in enumerate(all_configs()):
        given = answer(config, question)
        sets[given] = sets.get(given, 0) | 1 << number
    return sets


def alike(watched: Watched) -> int:
    """The configurations that give the answers that this one has given."""
    found = (1 << len(all_configs())) - 1
    for question, given in watched.answers.items():
        found &= _sets(question)[given]
    return found


class Answered(Generic[Result]):
    """Results, each with the configurations that it holds for."""

    def __init__(self) -> None:
        self._known: list[tuple[int, Result]] = []

    def __len__(self) -> int:
        return len(self._known)

    def get(self, config: Config) -> Result | None:
        """What is known for a configuration."""
        number = _numbers()[config]
        return next((result for configs, result in self._known if configs >> number & 1), None)

    def add(self, watched: Watched, result: Result) -> None:
        """Keep a result for all that give the same answers."""
        self._known.append((alike(watched), result))


class _Program:
    """The images of a program at addresses, and the errors where there are none."""

    def __init__(self, slots: tuple[Instruction, ...], addresses: Addresses) -> None:
        self.slots, self.addresses = slots, addresses
        self.images: Answered[Compiled | Exception] = Answered()
        self.given: dict[Config, Compiled] = {}


class Shared:
    """Compiles as `compile_program` does. Images of configurations that are not told apart are equal in all but `config`.

    compilations  how many there were
    """

    def __init__(self, parts: Parts = PARTS) -> None:
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
        self._programs.append(_Program(slots, addresses))
        return self._programs[-1]

    def _compile(self, program: _Program, config: Config) -> Compiled | Exception:
        watched = Watched(config)
        image: Compiled | Exception
        self.compilations += 1
        try:
            image = replace(compile_program(program.slots, watched, program.addresses, self._parts), config=config)
        except Exception as error:
            # An error is an answer as well, of all that are not told apart.
            image = error
        program.images.add(watched, image)
        return image
