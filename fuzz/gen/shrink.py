"""Shrinking: the smallest program that still fails, and the simplest input for it.

Hypothesis shrinks the choices that the program was made from, so that each candidate is a program that the strategies could have made: valid, and
terminating. The choices come to it as bytes, from which the failing program is made once more and kept in a database of its own; from there it
replays and shrinks. An input is shrunk afterwards, word by word, because it is made of a seed and not of choices.
"""

import time
from collections.abc import Callable
from contextlib import suppress
from dataclasses import replace

from hypothesis import HealthCheck, Phase, Verbosity, given, settings
from hypothesis import seed as seeded
from hypothesis.database import InMemoryExampleDatabase
from hypothesis.errors import Flaky

from ebpf.opcodes import lookup
from ebpf.program import Program
from fuzz.case import Input
from fuzz.gen.batch import make_case
from fuzz.gen.features import Features
from fuzz.gen.program import GeneratedCase, programs

Fails = Callable[[GeneratedCase], bool]
"""Whether a case still shows what is to be shown."""

SECONDS = 60.0
"""Seconds of processor time that shrinking may take, unless told otherwise."""

_WALKS = 4
"""So often Hypothesis begins anew, as long as there is time: where one walk ends in a place that no single step leads out of, another does not."""

_WORDS = (0, 1, (1 << 64) - 1)


class _FailureError(Exception):
    """What Hypothesis is told with."""


class _TimeOver(BaseException):
    """Ends Hypothesis at once, as an interrupt does; to let nothing fail any more does not."""


def shrink(features: Features, choices: bytes, fails: Fails, seconds: float = SECONDS, seed: int = 0) -> GeneratedCase:
    """The smallest case found, with a single input where one suffices.

    `features` and `choices` are what `fuzz.gen.batch.make_case` was given. Hypothesis shrinks partly by chance, and may end where no single
    step leads on: what comes of it is the same for the same `seed`. Raises ValueError when the case does not fail.
    """
    deadline = time.process_time() + seconds
    case = make_case(features, choices)
    if case is None or not fails(case):
        raise ValueError("the case that is to be shrunk does not fail")
    inputs = _one_of(case, fails)
    walks = (
        _smallest(features, choices, lambda candidate: fails(GeneratedCase(candidate, inputs)), deadline, _WALKS * seed + walk)
        for walk in range(_WALKS)
    )
    smallest = min((program for program in walks if program is not None), key=lambda program: len(program.slots), default=case.program)
    small = GeneratedCase(smallest, inputs)
    return _simplest_input(small, fails, deadline) if len(inputs) == 1 else small


def _one_of(case: GeneratedCase, fails: Fails) -> tuple[Input, ...]:
    """The first input that fails alone, or all."""
    return next(((one,) for one in case.inputs if fails(replace(case, inputs=(one,)))), case.inputs)


def _smallest(features: Features, choices: bytes, fails: Callable[[Program], bool], deadline: float, seed: int) -> Program | None:
    """The program with the fewest slots that failed on the way; None when none did in time."""
    found: list[Program] = []

    @settings(
        database=InMemoryExampleDatabase(),
        phases=(Phase.reuse, Phase.shrink),
        derandomize=False,
        deadline=None,
        suppress_health_check=list(HealthCheck),
        verbosity=Verbosity.quiet,
        report_multiple_bugs=False,
        print_blob=False,
    )
    # Below the settings, because it takes the database away.
    @seeded(seed)
    @given(programs(features))
    def attempt(program: Program) -> None:
        if time.process_time() >= deadline:
            raise _TimeOver
        if fails(program):
            found.append(program)
            raise _FailureError

    with suppress(_FailureError, _TimeOver):
        attempt.hypothesis.fuzz_one_input(choices)  # type: ignore[attr-defined]
    if found:
        with suppress(_FailureError, _TimeOver, Flaky):
            attempt()
    return min(reversed(found), key=lambda program: len(program.slots), default=None)


def _simplest_input(case: GeneratedCase, fails: Fails, deadline: float) -> GeneratedCase:
    """The same with as many simple words in the context as there can be."""
    for at in range(0, len(case.inputs[0].memory), 8):
        for word in _WORDS:
            memory = case.inputs[0].memory
            simpler = memory[:at] + word.to_bytes(8, "little")[: len(memory) - at] + memory[at + 8 :]
            if time.process_time() >= deadline:
                return case
            if simpler == memory:
                break
            candidate = replace(case, inputs=(replace(case.inputs[0], memory=simpler),))
            if fails(candidate):
                case = candidate
                break
    return case


def size(program: Program) -> int:
    """Instructions of a program besides `exit`."""
    rows = (lookup(slot) for slot in program.slots)
    return sum(1 for row in rows if row is not None and row.name != "EXIT")
