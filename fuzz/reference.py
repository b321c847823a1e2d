"""What the compiler makes of each eBPF instruction on each ISA, by compiling it: for reference pages, which cannot lag behind the code.

An instruction stands alone between a first one that gives r0 a value and an exit. Its code is that of the image, with what passes have made of it, so
words that moved into delay slots are missing where they came from and are there where they went.
"""

from collections.abc import Iterator
from typing import NamedTuple

from ebpf.instruction import Instruction
from ebpf.opcodes import BY_NAME, ROWS, Row
from ebpf.program import Program
from fuzz.case import Case, Compiler, Input
from fuzz.layout import place
from jit.config import BASE_CONFIGS, Config
from jit.mips import decode, text

_REGISTERS = {"dst": 1, "src": 2}
_CONSTANT = 0x1234
_OFFSET = 8
_SHIFT = 5
_KTIME = 5
"""A helper function without arguments: ktime_get_ns."""


class Lowered(NamedTuple):
    """The code of a row, and the configurations with this code: names without the byte order. `code` is empty where nothing is emitted."""

    configs: tuple[str, ...]
    code: tuple[str, ...]


class LoweredRow(NamedTuple):
    """A row of the table of eBPF instructions, as assembly writes it, and its code; `refused` says why it cannot stand alone."""

    name: str
    text: str
    group: str
    lowered: tuple[Lowered, ...]
    refused: str = ""


def lowerings(compiler: Compiler) -> tuple[LoweredRow, ...]:
    """Every row on every little-endian base configuration; configurations with the same code are together."""
    configs = [config for config in BASE_CONFIGS if not config.big_endian]
    return tuple(_row(row, configs, compiler) for row in ROWS)


def _row(row: Row, configs: list[Config], compiler: Compiler) -> LoweredRow:
    found: dict[tuple[str, ...], list[str]] = {}
    refused = ""
    for config in configs:
        try:
            code = tuple(_code(row, config, compiler))
        except Exception as error:
            # Whatever a compiler under test may raise.
            refused = str(error).rpartition(": ")[2]
            continue
        found.setdefault(code, []).append(f"{config.isa} {'n64' if config.width == 64 else 'o32'}")
    lowered = tuple(Lowered(tuple(names), code) for code, names in found.items())
    return LoweredRow(row.name, row.text, row.group, lowered, "" if lowered else refused)


def _code(row: Row, config: Config, compiler: Compiler) -> Iterator[str]:
    slots = (Instruction(BY_NAME["MOV64_IMM"].opcode, 0, 0, 0, 0), *_instruction(row), Instruction(BY_NAME["EXIT"].opcode, 0, 0, 0, 0))
    placement = place(Case(Program("reference", row.name, slots), Input(bytes(16))), config)
    compiled = compiler(placement.slots, config, placement.addresses)
    for at, word in enumerate(compiled.words):
        if compiled.slot_of[at] == 1:
            decoded = decode(word, config.isa)
            yield "nop" if not word else text(*decoded, compiled.base + 4 * at, config.width) if decoded else f".word {word:#x}"


def _instruction(row: Row) -> tuple[Instruction, ...]:
    dst = row.dst if isinstance(row.dst, int) else _REGISTERS["dst"]
    src = row.src if isinstance(row.src, int) else _REGISTERS["src"]
    offset = row.offset if isinstance(row.offset, int) else 0 if row.offset == "jump" else _OFFSET
    imm = row.imm if isinstance(row.imm, int) else {"jump": 0, "helper": _KTIME, "btf": 1}.get(row.imm, _CONSTANT)
    if row.imm == "imm" and "SH" in row.name:
        imm = _SHIFT
    first = Instruction(row.opcode, dst, src, offset, imm)
    return (first, Instruction(0, 0, 0, 0, 0)) if row.slots == 2 else (first,)
