"""A finding in gdb, by way of Qiling: driven by a script, with a real gdb."""

import re
import shlex
import shutil
import socket
import subprocess
import sys
from collections.abc import Callable, Iterator
from dataclasses import replace
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner

from ebpf.assembler import assemble
from ebpf.program import ProgramError
from fuzz.case import Compiler, Input
from fuzz.cli.main import main
from fuzz.findings.finding import Finding, text
from fuzz.layout import ZEROS
from fuzz.qiling.debug import Address, session, write_files
from fuzz.tests.debugged import PROGRAM
from jit.compiled import Compiled
from jit.compiler import compile_program
from jit.config import Config

_ABSENT = [name for name, found in (("qiling", find_spec("qiling")), ("gdb-multiarch", shutil.which("gdb-multiarch"))) if not found]
debugger = pytest.mark.skipif(bool(_ABSENT), reason=f"not installed: {', '.join(_ABSENT)}")
qiling = pytest.mark.skipif(not find_spec("qiling"), reason="not installed: qiling")


@pytest.fixture
def port() -> int:
    """One that is free."""
    with socket.create_server(("127.0.0.1", 0)) as server:
        number: int = server.getsockname()[1]
        return number


@pytest.fixture(params=["mips32r2-32be", "mips32r6-32le", "mips1-32le"])
def commands(request: pytest.FixtureRequest, tmp_path: Path, port: int) -> Iterator[Path]:
    """Those for gdb, for a process that waits for it."""
    script = Path(__file__).parent / "debugged.py"
    process = subprocess.Popen([sys.executable, script, request.param, str(port), tmp_path], stdout=subprocess.PIPE, text=True)
    assert process.stdout is not None
    assert process.stdout.readline() == "ready\n"
    yield tmp_path / ".gdbinit"
    process.kill()
    process.communicate()


def gdb(commands: Path, *more: str) -> str:
    arguments = [argument for command in (*more, "kill") for argument in ("-ex", command)]
    # Its server begins to listen a moment after it says that it is ready; gdb tries again for some seconds.
    command = ["gdb-multiarch", "-nx", "-batch", "-ex", "set tcp auto-retry on", "-x", str(commands), *arguments]
    printed: str = subprocess.run(command, capture_output=True, text=True, timeout=120, check=False).stdout
    return printed


@debugger
def test_it_stops_before_the_first_wrong_instruction(commands: Path) -> None:
    """The third of four additions loses its carry: r0 is 3, and 2**32 - 1 is added."""
    printed = gdb(commands, "info symbol $pc", "break *bpf_0004", "continue")
    before, wrong, after = re.split(r"(Instruction 3 goes wrong: r0 \+= r4\nIt must leave r0 = .*, and leaves .*)\n", printed)
    assert wrong.endswith("It must leave r0 = 0x0000000100000002, and leaves 0x0000000000000002.")
    shown = [dict(re.findall(r"^r(\d+) +(0x[0-9a-f]{16}) ", part, re.MULTILINE)) for part in (before[before.index("Breakpoint 1 at") :], after)]
    assert (shown[0]["0"], shown[0]["4"]) == ("0x0000000000000003", "0x00000000ffffffff")
    assert "bpf_0003 in section .text" in after
    assert shown[1]["0"] == "0x0000000000000002"


@debugger
def test_symbols_and_memory(commands: Path) -> None:
    printed = gdb(commands, "info address bpf_0000", "info address bpf_program", "x/2xw $a1" if "endian big" in commands.read_text() else "x/2xw $a0")
    assert 'Symbol "bpf_0000" is at 0x' in printed
    assert 'Symbol "bpf_program" is at 0x4000000' in printed
    assert re.search(r"^0x20100050:\t0x", printed, re.MULTILINE)


def finding(config: str) -> Finding:
    return Finding("test", "test", "DIFFER", assemble(PROGRAM, "test"), (Input(bytes(32)),), config, (config,), ())


def test_files_of_an_image_that_is_right(tmp_path: Path) -> None:
    found = session(finding("mips32r1-32le"), Config.parse("mips32r1-32le"))
    written = write_files(found, tmp_path / "new", Address.parse(":4000"))
    assert found.divergence is None
    assert "stands at its entry" in written.read_text()
    assert "target remote 127.0.0.1:4000\n" in written.read_text()


BORROWS = "r0 = 0; r2 -= r1; exit"
CARRIES = "r0 = -1; r2 = 1; r0 += r2; exit"
MACHINE = Config.parse("mips32r2-32be")


def spoilt(other: Callable[[int], int]) -> Compiler:
    """A compiler that has another word for each `sltu`."""

    def compiler(*given: Any) -> Compiled:
        image = compile_program(*given)
        return replace(image, words=tuple(other(word) if word >> 26 == 0 and word & 0x3F == 0x2B else word for word in image.words))

    return compiler


def named(program: str, wrong: str) -> Finding:
    assembled = assemble(program.replace("; ", "\n"), "test")
    return Finding("test", "test", "TRIPPED", assembled, (Input(bytes(8)),), str(MACHINE), (str(MACHINE),), ("a: detail\nshell true",), wrong)


def test_what_fails_only_at_the_addresses_of_a_kernel(tmp_path: Path) -> None:
    """A signed comparison of a pointer: the process has other addresses, and stops at the same instruction."""
    found = session(named(BORROWS, "1: r2 -= r1"), MACHINE, spoilt(lambda word: word - 1))
    written = write_files(found, tmp_path, Address.parse(":4000")).read_text()
    assert "break *bpf_0001\ncontinue\n" in written
    assert "Instruction 1 goes wrong: r2 -= r1" in written
    assert "only in a variant, that of tripwire addresses: with memory from 0x80100000 on" in written
    assert "a process has no memory there" in written
    assert found.placement.layout.context == 0x2010_0000


def test_what_fails_only_with_other_contents_of_registers(tmp_path: Path) -> None:
    """The carry is whether t9 holds anything: the process is the one in which it does not."""
    found = session(named(CARRIES, "2: r0 += r2"), MACHINE, spoilt(lambda _: 0x0019082B))
    written = write_files(found, tmp_path, Address.parse(":4000")).read_text()
    assert "break *bpf_0002\ncontinue\n" in written
    assert "that of tripwire uninitialised: with memory from 0x20100000 on, fill zeros, seed 0. This process is the variant." in written
    assert "It must leave r0 = 0x0000000000000000, and leaves 0xffffffff00000000." in written
    assert found.placement.fill == ZEROS


@pytest.mark.parametrize(("wrong", "stop"), [("1: r2 -= r1", True), ("", False), ("entry or exit code", False), ("7: r2 -= r1", False)])
def test_what_is_right_stops_where_the_finding_says(wrong: str, stop: bool, tmp_path: Path) -> None:
    written = write_files(session(named(BORROWS, wrong), MACHINE), tmp_path, Address.parse(":4000")).read_text()
    assert ("break *bpf_0001\n" in written) == stop
    assert ("stands at its entry" in written) != stop
    assert ("does not part from the oracle at an instruction. The finding says: TRIPPED: a: detail shell true.\\n" in written) == stop


@pytest.mark.skipif(not shutil.which("gdb-multiarch"), reason="not installed: gdb-multiarch")
@pytest.mark.parametrize("name", ["a b", 'a"b', "a\\b"])
def test_files_in_a_directory_with_a_strange_name(name: str, tmp_path: Path) -> None:
    written = write_files(session(named(BORROWS, ""), MACHINE), tmp_path / name, Address.parse(":4000"))
    line = next(line for line in written.read_text().splitlines() if line.startswith("file "))
    printed = subprocess.run(
        ["gdb-multiarch", "-nx", "-batch", "-ex", line, "-ex", "info address bpf_0001"], capture_output=True, text=True, check=False
    )
    assert 'Symbol "bpf_0001" is at 0x' in printed.stdout


@pytest.mark.parametrize("given", ["9999", ":", ":0", ":65536", "host:", "host:x", "[::1]:9999", "::1:9999"])
def test_addresses_that_are_none(given: str) -> None:
    with pytest.raises(ValueError, match="is no address such as :9999"):
        Address.parse(given)


def test_addresses() -> None:
    assert (Address.parse(":9999"), Address.parse("0.0.0.0:1")) == (("127.0.0.1", 9999), ("0.0.0.0", 1))


def test_64_bit_cpus_are_refused() -> None:
    with pytest.raises(ProgramError, match=r"Qiling does not run mips3-32le: it has 32-bit CPUs only"):
        session(finding("mips3-32le"), Config.parse("mips3-32le"))


@qiling
def test_command_for_gdb(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """What is printed can be given to a shell."""
    path = tmp_path / "finding.toml"
    path.write_text(text(finding("mips32r1-32le")))
    monkeypatch.setattr("fuzz.qiling.debug.serve", lambda found, address, announce: announce())
    result = CliRunner().invoke(main, ["replay", str(path), "--engine", "qiling", "--gdb", ":9999", "--out", str(tmp_path / "a b")])
    assert shlex.split(result.output)[-2:] == ["-x", str(tmp_path / "a b" / ".gdbinit")]


@qiling
def test_command(tmp_path: Path) -> None:
    path = tmp_path / "finding.toml"
    path.write_text(text(finding("mips3-64le")))
    wrong = ["replay", str(path), "--engine", "qiling", "--out", str(tmp_path)]
    result = CliRunner().invoke(main, [*wrong, "--gdb", "x"])
    assert (result.exit_code, result.output) == (125, "bpfmips: --gdb: 'x' is no address such as :9999\n")
    result = CliRunner().invoke(main, [*wrong, "--gdb", ":9999"])
    assert result.exit_code == 125
    assert "it has 32-bit CPUs only" in result.output
    with socket.create_server(("127.0.0.1", 0)) as server:
        taken = f":{server.getsockname()[1]}"
        busy = CliRunner().invoke(main, [*wrong, "--gdb", taken, "--config", "mips32r1-32le"])
    assert (busy.exit_code, busy.output) == (125, f"--gdb: 127.0.0.1{taken}: Address already in use\n")
    result = CliRunner().invoke(main, ["replay", str(path), "--gdb", ":9999"])
    assert result.exit_code == 2
    assert "--gdb is of --engine qiling" in result.output
