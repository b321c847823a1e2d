"""Assembler and disassembler are each other's inverse, and what each refuses."""

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ebpf.assembler import assemble
from ebpf.disassembler import disassemble
from ebpf.instruction import Instruction
from ebpf.notation import LLVM, notation, write
from ebpf.opcodes import BY_NAME, ROWS, Row
from ebpf.program import Program, ProgramError
from ebpf.tests.strategies import instructions, programs


@pytest.mark.parametrize("row", ROWS, ids=lambda row: row.name)
@settings(max_examples=15)
@given(data=st.data())
def test_every_row_survives_text(row: Row, data: st.DataObject) -> None:
    slots = data.draw(instructions(row))
    text = disassemble(slots)
    assert text[1:] == ("",) * (row.slots - 1)
    assert assemble(text[0]).slots == slots


@given(programs())
def test_programs_survive_text(program: Program) -> None:
    text = disassemble(program.slots)
    assert len(text) == len(program.slots)
    assert assemble("\n".join(text)).slots == program.slots


def _labelled(program: Program) -> str:
    """The disassembly with a label at every instruction, and distances replaced by labels."""
    lines = []
    for at, text in enumerate(disassemble(program.slots)):
        head, _, last = text.rpartition(" ")
        if head.endswith(("goto", "gotol", "code")) or last.startswith("pc"):
            text = f"{head} at{at + 1 + int(last.removeprefix('pc'))}"
        lines.append(f"at{at}: {text}" if text else "")
    return "\n".join(lines)


@given(programs())
def test_labels_mean_the_same_as_distances(program: Program) -> None:
    assert assemble(_labelled(program)).slots == program.slots


@given(programs(), st.sampled_from((" # r1 = 5", " // r1 = 5", " ; ", "\t")))
def test_comments_and_blanks_mean_nothing(program: Program, trailer: str) -> None:
    text = "; a comment\n\n" + "\n".join(f"  {line.replace(' ', '  ')}{trailer}" for line in disassemble(program.slots))
    assert assemble(text).slots == program.slots


@pytest.mark.parametrize(
    ("text", "slot"),
    [
        ("r1 = 0xffffffff", Instruction(0xB7, 1, imm=-1)),
        ("r1 = 0x80000000", Instruction(0xB7, 1, imm=-(1 << 31))),
        ("r1 = -0x80000000", Instruction(0xB7, 1, imm=-(1 << 31))),
        ("r1 = 0xfffffffffffffffe", Instruction(0xB7, 1, imm=-2)),
        ("w1 = *(u32 *)(r2 + 4)", Instruction(0x61, 1, 2, 4)),
        ("r1 = *(u32 *)(r2 + 4)", Instruction(0x61, 1, 2, 4)),
        ("*(u8 *)(r2 - 0x8000) = r1", Instruction(0x73, 2, 1, -0x8000)),
        ("*(u8*)(r2+4)=w1", Instruction(0x73, 2, 1, 4)),
        ("if r1==5 goto+1", Instruction(0x15, 1, 0, 1, 5)),
        ("goto 5", Instruction(0x05, offset=5)),
        ("r0 = *(u32 *)skb[r4]", Instruction(0x40, 0, 4)),
        ("call pc-1", Instruction(0x85, 0, 1, 0, -1)),
        ("call -1", Instruction(0x85, imm=-1)),
    ],
)
def test_spellings(text: str, slot: Instruction) -> None:
    assert assemble(text).slots == (slot,)


def test_where_lines_and_functions_are_noted() -> None:
    program = assemble("call f ; exit\n\nf:\ng: r0 = 1 ll\nexit")
    assert program.lines == {0: 1, 1: 1, 2: 4, 4: 5}
    assert program.labels == {2: "f"}


@pytest.mark.parametrize(
    ("line", "reason"),
    [
        ("r0 = = 1", "not an instruction: r0 = = 1"),
        ("r0 += 1 2", "not an instruction"),
        ("r0 = 010", "not an instruction|unexpected"),
        ("r0 = 5 & 3", "not an instruction"),
        ("r0 @ 5", "unexpected '@'"),
        ("r11 = 1", "register r11 does not exist"),
        ("r0 = 0x100000000", "0x100000000 does not fit 32 bits"),
        ("r0 = -2147483649", "-2147483649 does not fit 32 bits"),
        ("r0 = 0x10000000000000000 ll", "does not fit 64 bits"),
        ("r0 = -9223372036854775809 ll", "does not fit 64 bits"),
        ("r0 = *(u8 *)(r1 + 32768)", "does not fit 16 signed bits"),
        ("r0 = *(u8 *)(r1 + -4)", "not an instruction"),
        ("goto +32768", "does not fit 16 signed bits"),
        ("gotol +2147483648", "does not fit 32 signed bits"),
        ("r1 = -r2", "r2 must be the same register"),
        ("r1 = be16 r2", "r2 must be the same register"),
        ("r1 = *(u8 *)skb[5]", "r1 must be r0"),
        ("r0 = cmpxchg_64(r2 + 4, r1, r3)", "r1 must be r0"),
        ("goto nowhere", "label nowhere is not defined"),
        ("x: x: exit", "label x is defined twice"),
        (".globl f", "not an instruction: .globl f"),
    ],
)
def test_bad_lines_are_refused_by_name(line: str, reason: str) -> None:
    with pytest.raises(ProgramError, match=f"^prog.s: line 2: .*{reason}") as caught:
        assemble(f"r0 = 1\n{line}\nexit", "prog.s")
    assert "\n" not in str(caught.value)


def test_a_label_out_of_reach_is_refused() -> None:
    body = "r1 = 1\n" * 32768
    assert assemble(f"goto far\n{body[:-7]}far: exit").slots[0].offset == 32767
    with pytest.raises(ProgramError, match="label far is 32768 slots away, which does not fit 16 bits"):
        assemble(f"goto far\n{body}far: exit")
    assert assemble(f"gotol far\n{body}far: exit").slots[0].imm == 32768


@pytest.mark.parametrize(
    ("slots", "reason"),
    [
        ((Instruction(0xFF),), "instruction 0: unknown opcode 0xff"),
        ((Instruction(0x95), Instruction(0xB7, 11)), "instruction 1: register r11 does not exist"),
        ((Instruction(0x18, 1),), "instruction 0: lddw without its second slot"),
        ((Instruction(0x18, 1, 1), Instruction(0, imm=5)), "instruction 0: second slot of lddw: reserved field imm is 5"),
    ],
)
def test_what_has_no_text_is_refused(slots: tuple[Instruction, ...], reason: str) -> None:
    with pytest.raises(ValueError, match=f"^{reason}"):
        disassemble(slots)


def test_a_dialect_that_is_ambiguous_is_refused() -> None:
    with pytest.raises(ValueError, match="JA and EXIT are both written 'stop'"):
        notation([(BY_NAME["EXIT"], "stop"), (BY_NAME["JA"], "stop")])


def test_the_first_template_is_written() -> None:
    row = BY_NAME["EXIT"]
    dialect = notation([(row, "exit"), (row, "leave")])
    assert write(dialect, row, (Instruction(0x95),), 0) == "exit"
    assert len(LLVM.templates) == len(ROWS)
