"""The listing shows every word once, under the instruction whose it is."""

import re

import pytest

from ebpf.assembler import assemble
from ebpf.disassembler import disassemble
from jit import mips
from jit.compiled import Addresses, Compiled
from jit.compiler import compile_program
from jit.config import BASE_CONFIGS, Config
from jit.runtime import ROUTINES
from reports.listing import render_listing

BASE = 0x1000_0000

PROGRAM = assemble(
    """
    r6 = r1
    r7 = 0x1122334455667788 ll
    *(u64 *)(r10 - 8) = r7
    r1 = 3
    call twice
    r1 = *(u64 *)(r6 + 0)
    if r1 == 0 goto end
    r0 += r1
    r0 /= 10
end:
    exit
twice:
    r0 = r1
    r0 += r0
    exit
    """,
    "made.s",
)


def compiled(config: Config) -> Compiled:
    functions = {name: BASE + 0x10000 + 16 * number for number, name in enumerate(ROUTINES)}
    return compile_program(PROGRAM.slots, config, Addresses(BASE, functions))


def listing(config: Config) -> tuple[Compiled, list[str]]:
    image = compiled(config)
    return image, render_listing(PROGRAM, PROGRAM.slots, image, "a model").splitlines()


@pytest.mark.parametrize("config", BASE_CONFIGS, ids=str)
def test_each_word_stands_once_in_order_with_its_address(config: Config) -> None:
    image, lines = listing(config)
    shown = [(int(match[1], 16), int(match[2], 16)) for line in lines if (match := re.match(r"    (0x[0-9a-f]+)  ([0-9a-f]{8})  \S", line))]
    assert shown == [(BASE + 4 * index, word) for index, word in enumerate(image.words)]
    assert not any(".word" in line for line in lines)


@pytest.mark.parametrize("config", BASE_CONFIGS, ids=str)
def test_each_word_stands_under_its_instruction_or_says_whose_it_is(config: Config) -> None:
    image, lines = listing(config)
    owners = []
    current: int | None = None
    for line in lines[lines.index("") + 1 :]:
        if heading := re.match(r" *(\d+): ", line):
            current = int(heading[1])
        elif line.startswith(";"):
            current = -1
        else:
            moved = re.search(r"; of instruction (\d+)$", line)
            owners.append(int(moved[1]) if moved else current)
    assert owners == list(image.slot_of)


@pytest.mark.parametrize("config", BASE_CONFIGS[::5], ids=str)
def test_every_instruction_is_shown_once_in_order(config: Config) -> None:
    _, lines = listing(config)
    shown = [match[1] for line in lines if (match := re.match(r" *(\d+: .*)", line))]
    assert shown == [f"{slot}: {text}" for slot, text in enumerate(disassemble(PROGRAM.slots)) if text]


def test_entry_and_exit_code_of_each_function_is_marked() -> None:
    _, lines = listing(Config.parse("mips32r2-32be"))
    assert [line for line in lines if line.startswith(";")] == ["; entry", "; exit", "; entry of twice", "; exit"]


def test_header() -> None:
    image, lines = listing(Config.parse("mips32r2-32be"))
    slots, words = len(PROGRAM.slots), len(image.words)
    assert lines[: lines.index("")] == [
        "made.s: .text",
        "configuration  mips32r2-32be: mips32r2, o32, big-endian",
        "CPU model      a model",
        "registers      r0=v0:v1  r1=a0:a1  r2=a2:a3  r3=t0:t1  r4=t2:t3  r5=t4:t5  r6=s0:s1  r7=s2:s3  r8=s4:s5  r9=s6:s7  r10=zero:fp",
        f"program        {slots} slots, {8 * slots} bytes; 4096 bytes of stack",
        f"image          {words} words, {4 * words} bytes at 0x10000000; {words / slots:.2f} words per slot",
    ]


def test_a_word_that_is_no_instruction_is_shown_as_a_number() -> None:
    image = Compiled(Config.parse("mips1-32le"), BASE, (0xFFFFFFFF,), (0,), (0,), (), (None,) * 11, 0, 0)
    assert mips.decode(0xFFFFFFFF, "mips1") is None
    assert ".word 0xffffffff" in render_listing(PROGRAM, assemble("exit").slots, image, "")
