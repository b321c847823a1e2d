"""Loads and stores: truncated offsets, halves in the wrong order, other bytes than the program says, lost ordering."""

from collections.abc import Sequence

from ebpf.instruction import Instruction
from fuzz.selftest.seeded_bug import Bug, Change, drop, in_cells, operands, rename, rewrite, with_cells
from jit.code import Emitter, Item
from jit.registers import AT, SP, T8, T9, ZERO

HALVES = "endianness of halves"
WIDE = "access wider than the program's"
TWO, THREE = 14, 15
"""Temporaries in both ABIs: t2 and t3 of n64, t6 and t7 of o32."""


def _low(register: int | tuple[int, int]) -> int:
    return register if isinstance(register, int) else register[0]


def _aligned(e: Emitter, base: int, offset: int, number: int) -> None:
    """t8 = the address of the word around, t9 = the shift count of the field of `number` bytes in it."""
    e.op("daddiu" if e.config.width == 64 else "addiu", T8, base, offset)
    e.op("andi", T9, T8, 3)
    e.op("xor", T8, T8, T9)
    if e.config.big_endian:
        e.op("xori", T9, T9, 4 - number)
    e.op("sll", T9, T9, 3)


def _load_around(e: Emitter, i: Instruction, number: int) -> None:
    _aligned(e, _low(e.registers[i.src]), i.offset, number)
    e.op("lw", AT, 0, T8)
    e.op("srlv", AT, AT, T9)
    e.op("andi", _low(e.registers[i.dst]), AT, (1 << 8 * number) - 1)
    if e.config.width == 32:
        e.move(e.registers[i.dst][1], ZERO)


def _store_around(e: Emitter, i: Instruction, number: int) -> None:
    mask = (1 << 8 * number) - 1
    _aligned(e, _low(e.registers[i.dst]), i.offset, number)
    e.op("andi", TWO, _low(e.registers[i.src]), mask)
    e.op("sllv", TWO, TWO, T9)
    e.op("ori", THREE, ZERO, mask)
    e.op("sllv", THREE, THREE, T9)
    e.op("nor", THREE, THREE, ZERO)
    e.op("lw", AT, 0, T8)
    e.op("and", AT, AT, THREE)
    e.op("or", AT, AT, TWO)
    e.op("sw", AT, 0, T8)


def _always_low_first(e: Emitter, items: Sequence[Item]) -> list[Item]:
    """Exchange the offsets of the two words where the byte order is big."""
    if not e.config.big_endian:
        return list(items)
    change: Change = operands("lw sw", lambda rt, offset, base: (rt, offset ^ 4, base))
    return change(e, items)


def _red_zone(e: Emitter, i: Instruction) -> None:
    """Keep at below sp, where an interrupt may write at any time."""
    store, load = ("sd", "ld") if e.config.width == 64 else ("sw", "lw")
    low = e.registers[i.dst] if e.config.width == 64 else e.registers[i.dst][0]
    e.op(store, low, -8, SP)
    e.op("or", low, ZERO, ZERO)
    e.op(load, low, -8, SP)


def _move_by_way_of_red_zone(e: Emitter, i: Instruction) -> None:
    _red_zone(e, i)
    if e.config.width == 64:
        e.move(e.registers[i.dst], e.registers[i.src])
    else:
        for d, s in zip(e.registers[i.dst], e.registers[i.src], strict=True):
            e.move(d, s)


# fmt: off
BUGS = (
    Bug("offset-15-bits", "truncated offset", "Offsets of loads are cut to 15 bits.",
        in_cells("LDX_*", operands("lbu lhu lw lwu ld", lambda rt, offset, base: (rt, (offset & 0x7FFF ^ 0x4000) - 0x4000, base))),
        ("LDX_B",), ("mips1-32*", "mips64r6-64*")),
    Bug("second-word-offset", "truncated offset", "The offset of the second word of a doubleword wraps around at 16 bits.",
        in_cells("LDX_DW", drop("addiu")), ("LDX_DW",), ("mips32r1-32*", "mips64r2-32*")),
    Bug("load-halves", HALVES, "The words of a doubleword are loaded as on a little-endian CPU.",
        in_cells("LDX_DW", _always_low_first), ("LDX_DW",), ("*-32be",)),
    Bug("store-halves", HALVES, "The words of a doubleword are stored as on a little-endian CPU.",
        in_cells("STX_DW", _always_low_first), ("STX_DW",), ("*-32be",)),
    Bug("load-over-base", "clobbered register", "The first word of a doubleword is loaded over the base register.",
        in_cells("LDX_DW", lambda e, items: list(reversed(items)) if len(items) == 2 else list(items)), ("LDX_DW",), ("mips2-32*", "mips64r3-32*")),
    Bug("store-size", "wrong size", "A store of a halfword is one of a byte.",
        in_cells("STX_H ST_H", rename({"sh": "sb"})), ("STX_H",), ("mips1-32*", "mips64r5-64*"), "Linux, arch/mips/net/ebpf_jit.c, before 5.16"),
    Bug("store-word-for-doubleword", "wrong size", "A store of a doubleword writes a word.",
        in_cells("ST_DW", rename({"sd": "sw"})), ("ST_DW",), ("*-64*",)),
    Bug("byte-store-by-word", WIDE, "A byte is stored by reading and rewriting the word around it.",
        with_cells({"STX_B": lambda e, i: _store_around(e, i, 1)}), ("STX_B",), ("mips32r2-*", "mips64r2-64*")),
    Bug("half-store-by-word", WIDE, "A halfword is stored by reading and rewriting the word around it.",
        with_cells({"STX_H": lambda e, i: _store_around(e, i, 2)}), ("STX_H",), ("mips32r2-*", "mips64r2-64*")),
    Bug("byte-load-by-word", WIDE, "A byte is taken out of the word around it.",
        with_cells({"LDX_B": lambda e, i: _load_around(e, i, 1)}), ("LDX_B",), ("mips32r2-*", "mips64r2-64*")),
    Bug("half-load-by-word", WIDE, "A halfword is taken out of the word around it.",
        with_cells({"LDX_H": lambda e, i: _load_around(e, i, 2)}), ("LDX_H",), ("mips32r2-*", "mips64r2-64*")),
    Bug("store-twice", WIDE, "A byte store writes the byte before it back.",
        in_cells("STX_B", rewrite("sb", lambda e, op: [e.make("lbu", T9, max(op.operands[1] - 1, -0x8000), op.operands[2]),
                                                       e.make("sb", T9, max(op.operands[1] - 1, -0x8000), op.operands[2]), op])),
        ("STX_B",), ("mips32r2-*", "mips64r2-64*")),
    Bug("below-sp", "memory outside the frame", "A value is kept below the stack pointer.",
        with_cells({"MOV64_REG": _move_by_way_of_red_zone}), ("MOV64_REG",), ("mips32r1-*", "mips64r2-64*")),
    Bug("acquire-without-sync", "lost ordering", "A load-acquire is a plain load.",
        in_cells("LOAD_ACQUIRE_W", drop("sync")), ("LOAD_ACQUIRE_W",), ("mips32r2-*", "mips64r2-64*")),
    Bug("release-without-sync", "lost ordering", "A store-release is a plain store.",
        in_cells("STORE_RELEASE_W", drop("sync")), ("STORE_RELEASE_W",), ("mips32r2-*", "mips64r2-64*")),
    Bug("release-sync-late", "lost ordering", "The barrier of a store-release comes behind the store.",
        in_cells("STORE_RELEASE_W", lambda e, items: list(reversed(items))), ("STORE_RELEASE_W",), ("mips32r2-*", "mips64r2-64*")),
)
# fmt: on
