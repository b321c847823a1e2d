"""Shrinking: the smallest program that still fails, and the simplest input for it.

    choices ─ Hypothesis ─► a small program that the strategies make ─ passes, until nothing changes ─► the smallest program and input

Hypothesis shrinks the choices that the program was made from, so that each candidate is a program that the strategies could have made. They come to
it as bytes, from which the failing program is made once more and kept in a database of its own; from there it replays and shrinks. What is left has
what no strategy can leave out, and may be smaller still: the passes that campaigns reduce findings with (`fuzz.reduction`) try single instructions,
operands, and the input. They take what is valid, ends, and does nothing that a verifier would refuse: on this input, in 32- and 64-bit code of
both byte orders.
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
from ebpf.program import Program, ProgramError
from ebpf.validity import check
from fuzz.case import Case, Input
from fuzz.gen.batch import make_case
from fuzz.gen.features import Features
from fuzz.gen.program import GeneratedCase, programs
from fuzz.reduction.passes import make_small
from fuzz.reduction.reducer import Reducer, outcome
from jit.config import Config
from oracle.outcome import FaultKind

Fails = Callable[[GeneratedCase], bool]
"""Whether a case still shows what is to be shown."""

SECONDS = 60.0
"""Seconds of processor time that shrinking may take, unless told otherwise."""

_WALK = 0.5
"""The share of the time that Hypothesis has."""

_EXECUTED = 4096
"""Instructions that a smaller program may execute, if not the first one executes more: one that has lost the end of its loop would run for long."""

_WORLDS = tuple(map(Config.parse, ("mips64r2-64le", "mips64r2-64be", "mips32r2-32le", "mips32r2-32be")))


class _FailureError(Exception):
    """What Hypothesis is told with."""


class _TimeOver(BaseException):
    """Ends Hypothesis at once, as an interrupt does; to let nothing fail any more does not."""


def shrink(features: Features, choices: bytes, fails: Fails, seconds: float = SECONDS, seed: int = 0) -> GeneratedCase:
    """The smallest case found, with a single input where one suffices.

    `features` and `choices` are what `fuzz.gen.batch.make_case` was given. Hypothesis shrinks partly by chance: what comes of it is the same for the
    same `seed`, unless time is over. Raises ValueError when the case does not fail.
    """
    start = time.process_time()
    case = make_case(features, choices)
    if case is None or not fails(case):
        raise ValueError("the case that is to be shrunk does not fail")
    inputs = _one_of(case, fails)
    walk = _smallest(features, choices, lambda candidate: fails(GeneratedCase(candidate, inputs)), start + _WALK * seconds, seed)
    small = GeneratedCase(walk or case.program, inputs)
    return _minimal(small, fails, start + seconds) if len(inputs) == 1 else small


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


def _minimal(case: GeneratedCase, fails: Fails, deadline: float) -> GeneratedCase:
    """What the passes leave of it."""
    limit = max(_EXECUTED, *(outcome(Case(case.program, case.inputs[0]), config, 1 << 20).executed for config in _WORLDS))

    def holds(program: Program, given: Input) -> bool:
        if time.process_time() >= deadline:
            raise _TimeOver
        return _is_valid(program, given, limit) and fails(GeneratedCase(program, (given,)))

    reducer = Reducer(case.program, case.inputs[0], _WORLDS[0], holds)
    with suppress(_TimeOver):
        make_small(reducer)
    return GeneratedCase(reducer.program, (reducer.given,))


def _is_valid(program: Program, given: Input, limit: int) -> bool:
    """Whether it is a program that runs to its end everywhere; where accesses must be aligned it may end with one that is not."""
    try:
        check(program)
        faults = [outcome(Case(program, given), config, limit).fault for config in _WORLDS]
    except ProgramError:
        return False
    return all(fault is None or fault.kind is FaultKind.MISALIGNED for fault in faults)


def size(program: Program) -> int:
    """Instructions of a program besides `exit`."""
    rows = (lookup(slot) for slot in program.slots)
    return sum(1 for row in rows if row is not None and row.name != "EXIT")
