"""A program run by a process of QEMU in user mode for each execution, as a static executable: the obvious alternative to engines in a process.

The executable holds the image and its input, and ends with the low byte of the result as its status. `throughput.py` measures with it.
"""

import os
import shutil
import struct
import subprocess
import tempfile
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

from ebpf.program import Program
from fuzz.abi import A0, A1, RA, V0
from fuzz.case import Case, Input
from fuzz.layout import place
from jit.compiler import compile_program
from jit.config import Config
from jit.image import elf_flags
from jit.mips import rows

_T9 = 25

PROCESSES: dict[str, tuple[str, str]] = {
    "mips64r2-64be": ("qemu-mips64", "MIPS64R2-generic"),
    "mips64r2-64le": ("qemu-mips64el", "MIPS64R2-generic"),
}
"""Configurations that user-mode QEMU runs, with its program and the model of its CPU: those on which nothing is a call of a runtime routine."""


def executable(program: Program, given: Input, config: Config) -> bytes:
    """A static executable that runs a program on an input."""
    page, base = 0x1000, 0x10001000
    placement = place(Case(program, given), config)
    compiled = compile_program(placement.slots, config, replace(placement.addresses, base=base))
    table, address = rows(config), base - page // 2
    exits = 4001 if config.width == 32 else 5058

    def load(register: int, number: int) -> list[int]:
        return [table["lui"].encode(register, number >> 16), table["ori"].encode(register, register, number & 0xFFFF)]

    words = [
        *load(A0, address),
        *load(A1, len(given.memory)),
        *load(_T9, base),
        table["jalr"].encode(RA, _T9),
        0,
        table["or"].encode(A0, V0, 0),
        *load(V0, exits),
        0x0000000C,
    ]
    order = ">" if config.big_endian else "<"
    start = struct.pack(f"{order}{len(words)}I", *words).ljust(page // 2, b"\0")
    contents = start + given.memory.ljust(page // 2, b"\0") + compiled.image()
    return _file(contents, base - page, elf_flags(config), config)


def _file(contents: bytes, address: int, flags: int, config: Config) -> bytes:
    """ELF header, program header, and one segment that may do everything (System V ABI, chapters 4 and 5)."""
    order, wide = (">" if config.big_endian else "<"), config.width == 64
    sizes = (64, 56) if wide else (52, 32)
    page = 0x1000
    header = bytes((0x7F, *b"ELF", 2 if wide else 1, 2 if config.big_endian else 1, 1)).ljust(16, b"\0")
    header += struct.pack(f"{order}HHI{'QQQ' if wide else 'III'}IHHHHHH", 2, 8, 1, address, sizes[0], 0, flags, *sizes, 1, 0, 0, 0)
    size = len(contents)
    if wide:
        header += struct.pack(f"{order}IIQQQQQQ", 1, 7, page, address, address, size, size, page)
    else:
        header += struct.pack(f"{order}IIIIIIII", 1, page, address, address, size, size, 7, page)
    return header.ljust(page, b"\0") + contents


def processes(programs: Sequence[tuple[Program, Sequence[Input]]]) -> float | None:
    """Microseconds of processor time that a process takes which runs one of the programs on one of its inputs, None where QEMU is not installed.

    Raises ValueError when one ends by a signal.
    """
    if any(shutil.which(name) is None for name, _ in PROCESSES.values()):
        return None
    seconds, runs = 0.0, 0
    with tempfile.TemporaryDirectory() as directory:
        path = Path(directory) / "program"
        for number, (program, inputs) in enumerate(programs):
            name, (command, cpu) = list(PROCESSES.items())[number % len(PROCESSES)]
            for given in inputs:
                contents = executable(program, given, Config.parse(name))
                start = _spent()
                path.write_bytes(contents)
                path.chmod(0o755)
                ended = subprocess.run([command, "-cpu", cpu, str(path)], check=False).returncode
                seconds += _spent() - start
                runs += 1
                # What the status is depends on what is on the stack, but it is one.
                if ended < 0:
                    raise ValueError(f"{command} on program {number}: ended by signal {-ended}")
    return 1e6 * seconds / runs


def _spent() -> float:
    """Seconds of processor time, those of processes that have ended included."""
    times = os.times()
    return times.user + times.system + times.children_user + times.children_system
