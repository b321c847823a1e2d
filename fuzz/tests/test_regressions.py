"""The programs of corpus/regressions agree on every distinct configuration and on some with options, findings on those on which they failed."""

from pathlib import Path

import pytest

from ebpf.assembler import assemble
from fuzz.case import Compiler, Input
from fuzz.findings.finding import Finding, read, text
from fuzz.judge import judge_all
from fuzz.selftest.seeded_compiler import SeededCompiler
from fuzz.sources import Subject, file_subjects
from fuzz.tests.test_instructions import DISTINCT
from fuzz.unicorn.target import UnicornTarget
from fuzz.verdict import Status
from jit.compiler import compile_program
from jit.config import Config

REGRESSIONS = Path(__file__).parents[2] / "corpus" / "regressions"
OPTIONS = tuple(Config.parse(name) for name in ("mips32r2-32be+nollsc", "mips64r6-64le+nollsc", "mips64r2-64be+loongson3", "mips64r2-32le+loongson3"))
CONFIGS = (*DISTINCT, *OPTIONS)
FILES = sorted(REGRESSIONS.glob("*.s"))
FINDINGS = sorted(REGRESSIONS.glob("*.toml"))


def test_there_are_regressions() -> None:
    assert FILES


@pytest.mark.parametrize("path", FILES, ids=lambda path: path.stem)
def test_agrees(path: Path, target: UnicornTarget) -> None:
    for subject in file_subjects((str(path),), None, None):
        assert isinstance(subject, Subject), subject
        configs = [config for config in CONFIGS if config.big_endian == (subject.byte_order == "big")]
        for verdict in judge_all(subject.program, subject.inputs, configs, target, compile_program):
            assert verdict.status is Status.AGREE, str(verdict)


def _failing(path: Path, target: UnicornTarget, compiler: Compiler = compile_program) -> list[str]:
    found = read(str(path))
    configs = [Config.parse(name) for name in found.configs]
    verdicts = list(judge_all(found.program, found.inputs, configs, target, compiler))
    assert len(verdicts) == len(configs) * len(found.inputs)
    return [str(verdict) for verdict in verdicts if verdict.status is not Status.AGREE]


def test_fixed_findings_do_not_fail(target: UnicornTarget) -> None:
    assert {path.name: failing for path in FINDINGS if (failing := _failing(path, target))} == {}


def test_a_finding_that_fails_again_is_seen(tmp_path: Path, target: UnicornTarget) -> None:
    program = assemble("r0 = 7; r1 = 3; r0 -= r1; exit", "finding")
    configs = ("mips64r2-64le", "mips32r2-32be")
    path = tmp_path / "finding.toml"
    path.write_text(text(Finding("value SUB64", "value SUB64", "DIFFER", program, (Input(b""),), configs[0], configs, ())))
    assert _failing(path, target) == []
    (failing,) = _failing(path, target, SeededCompiler("sub64-order"))
    assert failing.startswith("mips64r2-64le")
