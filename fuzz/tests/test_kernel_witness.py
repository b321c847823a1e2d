"""The oracle beside the kernel of this machine, where bpf(2) is permitted; and that the comparison sees what is wrong."""

import random
import sys
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import replace
from pathlib import Path

import pytest
from click.testing import CliRunner

from ebpf.assembler import assemble
from ebpf.instruction import Instruction
from ebpf.opcodes import BY_NAME, lookup
from ebpf.program import Map, MapKind
from fuzz.case import Input
from fuzz.cli import witness as cli_witness
from fuzz.cli.main import main
from fuzz.gen import TIERS, Tier
from fuzz.gen.batch import choices, features_of, make_case
from fuzz.kernel import bpf
from fuzz.kernel.witness import Said, Statement, witness
from fuzz.sources import Subject, shipped_subjects
from oracle import interpreter
from oracle.outcome import Outcome
from oracle.world import World

pytestmark = pytest.mark.skipif(bool(bpf.permitted()), reason=f"the kernel cannot be asked: {bpf.permitted()}")

MEMORY = bytes(range(64))


def ask(text: str, memory: bytes = MEMORY) -> Statement:
    return next(witness(assemble(text, "test"), (Input(memory),)))


def shipped() -> Iterator[Subject]:
    """One version of each shipped program: the older ones without, the newer ones with 32-bit instructions."""
    for subject in shipped_subjects(None):
        assert isinstance(subject, Subject)
        if (subject.byte_order, subject.version) == (sys.byteorder, random.Random(subject.name).choice(("v1", "v2", "v3", "v4"))):
            yield subject


@pytest.mark.parametrize("subject", tuple(shipped()), ids=lambda subject: f"{subject.name}-{subject.version}")
def test_shipped_programs(subject: Subject) -> None:
    """Those that the verifier does not accept are skipped, with its reason."""
    said = next(witness(subject.program, subject.inputs[-1:]))
    assert said.differences == ()
    if said.said is not Said.AGREES:
        pytest.skip(f"{said.said.value}: {said.reason}")


@pytest.mark.parametrize("tier", TIERS)
def test_generated_programs(tier: Tier) -> None:
    """A good part of them is accepted, the less the more of their ways is never taken."""
    count = Counter[str]()
    for batch in range(12):
        features = replace(
            features_of(3, batch, tier), packet=False, calls=False, tails=0, throws=False, callbacks=0, variables=(), functions=batch % 2
        )
        for number in range(3):
            case = make_case(features, choices(3, batch, tier, number))
            assert case is not None
            for said in witness(case.program, case.inputs[:1]):
                assert said.differences == (), case
                count[said.said.value] += 1
    assert count["agrees"] > count.total() // 8, count


FOUND = {
    "register": ("r3 = 5; r3 += 2; r0 = 0; exit", "register r3: expected 0x3, got 0x7"),
    "return value": ("r0 = 6; r0 += 3; exit", "return value: expected 0x3, got 0x9"),
    "memory": ("r0 = 6; r0 += 3; *(u32 *)(r1 + 4) = r0; r0 = 0; exit", "memory context[4:5]: expected 03, got 09"),
    "map": (
        "*(u64 *)(r10 - 8) = 7; *(u64 *)(r10 - 16) = 5; r3 = *(u64 *)(r10 - 16); r3 += 2; *(u64 *)(r10 - 16) = r3; r1 = map_fd 0;"
        "r2 = r10; r2 += -8; r3 = r10; r3 += -16; r4 = 0; call 2; r0 = 0; exit",
        "map hash",
    ),
}


@pytest.mark.parametrize("what", FOUND)
def test_a_wrong_oracle_is_seen(monkeypatch: pytest.MonkeyPatch, what: str) -> None:
    """One that subtracts where it should add a positive number."""
    text, message = FOUND[what]
    program = replace(assemble(text, "test"), maps=(Map("hash", MapKind.HASH, 8, 8, 4),))
    assert next(witness(program, (Input(MEMORY),))).said is Said.AGREES
    right = interpreter.run

    def wrong(slots: Sequence[Instruction], world: World, trace: bool = False) -> Outcome:
        changed = [
            slot._replace(opcode=BY_NAME["SUB64_IMM"].opcode) if lookup(slot) is BY_NAME["ADD64_IMM"] and slot.imm > 0 else slot for slot in slots
        ]
        return right(changed, world, trace)

    monkeypatch.setattr(interpreter, "run", wrong)
    said = next(witness(program, (Input(MEMORY),)))
    assert said.said is Said.DIFFERS
    assert any(str(difference).startswith(message) for difference in said.differences)


ACCEPTED = {
    "addresses in memory": "*(u64 *)(r1 + 0) = r1; *(u64 *)(r1 + 8) = r10; r0 = 0; exit",
    "addresses with arithmetic": "lock *(u64 *)(r1 + 16) += r1; r0 = 0; exit",
    "stack that was not written": "r0 = *(u64 *)(r10 - 64); exit",
    "clock and chance": "r6 = r1; call 5; *(u64 *)(r6 + 0) = r0; call 7; *(u64 *)(r6 + 8) = r0; call 8; *(u64 *)(r6 + 16) = r0; exit",
    "registers on some ways only": "r3 = *(u8 *)(r1 + 1); if r3 == 1 goto +1; r6 = 7; r0 = 0; exit",
    "functions": "r2 = 3; call f; r0 += 1; exit; f: r0 = r2; if r0 != 3 goto +1; exit; r0 = 9; exit",
    "may_goto": "r0 = 0; r0 += 1; if r0 > 100 goto +2; may_goto +1; goto -4; exit",
    "shift by too much": "r0 = 1; r0 <<= 65; w0 <<= 33; exit",
    "marks and barriers": "r0 = -1; w0 = zext w0; nospec; exit",
    "no context": "r0 = r2; exit",
}


@pytest.mark.parametrize("what", ACCEPTED)
def test_what_is_no_difference(what: str) -> None:
    said = ask(ACCEPTED[what], b"" if what == "no context" else MEMORY)
    assert (said.said, said.reason) == (Said.AGREES, "")
    assert said.compared


REFUSED = {
    "r3 = *(u8 *)(r1 + 0); r1 += r3; r0 = *(u8 *)(r1 + 0); exit": "RN max value is outside of the allowed memory range",
    "call kernel 1; exit": "kernel functions of the harness",
    "r0 = *(u64 *)(r1 + 64); exit": "access out of bounds",
    "r0 = r10; if r0 > 8192 goto +1; exit; r0 = r1; exit": "",
    "r0 = 0; may_goto +1; goto -2; exit": "instruction limit reached",
    "r6 = r10; r6 &= 8; r0 = 0; if r6 == 0 goto +1; r0 = 1; exit": "its way depends on addresses, clocks or chance",
    "call f; r0 = 0; exit; f: r0 = *(u64 *)(r10 - 8); exit": "it reads what it has not written to its stack",
}


@pytest.mark.parametrize("text", REFUSED)
def test_what_is_not_compared(text: str) -> None:
    said = ask(text)
    if REFUSED[text]:
        assert (said.said in (Said.REFUSED, Said.INCONCLUSIVE), said.reason) == (True, REFUSED[text])
    assert said.differences == ()


def test_command(tmp_path: Path) -> None:
    (tmp_path / "good.s").write_text("r0 = 1; exit")
    (tmp_path / "refused.s").write_text("r0 = *(u64 *)(r2 + 0); exit")
    result = CliRunner().invoke(main, ["oracle", "--witness", "kernel", str(tmp_path)])
    assert result.exit_code == 0
    assert "programs 2, inputs 2;" in result.output
    assert [line.split() for line in result.output.splitlines()[1:]] == [
        ["AGREES", "1"],
        ["DIFFERS", "0"],
        ["REFUSED", "0"],
        ["INCONCLUSIVE", "1"],
        ["1", "access", "out", "of", "bounds"],
    ]


def test_command_without_permission(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    (tmp_path / "good.s").write_text("r0 = 1; exit")
    monkeypatch.setattr(cli_witness, "permitted", lambda: "bpf(2): Operation not permitted")
    result = CliRunner().invoke(main, ["oracle", "--witness", "kernel", str(tmp_path)])
    assert (result.exit_code, result.output) == (2, "bpfmips: --witness kernel: bpf(2): Operation not permitted\n")
