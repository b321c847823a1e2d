"""In a campaign the model runs everything, and Unicorn some of it: what it is asked, and what becomes of a disagreement."""

from collections.abc import Sequence
from dataclasses import replace

import pytest

from fuzz.campaign import unit
from fuzz.campaign.unit import Task, run_batch
from fuzz.engine.engines import Both
from fuzz.engine.target import Run
from fuzz.layout import Placement
from fuzz.recording.record import Recording
from fuzz.tests.campaigns import CONFIGS, Seeded
from fuzz.unicorn.target import UnicornTarget
from jit.compiled import Compiled
from jit.compiler import compile_program

TASK = Task(1, 0, "all", 4, CONFIGS, tripwires="none")


class Second(UnicornTarget):
    """Unicorn, which counts what it is given, and takes a bit of the result for another one when it is wrong."""

    def __init__(self, wrong: bool) -> None:
        super().__init__()
        self.wrong = wrong
        self.loads = 0

    def load(self, compiled: Compiled, placement: Placement) -> None:
        self.loads += 1
        super().load(compiled, placement)

    def run(self, placement: Placement, recordings: frozenset[Recording] = frozenset()) -> Run:
        run = super().run(placement, recordings)
        value = run.outcome.return_value
        return run if not self.wrong or value is None else replace(run, outcome=replace(run.outcome, return_value=value ^ 1))

    def screen(self, inputs: Sequence[tuple[Placement, Run]], recordings: frozenset[Recording] = frozenset(), variants: int = 0) -> list[int]:
        found = super().screen(inputs, recordings, variants)
        return [1] * len(found) if self.wrong else found


def engines(monkeypatch: pytest.MonkeyPatch, confirm: int, wrong: bool = False) -> Second:
    both, second = Both(confirm), Second(wrong)
    monkeypatch.setattr(both, "_unicorn", second)
    monkeypatch.setattr(unit, "target", lambda *_: both)
    return second


def test_of_so_many_images_one_is_confirmed(monkeypatch: pytest.MonkeyPatch) -> None:
    loads = []
    for confirm in (1, 3, 1 << 32):
        second = engines(monkeypatch, confirm)
        result = run_batch(TASK, compile_program)
        assert not result.findings
        assert result.verdicts["AGREE"] == 4 * 8 * len(CONFIGS)
        loads.append(second.loads)
    assert loads[0] == 4 * len(CONFIGS)
    assert 0 < loads[1] < loads[0]
    assert loads[2] == 0


def test_a_finding_is_confirmed_always(monkeypatch: pytest.MonkeyPatch) -> None:
    second = engines(monkeypatch, 1 << 32)
    result = run_batch(replace(TASK, cases=8), Seeded("load-halves"))
    assert result.verdicts["DIFFER"]
    assert {finding.status for finding in result.findings} == {"DIFFER"}
    assert second.loads


def test_a_disagreement_is_a_finding_about_the_engines(monkeypatch: pytest.MonkeyPatch) -> None:
    engines(monkeypatch, 1, wrong=True)
    result = run_batch(TASK, compile_program)
    assert set(result.verdicts) == {"ENGINE"}
    assert {finding.status for finding in result.findings} == {"ENGINE"}
    assert any("return value" in detail for finding in result.findings for detail in finding.details)
    assert engines(monkeypatch, 1 << 32, wrong=True).loads == 0
    assert set(run_batch(TASK, compile_program).verdicts) == {"AGREE"}
