"""Generated trampolines: image and oracle agree, and when the code of trampolines has a bug they do not."""

import random

import pytest
from hypothesis import given, settings

from ebpf.trampoline import parse
from fuzz.gen.trampolines import trampolines
from fuzz.selftest.seeded_compiler import SeededTrampolines
from fuzz.selftest.selftest import bugs
from fuzz.trampoline.judge import judge
from fuzz.trampoline.target import TrampolineTarget
from jit.config import Config

CONFIGS = tuple(Config.parse(name) for name in ("mips32r2-32be", "mips64r6-64le"))
BUGS = {bug.name: bug for bug in bugs() if bug.trampoline is not None}


@settings(max_examples=10, deadline=None)
@given(trampolines())
def test_agree(text: str) -> None:
    for config in CONFIGS:
        assert judge(parse(text, "generated"), config, TARGET) == ()


@pytest.mark.parametrize("name", ["trampoline-result-slot", "trampoline-stack-argument"])
def test_a_bug_is_found(name: str) -> None:
    """By one of the first programs."""
    compiler = SeededTrampolines(name)
    made: list[str] = []

    @settings(database=None)
    @given(trampolines())
    def make(text: str) -> None:
        made.append(text)

    for seed in range(12):
        # `given` adds the attribute, which its type does not say.
        make.hypothesis.fuzz_one_input(random.Random(seed).randbytes(8192))  # type: ignore[attr-defined]
    assert any(judge(parse(text, "generated"), BUGS[name].applies()[0], TARGET, compiler) for text in made)


TARGET = TrampolineTarget()
