"""A second opinion on the tripwire for illegal instructions: LLVM's assembler, on every different word that our compiler emits.

The text of each word must assemble to that word for a CPU of the ISA, and for 32-bit code on a 64-bit CPU also for one that has 32 bits only. Where
LLVM is more lenient than the manuals is listed in `jit/tests/test_mips_witnesses.py`.
"""

import re
import subprocess
import sys
from collections.abc import Iterator
from io import BytesIO
from pathlib import Path

import pytest
from elftools.elf.elffile import ELFFile

from ebpf.program import Program
from ebpf.tests.llvm import needs_clang
from fuzz.case import Case, Input
from fuzz.layout import place
from fuzz.sources import Subject, shipped_subjects
from fuzz.suite.suites import suites
from fuzz.wires import legality
from jit.compiler import compile_program
from jit.config import ISAS, ISAS_32, ISAS_64, Config
from jit.mips import decode, text

ADDRESS = 0x1000

# The 32-bit ISA of which 32-bit code for a 64-bit CPU must consist as well.
_NARROW = {"mips3": "mips2", "mips64r2": "mips32r2", "mips64r6": "mips32r6"}

# All ISAs at their full width; 32-bit code of a few 64-bit CPUs stands for that of the others.
CONFIGS = [
    *(Config(isa, 64 if isa in ISAS_64 else 32, False) for isa in ISAS),
    *(Config(isa, 32, False) for isa in ("mips3", "mips64r2", "mips64r6")),
]


def _programs() -> Iterator[Program]:
    yield from (suite.program for suite in suites())
    for subject in shipped_subjects(None):
        if isinstance(subject, Subject) and subject.version == "v4" and subject.byte_order == "little":
            yield subject.program


def _emitted(config: Config) -> frozenset[int]:
    """The different words of all programs."""
    found = set[int]()
    for program in _programs():
        placement = place(Case(program, Input(bytes(64))), config)
        compiled = compile_program(placement.slots, config, placement.addresses)
        assert list(legality.code(compiled, placement)) == []
        found.update(compiled.words)
    return frozenset(found)


def _line(word: int, config: Config, isa: str) -> str:
    decoded = decode(word, config.isa)
    assert decoded is not None
    row, operands = decoded
    line = text(row, operands, ADDRESS, 64 if isa in ISAS_64 else 32)
    # LLVM takes a number as relative to the branch's successor.
    return f"{line.rpartition(' ')[0]} {4 * operands[row.operands.index('offset')]}" if "branch" in row.facts else line


def _assemble(isa: str, lines: list[str], directory: Path) -> bytes:
    source, code = directory / f"{isa}.s", directory / f"{isa}.o"
    source.write_text("\n".join([".set noreorder; .set noat; .set nomacro", *lines, ""]))
    target = "mips64-freestanding" if isa in ISAS_64 else "mips-freestanding"
    cpu = {"mips32r1": "mips32", "mips64r1": "mips64"}.get(isa, isa)
    command = [sys.executable, "-m", "ziglang", "cc", "-target", target, f"-mcpu={cpu}", "-mno-abicalls", "-ferror-limit=9", "-w"]
    done = subprocess.run([*command, "-c", str(source), "-o", str(code)], capture_output=True, text=True, check=False, timeout=120)
    assert done.returncode == 0, re.sub(r".*?\.s:", "", done.stderr)
    section = ELFFile(BytesIO(code.read_bytes())).get_section_by_name(".text")
    assert section is not None
    return bytes(section.data())


@needs_clang
@pytest.mark.parametrize("config", CONFIGS, ids=str)
def test_llvm_assembles_every_emitted_word(config: Config, tmp_path: Path) -> None:
    words = sorted(_emitted(config))
    isas = {config.isa, _NARROW[config.isa]} if config.width == 32 and config.isa not in ISAS_32 else {config.isa}
    for isa in sorted(isas):
        code = _assemble(isa, [_line(word, config, isa) for word in words], tmp_path)
        assert [int.from_bytes(code[4 * at : 4 * at + 4], "big") for at in range(len(words))] == words
