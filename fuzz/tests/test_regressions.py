"""The programs of corpus/regressions agree on every distinct configuration, and on some with options."""

from pathlib import Path

import pytest

from fuzz.judge import judge_all
from fuzz.sources import Subject, file_subjects
from fuzz.tests.test_instructions import DISTINCT
from fuzz.unicorn_target import UnicornTarget
from fuzz.verdict import Status
from jit.compiler import compile_program
from jit.config import Config

REGRESSIONS = Path(__file__).parents[2] / "corpus" / "regressions"
OPTIONS = tuple(Config.parse(name) for name in ("mips32r2-32be+nollsc", "mips64r6-64le+nollsc", "mips64r2-64be+loongson3", "mips64r2-32le+loongson3"))
CONFIGS = (*DISTINCT, *OPTIONS)
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
