"""Standard output that is full, closed, or a pipe that nobody reads."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

OBJECT = str(Path(__file__).parent.parent.parent / "corpus" / "programs" / "objects" / "crc32.v3.el.o")

COMMANDS = {
    "help": ("--help",),
    "configs": ("configs",),
    "configs in JSON": ("configs", "--json"),
    "jit": ("jit", OBJECT, "--config", "mips1-32le"),
    "jit to -": ("jit", OBJECT, "--config", "mips1-32le", "--output", "-"),
    "oracle": ("oracle", OBJECT, "--mem", "00"),
    "disasm": ("disasm", OBJECT),
    "asm": ("asm", "-"),
    "tripwires": ("tripwires",),
    "check": ("check", OBJECT, "--config", "mips1-32le"),
    "check in JSON": ("check", OBJECT, "--config", "mips1-32le", "--json"),
}


def run(arguments: tuple[str, ...], output: int | None) -> subprocess.CompletedProcess[str]:
    """Run a command with a standard output, or with one that is closed."""
    command = [sys.executable, "-m", "fuzz", *arguments]
    close = None if output is not None else lambda: os.close(1)
    return subprocess.run(command, stdout=output, stderr=subprocess.PIPE, input="exit", text=True, check=False, preexec_fn=close)


@pytest.mark.parametrize("name", COMMANDS)
def test_full(name: str) -> None:
    with open("/dev/full", "wb") as full:
        done = run(COMMANDS[name], full.fileno())
    assert (done.returncode, done.stderr) == (2, "bpfmips: standard output: No space left on device\n")


@pytest.mark.parametrize("name", ["help", "configs", "jit to -", "check"])
def test_a_pipe_that_nobody_reads(name: str) -> None:
    reader, writer = os.pipe()
    os.close(reader)
    done = run(COMMANDS[name], writer)
    os.close(writer)
    assert (done.returncode, done.stderr) == (141, "")


@pytest.mark.parametrize("name", ["help", "check"])
def test_closed(name: str) -> None:
    done = run(COMMANDS[name], None)
    assert (done.returncode, done.stderr) == (2, "bpfmips: standard output: Bad file descriptor\n")
