"""The MIPS table against two witnesses, over the full cross product of rows and ISAs.

LLVM's assembler for legality and encoding: what is in a row's ISA set must assemble to our word, what is not must be refused. Capstone for
encodings: our word must disassemble to the same mnemonic and operands. Where a witness is more lenient than the manuals, or does not know an
instruction, that is listed with its reason, and an entry that is not needed fails as well.
"""

import random
import re
import subprocess
import sys
from collections.abc import Callable, Mapping, Sequence
from functools import cache
from io import BytesIO
from itertools import product
from pathlib import Path
from typing import NamedTuple

import capstone
import pytest
from elftools.elf.elffile import ELFFile

from jit.config import ISAS, ISAS_32, ISAS_64
from jit.mips import REGISTER_OPERANDS, ROWS, Row, decode, isa_set, text

SLOT = 64
"""Bytes between two assembled lines, so that a macro that expands to several instructions is seen."""

ADDRESS = 0x1000
SAMPLES = 4


def sample(row: Row, seed: int) -> tuple[int, ...]:
    """Operands of the row: the least, then the greatest, then random ones. No register 0, which makes idioms with names of their own."""
    generator = random.Random(f"{row.mnemonic} {row.figure} {seed}")
    ranges = [(1, 31) if name in REGISTER_OPERANDS else row.operand_range(name) for name in row.operands]
    operands = tuple(bounds[seed] if seed < 2 else generator.randint(*bounds) for bounds in ranges)
    while row.condition is not None and not row.condition.satisfied(operands):
        operands = tuple(generator.randint(*bounds) for bounds in ranges)
    return operands


CASES: tuple[tuple[Row, tuple[int, ...]], ...] = tuple((row, sample(row, seed)) for row in ROWS for seed in range(SAMPLES))


def source(row: Row, operands: Sequence[int], width: int = 32) -> str:
    """What LLVM assembles: `text`, but for the targets of branches, for which LLVM takes a number as relative to the branch's successor."""
    line = text(row, operands, ADDRESS, width)
    if "branch" in row.facts:
        return f"{line.rpartition(' ')[0]} {4 * operands[row.operands.index('offset')]}"
    return line


# ------------------------------------------------------------------------------------------------ LLVM


class Lenience(NamedTuple):
    """Rows that LLVM assembles although the manuals do not have them on these ISAs: by mnemonic and how their figure begins."""

    mnemonics: str
    figure: str
    isas: str
    reason: str


LENIENCES = (
    Lenience("div divu", "000000ssssstttttddddd", "mips1 !r6", "a macro: divide, check the divisor, move the quotient"),
    Lenience("ddiv ddivu", "000000ssssstttttddddd", "mips3 !r6", "a macro, as div"),
    Lenience("dmul", "000000", "mips3 !r6", "a macro: dmultu and mflo"),
    Lenience("ld sd", "11", "mips1 !mips3", "a macro on 32-bit ISAs: two lw or two sw; nothing at all when the second offset has no 16 bits"),
    Lenience("ll", "110", "mips32r6", "a macro when the offset has more than nine bits"),
    Lenience("lld", "110", "mips64r6", "a macro, as ll"),
    Lenience("scd", "011111", "mips32r6 !mips64r6", "a mistake of LLVM: MIPS32 has no scd"),
)


class Assembled(NamedTuple):
    """What LLVM says to a line: the words, or why it refuses."""

    words: tuple[int, ...]
    error: str


def _clang(isa: str, lines: Sequence[str], directory: Path) -> tuple[Mapping[int, str], bytes]:
    """Errors by index of the line, and the code when there are none."""
    assembly = directory / f"{isa}.s"
    body = "".join(f".org {SLOT * index}\n{line}\n" for index, line in enumerate(lines))
    assembly.write_text(f".set noreorder; .set noat; .set nomacro\n\n{body}.org {SLOT * len(lines)}\n")
    code = directory / f"{isa}.o"
    target = "mips64-freestanding" if isa in ISAS_64 else "mips-freestanding"
    cpu = {"mips32r1": "mips32", "mips64r1": "mips64"}.get(isa, isa)
    command = [sys.executable, "-m", "ziglang", "cc", "-target", target, f"-mcpu={cpu}", "-mno-abicalls", "-ferror-limit=0", "-w"]
    done = subprocess.run([*command, "-c", str(assembly), "-o", str(code)], capture_output=True, text=True, check=False, timeout=60)
    errors = {int(match[1]) // 2 - 2: match[2] for match in re.finditer(rf"{isa}\.s:(\d+):\d+: error: (.*)", done.stderr)}
    if done.returncode == 0:
        section = ELFFile(BytesIO(code.read_bytes())).get_section_by_name(".text")
        assert section is not None
        return {}, section.data()
    assert errors, done.stderr
    return errors, b""


@pytest.fixture(scope="session")
def assembled(tmp_path_factory: pytest.TempPathFactory) -> Mapping[str, Sequence[Assembled]]:
    """For each ISA what LLVM makes of every case, legal or not."""
    directory = tmp_path_factory.mktemp("llvm")
    return {isa: _assemble(isa, directory) for isa in ISAS}


def _assemble(isa: str, directory: Path) -> Sequence[Assembled]:
    lines = [source(row, operands, 64 if isa in ISAS_64 else 32) for row, operands in CASES]
    errors, _ = _clang(isa, lines, directory)
    accepted = [index for index in range(len(lines)) if index not in errors]
    wrong, code = _clang(isa, [lines[index] for index in accepted], directory)
    assert not wrong
    results = [Assembled((), errors.get(index, "")) for index in range(len(lines))]
    for position, index in enumerate(accepted):
        slot = code[position * SLOT : (position + 1) * SLOT]
        words = [int.from_bytes(slot[at : at + 4], "big") for at in range(0, len(slot), 4)]
        while len(words) > 1 and words[-1] == 0:
            words.pop()
        results[index] = Assembled(tuple(words), "")
    return results


@pytest.mark.parametrize("isa", ISAS)
def test_llvm_encodes_what_is_legal_as_we_do(assembled: Mapping[str, Sequence[Assembled]], isa: str) -> None:
    for (row, operands), result in zip(CASES, assembled[isa], strict=True):
        if isa in row.isas:
            assert result == ((row.encode(*operands),), ""), source(row, operands)


def _excused(row: Row, isa: str) -> Lenience | None:
    for lenience in LENIENCES:
        figures = lenience.figure.split()
        if row.mnemonic in lenience.mnemonics.split() and row.figure.startswith(tuple(figures)) and isa in isa_set(lenience.isas):
            return lenience
    return None


def _accepted_illegally(results: Sequence[Assembled], isa: str) -> Mapping[Row, Assembled]:
    """Rows that are not legal on the ISA and that LLVM assembles, apart from those whose text is that of another, legal row."""
    found = {}
    for (row, operands), result in zip(CASES, results, strict=True):
        if isa in row.isas or result.error:
            continue
        other = decode(result.words[0], isa) if len(result.words) == 1 else None
        if other is None or source(*other) != source(row, operands):
            found[row] = result
    return found


@pytest.mark.parametrize("isa", ISAS)
def test_llvm_refuses_what_is_not_legal(assembled: Mapping[str, Sequence[Assembled]], isa: str) -> None:
    unexpected = [(row, result) for row, result in _accepted_illegally(assembled[isa], isa).items() if _excused(row, isa) is None]
    assert not unexpected


def test_every_lenience_of_llvm_is_needed(assembled: Mapping[str, Sequence[Assembled]]) -> None:
    used = {(_excused(row, isa), row.mnemonic, isa) for isa in ISAS for row in _accepted_illegally(assembled[isa], isa)}
    listed = {(lenience, mnemonic, isa) for lenience in LENIENCES for mnemonic in lenience.mnemonics.split() for isa in isa_set(lenience.isas)}
    assert used == listed


# -------------------------------------------------------------------------------------------- Capstone


Operands = Sequence[int | str]


class Spelling(NamedTuple):
    """How Capstone writes rows that it does not write as assemblers do; `respell` is None where it takes the word for something else, or nothing."""

    mnemonics: str
    isas: str
    respell: Callable[[Operands], Operands] | None
    reason: str


def _without_final_zero(operands: Operands) -> Operands:
    return operands[:-1] if operands[-1] == 0 else operands


def _final_low_half(operands: Operands) -> Operands:
    return (*operands[:-1], int(operands[-1]) & 0xFFFF)


def _final_relative(operands: Operands) -> Operands:
    return (*operands[:-1], int(operands[-1]) - ADDRESS - 4 & 0xFFFFFFFF)


def _less(at: int, constant: int) -> Callable[[Operands], Operands]:
    return lambda operands: (*operands[:at], int(operands[at]) - constant & 0xFFFFFFFF, *operands[at + 1 :])


# fmt: off
SPELLINGS = (
    Spelling("div divu",                        "mips1 !r6", lambda operands: operands[1:], "leaves out $zero"),
    Spelling("ddiv ddivu",                      "mips3 !r6", lambda operands: operands[1:], "leaves out $zero"),
    Spelling("syscall break",                   "mips1",     _without_final_zero,           "leaves out a code of zero"),
    Spelling("sync tge tgeu tlt tltu teq tne",  "mips2",     _without_final_zero,           "leaves out a code or stype of zero"),
    Spelling("tgei tgeiu tlti tltiu teqi tnei", "mips2 !r6", _final_low_half,               "does not extend the sign"),
    Spelling("jic jialc",                       "mips32r6",  _final_low_half,               "does not extend the sign"),
    Spelling("dextm dinsm",                     "mips64r2",  _less(3, 32),                  "does not add the 32 that the encoding takes from size"),
    Spelling("dextu dinsu",                     "mips64r2",  _less(2, 32),                  "does not add the 32 that the encoding takes from pos"),
    Spelling("lsa",                             "mips32r6",  _less(3, 1),                   "does not add the 1 that the encoding takes from sa"),
    Spelling("bgtz bc balc beqzc bnezc bgeuc blezalc bgezalc bltuc bgtzalc bltzalc bgec blezc bgezc bltc bgtzc bltzc "
             "beqc beqzalc bovc bnec bnezalc bnvc", "mips32r6", _final_relative, "has the relative offset where other branches have the target"),
    Spelling("aui lui",                         "mips32r6",  None, "confuses rs and rt, and lui with aui"),
    Spelling("seleqz selnez",                   "mips32r6",  None, "does not know them in its 32-bit mode of release 6"),
    Spelling("daui",                            "mips64r6",  None, "has no 64-bit mode of release 6, and takes it for jalx"),
    Spelling("dahi dati dmul dmuh dmulu dmuhu ddiv dmod ddivu dmodu dclz dclo dbitswap dalign lld scd lwupc ldpc",
             "mips64r6", None, "has no 64-bit mode of release 6"),
)
# fmt: on


@cache
def _capstone(mode: int) -> capstone.Cs:
    engine = capstone.Cs(capstone.CS_ARCH_MIPS, capstone.CS_MODE_BIG_ENDIAN | mode)
    engine.detail = True
    return engine


def _mode(row: Row, isa: str) -> int:
    """The mode of Capstone that comes nearest: it has release 6 for 32 bits only."""
    if isa in isa_set("mips32r6") and not row.isas.isdisjoint(ISAS_32):
        return int(capstone.CS_MODE_MIPS32R6)
    return int(capstone.CS_MODE_MIPS64 if isa in ISAS_64 else capstone.CS_MODE_MIPS32)


def _capstone_says(row: Row, isa: str, word: int) -> tuple[str, Operands] | None:
    for instruction in _capstone(_mode(row, isa)).disasm(word.to_bytes(4, "big"), ADDRESS, 1):
        operands: list[int | str] = []
        for operand in instruction.operands:
            if operand.type == capstone.mips.MIPS_OP_REG:
                operands.append(f"${instruction.reg_name(operand.reg)}")
            elif operand.type == capstone.mips.MIPS_OP_MEM:
                operands += [operand.mem.disp & 0xFFFFFFFF, f"${instruction.reg_name(operand.mem.base)}"]
            else:
                operands.append(operand.imm & 0xFFFFFFFF)
        return instruction.mnemonic, tuple(operands)
    return None


def _we_say(row: Row, operands: Sequence[int]) -> tuple[str, Operands]:
    words = re.findall(r"\$\w+|-?\w+", text(row, operands, ADDRESS))
    return words[0], tuple(word if word[0] == "$" else int(word, 0) & 0xFFFFFFFF for word in words[1:])


def _spelling(row: Row, isa: str) -> Spelling | None:
    return next((spelling for spelling in SPELLINGS if row.mnemonic in spelling.mnemonics.split() and isa in isa_set(spelling.isas)), None)


@pytest.mark.parametrize("isa", ISAS)
def test_capstone_decodes_what_we_encode(isa: str) -> None:
    for row, operands in CASES:
        spelling = _spelling(row, isa)
        if isa in row.isas and (spelling is None or spelling.respell is not None):
            mnemonic, ours = _we_say(row, operands)
            expected = ours if spelling is None or spelling.respell is None else spelling.respell(ours)
            assert _capstone_says(row, isa, row.encode(*operands)) == (mnemonic, expected), source(row, operands)


def test_every_spelling_of_capstone_is_needed() -> None:
    different = {
        (row.mnemonic, isa)
        for row, operands in CASES
        for isa in row.isas
        if _capstone_says(row, isa, row.encode(*operands)) != _we_say(row, operands)
    }
    assert different == {(mnemonic, isa) for spelling in SPELLINGS for isa in isa_set(spelling.isas) for mnemonic in spelling.mnemonics.split()}


@pytest.mark.parametrize("opcode", [0b000110, 0b000111, 0b001000, 0b010110, 0b010111, 0b011000, 0b110110, 0b111110])
def test_register_numbers_choose_the_compact_branch(opcode: int) -> None:
    differences = []
    for rs, rt in product(range(32), repeat=2):
        word = opcode << 26 | rs << 21 | rt << 16 | 0x0010
        ours = decode(word, "mips32r6")
        instruction = next(_capstone(int(capstone.CS_MODE_MIPS32R6)).disasm(word.to_bytes(4, "big"), ADDRESS, 1), None)
        if (ours and ours[0].mnemonic) != (instruction and instruction.mnemonic):
            differences.append((rs, rt, ours, instruction))
    assert not differences
