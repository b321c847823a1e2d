"""What the compiler makes of each eBPF instruction on each ISA, by compiling it: for reference pages, which cannot lag behind the code.

An instruction stands alone between a first one that gives r0 a value and an exit. Its code is that of the image, with what passes have made of it, so
words that moved into delay slots are missing where they came from and are there where they went.
"""

from collections.abc import Callable, Iterator, Sequence
from typing import NamedTuple

from ebpf.instruction import Instruction
from ebpf.opcodes import BY_NAME, ROWS, Row
from ebpf.program import Program, ProgramError
from fuzz.case import Case, Compiler, Input
from fuzz.exceptions import named
from fuzz.layout import place
from jit.call import CompileError
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


class Failed(NamedTuple):
    """Configurations of which there is no code, and why: the compiler raised, died or took too long."""

    configs: tuple[str, ...]
    reason: str


class LoweredRow(NamedTuple):
    """A row of the table of eBPF instructions, as assembly writes it, and its code; `refused` says why it cannot stand alone."""

    name: str
    text: str
    group: str
    lowered: tuple[Lowered, ...]
    refused: str = ""
    failed: tuple[Failed, ...] = ()


class Answer(NamedTuple):
    """What the compiler says to a row on one configuration: its code, or why it refuses it, or how it failed."""

    code: tuple[str, ...] = ()
    refused: str = ""
    failed: str = ""


Ask = Callable[[Row, Sequence[Config]], Sequence[Answer]]
"""Has a row compiled on each of these configurations."""


def lowerings(ask: Ask) -> tuple[LoweredRow, ...]:
    """Every row on every little-endian base configuration; configurations with the same code are together."""
    configs = [config for config in BASE_CONFIGS if not config.big_endian]
    return tuple(_lowered(row, configs, ask(row, configs)) for row in ROWS)


def _lowered(row: Row, configs: Sequence[Config], answers: Sequence[Answer]) -> LoweredRow:
    codes: dict[tuple[str, ...], list[str]] = {}
    reasons: dict[str, list[str]] = {}
    refused = ""
    for config, answer in zip(configs, answers, strict=True):
        name = f"{config.isa} {'n64' if config.width == 64 else 'o32'}"
        if answer.refused:
            refused = answer.refused
        elif answer.failed:
            reasons.setdefault(answer.failed, []).append(name)
        else:
            codes.setdefault(answer.code, []).append(name)
    lowered = tuple(Lowered(tuple(names), code) for code, names in codes.items())
    failed = tuple(Failed(tuple(names), reason) for reason, names in reasons.items())
    return LoweredRow(row.name, row.text, row.group, lowered, "" if lowered else refused, failed)


def compiled(row: Row, configs: Sequence[Config], compiler: Compiler) -> tuple[Answer, ...]:
    """What a compiler says, asked in this process."""
    return tuple(_compiled(row, config, compiler) for config in configs)


def _compiled(row: Row, config: Config, compiler: Compiler) -> Answer:
    try:
        return Answer(tuple(_code(row, config, compiler)))
    except (CompileError, ProgramError) as error:
        return Answer(refused=str(error).rpartition(": ")[2])
    except BaseException as error:
        # Whatever a compiler under test may raise; what is meant for this process, such as an interrupt, is not sent to one that does this.
        return Answer(failed=f"the compiler raised {named(error)}")


def _code(row: Row, config: Config, compiler: Compiler) -> Iterator[str]:
    slots = (Instruction(BY_NAME["MOV64_IMM"].opcode, 0, 0, 0, 0), *_instruction(row), Instruction(BY_NAME["EXIT"].opcode, 0, 0, 0, 0))
    placement = place(Case(Program("reference", row.name, slots), Input(bytes(16))), config)
    image = compiler(placement.slots, config, placement.addresses)
    for at, word in enumerate(image.words):
        if image.slot_of[at] == 1:
            decoded = decode(word, config.isa)
            yield "nop" if not word else text(*decoded, image.base + 4 * at, config.width) if decoded else f".word {word:#x}"


def _instruction(row: Row) -> tuple[Instruction, ...]:
    dst = row.dst if isinstance(row.dst, int) else _REGISTERS["dst"]
    src = row.src if isinstance(row.src, int) else _REGISTERS["src"]
    offset = row.offset if isinstance(row.offset, int) else 0 if row.offset == "jump" else _OFFSET
    imm = row.imm if isinstance(row.imm, int) else {"jump": 0, "helper": _KTIME, "btf": 1}.get(row.imm, _CONSTANT)
    if row.imm == "imm" and "SH" in row.name:
        imm = _SHIFT
    first = Instruction(row.opcode, dst, src, offset, imm)
    return (first, Instruction(0, 0, 0, 0, 0)) if row.slots == 2 else (first,)
