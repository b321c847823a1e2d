"""The ELF file, read back with pyelftools."""

import re
from io import BytesIO
from typing import Any

import pytest
from elftools.elf.elffile import ELFFile

from ebpf.assembler import assemble
from jit.compiled import Addresses, Compiled
from jit.compiler import compile_program
from jit.config import BASE_CONFIGS, Config
from jit.image import elf_flags, elf_image

BASE = 0x1000_0000

PROGRAM = assemble("r0 = 0x1122334455667788 ll; r1 = 5; if r1 == 5 goto +1; r0 = 7; r0 += r1; exit").slots


def section(elf: ELFFile, name: str) -> Any:
    found = elf.get_section_by_name(name)
    assert found is not None
    return found


def image(config: Config) -> tuple[Compiled, ELFFile]:
    compiled = compile_program(PROGRAM, config, Addresses(BASE))
    return compiled, ELFFile(BytesIO(elf_image(compiled)))


@pytest.mark.parametrize("config", BASE_CONFIGS, ids=str)
def test_header_and_code_are_those_of_the_configuration(config: Config) -> None:
    compiled, elf = image(config)
    assert elf["e_machine"] == "EM_MIPS"
    assert elf.elfclass == config.width
    assert elf.little_endian != config.big_endian
    assert elf["e_entry"] == BASE
    assert elf["e_flags"] == elf_flags(config)
    text = section(elf, ".text")
    assert (text["sh_addr"], text.data()) == (BASE, compiled.image())
    (segment,) = elf.iter_segments()
    assert (segment["p_type"], segment["p_vaddr"], segment.data()) == ("PT_LOAD", BASE, compiled.image())


@pytest.mark.parametrize("config", BASE_CONFIGS[::7], ids=str)
def test_symbols_name_the_entry_and_where_each_slot_begins(config: Config) -> None:
    compiled, elf = image(config)
    table = section(elf, ".symtab")
    found = {symbol.name: symbol["st_value"] for symbol in table.iter_symbols() if symbol.name}
    expected = {f"bpf_{slot:04}": BASE + 4 * index for slot, index in enumerate(compiled.bpf_at) if index is not None}
    assert found == expected | {"bpf_program": BASE}
    bindings = [symbol["st_info"]["bind"] for symbol in table.iter_symbols()]
    assert bindings[table["sh_info"] :] == ["STB_GLOBAL"]
    assert "STB_GLOBAL" not in bindings[: table["sh_info"]]


@pytest.mark.parametrize("config", BASE_CONFIGS[::3], ids=str)
def test_symbols_of_slots_cover_the_code_behind_the_entry_without_gaps(config: Config) -> None:
    compiled, elf = image(config)
    slots = sorted((s["st_value"], s["st_size"]) for s in section(elf, ".symtab").iter_symbols() if s.name.startswith("bpf_0"))
    assert [value + size for value, size in slots] == [*(value for value, _ in slots[1:]), BASE + 4 * len(compiled.words)]


@pytest.mark.parametrize("config", BASE_CONFIGS, ids=str)
def test_level_and_release_are_those_of_the_name(config: Config) -> None:
    _, elf = image(config)
    level, release = re.fullmatch(r"mips(\d+)(?:r(\d))?", config.isa).groups("0")  # type: ignore[union-attr]
    assert tuple(section(elf, ".MIPS.abiflags").data()[2:4]) == (int(level), int(release))


# Values of the MIPS processor supplement to the System V ABI, written out here a second time.
@pytest.mark.parametrize(
    ("name", "flags", "level", "release", "gpr_size"),
    [
        ("mips1-32be", 0x00001001, 1, 0, 1),
        ("mips4-32le", 0x30001101, 4, 0, 1),
        ("mips4-64le", 0x30000001, 4, 0, 2),
        ("mips32r1-32be", 0x50001001, 32, 1, 1),
        ("mips32r5-32le", 0x70001001, 32, 5, 1),
        ("mips32r6-32le", 0x90001401, 32, 6, 1),
        ("mips64r1-64be", 0x60000001, 64, 1, 2),
        ("mips64r3-64be", 0x80000001, 64, 3, 2),
        ("mips64r6-32be", 0xA0001501, 64, 6, 1),
    ],
)
def test_flags(name: str, flags: int, level: int, release: int, gpr_size: int) -> None:
    config = Config.parse(name)
    _, elf = image(config)
    assert elf["e_flags"] == flags
    abi_flags = section(elf, ".MIPS.abiflags").data()
    assert len(abi_flags) == 24
    assert tuple(abi_flags[2:5]) == (level, release, gpr_size)
