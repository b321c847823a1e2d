"""A finding in gdb, by way of Qiling: driven by a script, with a real gdb."""

import re
import shutil
import socket
import subprocess
import sys
from collections.abc import Iterator
from importlib.util import find_spec
from pathlib import Path

import pytest
from click.testing import CliRunner

from ebpf.assembler import assemble
from ebpf.program import ProgramError
from fuzz.case import Input
from fuzz.cli.main import main
from fuzz.findings.finding import Finding, text
from fuzz.qiling.debug import Address, session, write_files
from fuzz.tests.debugged import PROGRAM
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
    return Finding("test", "test", "DIFFER", assemble(PROGRAM, "test"), (Input(bytes(32)),), config, (), ())


def test_files_of_an_image_that_is_right(tmp_path: Path) -> None:
    found = session(finding("mips32r1-32le"), Config.parse("mips32r1-32le"))
    written = write_files(found, tmp_path / "new", Address.parse(":4000"))
    assert found.divergence is None
    assert "stands at its entry" in written.read_text()
    assert "target remote 127.0.0.1:4000\n" in written.read_text()


@pytest.mark.parametrize("given", ["9999", ":", ":0", ":65536", "host:", "host:x"])
def test_addresses_that_are_none(given: str) -> None:
    with pytest.raises(ValueError, match="is no address such as :9999"):
        Address.parse(given)


def test_addresses() -> None:
    assert (Address.parse(":9999"), Address.parse("0.0.0.0:1")) == (("127.0.0.1", 9999), ("0.0.0.0", 1))


def test_64_bit_cpus_are_refused() -> None:
    with pytest.raises(ProgramError, match=r"Qiling does not run mips3-32le: it has 32-bit CPUs only"):
        session(finding("mips3-32le"), Config.parse("mips3-32le"))


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
    result = CliRunner().invoke(main, ["replay", str(path), "--gdb", ":9999"])
    assert result.exit_code == 2
    assert "--gdb is of --engine qiling" in result.output
