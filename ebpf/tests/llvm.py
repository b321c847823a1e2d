"""LLVM as a witness: the clang that the PyPI package `ziglang` carries."""

import importlib.util
import subprocess
import sys
from pathlib import Path

import pytest
from elftools.elf.elffile import ELFFile

from ebpf.program import ByteOrder

needs_clang = pytest.mark.skipif(importlib.util.find_spec("ziglang") is None, reason="the package ziglang, which carries clang, is not installed")


def clang(source: Path, output: Path, byte_order: ByteOrder, *options: str, cpu: str = "v4") -> subprocess.CompletedProcess[str]:
    """Run clang for eBPF; the caller looks at the exit status."""
    target = "bpfel-freestanding" if byte_order == "little" else "bpfeb-freestanding"
    command = [sys.executable, "-m", "ziglang", "cc", "-target", target, f"-mcpu={cpu}", *options, str(source), "-o", str(output)]
    return subprocess.run(command, capture_output=True, text=True, timeout=120)


def code(path: Path) -> bytes:
    """The contents of `.text`."""
    with path.open("rb") as file:
        section = ELFFile(file).get_section_by_name(".text")
        assert section is not None
        return bytes(section.data())
