"""Campaigns: the same cases whatever happens, nothing lost, nothing counted twice, and what is wrong is found."""

import os
import random
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest
from click.testing import CliRunner

from ebpf.assembler import assemble
from ebpf.program import ProgramError
from ebpf.trampoline import parse
from fuzz.campaign import run, unit
from fuzz.campaign.coverage import reached_by
from fuzz.campaign.generation import BATCH, SYSTEMATIC, Generated, _order, generate
from fuzz.campaign.minimise import minimise, reached_by_case
from fuzz.campaign.mutation import _is_sound
from fuzz.campaign.state import Plan, State
from fuzz.campaign.unit import BatchResult
from fuzz.case import Case, Input
from fuzz.cli.main import main
from fuzz.findings import replay
from fuzz.layout import place
from fuzz.suite.systematic import pieces
from fuzz.tests.campaigns import CONFIGS, Bad, Seeded, campaign, contents
from jit.compiler import compile_program
from jit.config import BASE_CONFIGS, Config, all_configs

PLAN = Plan("test", 1, "all", CONFIGS, "all", 16)


def test_same_seed_same_cases_whatever_the_number_of_jobs(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    # So that mutants are among them.
    monkeypatch.setattr(run, "_EPOCH", 2)
    one = contents(campaign(tmp_path / "one", cases=44, configs=CONFIGS[:1]))
    several = contents(campaign(tmp_path / "several", cases=44, jobs=3, ahead=7, configs=CONFIGS[:1]))
    assert one == several
    assert one["batch"]
    assert any("mutant" in str(row) for row in one["count"])
    assert sum(int(row[1]) for row in one["batch"] if isinstance(row[1], int)) == 44
    other = contents(campaign(tmp_path / "other", cases=8, seed=2))
    assert other["files of corpus"][0][1] not in [text for _, text in one["files of corpus"]]


def test_a_systematic_campaign_judges_each_suite_once(tmp_path: Path) -> None:
    count = len(pieces())
    found = generate(5, 0, SYSTEMATIC, 8)
    assert [case.program.slots for case in found] == [pieces()[at].suite.program.slots for at in _order(5)[:8]]
    assert sorted(_order(5)) == list(range(count))
    assert len(generate(5, count // BATCH, SYSTEMATIC, count % BATCH)) == count % BATCH
    state = campaign(tmp_path / "campaign", cases=4, seed=5, tier=SYSTEMATIC)
    # One of the configurations has the byte order of a case.
    assert state.counts["verdicts"]["AGREE"] == sum(len(case.inputs) for case in found[:4])
    assert not state.buckets
    assert not any("mutant" in str(name) and number for name, number in state.counts["cases"].items())


def test_a_bug_is_found_made_small_and_replayed(tmp_path: Path) -> None:
    state = campaign(tmp_path / "campaign", Seeded("load-halves"), cases=8)
    assert list(state.buckets) == ["value LDX_DW o32"]
    (found,) = state.buckets.values()
    assert found.reduced
    assert found.config == found.configs[0] == "mips32r2-32be"
    assert found.condition == "o32, big-endian"
    assert set(found.configs) == {str(config) for config in BASE_CONFIGS if config.width == 32 and config.big_endian}
    assert len(found.program.slots) <= 4
    assert "= *(u64 *)" in found.wrong
    assert any("lw" in word for word in found.words)
    path = str(state.directory / "findings" / found.file_name)
    failing = replay.judge_again(path, None, False, Seeded("load-halves"))
    assert failing.status == replay.FAIL
    assert "FAIL" in failing.lines[-1]
    assert replay.judge_again(path, None, False).status == replay.PASS
    assert replay.judge_again(path, (Config.parse("mips64r2-64le"),), False, Seeded("load-halves")).status == replay.PASS


@pytest.mark.parametrize(
    ("how", "reason"),
    [("SIGSEGV", "SIGSEGV"), ("SIGKILL", "SIGKILL"), ("exit", "SystemExit"), ("hang", "no sign of life for 8 s")],
)
def test_a_worker_that_dies_costs_the_case_under_way(tmp_path: Path, how: str, reason: str) -> None:
    # Of most programs the compiler gets other slots, with addresses in them.
    cases, config = generate(1, 0, "all", BATCH - 1), Config.parse(CONFIGS[0])
    alike = [place(Case(case.program, case.inputs[0]), config).slots == case.program.slots for case in cases]
    number = alike.index(True, 2)
    lost = cases[number]
    silence = 8 if how == "hang" else 60
    state = campaign(tmp_path / "campaign", Bad(how, lost.program.slots), cases=16, jobs=2, ahead=4, silence=silence, configs=CONFIGS[:1])
    assert list(state.buckets) == [f"engine {reason}"]
    (found,) = state.buckets.values()
    assert found.status == "ENGINE"
    assert found.program.slots == lost.program.slots
    assert found.inputs == lost.inputs
    assert f"batch 0, case {number}" in found.origin
    assert state.sightings.total() == 1
    calls = sum(len(parse(generate(1, number, "all", BATCH)[-1].trampoline, "generated").calls) for number in (0, 1))
    assert state.counts["verdicts"]["AGREE"] == 8 * 13 + calls
    assert state.counts["cases"]["generated"] == 16


def test_a_case_that_kills_where_ways_through_the_compiler_are_traced_costs_no_other(tmp_path: Path) -> None:
    """The first one of batch 0 is traced before anything is judged."""
    lost = generate(1, 0, "single", 1)[0]
    state = campaign(tmp_path / "campaign", Bad("SIGSEGV", lost.program.slots), cases=8, configs=CONFIGS[:1], tier="single")
    assert [(found.fingerprint, found.program.slots) for found in state.buckets.values()] == [("engine SIGSEGV", lost.program.slots)]
    assert state.counts["verdicts"]["AGREE"] == 7 * 8
    assert state.counts["cases"]["generated"] == 8


def _command(*arguments: str) -> list[str]:
    return [sys.executable, "-m", "fuzz", "fuzz", *arguments]


def _has_begun(directory: Path) -> bool:
    state = State(directory)
    try:
        state.resume()
    except ProgramError as error:
        if "no plan" in str(error) or "no campaign" in str(error):
            return False
        raise
    finally:
        state.close()
    return True


def test_killed_at_any_moment_it_goes_on_as_if_nothing_had_been(tmp_path: Path) -> None:
    options = ("--cases", "40", "--seed", "3", "--config", "mips32r2-32be", "--jobs", "2")
    subprocess.run(_command(*options, "--out", str(tmp_path / "whole")), check=True, capture_output=True, timeout=120)
    draw, directory, kills = random.Random(7), tmp_path / "killed", 0
    arguments = _command(*options, "--out", str(directory))
    beginning = arguments
    for _ in range(8):
        process = subprocess.Popen(arguments, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        # The start takes a second; later moments are drawn at random.
        try:
            status = process.wait(timeout=1.0 + draw.random() * 1.5)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()
            kills += 1
            arguments = _command("--resume", str(directory), "--jobs", "2") if _has_begun(directory) else beginning
            continue
        assert status == 0
        break
    else:
        subprocess.run(arguments, check=True, timeout=120)
    assert kills
    states = []
    for name in ("whole", "killed"):
        state = State(tmp_path / name)
        state.resume()
        states.append(contents(state))
        state.close()
    assert states[0] == states[1]
    assert len(states[0]["batch"]) == 5


def test_interrupted_it_ends_cleanly(tmp_path: Path) -> None:
    arguments = _command("--time", "60s", "--seed", "3", "--config", "mips32r2-32be", "--jobs", "1", "--out", str(tmp_path / "campaign"))
    process = subprocess.Popen(arguments, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, start_new_session=True)
    until = time.monotonic() + 60
    while not (tmp_path / "campaign" / "campaign.sqlite").exists() and time.monotonic() < until:
        time.sleep(0.1)
    time.sleep(2)
    os.killpg(process.pid, signal.SIGINT)
    out, err = process.communicate(timeout=60)
    assert process.returncode == 130
    assert "everything is kept" in err
    assert "Traceback" not in err
    assert "judged" in out


def test_a_full_disk_is_one_line_and_loses_nothing(tmp_path: Path) -> None:
    state = State(tmp_path / "campaign")
    state.create(PLAN)
    state.apply(_result(0, 10), 1.0)
    before = contents(state)
    (pages,) = state.database.execute("PRAGMA page_count").fetchone()
    state.database.execute(f"PRAGMA max_page_count = {pages}")
    with pytest.raises(ProgramError, match=r"campaign\.sqlite: database or disk is full; .*--resume") as caught:
        state.apply(_result(1, 20_000), 2.0)
    assert "\n" not in str(caught.value)
    state.close()
    again = State(tmp_path / "campaign")
    again.resume()
    assert contents(again) == before
    assert again.next_batch == 1


def _result(number: int, features: int) -> BatchResult:
    result = BatchResult(number)
    result.coverage = {f"feature {number} {feature}": 0 for feature in range(features)}
    result.cases = dict(enumerate(generate(1, 1, "all", 1)))
    return result


def test_results_are_counted_once_and_in_order(tmp_path: Path) -> None:
    state = State(tmp_path / "campaign")
    state.create(PLAN)
    with pytest.raises(ValueError, match="not the next"):
        state.apply(_result(1, 1), 1.0)
    state.apply(_result(0, 1), 1.0)
    with pytest.raises(ValueError, match="not the next"):
        state.apply(_result(0, 1), 1.0)


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["fuzz"], "give one of them"),
        (["fuzz", "--out", "a", "--resume", "b"], "give one of them"),
        (["fuzz", "--resume", "nothing"], "no campaign"),
        (["fuzz", "--resume", "nothing", "--seed", "1"], "are those of the campaign"),
        (["fuzz", "--out", "full"], "not empty"),
        (["fuzz", "--out", "full/file"], "File exists"),
        (["fuzz", "--out", "new", "--tier", "x"], "no tier 'x'"),
        (["fuzz", "--out", "new", "--time", "soon"], "is no time"),
        (["fuzz", "--out", "new", "--jobs", "0"], "neither auto nor"),
    ],
)
def test_unusable_arguments_are_one_line(arguments: list[str], message: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "full").mkdir()
    (tmp_path / "full" / "file").write_text("")
    result = CliRunner().invoke(main, arguments)
    assert result.exit_code == 2
    assert message in result.output
    assert not (tmp_path / "new").exists()


@pytest.mark.parametrize(
    "text", ["", "format = 1", "format = 2", "format = 2\ninputs = [{}]\n[program]\nassembly = 'x'", "\x00", "format = 2\nprogram = 3\ninputs = []"]
)
def test_a_file_that_is_no_finding_cannot_be_judged(text: str, tmp_path: Path) -> None:
    path = tmp_path / "finding.toml"
    path.write_text(text)
    result = CliRunner().invoke(main, ["replay", str(path)])
    assert result.exit_code == 125
    assert str(path) in result.output
    assert len(result.output.strip().splitlines()) == 1


@pytest.mark.parametrize("others", [(), tuple(str(config) for config in all_configs() if config not in BASE_CONFIGS)[::40]], ids=["alone", "drawn"])
def test_a_corpus_made_small_reaches_all_that_it_did(others: tuple[str, ...], tmp_path: Path) -> None:
    """On the configurations that cases were judged on, those that were drawn for their batches included."""
    state = campaign(tmp_path / "campaign", cases=96, tier="block", configs=CONFIGS[:1], others=others)
    plan = Plan("test", 1, "block", CONFIGS[:1], "all", 96, others)
    reached = reached_by_case(state, plan, compile_program)
    seen = {name for (name,) in state.database.execute("SELECT name FROM feature WHERE name NOT LIKE 'jit | %'")}
    assert frozenset().union(*reached.values()) >= seen
    dropped = minimise(state, plan, compile_program)
    left = {name for _, name in state.corpus}
    assert dropped == len(reached) - len(left) > 0
    assert frozenset().union(*(reached[name] for name in left)) >= seen
    assert left == {path.name for path in (state.directory / "corpus").iterdir()}


def test_what_is_reached_is_told_by_the_slots_of_each_program() -> None:
    """A verifier's marks are instructions of the program: what is executed has other numbers with them."""
    program = assemble("w0 = 1; w0 += 2; r1 = r0; r0 = r1; exit")
    for names in (("mips64r2-64le", "mips64r2-64be+zext"), ("mips64r2-64le+zext", "mips64r2-64be")):
        found = reached_by(program, (Input(b""),), map(Config.parse, names))
        assert set(found) == {False, True}
        plain, marked = (dict(found[which].slots) for which in (False, True))
        assert [row for ((row, _),) in plain.values()] == ["MOV32_IMM", "ADD32_IMM", "MOV64_REG", "MOV64_REG", "EXIT"]
        assert len(marked) > len(plain)
        assert [row for ((row, _),) in marked.values()][-1] == "EXIT"


def test_a_mutant_does_nothing_forbidden_on_any_input() -> None:
    # The second input makes the program read behind its context.
    program = assemble("r3 = *(u8 *)(r1 + 0)\nif r3 == 0 goto out\nr1 += 64\nr0 = *(u8 *)(r1 + 0)\nout:\nr0 = 0\nexit")
    good, bad = Input(bytes(64)), Input(b"\x01" + bytes(63))
    assert _is_sound(Generated(program, (good, good)))
    assert not _is_sound(Generated(program, (good, bad)))
    assert not _is_sound(Generated(program, (bad, good)))


def test_a_campaign_in_use_is_refused(tmp_path: Path) -> None:
    state = State(tmp_path / "campaign")
    state.create(PLAN)
    state.apply(_result(0, 1), 1.0)
    with pytest.raises(ProgramError, match="another campaign"):
        State(tmp_path / "campaign").resume()


def test_a_case_shows_with_each_image_that_it_is_alive(monkeypatch: pytest.MonkeyPatch) -> None:
    """A case that runs for long on many configurations is none that hangs."""
    told: list[object] = []
    monkeypatch.setattr(unit, "tell", told.append)
    unit.run_batch(unit.Task(1, 0, "block", 2, CONFIGS, tripwires="none"), compile_program)
    # The first one is traced before.
    assert told == [0, *[0] * (1 + len(CONFIGS)), *[1] * (1 + len(CONFIGS))]
