"""Exports of findings are read again by what reads such files."""

import re
from dataclasses import replace

import pytest

from ebpf import elf
from ebpf.data_dialect import read
from ebpf.elf_writer import write_object
from ebpf.program import ByteOrder, DataSection, ProgramError
from reports.exports import c_array, data_file, markdown
from reports.tests.reports import finding


def test_a_data_file_is_the_program_its_memory_and_its_result() -> None:
    test = read(data_file(finding()), "made.data")
    assert test.program.slots == finding().program.slots
    assert test.memory == finding().inputs[0].memory
    assert test.result == 4


@pytest.mark.parametrize("order", ["little", "big"])
def test_an_object_is_loaded_again(order: ByteOrder, tmp_path: object) -> None:
    from pathlib import Path

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


def test_markdown_has_the_steps_and_the_command() -> None:
    text = markdown(finding())
    assert "**`2: r0 -= r1`** | r0=0x4 | r0=0xa" in text
    assert "    bpfmips replay value-SUB64-n64.toml" in text


def test_what_a_form_cannot_hold_is_refused() -> None:
    found = finding()
    program = replace(found.program, data=(DataSection(".data", b"1", True),))
    for export in (lambda: data_file(replace(found, program=program)), lambda: write_object(program, "little")):
        with pytest.raises(ProgramError, match="data sections"):
            export()
