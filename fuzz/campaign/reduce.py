"""Findings made small: instructions left out, operands, inputs, packets and maps made plain, as long as the symptom stays the same.

    finding ─ the wrong instruction by itself ─ passes in turn, until nothing changes ─► 1-minimal case ─ its neighbours ─► condition, fingerprint
                                          ▲                                                              │
                                          └─ it passes where the case that it was made from fails ───────┘

What Hypothesis has generated it has not shrunk in a campaign, because a campaign drives it by bytes; all cases are reduced here, whatever they came
from. 1-minimal means that no single step of a pass (`fuzz.reduction.passes`) leaves the symptom as it is. What a verifier would refuse is judged
INCONCLUSIVE and so is never taken.

The condition is that of the small case, judged on each configuration. A case that has become so plain that it passes where the one that it was made
from fails, such as with a constant that has no carry in 64-bit code, goes back to the last state that fails there, and what is taken after that
must fail there too (`_Witnesses`).
"""

from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from typing import NamedTuple

from ebpf.opcodes import lookup
from ebpf.program import Program, ProgramError
from ebpf.validity import check
from fuzz.case import Case, Compiler, Input
from fuzz.engine.target import Target
from fuzz.findings.condition import Condition, examine
from fuzz.findings.diagnosis import Diagnosis, Symptom, diagnose
from fuzz.findings.finding import Finding
from fuzz.findings.fingerprint import fingerprint, kept, operation, same_bug
from fuzz.findings.side_by_side import side_by_side
from fuzz.judge import judge, judge_all
from fuzz.reduction.isolate import alone, ended, executed
from fuzz.reduction.passes import make_small
from fuzz.reduction.reducer import Reducer, outcome
from fuzz.verdict import FAILED, Status, Verdict
from fuzz.wires.wire import Wire
from jit.config import Config

_ROUNDS = 3
"""So often a small case goes back, because it passes where the one that it was made from fails."""

_EXECUTED, _LONG = 4096, 1 << 16
"""Executed instructions of a reduced program: one that has lost the end of its loop would run for long. As many as the case had, up to the second."""


class Shown(NamedTuple):
    """A verdict on a case that fails, and what is wrong."""

    verdict: Verdict
    diagnosis: Diagnosis


@dataclass(frozen=True, slots=True)
class Bench:
    """What judges cases: a target, the compiler under test and tripwires; `limit` is how many instructions a case may execute."""

    target: Target
    compiler: Compiler
    wires: Sequence[Wire]
    limit: int = _EXECUTED

    def shown(self, program: Program, given: Input, config: Config) -> Shown | None:
        """What is wrong with a case; None where nothing is. Raises ProgramError for a case that cannot be judged."""
        check(program)
        case = Case(program, given)
        if outcome(case, config, self.limit + 1).executed > self.limit:
            raise ProgramError(f"{program.source}: {program.section}: does not end soon")
        verdict = judge(case, config, self.target, self.compiler, self.wires)
        if verdict.status is Status.INCONCLUSIVE:
            raise ProgramError(f"{program.source}: {program.section}: {verdict.reason}")
        if verdict.status not in FAILED:
            return None
        return Shown(verdict, diagnose(case, verdict, self.target, self.compiler, self.wires))


def reduce(finding: Finding, target: Target, compiler: Compiler, wires: Sequence[Wire]) -> Finding:
    """The smallest finding with the same symptom that is found; the case itself where its first failing input alone does not show it."""
    config = Config.parse(finding.config)
    bench = Bench(target, compiler, wires, _limit(finding, config))

    def shown(program: Program, given: Input) -> Shown | None:
        try:
            found = bench.shown(program, given, config)
        except ProgramError:
            return None
        return found if found is not None and str(found.diagnosis.symptom) == finding.symptom else None

    first, given = next(((found, given) for given in finding.inputs if (found := shown(finding.program, given)) is not None), (None, None))
    if first is None or given is None:
        return _as_it_is(finding, bench)
    witnesses = _Witnesses(bench, first.diagnosis.symptom, finding.program, given)

    def holds(program: Program, given: Input) -> bool:
        return shown(program, given) is not None and witnesses.all_fail(program, given)

    reducer = Reducer(finding.program, given, config, holds)
    _isolate(reducer, first.diagnosis.slot)
    make_small(reducer)
    condition = _with_witnesses(reducer, witnesses, first.diagnosis.slot)
    found = shown(reducer.program, reducer.given)
    assert found is not None
    return _concluded(finding, reducer, found, bench, condition)


def _as_it_is(finding: Finding, bench: Bench) -> Finding:
    """Not made small: it may take what earlier inputs or runs have left. Its configurations are those on which it fails again, if any."""
    configs = tuple(map(Config.parse, finding.configs))
    try:
        verdicts = list(judge_all(finding.program, finding.inputs, configs, bench.target, bench.compiler, wires=bench.wires))
    except ProgramError:
        return replace(finding, reduced=True)
    failing = tuple(dict.fromkeys(str(verdict.config) for verdict in verdicts if verdict.status in FAILED))
    return replace(finding, configs=failing or (finding.config,), reduced=True)


@dataclass(slots=True)
class _Witnesses:
    """Configurations on which a small case must fail as well, because the case that it was made from does.

    program, given  that case
    configs         so far
    answers         what judging that case has come to
    """

    bench: Bench
    symptom: Symptom
    program: Program
    given: Input
    configs: list[Config] = field(default_factory=list)
    answers: dict[Config, bool | None] = field(default_factory=dict)

    def fails(self, program: Program, given: Input, config: Config) -> bool | None:
        """Whether a case fails in the same way; None where it cannot be judged."""
        try:
            found = self.bench.shown(program, given, config)
        except ProgramError:
            return None
        return found is not None and same_bug(found.diagnosis.symptom, self.symptom)

    def all_fail(self, program: Program, given: Input) -> bool:
        """Whether a case fails on all of them."""
        return all(self.fails(program, given, config) for config in self.configs)

    def at_first(self, config: Config) -> bool | None:
        """What becomes of the case that the small one was made from."""
        if config not in self.answers:
            self.answers[config] = self.fails(self.program, self.given, config)
        return self.answers[config]


def _with_witnesses(reducer: Reducer, witnesses: _Witnesses, slot: int | None) -> Condition:
    """The condition of the small case, which is made again with more witnesses as long as it is too small to fail where it did at first."""
    condition, missing = _condition(reducer, witnesses)
    for _ in range(_ROUNDS):
        if not missing:
            break
        before, witnesses.configs = (list(reducer.states), list(witnesses.configs)), [*witnesses.configs, *missing]
        _again(reducer, witnesses, slot)
        if _occurrences(reducer.program, witnesses.symptom) > _occurrences(before[0][-1][0], witnesses.symptom):
            # Another of the same instructions goes wrong there: that is no reason to keep both.
            reducer.states, witnesses.configs = before
            reducer.back_to(len(reducer.states) - 1)
            break
        condition, missing = _condition(reducer, witnesses)
    return condition


def _condition(reducer: Reducer, witnesses: _Witnesses) -> tuple[Condition, list[Config]]:
    """The condition of the small case, and configurations on which it passes and the first case does not: one for each width and byte order."""
    missing: dict[tuple[int, bool], Config] = {}

    def fails(config: Config) -> bool | None:
        answer = witnesses.fails(reducer.program, reducer.given, config)
        if not answer and witnesses.at_first(config):
            missing.setdefault((config.width, config.big_endian), config)
        # Where it cannot be judged the first case tells where the bug is not.
        return False if answer is None and witnesses.at_first(config) is False else answer

    return examine(reducer.config, fails), list(missing.values())


def _again(reducer: Reducer, witnesses: _Witnesses, slot: int | None) -> None:
    """From the last state that fails on all witnesses. The first one does."""
    low, high = 0, len(reducer.states) - 1
    while low < high:
        middle = (low + high + 1) // 2
        low, high = (middle, high) if witnesses.all_fail(*reducer.states[middle]) else (low, middle - 1)
    reducer.back_to(low)
    if low == 0:
        _isolate(reducer, slot)
    make_small(reducer)


def _occurrences(program: Program, symptom: Symptom) -> int:
    rows = [row for slot in program.slots if (row := lookup(slot)) is not None]
    return sum(operation(row.name) == operation(symptom.row) for row in rows)


def _isolate(reducer: Reducer, slot: int | None) -> None:
    """The instruction that went wrong by itself, else what comes before it."""
    program = reducer.program
    if slot is None or slot >= len(program.slots):
        return
    if any(reducer.try_program(each) for each in alone(Case(program, reducer.given), reducer.config, slot)):
        return
    reducer.try_program(ended(program, slot))
    reducer.try_program(executed(Case(reducer.program, reducer.given), reducer.config))


def _concluded(finding: Finding, reducer: Reducer, shown: Shown, bench: Bench, condition: Condition) -> Finding:
    """The reduced finding, with its fingerprint."""
    verdict, diagnosis = shown

    def symptom(program: Program) -> Symptom | None:
        found = bench.shown(program, reducer.given, reducer.config)
        return None if found is None else found.diagnosis.symptom

    small = Case(reducer.program, reducer.given)
    variants = kept(small, reducer.config, diagnosis.slot, diagnosis.symptom, symptom)
    return replace(
        finding,
        fingerprint=fingerprint(diagnosis.symptom, condition, *variants),
        program=reducer.program,
        inputs=(reducer.given,),
        status=verdict.status.name,
        configs=tuple(dict.fromkeys((finding.config, *condition.failing))),
        details=tuple(str(one) for one in (*verdict.differences, *verdict.trips)),
        wrong=diagnosis.wrong,
        words=diagnosis.words,
        condition=condition.text,
        row=diagnosis.symptom.row,
        steps=side_by_side(small, reducer.config, bench.target, bench.compiler, bench.wires, diagnosis.slot),
        reduced=True,
    )


def _limit(finding: Finding, config: Config) -> int:
    """How many instructions a case of a reduction may execute: not more than the one that it is made from, or few."""
    try:
        return max(_EXECUTED, *(outcome(Case(finding.program, given), config, _LONG).executed for given in finding.inputs))
    except ProgramError:
        return _EXECUTED
