"""Exports of findings are read again by what reads such files."""

import re
import shutil
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import pytest

from ebpf import elf
from ebpf.codec import encode
from ebpf.data_dialect import read
from ebpf.elf_writer import write_object
from ebpf.program import ByteOrder, DataSection, ProgramError
from fuzz.case import Input
from reports.exports import c_array, data_file, markdown
from reports.tests.reports import finding

COMPILER = shutil.which("cc") or shutil.which("gcc") or shutil.which("clang")


def test_a_data_file_is_the_program_its_memory_and_its_result() -> None:
    test = read(data_file(finding()), "made.data")
    assert test.program.slots == finding().program.slots
    assert test.memory == finding().inputs[0].memory
    assert test.result == 4


@pytest.mark.parametrize("order", ["little", "big"])
def test_an_object_is_loaded_again(order: ByteOrder, tmp_path: object) -> None:
    path = Path(str(tmp_path)) / "made.o"
    path.write_bytes(write_object(finding().program, order, section="xdp"))
    (program,) = elf.load_each(str(path))
    assert not isinstance(program, elf.Unlinkable)
    assert program.slots == finding().program.slots
    assert (program.section, program.byte_order) == ("xdp", order)


def test_c_has_a_line_for_each_slot() -> None:
    text = c_array(finding())
    fields = [tuple(map(int, found)) for found in re.findall(r"\.dst_reg = (\d+), \.src_reg = (\d+), \.off = (-?\d+), \.imm = (-?\d+)", text)]
    assert fields == [(slot.dst, slot.src, slot.offset, slot.imm) for slot in finding().program.slots]
    assert "0x01, 0x02," in text


def test_the_smallest_immediate_is_a_constant_in_c() -> None:
    found = finding()
    slots = (found.program.slots[0]._replace(imm=-(1 << 31)), *found.program.slots[1:])
    assert ".imm = -2147483647 - 1" in c_array(replace(found, program=replace(found.program, slots=slots)))


@pytest.mark.skipif(COMPILER is None, reason="no C compiler")
@pytest.mark.parametrize("memory", [b"", b"\x01\x02"])
@pytest.mark.parametrize("fingerprint", ["value SUB64 n64", "value /* SUB64 */ n64"])
def test_c_compiles_by_itself(memory: bytes, fingerprint: str, tmp_path: Path) -> None:
    """And the array is what the codec encodes, on this machine."""
    if not Path("/usr/include/linux/bpf.h").exists():
        pytest.skip("no linux/bpf.h")
    found = finding(fingerprint)
    slots = (found.program.slots[0]._replace(imm=-(1 << 31)), *found.program.slots[1:])
    source, binary = tmp_path / "made.h", tmp_path / "made"
    source.write_text(c_array(replace(found, program=replace(found.program, slots=slots), inputs=(Input(memory),))))
    (tmp_path / "made.c").write_text(
        '#include "made.h"\n#include <stdio.h>\nint main(void) { return fwrite(program, sizeof program, 1, stdout) != 1; }\n'
    )
    assert COMPILER is not None
    for path in (source, tmp_path / "made.c"):
        output = ["-fsyntax-only", "-x", "c"] if path == source else ["-o", str(binary)]
        made = subprocess.run([COMPILER, "-Wall", "-Wextra", "-Werror", *output, str(path)], capture_output=True, text=True, check=False)
        assert made.returncode == 0, made.stderr
    assert subprocess.run([str(binary)], capture_output=True, check=True).stdout == encode(slots, sys.byteorder)


def test_markdown_has_the_steps_and_the_command() -> None:
    text = markdown(finding(), "a night/value-SUB64-n64.toml")
    assert "**`2: r0 -= r1`** | r0=0x4 | r0=0xa" in text
    assert "    bpfmips replay 'a night/value-SUB64-n64.toml'" in text


def test_what_a_form_cannot_hold_is_refused() -> None:
    found = finding()
    program = replace(found.program, data=(DataSection(".data", b"1", True),))
    for export in (lambda: data_file(replace(found, program=program)), lambda: write_object(program, "little")):
        with pytest.raises(ProgramError, match="data sections"):
            export()
