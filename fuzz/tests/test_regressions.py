"""The programs of corpus/regressions agree on every distinct configuration, and on some without LL and SC."""

from dataclasses import replace
from pathlib import Path

import pytest

from fuzz.judge import judge_all
from fuzz.sources import Subject, file_subjects
from fuzz.tests.test_instructions import DISTINCT
from fuzz.unicorn_target import UnicornTarget
from fuzz.verdict import Status
from jit.compiler import compile_program

REGRESSIONS = Path(__file__).parents[2] / "corpus" / "regressions"
CONFIGS = (*DISTINCT, *(replace(config, options=("nollsc",)) for config in DISTINCT if config.isa in ("mips32r2", "mips64r6")))
FILES = sorted(REGRESSIONS.glob("*.s"))


def test_there_are_regressions() -> None:
    assert FILES


@pytest.mark.parametrize("path", FILES, ids=lambda path: path.stem)
def test_agrees(path: Path, target: UnicornTarget) -> None:
    for subject in file_subjects((str(path),), None, None):
        assert isinstance(subject, Subject), subject
        configs = [config for config in CONFIGS if config.big_endian == (subject.byte_order == "big")]
        for verdict in judge_all(subject.program, subject.inputs, configs, target, compile_program):
            assert verdict.status is Status.AGREE, str(verdict)
