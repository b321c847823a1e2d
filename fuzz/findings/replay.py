"""A finding judged again, in a process of its own, because it may be one that kills its process."""

from collections.abc import Callable, Sequence
from functools import partial
from typing import NamedTuple

from ebpf.program import ProgramError
from ebpf.trampoline import parse
from ebpf.validity import check
from fuzz.campaign.pool import DeadWorkerError, WorkerPool
from fuzz.case import Case, Compiler
from fuzz.engine.abilities import fitting, in_lockstep, runs_on
from fuzz.engine.engines import ENGINES
from fuzz.engine.target import Target
from fuzz.exceptions import named
from fuzz.findings.diagnosis import diagnose
from fuzz.findings.explain import explain
from fuzz.findings.finding import HARNESS, Finding, read
from fuzz.findings.side_by_side import rendered, side_by_side
from fuzz.judge import judge_all
from fuzz.trampoline.judge import Compiler as TrampolineCompiler
from fuzz.trampoline.judge import judge as judge_trampoline
from fuzz.trampoline.target import TrampolineTarget
from fuzz.verdict import FAILED, Status, Verdict
from fuzz.wires import WIRES
from jit.compiler import compile_program
from jit.config import Config
from jit.trampoline import compile_trampoline

PASS, FAIL, CANNOT_JUDGE = 0, 1, 125

_SILENCE = 120.0


class Again(NamedTuple):
    """What came of it: lines for people, and the exit status."""

    lines: tuple[str, ...]
    status: int


def judge_again(
    path: str,
    configs: Sequence[Config] | None,
    explained: bool,
    compiler: Compiler = compile_program,
    engine: str = "both",
    trampolines: TrampolineCompiler = compile_trampoline,
) -> Again:
    """Judge the finding in a file on these configurations, or on its own. Raises ProgramError for a file that is none."""
    finding = read(path)
    check(finding.program)
    chosen = tuple(configs) if configs is not None else own_configs(finding, path)
    pool = WorkerPool(1, _SILENCE)
    try:
        if finding.trampoline:
            return pool.submit(_judge_trampoline, finding, chosen, trampolines).result()
        return pool.submit(_judge, finding, chosen, explained, compiler, engine).result()
    except DeadWorkerError as death:
        return Again((f"FAIL {path}: the engine died: {death.reason}",), FAIL)
    except Exception as error:
        # That judging raises is what such a finding is about; of others it leaves open what they would do.
        if finding.status != HARNESS:
            raise
        return Again((f"FAIL {path}: judging raised {named(error)}",), FAIL)
    finally:
        pool.shutdown(cancel_futures=True)


def own_configs(finding: Finding, path: str) -> tuple[Config, ...]:
    """Those on which it was found. Raises ProgramError."""
    try:
        return tuple(map(Config.parse, finding.configs))
    except ValueError as error:
        raise ProgramError(f"{path}: {error}") from None


def _judge_trampoline(finding: Finding, configs: Sequence[Config], compiler: TrampolineCompiler) -> Again:
    try:
        known, target = parse(finding.trampoline, "the trampoline of the finding"), TrampolineTarget()
        found = {config: judge_trampoline(known, config, target, compiler) for config in configs}
    except ProgramError as error:
        return Again((f"CANNOT JUDGE {finding.fingerprint}: {error}",), CANNOT_JUDGE)
    lines = [f"DIFFER {config}: {difference}" for config, differences in found.items() for difference in differences]
    failed = sum(map(bool, found.values()))
    status, name = (FAIL, "FAIL") if failed else (PASS, "PASS")
    return Again((*lines, f"{name} {finding.fingerprint}: the trampoline failed on {failed} of {len(configs)} configurations"), status)


def _judge(finding: Finding, configs: Sequence[Config], explained: bool, compiler: Compiler, engine: str) -> Again:
    target, wires = ENGINES[engine](), fitting(WIRES, engine)
    able = [config for config in configs if runs_on(engine, config)]
    verdicts = list(judge_all(finding.program, finding.inputs, able, target, compiler, wires=wires, lockstep=in_lockstep(engine)))
    explanation: Callable[[Verdict], str] = partial(_explanation, finding, target, compiler) if explained else lambda verdict: ""
    lines = [line for verdict in verdicts for line in _lines(verdict, explanation)]
    failed = [verdict for verdict in verdicts if verdict.status in FAILED]
    judged = [verdict for verdict in verdicts if verdict.status is not Status.INCONCLUSIVE]
    status = FAIL if failed else PASS if judged else CANNOT_JUDGE
    name = {PASS: "PASS", FAIL: "FAIL", CANNOT_JUDGE: "CANNOT JUDGE"}[status]
    lines.append(f"{name} {finding.fingerprint}: {len(failed)} of {len(judged)} judged on {len(able)} configurations failed")
    return Again(tuple(lines), status)


def _explanation(finding: Finding, target: Target, compiler: Compiler, verdict: Verdict) -> str:
    case = Case(finding.program, finding.inputs[verdict.input])
    if verdict.status is Status.ENGINE:
        return explain(case, verdict, target, compiler, WIRES)
    diagnosis = diagnose(case, verdict, target, compiler, WIRES)
    steps = rendered(side_by_side(case, verdict.config, target, compiler, WIRES, diagnosis.slot))
    wrong = f"the first wrong instruction is {diagnosis.wrong}" if diagnosis.wrong else "which instruction went wrong first is not known"
    return "\n".join((f"{wrong}; {diagnosis.fingerprint}", *steps))


def _lines(verdict: Verdict, explanation: Callable[[Verdict], str]) -> list[str]:
    if verdict.status is Status.AGREE:
        return []
    head = f"{verdict.status.name} input {verdict.input} on {verdict.config}{': ' + verdict.reason if verdict.reason else ''}"
    found = [f"    {one}" for one in (*verdict.differences, *verdict.trips)]
    if verdict.status is not Status.INCONCLUSIVE:
        found += [f"    {line}" for line in explanation(verdict).splitlines()]
    return [head, *found]
