"""What people are told: the first wrong instruction side by side, the MIPS words at a trip, and the options that ask for it."""

import json
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import pytest
from click.testing import CliRunner

from ebpf.assembler import assemble
from ebpf.instruction import Instruction
from ebpf.opcodes import BY_NAME
from fuzz.case import Case, Input
from fuzz.cli.main import main
from fuzz.engine.target import Run
from fuzz.findings.diagnosis import diagnose
from fuzz.findings.explain import explain
from fuzz.findings.side_by_side import side_by_side
from fuzz.judge import judge
from fuzz.layout import LAYOUTS, Placement, place
from fuzz.recording.record import Recording
from fuzz.tests.images import CONFIGS
from fuzz.unicorn.target import UnicornTarget
from fuzz.verdict import Status
from fuzz.wires import NAMES, WIRES
from fuzz.worker import judge_subject
from jit.compiled import Addresses, Compiled
from jit.compiler import compile_program
from jit.config import Config
from jit.mips import rows

CASE = Case(assemble("r2 = 5\nr0 = 3\nr0 += r2\nr3 = r0\nr0 = 1\nexit", "example"), Input(b"1234"))


def subtracts(slots: Sequence[Instruction], config: Config, addresses: Addresses) -> Compiled:
    """A compiler that takes r0 += r2 for r0 -= r2."""
    add, sub = (BY_NAME[name].opcode for name in ("ADD64_REG", "SUB64_REG"))
    return compile_program([slot._replace(opcode=sub) if slot.opcode == add else slot for slot in slots], config, addresses)


def writes_k0(slots: Sequence[Instruction], config: Config, addresses: Addresses) -> Compiled:
    """A compiler that adds a word to the code of instruction 2, where it is never executed."""
    compiled = compile_program(slots, config, addresses)
    return replace(compiled, words=(*compiled.words, rows(config)["ori"].encode(26, 26, 0)), slot_of=(*compiled.slot_of, 2))


def both(slots: Sequence[Instruction], config: Config, addresses: Addresses) -> Compiled:
    """A compiler with both mistakes."""
    compiled = subtracts(slots, config, addresses)
    return replace(compiled, words=(*compiled.words, rows(config)["ori"].encode(26, 26, 0)), slot_of=(*compiled.slot_of, 2))


@pytest.mark.parametrize("config", CONFIGS, ids=str)
def test_the_first_wrong_instruction(target: UnicornTarget, config: Config) -> None:
    verdict = judge(CASE, config, target, subtracts)
    assert verdict.differences[-1].kind == "lockstep"
    lines = explain(CASE, verdict, target, subtracts, WIRES).splitlines()
    assert lines[0] == "the first wrong instruction is 2, after 2 others: r0 += r2"
    assert any("subu" in line for line in lines[1:])
    row = next(line.split() for line in lines if line.split()[0] == "r0")
    assert row == ["r0", "0x3", "0x8", "0xfffffffffffffffe", "<"]
    assert sum(line.endswith("<") for line in lines) == 1


@pytest.mark.parametrize("config", CONFIGS, ids=str)
def test_where_a_wire_tripped(target: UnicornTarget, config: Config) -> None:
    verdict = judge(CASE, config, target, writes_k0)
    assert verdict.status is Status.TRIPPED
    lines = explain(CASE, verdict, target, writes_k0, WIRES).splitlines()
    assert lines[0] == "instruction 2: r0 += r2"
    assert [line.endswith("ori $k0, $k0, 0  <") for line in lines] == [False] * (len(lines) - 1) + [True]


@pytest.mark.parametrize("config", CONFIGS, ids=str)
def test_where_a_wire_tripped_beside_a_wrong_instruction(target: UnicornTarget, config: Config) -> None:
    verdict = judge(CASE, config, target, both)
    assert verdict.status is Status.DIFFER
    lines = explain(CASE, verdict, target, both, WIRES).splitlines()
    assert lines[0] == "the first wrong instruction is 2, after 2 others: r0 += r2"
    assert lines.count("instruction 2: r0 += r2") == 1
    assert sum(line.endswith("ori $k0, $k0, 0  <") for line in lines[lines.index("instruction 2: r0 += r2") :]) == 1


@pytest.mark.parametrize("config", CONFIGS, ids=str)
def test_a_trip_tells_the_address_of_its_word(target: UnicornTarget, config: Config) -> None:
    placed = place(CASE, config)
    last = len(writes_k0(placed.slots, config, placed.addresses).words) - 1
    address = LAYOUTS[config.width].image + 4 * last
    (trip,) = judge(CASE, config, target, writes_k0).trips
    assert (trip.word, trip.address) == (last, address)
    assert f"word {last} at {address:#x} (instruction 2)" in str(trip)


def never_ends(slots: Sequence[Instruction], config: Config, addresses: Addresses) -> Compiled:
    """A compiler of a loop."""
    compiled = compile_program(slots, config, addresses)
    return replace(compiled, words=(rows(config)["beq"].encode(0, 0, -1), 0, *compiled.words[2:]))


def test_what_never_ends_is_stopped_soon_whoever_runs_it_again(target: UnicornTarget, monkeypatch: pytest.MonkeyPatch) -> None:
    config = CONFIGS[0]
    verdict = judge(CASE, config, target, never_ends)
    limits, run = [], target.run

    def noted(placement: Placement, recordings: frozenset[Recording] = frozenset()) -> Run:
        limits.append(placement.instruction_limit)
        return run(placement, recordings)

    monkeypatch.setattr(target, "run", noted)
    assert explain(CASE, verdict, target, never_ends, WIRES)
    assert side_by_side(CASE, config, target, never_ends, WIRES, None)
    assert diagnose(CASE, verdict, target, never_ends, WIRES).symptom
    assert len(limits) == 3
    assert max(limits) < 2000


def test_no_image_no_explanation(target: UnicornTarget) -> None:
    def refuse(slots: Sequence[Instruction], config: Config, addresses: Addresses) -> Compiled:
        raise NotImplementedError

    verdict = judge(CASE, CONFIGS[0], target, refuse)
    assert explain(CASE, verdict, target, refuse, WIRES) == ""


def _check(path: Path, *options: str) -> str:
    source = path / "a.s"
    source.write_text("r2 = 5; r3 = r2; r0 = 3; r0 += r2; exit")
    return CliRunner().invoke(main, ["check", str(source), "--jobs", "1", "--config", "mips32r2-32le", *options]).output


def test_explain_in_check(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setattr(judge_subject, "__defaults__", (subtracts,))
    assert "the first wrong instruction is 3, after 3 others: r0 += r2" in _check(tmp_path, "--explain")
    assert "the first wrong instruction" not in _check(tmp_path)


def test_tripwires_in_check(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setattr(judge_subject, "__defaults__", (writes_k0,))
    assert "abi: " in _check(tmp_path)
    assert "abi: " in _check(tmp_path, "--tripwires", "memory,abi")
    assert "abi: " not in _check(tmp_path, "--tripwires", "none")
    (trip, *_) = json.loads(_check(tmp_path, "--json"))["results"][0]["findings"][0]["trips"]
    assert trip["address"] == LAYOUTS[32].image + 4 * trip["word"]
    assert "--tripwires: unknown tripwire 'nonsense'" in _check(tmp_path, "--tripwires", "nonsense")


def test_list_of_tripwires() -> None:
    listed = CliRunner().invoke(main, ["tripwires"]).output.splitlines()
    assert [line.split()[0] for line in listed if not line.startswith(" ")] == list(NAMES)
