"""Judging: does the image of a program do exactly what the oracle says?

    program, input, configuration ─ place ─┬─ oracle ────────────── Run ─┐
                                           └─ compiler ─ target ─── Run ─┴─ compare ─ Verdict

`judge` is the definition. `judge_all` gives the same verdicts for many inputs and configurations, but runs the oracle once for all configurations
that see the same world, and compiles and loads once for all inputs.
"""

from collections.abc import Iterable, Iterator, Mapping, Sequence

from ebpf.program import Program
from fuzz.case import Case, Compiler, Input
from fuzz.compare import compare
from fuzz.layout import LAYOUTS, Layout, Placement, Setting, place, setting
from fuzz.legality import illegal_words
from fuzz.target import Run, Target
from fuzz.verdict import Difference, Status, Trip, Verdict
from jit.compiled import Compiled
from jit.config import Config
from oracle import interpreter
from oracle.outcome import FaultKind


def judge(case: Case, config: Config, target: Target, compiler: Compiler) -> Verdict:
    """The verdict on one case; raises ProgramError for a program that cannot be placed."""
    return next(judge_all(case.program, (case.input,), (config,), target, compiler))


def interpret(placement: Placement) -> Run:
    """What the oracle says."""
    world, calls = placement.fresh_world()
    outcome = interpreter.run(placement.slots, world)
    return Run(outcome, tuple(calls))


def judge_all(
    program: Program, inputs: Sequence[Input], configs: Iterable[Config], target: Target, compiler: Compiler, layouts: Mapping[int, Layout] = LAYOUTS
) -> Iterator[Verdict]:
    """The verdicts on all inputs on the first configuration, in their order, then on the next one.

    `layouts` says by code width where things lie. Raises ProgramError for a program that cannot be placed.
    """
    known: dict[Setting, list[tuple[Placement, Run]]] = {}
    for config in configs:
        order = "big" if config.big_endian else "little"
        if program.byte_order not in (None, order):
            reason = f"the program is for {program.byte_order}-endian machines"
            yield from (Verdict(Status.INCONCLUSIVE, config, number, reason=reason) for number in range(len(inputs)))
            continue
        key = setting(config)
        if key not in known:
            placements = [place(Case(program, given), config, layouts[config.width]) for given in inputs]
            known[key] = [(placement, interpret(placement)) for placement in placements]
        yield from _judge_image(config, known[key], target, compiler)


def _judge_image(config: Config, expectations: Sequence[tuple[Placement, Run]], target: Target, compiler: Compiler) -> Iterator[Verdict]:
    """The verdicts on one image."""
    if not expectations:
        return
    first = expectations[0][0]
    try:
        compiled = compiler(first.slots, config, first.addresses)
        target.load(compiled, first)
    except Exception as error:
        # Whatever a compiler may raise, that there is no image is its failure.
        refusal = Difference("compiler", "", "an image", f"{type(error).__name__}: {error}")
        yield from (Verdict(Status.DIFFER, config, number, (refusal,)) for number in range(len(expectations)))
        return
    trips = tuple(illegal_words(compiled))
    for number, (placement, expected) in enumerate(expectations):
        yield _judge_run(config, number, compiled, trips, placement, expected, target)


def _judge_run(
    config: Config, number: int, compiled: Compiled, trips: tuple[Trip, ...], placement: Placement, expected: Run, target: Target
) -> Verdict:
    fault = expected.outcome.fault
    if fault is not None and fault.kind is not FaultKind.MISALIGNED:
        # A verifier refuses such programs: nothing is promised about what the image does.
        return Verdict(Status.INCONCLUSIVE, config, number, reason=str(fault))
    differences = compare(expected, target.run(placement), compiled, placement)
    status = Status.DIFFER if differences else Status.TRIPPED if trips else Status.AGREE
    return Verdict(status, config, number, differences, trips)
