"""Unusable input: one line on standard error that says where and why, exit status 2, no traceback."""

import os
import struct
from collections.abc import Callable
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from ebpf.files import MAXIMUM_FILE
from ebpf.tests.llvm import clang, needs_clang
from fuzz.cli.main import main
from fuzz.cli.options import Jobs

OBJECT = Path(__file__).parent.parent.parent / "corpus" / "programs" / "objects" / "crc32.v3.el.o"


def run(*arguments: object, text: str | bytes = "") -> Result:
    """Run a command in this process."""
    return CliRunner().invoke(main, [str(argument) for argument in arguments], input=text)


@pytest.fixture
def put(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Callable[[str, str | bytes], str]:
    """Write a file in an empty current directory, so that messages name it without a path."""
    monkeypatch.chdir(tmp_path)

    def write(name: str, contents: str | bytes) -> str:
        (tmp_path / name).write_bytes(contents if isinstance(contents, bytes) else contents.encode())
        return name

    return write


Put = Callable[[str, str | bytes], str]


def refused(result: Result, *lines: str) -> None:
    assert result.stderr.splitlines() == list(lines)
    assert result.exit_code == 2
    assert result.exception is None or isinstance(result.exception, SystemExit)


def patched(offset: int, contents: bytes) -> bytes:
    """The object with other bytes at an offset from the start of its code."""
    data = bytearray(OBJECT.read_bytes())
    # ELF64: the section header table is at e_shoff; the code is in the first executable section that is not empty.
    (table,) = struct.unpack_from("<Q", data, 0x28)
    size, count = struct.unpack_from("<HH", data, 0x3A)
    for number in range(count):
        _, kind, flags, _, start, length = struct.unpack_from("<IIQQQQ", data, table + size * number)
        if kind == 1 and flags & 4 and length:
            data[start + offset : start + offset + len(contents)] = contents
            return bytes(data)
    raise AssertionError("no code")


FILES: dict[str, tuple[str | bytes, str]] = {
    "truncated.o": (OBJECT.read_bytes()[:300], "truncated.o: truncated ELF object: the section headers are missing"),
    "short.o": (b"\x7fELF", "short.o: truncated ELF object"),
    "other.o": (OBJECT.read_bytes()[:0x12] + b"\x3e\0" + OBJECT.read_bytes()[0x14:], "other.o: an object for x64, not for eBPF"),
    "text.o": (b"hello", "text.o: not an ELF object"),
    "opcode.o": (patched(0, b"\xff"), "opcode.o: entry: instruction 0: unknown opcode 0xff"),
    "reserved.o": (patched(2, b"\x01"), "reserved.o: entry: instruction 0: opcode 0xb7: reserved field offset is 1, must be 0"),
    "far.s": ("r0 = 0\ngoto +5\nexit\n", "far.s: .text: instruction 1: jump to slot 7, outside the program, which has slots 0 to 2"),
    "middle.s": ("goto +1\nr0 = 1 ll\nexit\n", "middle.s: .text: instruction 0: jump to slot 2, in the middle of lddw"),
    "endless.s": ("r0 = 0\ngoto -2\n", "endless.s: .text: the program has no exit"),
    "falls.s": ("exit\nr0 = 0\n", "falls.s: .text: instruction 1: control falls off the end of the program"),
    "empty.s": ("", "empty.s: .text: the program is empty"),
    "unknown.s": ("r0 = 1\nfrobnicate r1\n", "unknown.s: line 2: not an instruction: frobnicate r1"),
    "binary.s": (b"\xff\xfe", "binary.s: not text: byte 0 is not UTF-8"),
    "raw.data": ("-- raw\n00000000000000ff\n", "raw.data: raw: instruction 0: unknown opcode 0xff"),
}


@pytest.mark.parametrize("name", FILES)
@pytest.mark.parametrize("command", [("check",), ("oracle",), ("jit", "--config", "mips1-32le")], ids=lambda command: command[0])
def test_unusable_program(put: Put, command: tuple[str, ...], name: str) -> None:
    contents, message = FILES[name]
    refused(run(*command, put(name, contents)), message)


@pytest.mark.parametrize("command", [("check",), ("oracle",), ("jit", "--config", "mips1-32le"), ("asm",)], ids=lambda command: command[0])
def test_missing_file(put: Put, command: tuple[str, ...]) -> None:
    refused(run(*command, "missing.s"), "missing.s: No such file or directory")


@pytest.mark.parametrize("command", [("check",), ("oracle",), ("jit", "--config", "mips1-32le")], ids=lambda command: command[0])
def test_unknown_section(command: tuple[str, ...]) -> None:
    refused(run(*command, OBJECT, "--section", "xdp"), f"{OBJECT}: no section 'xdp'; there is entry")


def test_unknown_configuration(put: Put) -> None:
    refused(run("jit", OBJECT, "--config", "mips7-32le"), "bpfmips: unknown configuration 'mips7-32le': unknown ISA 'mips7'; one of " + ISA_NAMES)
    refused(run("jit", OBJECT, "--config", "fast"), "bpfmips: unknown configuration 'fast'; see `bpfmips configs`")
    refused(run("check", OBJECT, "--config", "mips7*"), "bpfmips: no configuration matches 'mips7*'; see `bpfmips configs`")
    refused(run("suite", "--config", "mips7*"), "bpfmips: no configuration matches 'mips7*'; see `bpfmips configs`")
    refused(run("configs", "mips7*"), "bpfmips: no configuration matches 'mips7*'; see `bpfmips configs`")


ISA_NAMES = "mips1, mips2, mips32r1, mips32r2, mips32r3, mips32r5, mips32r6, mips3, mips4, mips5, mips64r1, mips64r2, mips64r3, mips64r5, mips64r6"


def test_nothing_left_to_judge(put: Put) -> None:
    refused(run("check", OBJECT, "--config", "*be"), "bpfmips: nothing to judge: no configuration of the program's byte order was selected")
    refused(run("suite", "--row", "NOTHING"), "bpfmips: no instruction matches 'NOTHING'")


def test_other_byte_order(put: Put) -> None:
    message = f"{OBJECT}: entry: compiled for little-endian machines, not for big-endian ones"
    refused(run("jit", OBJECT, "--config", "mips1-32be"), message)
    refused(run("oracle", OBJECT, "--byte-order", "big"), message)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("xyz", "neither a file nor hexadecimal bytes: 'xyz'"),
        ("z" * 5000, f"neither a file nor hexadecimal bytes: '{'z' * 40}'..."),
        ("0x123", "an odd number of hexadecimal digits: '0x123'"),
        ("12" * 2000 + "3", f"an odd number of hexadecimal digits: '{'12' * 20}'..."),
        (".", ".: Is a directory"),
        ("/dev/null", "/dev/null: not a regular file"),
    ],
)
@pytest.mark.parametrize("command", ["check", "oracle"])
def test_context_that_is_neither_file_nor_hexadecimal(put: Put, command: str, text: str, message: str) -> None:
    refused(run(command, OBJECT, "--mem", text), f"bpfmips: --mem: {message}")


@pytest.mark.parametrize("text", ["", "0x", "00" * 127, "00" * 128, "0x" + "00" * 5000])
def test_context_of_any_length(put: Put, text: str) -> None:
    result = run("oracle", put("length.s", "r0 = r2; exit"), "--mem", text)
    length = len(text.removeprefix("0x")) // 2
    assert (result.exit_code, result.stderr, result.stdout.splitlines()[0]) == (0, "", f"r0 = {length} ({length:#x})")


READERS = [("check",), ("oracle",), ("jit", "--config", "mips1-32le"), ("asm",)]


@pytest.mark.parametrize("command", READERS, ids=lambda command: command[0])
def test_only_regular_files_of_some_size(put: Put, command: tuple[str, ...], tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "fifo.s")
    (tmp_path / "zero.s").symlink_to("/dev/zero")
    os.truncate(put("large.s", ""), MAXIMUM_FILE + 1)
    refused(run(*command, "fifo.s"), "fifo.s: not a regular file")
    refused(run(*command, "zero.s"), "zero.s: not a regular file")
    refused(run(*command, "large.s"), f"large.s: more than {MAXIMUM_FILE} bytes")


def test_a_fifo_in_a_directory_is_told(put: Put, tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "fifo.s")
    refused(run("check", "."), "fifo.s: not a regular file")


@pytest.mark.parametrize("command", ["asm", "disasm"])
def test_standard_input_ends_somewhere(command: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("ebpf.files.MAXIMUM_FILE", 8)
    refused(run(command, "-", text="r0 = 42; exit"), "<stdin>: more than 8 bytes")


def test_standard_input_that_is_not_text() -> None:
    refused(run("asm", "-", text=b"exit\xff"), "<stdin>: not text: byte 4 is not UTF-8")


@pytest.mark.parametrize("text", ["exit\n" * 1_000_001, "exit;" * 1_000_001], ids=["lines", "statements"])
@pytest.mark.parametrize("name", ["long.s", "long.data"])
def test_assembly_of_too_many_lines(put: Put, name: str, text: str) -> None:
    refused(run("oracle", put(name, text)), f"{name}: more than 1000000 lines and statements")


def test_control_characters_in_names_are_escaped(put: Put) -> None:
    name = "\x1b[31m\na\x9b.s"
    shown = "\\x1b[31m\\na\\x9b.s"
    for command in READERS:
        refused(run(*command, name), f"{shown}: No such file or directory")
    put(name, "r0 = r9; exit")
    refused(run("check", name, "--config", "mips1-32le"), f"{shown}: .text: instruction 0: read of an uninitialised register: r9")
    put(name, "r0 = 0; exit")
    assert run("jit", name, "--config", "mips1-32le").stdout.splitlines()[0] == f"{shown}: .text"
    assert run("check", name, "--config", "mips1-32le").stdout.splitlines()[2].startswith(shown)


def test_context_for_the_shipped_programs() -> None:
    refused(run("check", "--mem", "00"), "bpfmips: --mem: the shipped programs have contexts of their own")


def test_unwritable_output(put: Put) -> None:
    refused(run("jit", OBJECT, "--config", "mips1-32le", "--output", "no/where"), "no/where: No such file or directory")
    refused(run("asm", put("a.s", "exit"), "--output", "no/where"), "no/where: No such file or directory")


def test_directory_without_programs(put: Put, tmp_path: Path) -> None:
    put("notes.txt", "")
    refused(run("check", "."), ".: no programs: no file ends in .o, .s, .asm, .data, and none is a classic filter in .txt")


def test_no_shipped_programs(put: Put, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("fuzz.sources.PROGRAMS", tmp_path)
    refused(
        run("check"),
        f"{tmp_path / 'objects'}: no shipped programs: they are part of the source tree, which bpfmips must be installed from with -e",
    )


@pytest.mark.parametrize(
    ("source", "message"),
    [
        ("zz", "bpfmips: disasm: neither a file nor hexadecimal bytes: 'zz'"),
        ("b70", "bpfmips: disasm: an odd number of hexadecimal digits: 'b70'"),
        ("", "bpfmips: disasm: nothing given: name a file, give slots in hexadecimal, or - for standard input"),
        (".", "bpfmips: disasm: .: Is a directory"),
        ("/dev/null", "bpfmips: disasm: /dev/null: not a regular file"),
        ("xy" * 200, f"bpfmips: disasm: neither a file nor hexadecimal bytes: '{'xy' * 20}'..."),
        ("b700", "<argument>: raw: 2 bytes of code, not a multiple of 8"),
        ("ff00000000000000", "<argument>: raw: instruction 0: unknown opcode 0xff"),
    ],
)
def test_disasm(put: Put, source: str, message: str) -> None:
    refused(run("disasm", source), message)


TWO = """
unsigned g(unsigned);
__attribute__((section("bad"))) unsigned f(unsigned char *context) { return g(context[0]) + 1; }
__attribute__((section("good"))) unsigned h(unsigned char *context) { return context[1]; }
"""


@needs_clang
def test_a_program_that_cannot_be_linked_leaves_the_others(put: Put, tmp_path: Path) -> None:
    assert clang(tmp_path / put("two.c", TWO), tmp_path / "two.o", "little", "-O2", "-c", cpu="v3").returncode == 0
    message = "two.o: bad: instruction 1: function 'g' is not defined in the object, nor declared in .ksyms with BTF"
    for config in ((), ("--section", "good")):
        result = run("check", "two.o", "--config", "mips1-32le", *config)
        assert "AGREE         1\n" in result.stdout
        assert (result.exit_code, result.stderr) == ((2, f"{message}\n") if not config else (0, ""))
    refused(run("check", "two.o", "--section", "bad"), message)
    refused(run("disasm", "two.o"), message)
    assert run("disasm", "two.o").stdout.splitlines() == ["# bad", "# good", "w0 = *(u8 *)(r1 + 1)", "exit"]
    for command in (("oracle",), ("jit", "--config", "mips1-32le"), ("disasm",)):
        assert run(*command, "two.o", "--section", "good").exit_code == 0
        refused(run(*command, "two.o", "--section", "bad"), message)


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (("oracle", "--bogus"), "bpfmips oracle: No such option '--bogus'."),
        (("conform", "--bogus", "x"), "bpfmips conform: No such option '--bogus'."),
        (("plugin", "", "--byte-order middle"), "bpfmips plugin: Invalid value for '--byte-order': 'middle' is not one of 'little', 'big'."),
        (("plugin", "", "--config 'oops"), 'bpfmips: plugin: options "--config \'oops": No closing quotation'),
        (("oracle",), "bpfmips oracle: Missing argument 'PATH'."),
        (("bogus",), "bpfmips: No such command 'bogus'."),
        (("--bogus",), "bpfmips: No such option '--bogus'."),
    ],
)
def test_a_wrong_command_line_is_told_in_one_line(arguments: tuple[str, ...], message: str) -> None:
    result = CliRunner().invoke(main, arguments, prog_name="bpfmips")
    assert (result.exit_code, result.stdout, result.stderr) == (2, "", message + "\n")


def test_without_a_command_there_is_help() -> None:
    result = CliRunner().invoke(main, [], prog_name="bpfmips")
    assert "Commands:" in result.output


def test_a_byte_of_a_value_that_is_none_is_refused(put: Callable[[str, str | bytes], str]) -> None:
    for offset in (-1, 8):
        name = put("value.s", f".map m array 4 8 1\nr1 = map_value 0 {offset}\nr0 = 0\nexit\n")
        result = run("oracle", name)
        assert (result.exit_code, result.stderr) == (
            2,
            f"value.s: .text: instruction 0: lddw refers to byte {offset} of a value of map m, which has 8\n",
        )
    assert run("oracle", put("value.s", ".map m array 4 8 1\nr1 = map_value 0 7\nr0 = *(u8 *)(r1 + 0)\nexit\n")).exit_code == 0


@pytest.mark.parametrize("command", [("check",), ("conform",), ("oracle", "--witness", "kernel")], ids=lambda command: command[0])
def test_a_directory_that_cannot_be_read(command: tuple[str, ...], tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def denied(path: object) -> object:
        raise PermissionError(13, "Permission denied", str(path))

    monkeypatch.setattr("fuzz.cli.witness.permitted", lambda: "")
    monkeypatch.setattr(os, "scandir", denied)
    refused(run(*command, tmp_path), f"{tmp_path}: Permission denied")


# None of them would have anything to do.
@pytest.mark.parametrize("command", [("check", "nothing.s"), ("suite", "--row", "NOTHING"), ("fuzz",)])
@pytest.mark.parametrize(
    ("jobs", "shown"), [("0", "'0'"), ("257", "'257'"), ("1000000", "'1000000'"), ("-1", "'-1'"), ("9" * 5000, f"'{'9' * 40}'...")]
)
def test_more_processes_than_can_be_started_are_refused(command: tuple[str, ...], jobs: str, shown: str) -> None:
    """Of numbers of thousands of digits Python refuses to know what they are."""
    refused(
        run(*command, "--jobs", jobs), f"main {command[0]}: Invalid value for '--jobs' / '-j': {shown} is neither auto nor a number from 1 to 256"
    )


@pytest.mark.parametrize(("value", "number"), [("auto", 256), ("256", 256), ("001", 1)])
def test_numbers_of_processes(value: str, number: int, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(os, "sched_getaffinity", lambda process: range(1000))
    assert Jobs().convert(value, None, None) == number
