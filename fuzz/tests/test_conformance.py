"""Conformance: what becomes of each kind of test, the plugin's protocol, and the shipped vectors."""

import json
import subprocess
import sys
from collections import Counter
from collections.abc import Sequence
from pathlib import Path
from types import ModuleType

import pytest
from click.testing import CliRunner, Result

from ebpf.codec import encode
from ebpf.data_dialect import read
from ebpf.instruction import Instruction
from ebpf.opcodes import BY_NAME, lookup
from fuzz.cli.main import main
from fuzz.conformance.judge import judge_test, load
from fuzz.conformance.judgement import Kind
from fuzz.tests.scripts import load as load_script
from fuzz.unicorn.target import UnicornTarget
from jit.compiled import Addresses, Compiled
from jit.compiler import compile_program
from jit.config import Config

CONFORMANCE = Path(__file__).parents[2] / "corpus" / "conformance"
ROWS = sorted((CONFORMANCE / "rows").glob("*.data"))
HAND = sorted((CONFORMANCE / "hand").glob("*.data"))
CONFIGS = tuple(map(Config.parse, ("mips1-32le", "mips1-32be", "mips64r6-64le", "mips64r6-64be")))
CONFIG_OPTIONS = [part for config in CONFIGS for part in ("--config", str(config))]


def build() -> ModuleType:
    return load_script(CONFORMANCE / "build.py")


def kinds(asm: str, expectation: str, target: UnicornTarget, memory: str = "") -> list[Kind]:
    test = read(f"-- asm\n{asm}\n-- mem\n{memory}\n-- {expectation}\n", "t.data")
    return [one.kind for one in judge_test(test, CONFIGS, target, compile_program)]


# The shipped vectors.


def test_vectors_are_what_the_script_builds() -> None:
    assert {path.name: path.read_text() for path in ROWS} == build().vectors()


def test_there_are_vectors_for_every_row() -> None:
    """With `rows` in files named after the row that they are about, and that row in them."""
    assert len(ROWS) >= 300
    about = Counter(path.stem.rpartition("-")[0].upper() for path in ROWS)
    assert set(about) == set(BY_NAME)
    assert min(about.values()) >= 1
    for path in ROWS:
        slots = read(path.read_text(), path.name).program.slots
        assert path.stem.rpartition("-")[0].upper() in {row.name for slot in slots if (row := lookup(slot)) is not None}, path.name


@pytest.mark.parametrize("number", range(4))
def test_vectors_hold_on_both_byte_orders(number: int, target: UnicornTarget) -> None:
    """No vector depends on the byte order: each passes, or is an error that is expected, on both. `make conform` has all configurations."""
    for path in ROWS[number::4]:
        configs = CONFIGS[:2] if number % 2 else CONFIGS[2:]
        for judgement in judge_test(load(str(path)), configs, target, compile_program):
            assert judgement.kind in (Kind.PASSED, Kind.ERROR), judgement


@pytest.mark.parametrize("path", HAND, ids=lambda path: path.stem)
def test_vectors_by_hand(path: Path, target: UnicornTarget) -> None:
    for judgement in judge_test(load(str(path)), CONFIGS, target, compile_program):
        big, r6 = judgement.config.big_endian, judgement.config.isa == "mips64r6"
        expected = Kind.ERROR if load(str(path)).error else Kind.PASSED
        if path.stem.endswith("-big" if not big else "-little"):
            expected = Kind.OTHER_ORDER
        if path.stem == "misaligned" and not r6:
            expected = Kind.MISALIGNED
        assert judgement.kind is expected, judgement


# What becomes of a test.


def test_kinds(target: UnicornTarget) -> None:
    passed, failed, error = [Kind.PASSED] * 4, [Kind.FAILED] * 4, [Kind.ERROR] * 4
    assert kinds("mov r0, 5\nexit", "result\n5", target) == passed
    assert kinds("mov r0, 5\nexit", "result\n6", target) == failed
    assert kinds("mov r0, -1\nexit", "result\n0xffffffff", target) == failed
    assert kinds("mov r0, 0\nexit", "error\ntrap", target) == failed
    assert kinds("mov r0, 0\nldxb r1, [r1+1]\nexit", "error\ntrap", target) == error
    assert kinds("mov r0, 0\nldxb r1, [r1+1]\nexit", "result\n0", target) == failed
    assert kinds("mov r0, 0\nldxw r1, [r1+1]\nexit", "error\ntrap", target, "00 01 02 03 04") == [Kind.ERROR, Kind.ERROR, Kind.FAILED, Kind.FAILED]
    assert kinds("call 77\nexit", "error\ntrap", target) == error
    assert kinds("call 77\nexit", "result\n0", target) == failed
    assert kinds("ldxh r0, [r1]\nexit", "result\n0x2211", target, "11 22") == [Kind.PASSED, Kind.OTHER_ORDER] * 2
    assert kinds("ldxh r0, [r1]\nexit", "result\n0x1111", target, "11 22") == failed


def test_a_wrong_image_fails_whatever_the_test_expects(target: UnicornTarget) -> None:
    def wrong(slots: Sequence[Instruction], config: Config, addresses: Addresses) -> Compiled:
        return compile_program([slot._replace(imm=slot.imm + 1) if slot.opcode == 0xB7 else slot for slot in slots], config, addresses)

    for expected in ("result\n5", "result\n6"):
        test = read(f"-- asm\nmov r0, 5\nexit\n-- {expected}\n", "t.data")
        assert {one.kind for one in judge_test(test, CONFIGS, target, wrong)} == {Kind.FAILED}


def test_helper_5_returns_its_first_argument(target: UnicornTarget) -> None:
    assert kinds("lddw r1, 0x123456789abcdef0\ncall 5\nexit", "result\n0x123456789abcdef0", target) == [Kind.PASSED] * 4


# The command.


def conform(*arguments: object) -> Result:
    return CliRunner().invoke(main, ["conform", *map(str, arguments)])


def write(directory: Path, **files: str) -> Path:
    for name, text in files.items():
        (directory / f"{name}.data").write_text(text)
    return directory


PASSING = "-- asm\nmov r0, 5\nexit\n-- result\n5\n"
LITTLE = "-- asm\nldxh r0, [r1]\nexit\n-- mem\n11 22\n-- result\n0x2211\n"


def test_conform_counts(tmp_path: Path) -> None:
    result = conform(write(tmp_path, a=PASSING, b=LITTLE), *CONFIG_OPTIONS)
    lines = result.stdout.splitlines()
    assert result.exit_code == 0
    assert lines[0] == (
        f"OTHER_ORDER {tmp_path}/b.data: r0 = 0x2211 on little-endian machines only, here it is 0x1122 (2 of 4 configurations, first mips1-32be)"
    )
    assert lines[1].startswith("tests 2, configurations 4, runs 8, ")
    assert lines[2:] == ["       6 passed", "       2 expectation of the other byte order", "       0 failed"]
    document = json.loads(conform(tmp_path, *CONFIG_OPTIONS, "--json").stdout)
    assert document["counts"] == {"passed": 6, "error": 0, "other_order": 2, "misaligned": 0, "failed": 0}


def test_conform_ends_with(tmp_path: Path) -> None:
    config = ("--config", "mips1-32be")
    empty = tmp_path / "empty"
    empty.mkdir()
    result = conform(empty)
    assert (result.exit_code, result.stderr) == (1, "bpfmips: no test has passed\n")
    result = conform(write(empty, little=LITTLE), *config)
    assert (result.exit_code, result.stderr) == (1, "bpfmips: no test has passed\n")
    result = conform(write(empty, passing=PASSING, trap="-- asm\nmov r0, 0\nexit\n-- error\ntrap\n"), *config)
    assert result.exit_code == 1
    assert "an error is expected, but r0 = 0x0 (1 of 1 configurations, first mips1-32be)" in result.stdout
    (empty / "trap.data").write_text("-- asm\nmov r0, 0\nexit\n")
    result = conform(empty, *config)
    assert (result.exit_code, result.stderr) == (2, f"{empty}/trap.data: neither a result nor an error is expected\n")
    missing = conform(tmp_path / "none")
    assert (missing.exit_code, missing.stderr) == (2, f"{tmp_path}/none: No such file or directory\n")
    assert conform(tmp_path / "none.data").stderr.startswith(f"{tmp_path}/none.data: No such file")
    assert conform(empty, "--tripwires", "nothing").stderr.startswith("bpfmips: --tripwires: unknown tripwire 'nothing'")


def test_assembly_that_is_none_is_refused_as_expected(tmp_path: Path) -> None:
    config = ("--config", "mips1-32be")
    for asm in ("asm\nnonsense", "raw\nxyz"):
        directory = write(tmp_path, wrong=f"-- {asm}\n-- error\nrefused\n")
        result = conform(directory, *config)
        assert (result.exit_code, result.stderr) == (0, "")
        assert "1 refused or faulted, as expected" in result.stdout
        checked = CliRunner().invoke(main, ["check", str(directory / "wrong.data"), *config])
        assert "1 programs refused, as expected of them" in checked.stdout
        write(tmp_path, wrong=f"-- {asm}\n-- result\n0\n")
        assert conform(directory, *config).exit_code == 2


# The plugin.


def plugin(*arguments: str, program: bytes | str = "b7 00 00 00 2a 00 00 00  95 00 00 00 00 00 00 00\n") -> Result:
    return CliRunner().invoke(main, ["plugin", *arguments], input=program)


ADD_BYTES = "7110000000000000 7111010000000000 0f10000000000000 9500000000000000"


@pytest.mark.parametrize("config", ["oracle", *map(str, CONFIGS)])
def test_plugin_runs_programs(config: str) -> None:
    for arguments, program, expected in (
        (("",), "b7000000 2a000000 95000000 00000000", "2a"),
        (("07 0a",), ADD_BYTES, "11"),
        (("07  0a  ", ""), ADD_BYTES, "11"),
        ((), "18000000f0debc9a 0000000078563412 9500000000000000", "123456789abcdef0"),
        (("010203",), "bf20000000000000 9500000000000000", "3"),
        (("",), "1801000001000000 0000000002000000 8500000005000000 9500000000000000", "200000001"),
    ):
        result = plugin(*arguments, f"--config {config}", program=program)
        assert (result.exit_code, result.stdout, result.stderr) == (0, expected + "\n", ""), (arguments, program)
    assert plugin("07 0a", "--config", config, "--program", ADD_BYTES, program="").stdout == "11\n"


@pytest.mark.parametrize("config", ["oracle", "mips32r2-32le"])
def test_plugin_runs_objects(config: str) -> None:
    path = CONFORMANCE.parent / "programs" / "objects" / "crc32.v2.el.o"
    contents = path.read_bytes()
    for program in (contents, contents.hex(), contents.hex("\n", 16)):
        # The CRC of the bytes 01 02, as zlib has it.
        assert plugin("01 02", f"--elf --config {config}", program=program).stdout == "b6cc4292\n"
    result = plugin("01 02", "--elf --config mips32r2-32be", program=contents)
    assert (result.exit_code, result.stdout, result.stderr) == (2, "", "<stdin>: entry: compiled for little-endian machines\n")


@pytest.mark.parametrize("config", ["oracle", "mips64r6-64be"])
def test_plugin_errors(config: str) -> None:
    # fmt: off
    for arguments, program, status, message in (
        (("",),   "b7000000 2a0000",                    2, "<stdin>: raw: 7 bytes of code, not a multiple of 8"),
        (("",),   "hello",                              2, "bpfmips: program: not hexadecimal bytes"),
        (("0g",), "9500000000000000",                   2, "bpfmips: memory: not hexadecimal bytes"),
        (("",),   "ff00000000000000 9500000000000000",  2, "<stdin>: raw: instruction 0: unknown opcode 0xff"),
        (("",),   "9500000000000000",                   1, "<stdin>: raw: instruction 0: read of an uninitialised register: r0"),
        (("",),   "850000004d000000 9500000000000000",  2, "<stdin>: raw: instruction 0: call of unknown helper 77; there is "),
        (("",),   "",                                   2, "<stdin>: raw: the program is empty"),
    ):
        result = plugin(*arguments, "--config", config, program=program)
        assert (result.exit_code, result.stdout) == (status, ""), program
        assert result.stderr.startswith(message)
        assert result.stderr.count("\n") == 1
    # fmt: on
    assert plugin("", "--config", "mips9").exit_code == 2


def test_plugin_as_a_program_of_its_own() -> None:
    command = [sys.executable, "-c", "from fuzz.cli.conform import plugin_main; plugin_main()"]
    done = subprocess.run([*command, "07 0a", "--config mips64r2-64be"], input=ADD_BYTES, capture_output=True, text=True, check=False)
    assert (done.returncode, done.stdout, done.stderr) == (0, "11\n", "")
    done = subprocess.run([*command, ""], input="95", capture_output=True, text=True, check=False)
    assert (done.returncode, done.stdout) == (2, "")
    assert done.stderr.count("\n") == 1


# The runner's side.


def by_runner(path: Path, options: str) -> str:
    """What the runner of the suite makes of a test, "" for a pass.

    It is written in C++ and not to be had here; this does what its source does (bpf_conformance, src/bpf_conformance.cc): memory and options are one
    argument each, the memory with two blanks behind each byte; the program comes on standard input in the same way, and a line feed; of what is on
    standard output the low 32 bits are compared. Where an error is expected any other exit status than 0 will do here.
    """
    test = load(str(path))
    program = encode(test.program.slots, "little")
    command = [sys.executable, "-c", "from fuzz.cli.conform import plugin_main; plugin_main()", _spaced(test.memory), options]
    done = subprocess.run(command, input=_spaced(program) + "\n", capture_output=True, text=True, check=False)
    if done.returncode:
        return "" if test.error and not done.stdout and done.stderr.count("\n") == 1 else f"status {done.returncode}: {done.stderr}"
    if test.error:
        return "an error is expected"
    assert test.result is not None
    value = int("".join(done.stdout.splitlines()), 16) & 0xFFFF_FFFF
    return "" if value == test.result & 0xFFFF_FFFF else f"got {value:#x}"


def _spaced(contents: bytes) -> str:
    return "".join(f"{byte:02x}  " for byte in contents)


RUN = tuple((path, "") for path in (*HAND[::3], *ROWS[:: len(ROWS) // 3])) + tuple((path, "--config mips64r2-64le") for path in HAND[::9])


@pytest.mark.parametrize(("path", "options"), RUN, ids=lambda value: value.stem if isinstance(value, Path) else value)
def test_the_plugin_passes_what_the_runner_asks(path: Path, options: str) -> None:
    found = by_runner(path, options)
    assert found.startswith("got") if path.stem.endswith("-big") else not found
