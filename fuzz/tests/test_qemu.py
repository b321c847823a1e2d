"""QEMU in user mode: its processes, what several engines together say, and what is said where it is not installed."""

import os
import re
import signal
import subprocess
from collections.abc import Iterator, Sequence
from dataclasses import replace
from functools import partial
from pathlib import Path

import pytest
from click.testing import CliRunner

from ebpf.assembler import assemble
from fuzz.case import Case, Input
from fuzz.cli.main import main
from fuzz.engine import abilities
from fuzz.engine.all_engines import All, in_kernel_area
from fuzz.engine.target import Run
from fuzz.findings.diagnosis import diagnose
from fuzz.findings.explain import explain
from fuzz.judge import judge_all
from fuzz.layout import KERNEL_AREAS, LAYOUTS, Placement, moved, place
from fuzz.model.target import ModelTarget
from fuzz.qemu.machine import Machine, MachineError, Stop
from fuzz.qemu.models import missing, model
from fuzz.qemu.target import QemuTarget
from fuzz.recording.record import Recording
from fuzz.selftest.selftest import bugs
from fuzz.tests.images import CONFIGS, MEMORY, V0, image, placement
from fuzz.verdict import Status
from jit.compiler import compile_program
from jit.config import BASE_CONFIGS, Config, all_configs
from jit.mips import decode
from oracle.outcome import Fault, FaultKind

installed = pytest.mark.skipif(bool(missing()), reason=missing())

# A main program and a function that call each other's epilogues: exit words that are passed more than once.
CALLS = """
    *(u64 *)(r10 - 8) = r1
    r6 = r1
    call f
    r0 += 1
    *(u64 *)(r6 + 0) = r0
    exit
f:
    r0 = *(u64 *)(r1 + 8)
    if r0 > 5 goto out
    r0 = 7
out:
    exit
"""


# The exit word lies in the forbidden slot of a compact branch, and as programs call each other the run goes on from there in small steps.
BEHIND_A_BRANCH = """
    .map table prog_array 4 4 2
    .program table 1 target
    r6 = r1
    r2 = map_fd 0
    r3 = 1
    call 12
    r0 = 0
    exit
target:
    r0 = 0
again:
    r0 += 1
    if w0 < 3 goto again
    exit
"""


class Wrong(QemuTarget):
    """An engine with a fault: it returns another value."""

    def run(self, placement: Placement, recordings: frozenset[Recording] = frozenset()) -> Run:
        run = super().run(placement, recordings)
        return replace(run, outcome=replace(run.outcome, return_value=(run.outcome.return_value or 0) ^ 1))


@pytest.fixture
def closing() -> Iterator[list[QemuTarget]]:
    targets: list[QemuTarget] = []
    yield targets
    for target in targets:
        target.close()


def test_every_configuration_has_a_cpu() -> None:
    assert {model(config).program for config in BASE_CONFIGS} == {"qemu-mips", "qemu-mipsel", "qemu-mips64", "qemu-mips64el"}
    assert model(Config.parse("mips64r2-64le+loongson3")).cpu == "Loongson-3A1000"
    assert model(Config.parse("mips3-64le+loongson2f-nop")).cpu == "Loongson-2F"


@installed
def test_qemu_has_all_of_the_models() -> None:
    wanted = {model(config) for config in all_configs()}
    for program in {one.program for one in wanted}:
        printed = subprocess.run([program, "-cpu", "help"], capture_output=True, text=True, check=False).stdout
        assert {one.cpu for one in wanted if one.program == program} <= set(re.findall("'(.*)'", printed))


@installed
@pytest.mark.parametrize("config", CONFIGS, ids=str)
def test_a_compiled_program(qemu: QemuTarget, config: Config) -> None:
    verdicts = list(judge_all(assemble(CALLS, "test"), [Input(MEMORY), Input(bytes(16))], [config], qemu, compile_program, wires=(), lockstep=False))
    assert [str(verdict) for verdict in verdicts if verdict.status is not Status.AGREE] == []


@installed
def test_a_wrong_answer_differs(qemu: QemuTarget) -> None:
    config = CONFIGS[1]
    qemu.load(image(config, [("addiu", V0, 0, 43)]), placement(config))
    assert qemu.run(placement(config)).outcome.return_value == 43


@installed
def test_an_engine_that_is_wrong_is_blamed_and_not_the_compiler(closing: list[QemuTarget]) -> None:
    closing.append(wrong := Wrong())
    target = All(ModelTarget(), {"qemu": wrong})
    verdicts = list(judge_all(assemble(CALLS, "test"), [Input(MEMORY)], CONFIGS[:2], target, compile_program))
    assert [verdict.status for verdict in verdicts] == [Status.ENGINE] * 2
    assert str(verdicts[0].differences[0]).startswith("engine qemu: return value: expected ")


@installed
def test_engines_agree(qemu: QemuTarget) -> None:
    target = All(ModelTarget(), {"qemu": qemu})
    verdicts = list(judge_all(assemble(CALLS, "test"), [Input(MEMORY)], CONFIGS, target, compile_program))
    assert {verdict.status for verdict in verdicts} == {Status.AGREE}


@installed
def test_a_process_that_dies_is_a_fault_and_not_the_end(closing: list[QemuTarget]) -> None:
    closing.append(target := QemuTarget())
    config = CONFIGS[0]
    target.load(image(config, [("addiu", V0, 0, 42)]), placement(config))
    assert target.run(placement(config)).outcome.return_value == 42
    for machine in target._machines.values():
        os.kill(machine.pid, signal.SIGKILL)
    fault = target.run(placement(config)).outcome.fault
    assert fault is not None
    assert fault.kind is FaultKind.ENGINE
    assert "QEMU: the process died with status -9" in fault.detail
    assert target.run(placement(config)).outcome.return_value == 42


@installed
def test_what_it_cannot_do_is_refused(qemu: QemuTarget) -> None:
    config = CONFIGS[6]
    case = Case(assemble("r0 = 42; exit", "test"), Input(MEMORY))
    qemu.load(image(config, [("addiu", V0, 0, 42)]), placement(config))
    with pytest.raises(ValueError, match="QEMU records nothing"):
        qemu.run(placement(config), frozenset({Recording.EDGES}))
    for area in KERNEL_AREAS[64]:
        at = place(case, config, moved(LAYOUTS[64], area))
        assert in_kernel_area(at)
        with pytest.raises(ValueError, match="a process has no memory at"):
            qemu.run(at)
    assert not in_kernel_area(placement(config))


@installed
def test_an_exception_in_a_forbidden_slot_is_told_of_the_branch(qemu: QemuTarget) -> None:
    """A fault of QEMU 7.2, which the target undoes: a branch that is not taken, and `break` behind it."""
    config = CONFIGS[3]
    qemu.load(image(config, [("beqzc", 5, 2), ("break", 0)], slots=[4, 5]), placement(config))
    fault = qemu.run(placement(config)).outcome.fault
    assert fault is not None
    assert (fault.slot, fault.detail[:20]) == (5, "breakpoint at word 1")


def test_without_qemu(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """It is said, and with several engines what is left out is."""
    monkeypatch.setattr(abilities, "_MISSING", dict.fromkeys(("qemu", "qiling"), lambda: "not installed"))
    (tmp_path / "a.s").write_text("r0 = 1; exit")
    command = ["check", str(tmp_path / "a.s"), "--config", "mips32r2-32le", "--jobs", "1"]
    result = CliRunner().invoke(main, [*command, "--engine", "qemu"])
    assert (result.exit_code, result.output) == (2, "bpfmips: --engine qemu: not installed\n")
    result = CliRunner().invoke(main, [*command, "--engine", "all"])
    assert result.exit_code == 0
    assert "engine qemu left out: not installed" in result.output


@installed
def test_a_campaign(tmp_path: Path) -> None:
    result = CliRunner().invoke(
        main, ["fuzz", "--cases", "3", "--jobs", "1", "--engine", "qemu", "--config", "mips32r2-32*", "--out", str(tmp_path / "new")]
    )
    assert result.exit_code == 0, result.output


@installed
def test_a_finding_is_explained_by_the_model(qemu: QemuTarget) -> None:
    config = CONFIGS[1]
    bug = next(bug for bug in bugs() if bug.name == "add64-carry")
    case = Case(assemble("r0 = -1 ll; r3 = 2; r0 += r3; r0 >>= 32; exit", "test"), Input(MEMORY))
    compiler = partial(compile_program, parts=bug.parts)
    verdict = next(judge_all(case.program, [case.input], [config], qemu, compiler, wires=(), lockstep=False))
    assert verdict.status is Status.DIFFER
    assert diagnose(case, verdict, qemu, compiler, ()).wrong == "3: r0 += r3"
    assert "r0 += r3" in explain(case, verdict, qemu, compiler, ())


@pytest.mark.parametrize("command", [["check", "a.s"], ["fuzz", "--out", "new"]], ids=lambda command: command[0])
def test_configurations_that_an_engine_does_not_run(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, command: list[str]) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(abilities, "_MISSING", {})
    (tmp_path / "a.s").write_text("r0 = 1; exit")
    result = CliRunner().invoke(main, [*command, "--engine", "qiling", "--config", "mips3-64be"])
    assert result.exit_code == 2
    assert "--engine qiling: it runs none of the configurations" in result.output


def test_selftest_wants_recordings(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(abilities, "_MISSING", {})
    result = CliRunner().invoke(main, ["selftest", "--engine", "qemu"])
    assert (result.exit_code, result.output) == (2, "bpfmips: --engine qemu: it does not record what tripwires look at\n")


@installed
def test_what_is_left_out_is_said(tmp_path: Path) -> None:
    (tmp_path / "a.s").write_text("r0 = 1; exit")
    command = ["check", str(tmp_path / "a.s"), "--config", "mips32r2-32le", "--jobs", "1", "--engine", "qemu"]
    result = CliRunner().invoke(main, command)
    assert result.exit_code == 0
    assert "left out, which qemu cannot: sign-extension:flip, hazards, memory, addresses, atomicity, lockstep" in result.output
    assert "left out" not in CliRunner().invoke(main, [*command, "--tripwires", "none"]).output


@installed
@pytest.mark.parametrize("name", ["mips32r6-32le", "mips64r6-32be", "mips64r6-64le"])
def test_an_exit_word_in_a_forbidden_slot_is_left_behind(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    resumed = 0
    resume = Machine.resume

    def counted(machine: Machine, registers: Sequence[int], pc: int, seconds: float) -> Stop:
        nonlocal resumed
        resumed += 1
        assert resumed < 20, "it stops at the same place again and again"
        return resume(machine, registers, pc, seconds)

    monkeypatch.setattr(Machine, "resume", counted)
    config, program = Config.parse(name), assemble(BEHIND_A_BRANCH)
    (verdict,) = judge_all(program, (Input(b""),), (config,), QemuTarget(), compile_program, wires=(), lockstep=False)
    assert verdict.status is Status.AGREE, str(verdict)
    at = place(Case(program, Input(b"")), config)
    compiled = compile_program(at.slots, config, at.addresses)
    before = [decode(compiled.words[word - 1], config.isa) for word in compiled.exits]
    assert any("forbidden" in decoded[0].facts for decoded in before if decoded)


class Hanging(QemuTarget):
    """An engine that never comes to an end."""

    def run(self, placement: Placement, recordings: frozenset[Recording] = frozenset()) -> Run:
        run = super().run(placement, recordings)
        return replace(run, outcome=replace(run.outcome, fault=Fault(FaultKind.INSTRUCTION_LIMIT, None, detail="more than 2.0 s")))


@installed
def test_an_engine_that_runs_on_where_another_one_ends_disagrees() -> None:
    target = All(ModelTarget(), {"qemu": Hanging()})
    for verdict in judge_all(assemble("r0 = 1\nexit"), (Input(b""),), (Config.parse("mips32r2-32le"),), target, compile_program):
        assert verdict.status is Status.ENGINE, str(verdict)
        assert "more than 2.0 s" in str(verdict)


@installed
@pytest.mark.parametrize("alone", [True, False])
def test_an_engine_that_dies_is_not_blamed_on_the_compiler(alone: bool, monkeypatch: pytest.MonkeyPatch) -> None:
    def dies(machine: Machine, registers: Sequence[int], pc: int, seconds: float) -> Stop:
        raise MachineError("the process died with status 3: nope")

    monkeypatch.setattr(Machine, "resume", dies)
    target = QemuTarget() if alone else All(ModelTarget(), {"qemu": QemuTarget()})
    program, config = assemble("r0 = 1\nexit"), Config.parse("mips32r2-32le")
    for verdict in judge_all(program, (Input(b""),), (config,), target, compile_program, wires=(), lockstep=False):
        assert verdict.status is Status.ENGINE, str(verdict)
        assert "the process died with status 3: nope" in str(verdict)
