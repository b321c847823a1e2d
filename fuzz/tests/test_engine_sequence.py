"""The smallest sequence that shows a disagreement of engines: what is left of an image, and what is not taken for one."""

from collections.abc import Sequence
from dataclasses import replace

import pytest

from ebpf.assembler import assemble
from fuzz.abi import RA
from fuzz.case import Case, Input
from fuzz.engine import engines
from fuzz.engine import sequence as engine_sequence
from fuzz.engine.all_engines import All
from fuzz.engine.sequence import Smallest, smallest
from fuzz.engine.target import Run
from fuzz.findings import replay
from fuzz.findings.explain import explain
from fuzz.findings.finding import Finding
from fuzz.judge import judge_all
from fuzz.layout import Placement
from fuzz.model.target import ModelTarget
from fuzz.recording.record import Recording
from fuzz.tests.images import CONFIGS, MEMORY
from fuzz.verdict import Status
from jit.compiled import Compiled
from jit.compiler import compile_program
from jit.config import Config
from jit.mips import decode
from oracle.outcome import Fault

PROGRAM = """
    r3 = *(u32 *)(r1 + 0)
    r4 = *(u32 *)(r1 + 4)
    r5 = 3
again:
    r3 += r4
    r4 ^= 1234
    r5 += -1
    if r5 != 0 goto again
    *(u32 *)(r1 + 8) = r3
    r0 = r4
    r0 -= 7
    exit
"""


class Wrong(ModelTarget):
    """An engine with a fault: an image that has an instruction of this name returns another value, and everything else is right."""

    def __init__(self, mnemonic: str) -> None:
        super().__init__()
        self._mnemonic = mnemonic
        self._here = False
        self.ends: list[Fault | None] = []

    def load(self, compiled: Compiled, placement: Placement) -> None:
        super().load(compiled, placement)
        names = [mnemonic(word, compiled.config) for word in compiled.words]
        self._here = self._mnemonic in names

    def run(self, placement: Placement, recordings: frozenset[Recording] = frozenset()) -> Run:
        run = super().run(placement, recordings)
        self.ends.append(run.outcome.fault)
        value = run.outcome.return_value
        return run if value is None or not self._here else replace(run, outcome=replace(run.outcome, return_value=value ^ 1))

    def screen(self, inputs: Sequence[tuple[Placement, Run]], recordings: frozenset[Recording] = frozenset(), variants: int = 0) -> list[int]:
        return [1] * len(inputs) if self._here else super().screen(inputs, recordings, variants)


def mnemonic(word: int, config: Config) -> str:
    found = decode(word, config.isa)
    return found[0].mnemonic if found else "?"


def case() -> Case:
    return Case(assemble(PROGRAM, "test"), Input(MEMORY))


def both(wrong: str) -> All:
    return All(ModelTarget(), {"qemu": Wrong(wrong)})


def reduced(config: Config, wrong: str) -> Smallest:
    found = smallest(case(), config, both(wrong), compile_program)
    assert found is not None
    return found


@pytest.mark.parametrize("config", CONFIGS, ids=str)
def test_what_is_left_is_the_instruction_and_the_return(config: Config) -> None:
    found = reduced(config, "xori")
    assert found.minimal
    left = [found.compiled.words[at] for at in found.words]
    assert [mnemonic(word, config) for word in left][:1] == ["xori"]
    assert len(left) == 2
    assert left[1] >> 21 & 31 == RA
    assert [difference.place for difference in found.disagreements] == ["qemu: return value"]


@pytest.mark.parametrize("config", CONFIGS[:4], ids=str)
def test_an_image_that_runs_on_is_not_given_to_other_engines(config: Config) -> None:
    """The engine is wrong about the branch of a loop, which runs on when the wrong words are gone; some engines take seconds to say so."""
    wanted = "bnezc" if "r6" in config.isa else "bne"
    wrong = Wrong(wanted)
    found = smallest(case(), config, All(ModelTarget(), {"qemu": wrong}), compile_program)
    assert found is not None
    assert wanted in [mnemonic(found.compiled.words[at], config) for at in found.words]
    assert wrong.ends
    assert not any(wrong.ends)


def test_what_the_architecture_leaves_undefined_is_not_taken(monkeypatch: pytest.MonkeyPatch) -> None:
    """A word operand of a 64-bit CPU must be sign-extended: what does that stays with the instruction that needs it."""
    config = Config.parse("mips64r2-64le")
    words = Case(assemble("r3 = *(u64 *)(r1 + 0); r4 = *(u64 *)(r1 + 8); w3 /= w4; r0 = r3; exit", "test"), Input(bytes(range(1, 255, 3))))

    def left() -> list[str]:
        found = smallest(words, config, both("divu"), compile_program)
        assert found is not None
        return [mnemonic(found.compiled.words[at], config) for at in found.words]

    assert left() == ["sll", "sll", "divu", "jr"]
    monkeypatch.setattr(engine_sequence, "RULES", ())
    assert left() == ["divu", "jr"]


def test_engines_that_agree() -> None:
    assert smallest(case(), CONFIGS[0], All(ModelTarget(), {"qemu": ModelTarget()}), compile_program) is None


def test_the_explanation_of_a_verdict() -> None:
    target, config = both("xori"), CONFIGS[1]
    verdict = next(judge_all(case().program, [case().input], [config], target, compile_program))
    assert verdict.status is Status.ENGINE
    lines = explain(case(), verdict, target, compile_program, ()).splitlines()
    assert lines[0] == "engines disagree, which is no fault of the compiler; the smallest sequence that shows it:"
    assert sum(" xori " in line for line in lines) == 1
    assert "engine qemu: return value: expected " in lines[-1]
    assert len(lines) <= 7


def test_replay_explains(monkeypatch: pytest.MonkeyPatch) -> None:
    target, config = both("xori"), CONFIGS[1]
    finding = Finding("test", "test", "ENGINE", case().program, (case().input,), str(config), (str(config),), ())
    monkeypatch.setattr(replay, "ENGINES", {**engines.ENGINES, "all": lambda: target})
    again = replay._judge(finding, [config], True, compile_program, "all")
    assert again.status == replay.FAIL
    assert any(" xori " in line for line in again.lines)
    assert not any("first wrong instruction" in line for line in again.lines)
