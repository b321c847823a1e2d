"""C programs compiled for MIPS by clang run in processes of QEMU and give the known answers, without any eBPF, compiler or oracle of ours in between.

So loading, registers, memory and calling convention of `fuzz.qemu` are seen to be right about code of others. The linked file is mapped as its
program headers say; the function is called by registers, as o32 and n64 pass them (System V ABI, MIPS supplement; MIPSpro N32 ABI handbook,
chapter 2), and returns to a page of `break`.
"""

import importlib.util
import struct
import subprocess
import sys
from pathlib import Path
from typing import NamedTuple

import pytest
from elftools.elf.elffile import ELFFile

from fuzz.qemu.agent import SHARED_SIZE, SIGTRAP
from fuzz.qemu.machine import Machine, Mapping, Memory
from fuzz.qemu.models import Model, missing
from fuzz.tests.scripts import load as load_script

PROGRAMS = Path(__file__).parents[2] / "corpus" / "programs"
ANSWERS = load_script(PROGRAMS / "answers.py").ANSWERS

pytestmark = [
    pytest.mark.skipif(bool(missing()), reason=missing()),
    pytest.mark.skipif(importlib.util.find_spec("ziglang") is None, reason="the package ziglang, which carries the compiler, is not installed"),
]

NAMES = ("crc32", "sha256", "heap_sort", "json_numbers", "global_variables", "string_search")
"""None of them wants functions of a runtime library on either width."""

MODELS = {
    "mips": Model("qemu-mips", "24Kc", wide=False, big_endian=True),
    "mipsel": Model("qemu-mipsel", "24Kc", wide=False, big_endian=False),
    "mips64": Model("qemu-mips64", "5KEc", wide=True, big_endian=True),
    "mips64el": Model("qemu-mips64el", "5KEc", wide=True, big_endian=False),
}

FLAGS = (
    *("-O2", "-g0", "-std=c11", "-ffreestanding", "-fno-builtin", "-fno-pic", "-mno-abicalls", "-G0", "-msoft-float", "-fno-sanitize=all"),
    *("-fno-stack-protector", "-nostdlib", "-static", "-Wl,-e,entry", "-Wl,--image-base=0x1000000"),
)

PAGE = 0x1000
BREAKS, STACK, CONTEXT = 0x0400_0000, 0x0500_0000, 0x0600_0000
ROOM = 0x1_0000
"""Bytes of each of these."""

V0, V1, A0, A1, A2, A3, T9, SP, RA = 2, 3, 4, 5, 6, 7, 25, 29, 31
SECONDS = 60.0


class Program(NamedTuple):
    """A process, what is to be mapped in it, and the address of the function."""

    machine: Machine
    pages: list[Mapping]
    entry: int


def link(target: str, name: str, directory: Path) -> Path:
    output = directory / f"{name}.{target}"
    command = [sys.executable, "-m", "ziglang", "cc", "-target", f"{target}-freestanding", *FLAGS, str(PROGRAMS / f"{name}.c"), "-o", str(output)]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    return output


def load(path: Path, memory: Memory, at: int) -> tuple[list[Mapping], int]:
    """The segments, from there on in the memory, and the entry."""
    found = []
    with path.open("rb") as file:
        elf = ELFFile(file)
        for segment in elf.iter_segments("PT_LOAD"):
            address, contents, size = segment["p_vaddr"], segment.data(), segment["p_memsz"]
            start = address // PAGE * PAGE
            length = -(-(address + size - start) // PAGE) * PAGE
            memory.bytes[at : at + length] = (bytes(address - start) + contents).ljust(length, b"\0")
            found.append(Mapping(start, length, bool(segment["p_flags"] & 1), at))
            at += length
        return found, elf.header["e_entry"]


def call(program: Program, model: Model, length: int) -> int:
    """`entry(CONTEXT, length)`; what it returns, as an unsigned 64-bit integer."""
    values = [0] * 34
    values[A0], values[T9], values[SP], values[RA] = CONTEXT, program.entry, STACK + ROOM - 64, BREAKS
    if model.wide:
        values[A1] = length
    else:
        # A 64-bit argument begins in an even register; the words of it and of the result lie in registers as they would in memory.
        values[A2], values[A3] = (0, length) if model.big_endian else (length, 0)
    program.machine.map(program.pages)
    stop = program.machine.resume(values, program.entry, SECONDS)
    assert (stop.signal, stop.pc) == (SIGTRAP, BREAKS)
    assert stop.registers[SP] & 0xFFFF_FFFF == values[SP]
    if model.wide:
        return stop.registers[V0]
    high, low = (V0, V1) if model.big_endian else (V1, V0)
    return (stop.registers[high] & 0xFFFF_FFFF) << 32 | (stop.registers[low] & 0xFFFF_FFFF)


@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize("target", MODELS)
def test_a_program_of_another_compiler_gives_the_answers(target: str, name: str, tmp_path: Path) -> None:
    model = MODELS[target]
    path = link(target, name, tmp_path)
    memory = Memory(SHARED_SIZE + 16 * ROOM)
    breaks, stack, context, segments = (SHARED_SIZE + number * ROOM for number in range(4))
    memory.bytes[breaks : breaks + PAGE] = struct.pack(f"{'>' if model.big_endian else '<'}I", 0x0000000D) * (PAGE // 4)
    machine = Machine(model, memory, 0)
    try:
        for answer in ANSWERS[name]("big" if model.big_endian else "little"):
            pages, entry = load(path, memory, segments)
            pages += [Mapping(BREAKS, PAGE, True, breaks), Mapping(STACK, ROOM, False, stack), Mapping(CONTEXT, ROOM, False, context)]
            memory.bytes[context : context + ROOM] = answer.memory.ljust(ROOM, b"\xa5")
            assert call(Program(machine, pages, entry), model, len(answer.memory)) == answer.r0
            assert memory.bytes[context : context + ROOM] == answer.after.ljust(ROOM, b"\xa5")
    finally:
        machine.close()
        memory.close()
