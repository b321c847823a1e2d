"""Trampolines in campaigns: judged, counted, kept; what is wrong with one is found, made small and replayed."""

from collections import Counter
from pathlib import Path

import pytest
from click.testing import CliRunner

from ebpf.trampoline import parse
from fuzz.campaign import traced
from fuzz.campaign.generation import BATCH, generate
from fuzz.campaign.generation import traced as as_case
from fuzz.campaign.minimise import features_of
from fuzz.campaign.mutation import mutate
from fuzz.cli.main import main
from fuzz.findings import replay
from fuzz.findings.finding import read
from fuzz.selftest.seeded_compiler import SeededTrampolines
from fuzz.selftest.selftest import bugs
from fuzz.tests.campaigns import CONFIGS, campaign
from jit.compiler import compile_program
from jit.config import BASE_CONFIGS, Config


def test_the_last_case_of_a_batch_is_one() -> None:
    for number in (0, 5):
        assert [bool(case.trampoline) for case in generate(1, number, "all", BATCH)] == [False] * (BATCH - 1) + [True]
    assert all(case.trampoline for case in generate(1, 0, "trampoline", BATCH))
    assert not any(case.trampoline for case in generate(1, 0, "single", BATCH))
    assert generate(1, 3, "trampoline", 2) == generate(1, 3, "trampoline", 2) != generate(2, 3, "trampoline", 2)


def test_each_call_is_judged_on_each_configuration_and_what_is_reached_is_kept(tmp_path: Path) -> None:
    state = campaign(tmp_path / "campaign", cases=BATCH, tier="trampoline")
    cases = generate(1, 0, "trampoline", BATCH)
    calls = sum(len(parse(case.trampoline, "generated").calls) for case in cases)
    assert Counter(state.counts["verdicts"]) == {"AGREE": len(CONFIGS) * calls, "DIFFER": 0, "shared": 0}
    assert not state.buckets
    assert any("jit" in name and "trampoline" in name for name in state.features)
    kept = [state.parents(name) for _, name in state.corpus]
    assert kept
    assert {case.trampoline for case in kept} <= {case.trampoline for case in cases}
    named = {name for name in state.features if f"| {traced.ROW} |" in name}
    configs = tuple(map(Config.parse, CONFIGS))
    assert named == set().union(*(features_of(case, configs, compile_program) for case in kept))
    assert any(name.startswith("o32 32r1-r5 | TRAMPOLINE | argument") and name.endswith("| stack") for name in named)


@pytest.mark.parametrize(
    ("name", "fingerprint"), [("trampoline-packed-pairs", "trampoline (events) - o32"), ("trampoline-misaligned", "trampoline (abi) -")]
)
def test_a_bug_is_found_made_small_and_replayed(name: str, fingerprint: str, tmp_path: Path) -> None:
    bug, config = SeededTrampolines(name), str(next(each for each in bugs() if each.name == name).applies()[0])
    state = campaign(tmp_path / "campaign", cases=6, tier="trampoline", trampolines=bug, configs=(config,))
    assert fingerprint in state.buckets
    found = state.buckets[fingerprint]
    assert found.reduced
    known = parse(found.trampoline, "found")
    assert len(known.trampoline.programs) == len(known.calls) == 1
    path = state.directory / "findings" / found.file_name
    assert read(str(path)).trampoline == found.trampoline
    assert replay.judge_again(str(path), None, False, trampolines=bug).status == replay.FAIL
    assert replay.judge_again(str(path), None, False).status == replay.PASS
    shown = CliRunner().invoke(main, ["replay", str(path)])
    assert (shown.exit_code, shown.output.split()[0]) == (0, "PASS")
    assert CliRunner().invoke(main, ["export", str(path), "--as", "data"]).exit_code == 2
    assert found.trampoline.splitlines()[0] in CliRunner().invoke(main, ["export", str(path), "--as", "markdown"]).output


def test_what_is_left_out_of_a_finding_is_all_that_can_be() -> None:
    text = as_case(generate(1, 0, "trampoline", 1)[0].trampoline).trampoline
    small = parse(traced._small(text, lambda each: "calls" in each and "kernel" in each and _parses(each)), "small")
    assert len(small.trampoline.programs) == len(small.calls) == 1


def _parses(text: str) -> bool:
    try:
        parse(text, "small")
    except Exception:
        return False
    return True


def test_they_have_no_mutants() -> None:
    program, trampoline = generate(1, 0, "all", 1)[0], generate(1, 0, "trampoline", 1)[0]
    assert mutate(1, 0, (trampoline,), 4) == ([], 0)
    found, _ = mutate(1, 0, (program, trampoline), 4)
    assert found
    assert not any(case.trampoline for case in found)


def test_some_configurations_of_many() -> None:
    assert traced.some(BASE_CONFIGS[:3]) == BASE_CONFIGS[:3]
    assert {config.width for config in traced.some(BASE_CONFIGS)} == {32, 64}
    assert len(traced.some(BASE_CONFIGS)) < 8
