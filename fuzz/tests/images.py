"""Images written by hand, for tests of what runs and judges images."""

from collections.abc import Sequence
from dataclasses import replace

from ebpf.instruction import Instruction
from ebpf.program import Program, wide_slots
from fuzz.case import Case, Input
from fuzz.layout import Placement, addresses, place
from jit.compiled import Compiled
from jit.config import Config
from jit.mips import rows

CONFIGS = tuple(
    Config.parse(name)
    for name in (
        "mips1-32le",
        "mips32r2-32be",
        "mips32r5-32le",
        "mips32r6-32be",
        "mips3-64be",
        "mips4-32le",
        "mips64r2-64le",
        "mips64r2-32be",
        "mips64r6-64be",
        "mips64r6-32le",
    )
)
"""Each CPU family at each width that it has, in both byte orders."""

EXIT = Instruction(0x95)
V0, V1, A0, A1, T0, T9, S0, SP, FP, RA = 2, 3, 4, 5, 12, 25, 16, 29, 30, 31

Line = tuple[str | int, ...]
"""A mnemonic and its operands."""

MEMORY = bytes(range(1, 33))


def program(*slots: Instruction) -> Program:
    return Program("test", "main", (*slots, EXIT))


def constant(value: int) -> Program:
    """r0 = value; exit."""
    return program(*wide_slots(0, value))


def placement(config: Config, of: Program | None = None, given: Input | None = None) -> Placement:
    return place(Case(of or constant(42), given or Input(MEMORY)), config)


def words(config: Config, lines: Sequence[Line]) -> tuple[int, ...]:
    """ "ptr+" stands for an addition of pointers, "return" for a return with an empty delay slot."""
    table = rows(config)
    result = []
    for mnemonic, *operands in lines:
        if mnemonic == "return":
            result += [table["jr"].encode(RA), 0]
            continue
        name = {"ptr+": "daddiu" if config.width == 64 else "addiu"}.get(str(mnemonic), str(mnemonic))
        result.append(table[name].encode(*map(int, operands)))
    return tuple(result)


def image(config: Config, lines: Sequence[Line], *, returns: bool = True, slots: Sequence[int] = ()) -> Compiled:
    """An image in which r0 to r2 are where the ABI has result and arguments; `slots` are the eBPF instructions of the first words."""
    code = words(config, [*lines, *([("return",)] if returns else [])])
    owners = (*slots, *[-1] * (len(code) - len(slots)))
    single = {0: V0, 1: A0, 2: A1}
    held = [single.get(number, S0 + number % 8) for number in range(10)]
    registers = [(register,) if config.width == 64 else (register, 0) for register in held]
    return Compiled(
        config=config,
        base=addresses(placement(config).layout).base,
        words=code,
        bpf_at=(),
        slot_of=owners,
        exits=(len(code) - 2,) if returns else (),
        registers=(*registers, None),
        stack_size=512,
        frame_pointer=64,
    )


def load_address(config: Config, register: int, address: int) -> list[Line]:
    """Put an address of a layout into a register."""
    lines: list[Line] = [("lui", register, address >> 16 & 0xFFFF), ("ori", register, register, address & 0xFFFF)]
    if config.width == 64:
        lines = [("ori", register, 0, address >> 32), ("dsll", register, register, 16)]
        lines += [
            ("ori", register, register, address >> 16 & 0xFFFF),
            ("dsll", register, register, 16),
            ("ori", register, register, address & 0xFFFF),
        ]
    return lines


def limited(of: Placement, instructions: int) -> Placement:
    return replace(of, world=replace(of.world, instruction_limit=instructions))
