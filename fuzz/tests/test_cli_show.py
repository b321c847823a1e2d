"""The commands that show: jit, oracle, configs, asm, disasm."""

import json
from io import BytesIO
from pathlib import Path

import pytest
from click.testing import CliRunner, Result
from elftools.elf.elffile import ELFFile
from hypothesis import given, settings

from ebpf.codec import encode
from ebpf.program import Program
from ebpf.tests.strategies import programs
from fuzz.cli.main import main
from fuzz.layout import LAYOUTS
from jit.config import BASE_CONFIGS, all_configs

OBJECTS = Path(__file__).parent.parent.parent / "corpus" / "programs" / "objects"


def run(*arguments: object, text: str | bytes = "") -> Result:
    """Run a command in this process."""
    return CliRunner().invoke(main, [str(argument) for argument in arguments], input=text)


def lines(*arguments: object, text: str | bytes = "") -> list[str]:
    result = run(*arguments, text=text)
    assert (result.exit_code, result.stderr) == (0, "")
    return result.stdout.splitlines()


def test_version() -> None:
    assert lines("--version") == ["bpfmips 0.1.0"]


@pytest.mark.parametrize("command", ["check", "suite", "errata", "jit", "oracle", "configs", "asm", "disasm"])
def test_every_command_has_a_help_text_with_an_example(command: str) -> None:
    assert "Example: " in run(command, "--help").stdout


def test_configs_lists_all() -> None:
    heading, *rows, count = lines("configs")
    assert heading.split() == ["configuration", "ISA", "width", "ABI", "byte", "order", "CPU", "model"]
    assert [row.split()[0] for row in rows] == [str(config) for config in BASE_CONFIGS]
    assert count == "46 configurations"
    assert not any(line.endswith(" ") for line in (heading, *rows))


def test_configs_all_counts_by_axis() -> None:
    _, *rows = lines("configs", "--all")
    names, counts = [row.split()[0] for row in rows[: len(all_configs())]], rows[len(all_configs()) :]
    assert names == [str(config) for config in all_configs()]
    assert counts[0] == f"{len(names)} configurations"
    assert "  byte order  little {0}, big {0}".format(len(names) // 2) in counts
    assert f"  CPU         the CPU has a newer ISA than the code {sum('@' in name for name in names)}" in counts


def test_a_glob_with_an_option_chooses_among_all() -> None:
    assert [row.split()[0] for row in lines("configs", "mips2-32*+nollsc")[1:3]] == ["mips2-32le+nollsc", "mips2-32le@mips32r1+nollsc"]
    assert len(lines("configs", "mips2-32*")) == 4


def test_errata_are_listed_with_what_shows_them() -> None:
    text = "\n".join(lines("errata"))
    found = json.loads(run("errata", "--json").stdout)
    for row in found["errata"]:
        assert f"tripwire errata, seeded bug erratum-{row['name']}" in text
        assert row["seeded_bugs"] == [f"erratum-{row['name']}"]
        assert row["configurations"]
    assert all(f"because     {entry['reason']}" in text for entry in found["not_taken"])


def test_configs_json() -> None:
    found = json.loads(run("configs", "mips64r6-64*", "--json").stdout)
    assert [entry["name"] for entry in found] == ["mips64r6-64le", "mips64r6-64be"]
    assert found[1] == {
        "name": "mips64r6-64be",
        "isa": "mips64r6",
        "width": 64,
        "abi": "n64",
        "byte_order": "big",
        "cpu": "mips64r6",
        "options": [],
        "cpu_model": "MIPS64_I6400",
    }


@settings(max_examples=25)
@given(program=programs())
def test_what_disasm_prints_asm_reads(program: Program) -> None:
    code = encode(program.slots, "little")
    text = run("disasm", "-", text=code.hex()).stdout
    printed = CliRunner().invoke(main, ["asm", "-"], input=text)
    # A program that is no well-formed one (a call into another function) is refused: what it says is tested elsewhere.
    if printed.exit_code == 0:
        assert bytes.fromhex(printed.stdout) == code
    assert CliRunner().invoke(main, ["disasm", "-"], input=code).stdout == text


def test_asm_writes_binary_in_either_byte_order(tmp_path: Path) -> None:
    source, output = tmp_path / "a.s", tmp_path / "a.bin"
    source.write_text("r3 = 0x1122334455667788 ll; r0 = r3; exit")
    for order, first in (("little", b"\x18\x03\0\0\x88\x77\x66\x55"), ("big", b"\x18\x30\0\0\x55\x66\x77\x88")):
        assert lines("asm", source, "--output", output, "--byte-order", order) == []
        assert output.read_bytes()[:8] == first
        assert lines("disasm", output, "--byte-order", order) == ["r3 = 1234605616436508552 ll", "r0 = r3", "exit"]


def test_disasm_names_the_functions_of_an_object() -> None:
    text = lines("disasm", OBJECTS / "heap_sort.v4.eb.o")
    assert text[0] == "r8 = r2"
    assert "sift_down:" in text


def test_jit_writes_images(tmp_path: Path) -> None:
    raw, elf = tmp_path / "a.bin", tmp_path / "a.elf"
    arguments = ("jit", OBJECTS / "crc32.v3.eb.o", "--config", "mips32r2-32be")
    assert lines(*arguments, "--output", raw, "--format", "raw") == []
    assert lines(*arguments, "--output", elf) == []
    text = ELFFile(BytesIO(elf.read_bytes())).get_section_by_name(".text")
    assert text is not None
    assert text.data() == raw.read_bytes()
    shown = [line for line in lines(*arguments) if line.startswith("    0x")]
    assert bytes.fromhex("".join(line.split()[1] for line in shown)) == raw.read_bytes()


def test_jit_shows_model_and_abi() -> None:
    text = lines("jit", OBJECTS / "crc32.v3.el.o", "--config", "mips5-64le")
    assert text[1:3] == ["configuration  mips5-64le: mips5, n64, little-endian", "CPU model      MIPS64_5KC"]


def test_format_without_output_is_refused() -> None:
    result = run("jit", OBJECTS / "crc32.v3.el.o", "--config", "mips1-32le", "--format", "elf")
    assert result.exit_code == 2
    assert "--output" in result.stderr


@pytest.mark.parametrize("width", [32, 64])
def test_oracle_prints_result_registers_and_changed_memory(width: int, tmp_path: Path) -> None:
    source = tmp_path / "a.s"
    context, frame_pointer = LAYOUTS[width].context + 64, LAYOUTS[width].stack + 0x2C00
    source.write_text("r3 = 258; *(u16 *)(r1 + 2) = r3; r0 = r2; exit")
    assert lines("oracle", source, "--width", width, "--byte-order", "big", "--mem", "00" * 6) == [
        "r0 = 6 (0x6)",
        "4 instructions",
        "r0   0x6",
        f"r1   {context:#x}",
        "r2   0x6",
        "r3   0x102",
        *(f"r{number}   -" for number in range(4, 10)),
        f"r10  {frame_pointer:#x}",
        "context, 2 of 6 bytes changed:",
        f"  {context:#x}  +0     00 00 01 02 00 00",
    ]


def test_oracle_traces(tmp_path: Path) -> None:
    source = tmp_path / "a.s"
    source.write_text("r0 = 1 ll; if r0 != 1 goto +1; r0 += 2; call 7; exit")
    text = lines("oracle", source, "--trace")
    assert [line.strip().split("  ")[0] for line in text[:5]] == [
        "0: r0 = 1 ll",
        "2: if r0 != 1 goto +1",
        "3: r0 += 2",
        "4: call 7",
        "5: exit",
    ]
    assert [line.split()[-1] for line in text[:3:2]] == ["r0=0x1", "r0=0x3"]
    assert "r1=-  r2=-" in text[3]


def test_oracle_reads_a_context_from_a_file(tmp_path: Path) -> None:
    (tmp_path / "context").write_bytes(b"123456789")
    assert lines("oracle", OBJECTS / "crc32.v1.el.o", "--mem", tmp_path / "context")[0] == "r0 = 3421780262 (0xcbf43926)"


def test_oracle_says_where_a_program_faults(tmp_path: Path) -> None:
    source = tmp_path / "a.s"
    source.write_text("r0 = *(u8 *)(r10 + 0); exit")
    result = run("oracle", source)
    assert (result.stdout, result.stderr) == (
        "",
        f"{source}: .text: instruction 0: access out of bounds of 1 bytes at {LAYOUTS[64].stack + 0x2C00:#x}\n",
    )
    assert result.exit_code == 2
