"""For tests: that a compiler is right about a case, and when it is not, what a person needs to know.

    assertion fails ─► assembly listing, configuration, what differs, the first wrong instruction and its MIPS words, and a file with the command
                       that replays it

Hypothesis runs a failing test again and again while it shrinks, and the last failure is that of the smallest case: its file replaces those before it
that have the same fingerprint.
"""

from collections.abc import Iterator, Sequence
from dataclasses import replace
from pathlib import Path

from ebpf.disassembler import disassemble
from fuzz.case import Case, Compiler
from fuzz.engine.target import Target
from fuzz.findings.diagnosis import diagnose
from fuzz.findings.finding import Finding, text, versions
from fuzz.gen.program import GeneratedCase
from fuzz.judge import judge_all
from fuzz.verdict import Status, Verdict
from fuzz.wires import WIRES
from fuzz.wires.wire import Wire
from jit.compiler import compile_program
from jit.config import Config

FINDINGS = Path(".hypothesis") / "findings"
"""Where files of failures go, beside the example database of Hypothesis."""


def assert_agrees(
    case: GeneratedCase,
    configs: Sequence[Config],
    target: Target,
    compiler: Compiler = compile_program,
    wires: Sequence[Wire] = WIRES,
    directory: Path = FINDINGS,
) -> None:
    """Judge a case on configurations. Raises AssertionError for the first verdict that is not AGREE."""
    for verdict in judge_all(case.program, case.inputs, configs, target, compiler, wires=wires):
        if verdict.status is not Status.AGREE:
            raise AssertionError("\n".join(_report(case, verdict, target, compiler, wires, directory)))


def _report(case: GeneratedCase, verdict: Verdict, target: Target, compiler: Compiler, wires: Sequence[Wire], directory: Path) -> Iterator[str]:
    yield ""
    for number, line in enumerate(disassemble(case.program.slots)):
        if line:
            yield f"{number:4}: {line}"
    yield str(verdict)
    if verdict.status is Status.INCONCLUSIVE:
        return
    finding = _finding(case, verdict, target, compiler, wires)
    yield f"first wrong: {finding.wrong or 'not known'}"
    yield from (f"    {word}" for word in finding.words)
    directory.mkdir(parents=True, exist_ok=True)
    path = directory / finding.file_name
    path.write_text(text(finding))
    yield f"bpfmips replay {path}"


def _finding(case: GeneratedCase, verdict: Verdict, target: Target, compiler: Compiler, wires: Sequence[Wire]) -> Finding:
    given = case.inputs[verdict.input]
    alone = replace(verdict, input=0)
    diagnosis = diagnose(Case(case.program, given), alone, target, compiler, wires)
    config = str(verdict.config)
    details = tuple(str(detail) for detail in (*verdict.differences, *verdict.trips))
    return Finding(
        diagnosis.fingerprint,
        diagnosis.fingerprint,
        verdict.status.name,
        case.program,
        (given,),
        config,
        (config,),
        details,
        diagnosis.wrong,
        diagnosis.words,
        "property test",
        versions(),
        row=diagnosis.symptom.row,
    )
