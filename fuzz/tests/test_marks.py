"""Marks of zero-extension: what the pass puts in is enough, changes nothing, and is what compiled code relies on."""

from dataclasses import replace
from pathlib import Path

import pytest

from ebpf import elf
from ebpf.assembler import assemble
from ebpf.insertion import insert_behind
from ebpf.instruction import Instruction
from ebpf.opcodes import BY_NAME, lookup
from ebpf.program import Program, ProgramError
from ebpf.validity import check
from fuzz.case import Case, Input
from fuzz.judge import judge_all
from fuzz.layout import place
from fuzz.marks import marked, missing
from fuzz.sources import PROGRAMS
from fuzz.suite.suites import Suite, suites
from fuzz.unicorn.target import UnicornTarget
from fuzz.verdict import Status
from jit.compiler import compile_program
from jit.config import Config
from oracle.interpreter import run
from oracle.outcome import FaultKind, Low

PLAIN, RELYING = Config.parse("mips64r2-64le"), Config.parse("mips64r2-64le+zext")
ZEXT = BY_NAME["ZEXT"]
SUITES = suites()


@pytest.mark.parametrize("suite", [suite for suite in SUITES if suite.row_name[0] in "AJLCSM"][::5], ids=lambda suite: suite.program.section)
def test_a_marked_program_does_the_same(suite: Suite) -> None:
    program = marked(suite.program)
    check(program)
    for given in suite.inputs("little")[::5]:
        outcomes = []
        for config, text in ((PLAIN, suite.program), (PLAIN, program), (RELYING, suite.program)):
            placed = place(Case(text, given), config)
            outcomes.append(run(placed.slots, placed.fresh_world()[0]))
        first, *others = outcomes
        for other in others:
            assert (other.fault, other.registers, other.return_value, other.memory) == (None, first.registers, first.return_value, first.memory)


TEXT = """
    w3 = *(u32 *)(r1 + 0)
    w4 = w3
    w4 += 5
    if w4 == 7 goto low
    r3 += r4
    r0 = r3
    exit
low:
    *(u32 *)(r1 + 4) = w4
    w0 = 1
    exit
"""


def test_marks_are_where_upper_halves_are_used_and_nowhere_else() -> None:
    # r3 is added as 64 bits on one way, and so is the last value of r4; r0 is used at both exits, but r0 = r3 is no 32-bit result.
    assert missing(assemble(TEXT).slots) == {0: 3, 2: 4, 8: 0}


def test_marking_twice_adds_nothing() -> None:
    once = marked(assemble(TEXT))
    assert marked(once) == once
    assert sum(lookup(slot) is ZEXT for slot in once.slots) == 3


def test_a_jump_to_what_follows_a_result_passes_over_its_mark() -> None:
    program = insert_behind(assemble("r0 = 0\nif r1 == 0 goto +1\nw0 = 5\nexit"), {2: (Instruction(ZEXT.opcode, 0, 0, 0, 1),)})
    assert [slot.offset for slot in program.slots] == [0, 2, 0, 0, 0]


def test_a_distance_that_no_longer_fits_is_refused() -> None:
    filler = [Instruction(BY_NAME["MOV32_IMM"].opcode, 0)] * 32767
    program = Program("far.s", ".text", (Instruction(0x05, offset=32767), *filler, Instruction(0x95)))
    with pytest.raises(ProgramError, match=r"^far.s: .text: instruction 0: with what is put in, a distance of 32768 slots$"):
        insert_behind(program, {5: (Instruction(ZEXT.opcode, 0, 0, 0, 1),)})


@pytest.mark.parametrize(
    ("text", "register"),
    [
        ("w3 = 1\nr0 = 0\nr0 += r3\nexit", 3),
        ("w3 = 1\nr0 = 0\n*(u64 *)(r1 + 0) = r3\nexit", 3),
        ("w3 = *(u8 *)(r1 + 0)\nr0 = 0\nif r3 == 0 goto +0\nexit", 3),
        ("r5 = 0\nlock *(u32 *)(r1 + 0) += w5\nw5 = xchg32_32(r1 + 0, w5)\nr0 = r5\nexit", 5),
        ("w1 = 1\nw2 = 2\nr3 = 3\nr4 = 4\nr5 = 5\ncall kernel 1\nexit", 1),
        ("r1 = 1\nr2 = 2\nr3 = 3\nr4 = 4\nw5 = 5\ncall kernel 1\nexit", 5),
    ],
)
def test_a_missing_mark_ends_the_run(text: str, register: int) -> None:
    placed = place(Case(assemble(text), Input(bytes(64))), PLAIN)
    world = replace(placed.fresh_world()[0], marked=True)
    fault = run(placed.slots, world).fault
    assert fault is not None
    assert (fault.kind, fault.detail) == (FaultKind.UPPER_HALF, f"r{register}")


@pytest.mark.parametrize(
    "text",
    [
        "w3 = 1\nr0 = 0\nw0 += w3\nexit",
        "w3 = 1\nr0 = 0\n*(u32 *)(r1 + 0) = w3\nexit",
        "w3 = 1\nr0 = 0\nif w3 == 0 goto +0\nexit",
        "w3 = 1\nr0 = (s32)r3\nexit",
        "w3 = 1\nw3 = zext w3\nr0 = r3\nexit",
        "w3 = 1\nr3 = 5\nr0 = r3\nexit",
        "w5 = 1\ncall 5\nexit",
    ],
)
def test_the_low_half_needs_no_mark(text: str) -> None:
    placed = place(Case(assemble(text), Input(bytes(64))), PLAIN)
    assert run(placed.slots, replace(placed.fresh_world()[0], marked=True)).fault is None


def test_what_is_not_promised_is_told() -> None:
    placed = place(Case(assemble("r0 = 0\nw0 += 1\nexit"), Input(b"")), PLAIN)
    outcome = run(placed.slots, replace(placed.fresh_world()[0], marked=True), trace=True)
    assert isinstance(outcome.registers[0], Low)
    assert [isinstance(registers[0], Low) for _, registers in outcome.trace] == [False, False, True]


@pytest.mark.parametrize("name", ["mips1-32be", "mips32r6-32le", "mips3-64be", "mips64r2-64le", "mips64r6-64be"])
def test_compiled_code_relies_on_marks_and_agrees(name: str) -> None:
    """And is shorter; a program of the corpus, and a few suites."""
    config = Config.parse(f"{name}+zext")
    (program,) = elf.load(Path(PROGRAMS) / "objects" / f"nat_rewrite.v3.e{'b' if config.big_endian else 'l'}.o")
    target = UnicornTarget()
    chosen = [(suite.program, suite.inputs("big" if config.big_endian else "little")[:2]) for suite in SUITES if "32_REG" in suite.row_name]
    for text, inputs in ((program, (Input(bytes(range(256))),)), *chosen[::4]):
        for verdict in judge_all(text, inputs, (config,), target, compile_program):
            assert verdict.status is Status.AGREE, str(verdict)
    sizes = []
    for other in (Config.parse(name), config):
        placed = place(Case(program, Input(bytes(256))), other)
        sizes.append(len(compile_program(placed.slots, other, placed.addresses).words))
    assert sizes[1] < sizes[0]


def test_a_compiler_that_relies_on_marks_differs_on_a_program_without_one() -> None:
    """The oracle's values are the same as ever, so that a mark which the compiler needs and does not get shows."""
    program = assemble("r3 = -1\nw3 += 0\nr0 = r3\nexit")
    relied = compile_program(program.slots, RELYING, place(Case(program, Input(b"")), RELYING).addresses)
    verdict = next(judge_all(program, (Input(b""),), (PLAIN,), UnicornTarget(), lambda slots, config, addresses: replace(relied, config=config)))
    assert verdict.status is Status.DIFFER
