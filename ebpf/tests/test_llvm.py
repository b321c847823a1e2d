"""LLVM assembles and prints the same words.

Two questions, one batch per byte order: does LLVM's assembler make of our disassembly the words it came from, and does LLVM's instruction
printer (the one that llvm-objdump uses; it is reached through file-scope assembly, because `ziglang` carries no llvm-objdump) write each of
them as we do? What LLVM does not know is listed with the reason, and the list is checked from both sides.
"""

import re
from collections.abc import Sequence
from pathlib import Path

import pytest
from elftools.elf.elffile import ELFFile
from elftools.elf.relocation import RelocationSection
from elftools.elf.sections import SymbolTableSection

from ebpf.assembler import assemble
from ebpf.codec import decode, encode
from ebpf.disassembler import disassemble
from ebpf.instruction import Instruction
from ebpf.opcodes import ROWS, Row
from ebpf.program import ByteOrder
from ebpf.tests.llvm import clang, code, needs_clang

REFUSED = {
    "ZEXT": "made by the verifier: no text in LLVM",
    "NOSPEC": "made by the verifier: no text in LLVM",
    "CALL_KERNEL": "made by the loader from a relocation: no text in LLVM",
    "LDDW_MAP_FD": "made by the loader: no text in LLVM",
    "LDDW_MAP_VALUE": "made by the loader: no text in LLVM",
    "LDDW_VARIABLE": "made by the loader: no text in LLVM",
    "LDDW_MAP_INDEX": "made by the loader: no text in LLVM",
    "LDDW_MAP_INDEX_VALUE": "made by the loader: no text in LLVM",
}
"""Rows whose text LLVM's assembler refuses."""

MISREAD = {
    "CALL_LOCAL": "pc+N is an expression with a symbol named pc: LLVM itself has labels only, see test_local_calls_and_labels",
    "LDDW_CODE": "code +N is an expression with a symbol named code",
}
"""Rows whose text LLVM's assembler takes for something else, which a relocation to an undefined symbol betrays."""

REGISTERS = ((1, 2), (0, 10), (9, 9), (3, 0))
OFFSETS = (0, 1, -1, 8, 32767, -32768)
IMMEDIATES = (0, 1, -1, 255, 2147483647, -2147483648)


def _samples(row: Row) -> list[tuple[Instruction, ...]]:
    """The row with edge values, each operand at every value in turn."""
    samples: list[tuple[Instruction, ...]] = []
    for at in range(len(OFFSETS)):
        dst, src = REGISTERS[at % len(REGISTERS)]
        offset, imm = OFFSETS[at], IMMEDIATES[at]
        if row.imm == "jump":
            imm = OFFSETS[at]  # LLVM limits a written distance of gotol to 16 bits.
        if row.name.startswith("LDIND"):
            imm = 0  # LLVM has no text for an offset here.
        if "w" in str(row.src) and src == 10:
            src = 4
        slot = Instruction(
            row.opcode,
            row.dst if isinstance(row.dst, int) else dst,
            row.src if isinstance(row.src, int) else src,
            row.offset if isinstance(row.offset, int) else offset,
            row.imm if isinstance(row.imm, int) else imm,
        )
        samples.append((slot, Instruction(0, imm=IMMEDIATES[-1 - at] if row.next_imm else 0)) if row.slots == 2 else (slot,))
    return samples


KNOWN = [slot for row in ROWS if row.name not in REFUSED | MISREAD for sample in _samples(row) for slot in sample]


def _text(slots: Sequence[Instruction]) -> list[str]:
    return [line for line in disassemble(slots) if line]


@needs_clang
@pytest.mark.parametrize("byte_order", ["little", "big"])
def test_llvm_assembles_our_text_to_the_same_words(byte_order: ByteOrder, tmp_path: Path) -> None:
    source = tmp_path / "all.s"
    source.write_text("\n".join(_text(KNOWN)) + "\n")
    run = clang(source, tmp_path / "all.o", byte_order, "-c")
    assert run.returncode == 0, run.stderr
    words = code(tmp_path / "all.o")
    assert list(decode(words, byte_order, "all.o", ".text")) == KNOWN
    assert words == encode(KNOWN, byte_order)


@needs_clang
def test_llvm_prints_our_text(tmp_path: Path) -> None:
    source = tmp_path / "all.c"
    ours = _text(KNOWN)
    source.write_text("\n".join(f'asm("{line}");' for line in ours))
    run = clang(source, tmp_path / "all.s", "little", "-S")
    assert run.returncode == 0, run.stderr
    theirs = [line.strip() for line in (tmp_path / "all.s").read_text().splitlines() if line.startswith("\t") and not line.startswith("\t.")]
    assert theirs == ours
    assert list(assemble("\n".join(theirs)).slots) == KNOWN


@needs_clang
def test_llvm_refuses_what_is_listed(tmp_path: Path) -> None:
    rows = [row for row in ROWS if row.name in REFUSED]
    source = tmp_path / "refused.s"
    source.write_text("\n".join(_text(_samples(row)[0])[0] for row in rows) + "\n")
    run = clang(source, tmp_path / "refused.o", "little", "-c")
    assert run.returncode != 0
    assert {int(line) for line in re.findall(r"refused\.s:(\d+):\d+: error", run.stderr)} == set(range(1, len(rows) + 1))


@needs_clang
def test_llvm_misreads_what_is_listed(tmp_path: Path) -> None:
    rows = [row for row in ROWS if row.name in MISREAD]
    source = tmp_path / "misread.s"
    source.write_text("\n".join(_text(_samples(row)[0])[0] for row in rows) + "\n")
    run = clang(source, tmp_path / "misread.o", "little", "-c")
    assert run.returncode == 0, run.stderr
    with (tmp_path / "misread.o").open("rb") as file:
        elf = ELFFile(file)
        relocations, symbols = elf.get_section_by_name(".rel.text"), elf.get_section_by_name(".symtab")
        assert isinstance(relocations, RelocationSection)
        assert isinstance(symbols, SymbolTableSection)
        names = [symbols.get_symbol(relocation["r_info_sym"]).name for relocation in relocations.iter_relocations()]
    assert names == ["pc", "code"]


@needs_clang
@pytest.mark.parametrize("byte_order", ["little", "big"])
def test_local_calls_and_labels(byte_order: ByteOrder, tmp_path: Path) -> None:
    text = "f: call g\ncall f\nif r1 s> 5 goto h\ngotol f\nexit\ng: r1 = 0x1122334455667788 ll\nh: goto g\nexit\n"
    source = tmp_path / "calls.s"
    source.write_text(text)
    run = clang(source, tmp_path / "calls.o", byte_order, "-c")
    assert run.returncode == 0, run.stderr
    assert decode(code(tmp_path / "calls.o"), byte_order, "calls.o", ".text") == assemble(text).slots


SPELLINGS = (
    "r1 = 0xffffffff",
    "w1 = *(u32 *)(r2 + 4)",
    "r1 = *(u32 *)(r2 + 4)",
    "*(u8*)(r2+4)=r1",
    "lock *(u32 *)(r1 + 4) += r2",
    "if r1==5 goto+1",
    "goto 5",
    "call -1",
    "r1 = -1 ll",
    "r1 = 0xffffffffffffffff ll",
    "r1 = 5 # comment",
    "r1 = 5 // comment",
    "r1 = 5 ; r2 = 6",
)


@needs_clang
def test_spellings_mean_the_same_to_llvm(tmp_path: Path) -> None:
    source = tmp_path / "spellings.s"
    source.write_text("\n".join(SPELLINGS) + "\n")
    run = clang(source, tmp_path / "spellings.o", "little", "-c")
    assert run.returncode == 0, run.stderr
    assert decode(code(tmp_path / "spellings.o"), "little", "spellings.o", ".text") == assemble("\n".join(SPELLINGS)).slots
