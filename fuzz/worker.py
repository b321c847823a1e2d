"""What a worker process does: judge one subject with the engine that it keeps.

Where the verdict is that the image did what the oracle says, what it did is compared with the answer that came with the input: so oracle and
compiler cannot be wrong together, and the oracle need not run a second time for it. Where they disagree that is reported anyway.
"""

import traceback
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import replace
from functools import cache
from pathlib import Path

from ebpf.program import ProgramError
from fuzz.case import Case, Compiler
from fuzz.engine.abilities import fitting, in_lockstep
from fuzz.engine.engines import ENGINES
from fuzz.engine.target import Target
from fuzz.exceptions import named
from fuzz.groups import Grouped
from fuzz.sources import Answer, Subject
from fuzz.tally import Images, Result, without_address
from fuzz.verdict import Status, Verdict
from fuzz.wires import select
from fuzz.wires.wire import Wire
from jit.compiler import compile_program
from jit.config import Config
from jit.shared import Shared, covering
from oracle.outcome import Outcome

_ROOT = Path(__file__).parent.parent


@cache
def _target(engine: str) -> Target:
    return ENGINES[engine]()


def judge_subject(
    subject: Subject,
    configs: Sequence[Config],
    compiler: Compiler = compile_program,
    *,
    tripwires: str = "all",
    engine: str = "both",
    explained: bool = False,
) -> Result:
    """Judge a subject on those of the configurations that have its byte order, with the tripwires and the engine of these names.

    Without any tripwire only the ends of runs are compared. If `explained`, of findings that are alike one gets an explanation.
    Any exception is a failure of this subject, so that it does not end the judging of others; a program that cannot be placed is unusable.
    """
    selected = [config for config in configs if config.big_endian == (subject.byte_order == "big")]
    judged: Counter[Config] = Counter()
    agreed: Counter[Config] = Counter()
    unseen: Counter[str] = Counter()
    findings: list[Verdict] = []
    inconclusive: list[Verdict] = []
    returned: dict[int, int] = {}
    expected_errors = 0
    wrong: dict[str, list[Config]] = {}
    failure = unusable = ""
    repeated = 0
    images = Images()
    try:
        wires = fitting(select(tripwires), engine)
        lockstep = bool(wires) and in_lockstep(engine)
        shared = Shared(universe=covering(selected)) if compiler is compile_program else compiler
        grouped = Grouped(subject.program, subject.inputs, _target(engine), wires, shared, lockstep=lockstep, images=images)
        for verdict, others in grouped.judge(selected):
            outcome, verdict = verdict.outcome, replace(verdict, outcome=None)
            everywhere = (verdict.config, *others)
            if verdict.status is Status.INCONCLUSIVE:
                expected_errors += len(everywhere) * subject.error
                inconclusive += [] if subject.error else [replace(verdict, config=config) for config in everywhere]
                continue
            judged.update(everywhere)
            if verdict.reason:
                unseen[without_address(verdict.reason)] += len(everywhere)
            if verdict.status is not Status.AGREE:
                findings.append(verdict)
                continue
            agreed.update(everywhere)
            repeated += verdict.repeated + len(others)
            if outcome is not None and outcome.return_value is not None:
                returned[verdict.input] = outcome.return_value
            for line in _contradictions(subject, verdict, outcome):
                wrong.setdefault(line, []).extend(everywhere)
        if explained:
            findings = list(_explained(subject, findings, _target(engine), compiler, wires))
    except ProgramError as error:
        unusable = str(error)
    except Exception as error:
        # Whatever it is, it is a mistake of ours: what was found before it is kept.
        failure = _exception(error)
    return Result(
        subject.name,
        subject.version,
        subject.program.source,
        subject.program.section,
        subject.byte_order,
        len(subject.inputs),
        agreed,
        judged,
        tuple(findings),
        tuple(inconclusive),
        tuple(f"{line} ({len(on)} of {len(selected)} configurations)" for line, on in wrong.items()),
        failure,
        expected_errors,
        unusable,
        unseen,
        subject.program.context,
        Counter(returned.values()) if subject.packets else {},
        repeated,
        images,
    )


def _exception(error: Exception) -> str:
    """Type, message and the place where it was raised, in one line."""
    at = traceback.extract_tb(error.__traceback__)[-1]
    file = Path(at.filename)
    place = file.relative_to(_ROOT) if file.is_relative_to(_ROOT) else file
    return f"{named(error)} ({place}:{at.lineno})"


def _explained(subject: Subject, findings: Sequence[Verdict], target: Target, compiler: Compiler, wires: Sequence[Wire]) -> Iterator[Verdict]:
    """The findings, and with the first of those that are put together in a report its explanation."""
    known = set[tuple[object, ...]]()
    for verdict in findings:
        if (key := (verdict.input, verdict.differences, verdict.trips)) in known:
            yield verdict
            continue
        known.add(key)
        from fuzz.findings.explain import explain

        case = Case(subject.program, subject.inputs[verdict.input])
        yield replace(verdict, explanation=explain(case, verdict, target, compiler, wires))


def _contradictions(subject: Subject, verdict: Verdict, outcome: Outcome | None) -> Iterator[str]:
    """What oracle and image agree about and the answer does not."""
    if outcome is None:
        return
    if subject.error and outcome.fault is None:
        yield f"input {verdict.input}: an error is expected, but the program exits with {outcome.return_value:#x}"
    if not subject.answers:
        return
    answer: Answer = subject.answers[verdict.input]
    if outcome.fault is not None:
        yield f"input {verdict.input}: expected r0 = {answer.r0:#x}, got {outcome.fault}"
        return
    r0 = outcome.registers[0] if outcome.registers[0] is not None else outcome.return_value
    if r0 != answer.r0:
        yield f"input {verdict.input}: expected r0 = {answer.r0:#x}, got {r0:#x}"
    after = outcome.memory["context"]
    if answer.after is not None and after != answer.after:
        at = next(at for at, (ours, theirs) in enumerate(zip(after, answer.after, strict=True)) if ours != theirs)
        yield f"input {verdict.input}: expected context[{at}:] = {answer.after[at : at + 8].hex(' ')}, got {after[at : at + 8].hex(' ')}"
