"""The unit of work: the number of a batch goes to a worker, and what came of its cases comes back.

    number ─► cases ─┬─ oracle ──────► which instructions are executed ─┬─► features ─┐
                     └─ judge_all ─┬─► images ──────────────────────────┘             ├─► BatchResult
                                   └─► verdicts ─► findings ──────────────────────────┘

A batch depends on nothing but its Task: whoever works it off, as often as you like, comes to the same result.
"""

import re
import time
import traceback
from collections import Counter, defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field, replace
from functools import cache
from pathlib import Path

from ebpf.instruction import Instruction
from ebpf.program import Program, ProgramError
from ebpf.trampoline import Traced, parse
from fuzz.campaign import traced
from fuzz.campaign.branches import traced as ways
from fuzz.campaign.configurations import sampled
from fuzz.campaign.coverage import Reached, features, reached_by, reached_in
from fuzz.campaign.generation import SYSTEMATIC, Generated, generate
from fuzz.campaign.mutation import mutate
from fuzz.campaign.pool import tell
from fuzz.campaign.reduce import reduce
from fuzz.case import Case, Compiler, Input
from fuzz.cpu.machine import machine
from fuzz.engine.abilities import fitting, in_lockstep
from fuzz.engine.engines import engine
from fuzz.engine.target import Target
from fuzz.exceptions import named
from fuzz.findings.diagnosis import diagnose
from fuzz.findings.finding import ENGINE, HARNESS, Finding, versions
from fuzz.judge import judge_all
from fuzz.layout import LAYOUTS, place
from fuzz.suite.program import instruction
from fuzz.tally import without_address, without_place
from fuzz.trampoline.judge import Compiler as TrampolineCompiler
from fuzz.trampoline.judge import build
from fuzz.verdict import FAILED, Status, Verdict
from fuzz.wires import select
from fuzz.wires.wire import Wire
from jit.compiled import Addresses, Compiled
from jit.config import Config
from jit.trampoline import compile_trampoline

_ROOT = Path(__file__).parent.parent.parent

_EXECUTION = re.compile(r", execution \d+")
"""Of the place of a difference in lockstep: how often the instruction had been executed."""


@dataclass(frozen=True, slots=True)
class Task:
    """A batch.

    seed, number, tier, cases  what to generate; `cases` is how many of the batch
    configs                    names; of many each case is judged on some
    tripwires                  as `fuzz.wires.select` understands it
    engine, confirm            what runs images, as `fuzz.engine.engines.engine` understands it
    parents                    what to mutate; where there is something nothing is generated
    skip                       numbers of cases in the batch to leave out, because workers died with them
    """

    seed: int
    number: int
    tier: str
    cases: int
    configs: tuple[str, ...]
    tripwires: str = "all"
    engine: str = "model"
    confirm: int = 1
    parents: tuple[Generated, ...] = ()
    skip: tuple[int, ...] = ()


def _seconds() -> defaultdict[str, float]:
    return defaultdict(float)


@dataclass(slots=True)
class BatchResult:
    """What came of a batch.

    cases       the cases, by their number in the batch
    verdicts    by name of the status: judged executions, and for INCONCLUSIVE those that were not
    shared      judged executions that others with the same image on the same CPU stand for
    reasons     of inconclusive ones, by kind
    unseen      what was not watched to the end
    executed    eBPF instructions that the cases executed, on their first inputs
    matrix      judged executions by row and configuration, the shared ones included
    coverage    features, and the number of the first case with each
    findings    not reduced
    seconds     by what they were spent on
    discarded   mutants that a verifier would refuse
    """

    number: int
    cases: dict[int, Generated] = field(default_factory=dict)
    verdicts: Counter[str] = field(default_factory=Counter)
    shared: int = 0
    reasons: Counter[str] = field(default_factory=Counter)
    unseen: Counter[str] = field(default_factory=Counter)
    executed: int = 0
    matrix: Counter[tuple[str, str]] = field(default_factory=Counter)
    coverage: dict[str, int] = field(default_factory=dict)
    findings: list[Finding] = field(default_factory=list)
    seconds: defaultdict[str, float] = field(default_factory=_seconds)
    discarded: int = 0


def merged(results: Sequence[BatchResult]) -> BatchResult:
    """The result of a batch from those of its parts, each of which left other cases out."""
    whole = BatchResult(results[0].number, discarded=results[0].discarded)
    for part in results:
        whole.cases |= part.cases
        for name in ("verdicts", "reasons", "unseen", "matrix"):
            getattr(whole, name).update(getattr(part, name))
        whole.shared += part.shared
        whole.executed += part.executed
        for feature, number in part.coverage.items():
            whole.coverage[feature] = min(number, whole.coverage.get(feature, number))
        whole.findings += part.findings
        for what, seconds in part.seconds.items():
            whole.seconds[what] += seconds
    return whole


target = cache(engine)
"""Each process keeps its engines."""


def run_batch(task: Task, compiler: Compiler, trampolines: TrampolineCompiler = compile_trampoline) -> BatchResult:
    """Generate and judge a batch."""
    result = BatchResult(task.number)
    started = time.perf_counter()
    if task.parents:
        mutants, result.discarded = mutate(task.seed, task.number, task.parents, task.cases)
        result.cases = dict(enumerate(mutants))
    else:
        result.cases = dict(enumerate(generate(task.seed, task.number, task.tier, task.cases)))
    result.seconds["generation"] += time.perf_counter() - started
    _trace_one(task, result, compiler, trampolines)
    for number, case in result.cases.items():
        if number in task.skip:
            continue
        tell(number)
        try:
            _Examination(task, result, number, case, compiler, trampolines).run()
        except MemoryError:
            raise
        except Exception as error:
            result.findings.append(_harness(task, number, case, error))
    return result


def reduce_finding(
    finding: Finding, tripwires: str, engine_name: str, compiler: Compiler, trampolines: TrampolineCompiler = compile_trampoline
) -> Finding:
    """Make a finding small."""
    if finding.trampoline:
        return traced.reduce_traced(finding, trampolines)
    return reduce(finding, target(engine_name), compiler, fitting(select(tripwires), engine_name))


def configs_of(task: Task, number: int, program: Program) -> tuple[Config, ...]:
    """The configurations that a case of a batch is judged on: those of its byte order, of generated cases some."""
    order = program.byte_order
    found = [config for config in map(Config.parse, task.configs) if order in (None, "big" if config.big_endian else "little")]
    return tuple(found) if task.tier == SYSTEMATIC else sampled(task.seed, task.number, number, found, program.slots)


def _trace_one(task: Task, result: BatchResult, compiler: Compiler, trampolines: TrampolineCompiler) -> None:
    """The ways through the compiler of one case of the batch on one configuration: a sample."""
    started = time.perf_counter()
    number = task.number % len(result.cases) if result.cases else 0
    if number in result.cases and number not in task.skip:
        # The compiler may be the end of this process here as well.
        tell(number)
        config = Config.parse(task.configs[task.number % len(task.configs)])
        try:
            program, inputs, trampoline = result.cases[number]
            if trampoline:
                known = parse(trampoline, program.source)
                _, pairs = ways(lambda: build(known, config, LAYOUTS[config.width], trampolines))
            else:
                placement = place(Case(program, inputs[0]), config)
                _, pairs = ways(lambda: compiler(placement.slots, config, placement.addresses))
            result.coverage.update((f"jit | {pair}", number) for pair in sorted(pairs))
        except Exception:
            # Judging meets the same error, and says what is to be said of it.
            pass
    result.seconds["tracing"] += time.perf_counter() - started


@dataclass(slots=True)
class _Examination:
    """One case of a batch."""

    task: Task
    result: BatchResult
    number: int
    case: Generated
    compiler: Compiler
    trampolines: TrampolineCompiler

    def run(self) -> None:
        program, inputs, trampoline = self.case
        configs = configs_of(self.task, self.number, program)
        if not configs:
            return
        if trampoline:
            self._traced(parse(trampoline, program.source), traced.some(configs))
            return
        wires = fitting(select(self.task.tripwires), self.task.engine)
        lockstep = bool(wires) and in_lockstep(self.task.engine)
        seconds = self.result.seconds
        clock = _Clock(seconds)
        images = _Images(self.compiler)
        verdicts: list[Verdict] = []
        try:
            for verdict in judge_all(program, inputs, configs, self.target, images.compiler, wires=wires, lockstep=lockstep, cpu=machine):
                if verdict.input == 0:
                    # Another image: a case that runs for long has many of them, and is alive.
                    tell(self.number)
                verdicts.append(verdict)
            clock.lap("judging")
            found = reached_in(verdicts, program, inputs[0]) if lockstep else reached_by(program, inputs, configs)
        except ProgramError as error:
            self.result.verdicts[Status.INCONCLUSIVE.name] += len(inputs) * len(configs)
            self.result.reasons[f"unusable: {error}"] += len(inputs) * len(configs)
            return
        seconds["judging"] -= images.seconds
        seconds["compiler"] += images.seconds
        first = next(iter(found.values()), Reached({}))
        self.result.executed += first.executed
        self._count(verdicts, first.rows)
        failing: dict[tuple[object, ...], list[Verdict]] = {}
        for verdict in verdicts:
            if verdict.status in FAILED:
                failing.setdefault(_alike(verdict), []).append(verdict)
        run = {verdict.config for verdict in verdicts if not verdict.repeated}
        for config in configs:
            if config in run and config in images.first and config.marked in found:
                for feature in features(found[config.marked], images.first[config]):
                    self.result.coverage.setdefault(feature, self.number)
        clock.lap("coverage")
        self.result.findings += self._findings(failing.values(), wires)
        clock.lap("findings")

    def _traced(self, known: Traced, configs: Sequence[Config]) -> None:
        """A trampoline: each call of the function is judged on each configuration."""
        clock, verdicts, calls = _Clock(self.result.seconds), self.result.verdicts, len(known.calls)
        failing: dict[str, list[tuple[Config, traced.Shown]]] = {}
        for config in configs:
            try:
                found = traced.shown(known, config, self.trampolines)
            except ProgramError as error:
                verdicts[Status.INCONCLUSIVE.name] += calls
                self.result.reasons[f"unusable: {error}"] += calls
                continue
            failed = 0 if found is None else traced.failed_calls(found, calls)
            verdicts.update({Status.AGREE.name: calls - failed, Status.DIFFER.name: failed})
            for feature in traced.features(known, config):
                self.result.coverage.setdefault(feature, self.number)
            if found is not None:
                failing.setdefault(str(found.symptom), []).append((config, found))
        clock.lap("trampolines")
        self.result.findings += [self._traced_finding(symptom, shown) for symptom, shown in failing.items()]

    def _traced_finding(self, symptom: str, shown: Sequence[tuple[Config, traced.Shown]]) -> Finding:
        program, inputs, trampoline = self.case
        return Finding(
            symptom,
            symptom,
            Status.DIFFER.name,
            program,
            inputs,
            str(shown[0][0]),
            tuple(str(config) for config, _ in shown),
            tuple(map(str, shown[0][1].differences)),
            origin=_origin(self.task, self.number),
            versions=versions(),
            row=shown[0][1].symptom.row,
            trampoline=trampoline,
        )

    @property
    def target(self) -> Target:
        """What runs the images."""
        return target(self.task.engine, self.task.confirm)

    def _count(self, verdicts: Sequence[Verdict], rows: frozenset[str]) -> None:
        result = self.result
        judged = Counter[Config]()
        for verdict in verdicts:
            result.verdicts[verdict.status.name] += 1
            if verdict.status is Status.INCONCLUSIVE:
                result.reasons[without_place(verdict.reason)] += 1
                continue
            judged[verdict.config] += 1
            result.shared += verdict.repeated
            if verdict.reason:
                result.unseen[without_address(verdict.reason)] += 1
        for config, number in judged.items():
            name = str(config)
            for row in rows:
                result.matrix[row, name] += number

    def _findings(self, failing: Iterable[list[Verdict]], wires: Sequence[Wire]) -> Iterable[Finding]:
        """One for each symptom of the case."""
        found: dict[str, Finding] = {}
        for verdicts in failing:
            one = self._finding(verdicts, wires)
            first = found.setdefault(one.symptom, one)
            found[one.symptom] = replace(first, configs=tuple(dict.fromkeys((*first.configs, *one.configs))))
        return found.values()

    def _finding(self, verdicts: Sequence[Verdict], wires: Sequence[Wire]) -> Finding:
        first = verdicts[0]
        program, inputs = self.case[:2]
        given = inputs[first.input]
        diagnosis = diagnose(Case(program, given), first, self.target, self.compiler, wires)
        return Finding(
            diagnosis.fingerprint,
            diagnosis.fingerprint,
            first.status.name,
            program,
            # Tripwires that want runs of their own look at the first input only.
            tuple(dict.fromkeys((given, inputs[0]))),
            str(first.config),
            tuple(dict.fromkeys(str(verdict.config) for verdict in verdicts)),
            tuple(str(one) for one in (*first.differences, *first.trips)),
            diagnosis.wrong,
            diagnosis.words,
            _origin(self.task, self.number),
            versions(),
            row=diagnosis.symptom.row,
        )


class _Images:
    """The compiler of one case, which compiles nothing twice: the first image of each configuration, and the seconds that all took."""

    def __init__(self, compiler: Compiler) -> None:
        self.first: dict[Config, Compiled] = {}
        self.seconds = 0.0
        self._compiler = compiler
        self._known: dict[Config, list[tuple[Sequence[Instruction], Addresses, Compiled]]] = {}

    def compiler(self, slots: Sequence[Instruction], config: Config, addresses: Addresses) -> Compiled:
        """See `fuzz.case.Compiler`."""
        known = self._known.setdefault(config, [])
        for others, elsewhere, compiled in known:
            if others == slots and elsewhere == addresses:
                return compiled
        begun = time.perf_counter()
        compiled = self._compiler(slots, config, addresses)
        known.append((slots, addresses, compiled))
        self.first.setdefault(config, compiled)
        self.seconds += time.perf_counter() - begun
        return compiled


class _Clock:
    def __init__(self, seconds: defaultdict[str, float]) -> None:
        self._seconds = seconds
        self._last = time.perf_counter()

    def lap(self, what: str) -> None:
        now = time.perf_counter()
        self._seconds[what] += now - self._last
        self._last = now


def _alike(verdict: Verdict) -> tuple[object, ...]:
    """What verdicts have in common that are looked at once: width, kinds of differences, where lockstep parts, tripwires and where they tripped.

    Two bugs in one program differ at least in where.
    """
    return (
        verdict.config.width,
        frozenset((one.kind, _EXECUTION.sub("", one.place) if one.kind == "lockstep" else "") for one in verdict.differences),
        frozenset((trip.wire, trip.slot) for trip in verdict.trips),
    )


def _origin(task: Task, number: int) -> str:
    return f"seed {task.seed}, tier {task.tier}, batch {task.number}, case {number}{', a mutant' if task.parents else ''}"


def _harness(task: Task, number: int, case: Generated, error: Exception) -> Finding:
    """An exception while judging is a mistake of the harness, and costs one case."""
    at = traceback.extract_tb(error.__traceback__)[-1]
    file = Path(at.filename)
    place_of_error = file.relative_to(_ROOT) if file.is_relative_to(_ROOT) else file
    details = (f"{named(error)} ({place_of_error}:{at.lineno})",)
    fingerprint = f"harness {type(error).__name__} {file.stem}"
    return Finding(
        fingerprint,
        fingerprint,
        HARNESS,
        case.program,
        case.inputs,
        task.configs[0],
        task.configs,
        details,
        "",
        (),
        _origin(task, number),
        versions(),
        True,
        trampoline=case.trampoline,
    )


def engine_finding(task: Task, number: int, case: Generated | None, reason: str) -> Finding:
    """A worker that died with a case. Where nobody was left to tell what the case is, its program stands for nothing, and is kept apart from those
    that are known."""
    program, inputs, trampoline = case or Generated(Program("<unknown>", ".text", (instruction("EXIT"),)), (Input(b""),))
    details = (f"the worker died: {reason}",) if case else (f"the worker died: {reason}", "the case is not known: no worker came through its batch")
    origin = _origin(task, number)
    fingerprint = f"engine {reason}" if case else f"engine {reason}, no case"
    return Finding(
        fingerprint,
        fingerprint,
        ENGINE,
        program,
        inputs,
        task.configs[0],
        task.configs,
        details,
        origin=origin,
        versions=versions(),
        reduced=True,
        trampoline=trampoline,
    )
