"""Atomic operations that are not: emulators run one thread, so that most of these change no value."""

from collections.abc import Sequence

from ebpf.instruction import Instruction
from fuzz.selftest.seeded_bug import Bug, Change, before, drop, in_cells, operands, rename, rewrite, several, with_cells
from jit.code import Emitter, Item, Label, Op
from jit.pair.atomic import atomic
from jit.registers import AT, SP, T8, T9, V0, ZERO

LOST = "lost atomicity"
ORDERING = "lost ordering"
WITH_LL = ("mips2-32*", "mips32r[1235]-32*", "mips64r[25]-64*", "mips3-64*")
R6 = ("mips32r6-32*", "mips64r6-64*")
O32_WITH_LL = ("mips32r[26]-32*", "mips64r2-32*")

_PLAIN: Change = several(
    rewrite("ll", lambda e, op: [e.make("lw", *op.operands)]),
    rewrite("lld", lambda e, op: [e.make("ld", *op.operands)]),
    # The loop ends because sc leaves 1.
    rewrite("sc", lambda e, op: [e.make("sw", *op.operands), e.make("ori", AT, ZERO, 1)]),
    rewrite("scd", lambda e, op: [e.make("sd", *op.operands), e.make("ori", AT, ZERO, 1)]),
)


def _retry_behind_ll(e: Emitter, items: Sequence[Item]) -> list[Item]:
    """Move the label that the retry goes to behind the LL."""
    result = list(items)
    for at, item in enumerate(result[1:], 1):
        if isinstance(item, Op) and "ll" in item.facts and isinstance(result[at - 1], Label):
            result[at - 1 : at + 1] = [item, result[at - 1]]
    return result


# 64 bits in 32-bit code, low word and high word on their own.


def _words(e: Emitter) -> tuple[int, int]:
    """The offsets of both."""
    return (4, 0) if e.config.big_endian else (0, 4)


def _two_operations(e: Emitter, i: Instruction) -> None:
    address, source = e.registers[i.dst][0], e.registers[i.src]
    e.op("addiu", T9, address, i.offset)
    for offset, words in zip(_words(e), (source, source[::-1]), strict=True):
        atomic(e, "or", T9, offset, words, 4)


def _two_loads(e: Emitter, i: Instruction) -> None:
    e.op("addiu", T9, e.registers[i.src][0], i.offset)
    for offset, word in zip(_words(e), e.registers[i.dst], strict=True):
        e.op("lw", word, offset, T9)
    e.op("sync", 0)


def _two_stores(e: Emitter, i: Instruction) -> None:
    e.op("addiu", T9, e.registers[i.dst][0], i.offset)
    e.op("sync", 0)
    for offset, word in zip(_words(e), e.registers[i.src], strict=True):
        e.op("sw", word, offset, T9)


# fmt: off
BUGS = (
    Bug("add-without-ll", LOST, "An atomic addition is a load, an addition and a store.",
        in_cells("ATOMIC_ADD_*", _PLAIN), ("ATOMIC_ADD_W",), WITH_LL + R6),
    Bug("xchg-without-ll", LOST, "An exchange is a load and a store.",
        in_cells("XCHG_*", _PLAIN), ("XCHG_DW",), ("mips64r[25]-64*", "mips3-64*")),
    Bug("cmpxchg-without-ll", LOST, "A compare and exchange is a load, a comparison and a store.",
        in_cells("CMPXCHG_W", _PLAIN), ("CMPXCHG_W",), WITH_LL),
    Bug("add-without-retry", LOST, "An atomic addition does not look whether SC succeeded.",
        in_cells("ATOMIC_ADD_W", drop("beq beqzc")), ("ATOMIC_ADD_W",), WITH_LL + R6),
    Bug("or-retry-behind-ll", LOST, "After a failure of SC the operation is repeated with the old value, without LL.",
        in_cells("ATOMIC_OR_W", _retry_behind_ll), ("ATOMIC_OR_W",), WITH_LL + R6),
    Bug("store-between-ll-and-sc", LOST, "A register is saved between LL and SC.",
        in_cells("ATOMIC_FETCH_ADD_W", before("sc", ("lw", (T9, 0, SP)), ("sw", (T9, 0, SP)))),
        ("ATOMIC_FETCH_ADD_W",), ("mips32r2-32*", "mips64r2-64*")),
    Bug("load-between-ll-and-sc", LOST, "A register is loaded between LL and SC.",
        in_cells("ATOMIC_XOR_W", before("sc", ("lw", (T8, 0, SP)))), ("ATOMIC_XOR_W",), ("mips32r2-32*", "mips64r2-64*")),
    Bug("sc-elsewhere", LOST, "SC stores eight bytes behind where LL has loaded: it never succeeds, or writes to the neighbour.",
        in_cells("ATOMIC_OR_*", operands("sc scd", lambda rt, offset, base: (rt, offset + 8, base))), ("ATOMIC_OR_W", "ATOMIC_OR_DW"), WITH_LL),
    Bug("split-64", LOST, "In 32-bit code an operation on 64 bits is two, on a word each.",
        with_cells({"ATOMIC_OR_DW": _two_operations}), ("ATOMIC_OR_DW",), O32_WITH_LL),
    Bug("torn-load-acquire", LOST, "In 32-bit code a load-acquire of 64 bits is two loads.",
        with_cells({"LOAD_ACQUIRE_DW": _two_loads}), ("LOAD_ACQUIRE_DW",), O32_WITH_LL),
    Bug("torn-store-release", LOST, "In 32-bit code a store-release of 64 bits is two stores.",
        with_cells({"STORE_RELEASE_DW": _two_stores}), ("STORE_RELEASE_DW",), O32_WITH_LL),
    Bug("fetch-without-sync", ORDERING, "A fetching operation is not ordered against what comes before and after.",
        in_cells("ATOMIC_FETCH_ADD_W", drop("sync")), ("ATOMIC_FETCH_ADD_W",), WITH_LL),
    Bug("cmpxchg-without-second-sync", ORDERING, "A compare and exchange is not ordered against what comes after.",
        in_cells("CMPXCHG_W", drop("sync", nth=1)), ("CMPXCHG_W",), WITH_LL),
    Bug("sc-stores-old", "wrong register", "SC stores what LL read.",
        in_cells("ATOMIC_ADD_W", operands("addu daddu", lambda rd, rs, rt: (rd, rs, ZERO))), ("ATOMIC_ADD_W",), WITH_LL),
    Bug("cmpxchg-always-stores", "missing special case", "A compare and exchange stores when the comparison fails.",
        in_cells("CMPXCHG_W", rewrite("bne", lambda e, op: [op.slot] if op.slot else [])), ("CMPXCHG_W",), WITH_LL),
    Bug("fetch-result-register", "wrong register", "A fetching operation leaves what it read in r0.",
        in_cells("ATOMIC_FETCH_AND_DW", operands("or", lambda rd, rs, rt: (V0 if rs == T8 else rd, rs, rt))), ("ATOMIC_FETCH_AND_DW",), ("*-64*",)),
    Bug("ll-offset-9-bits", "truncated offset", "The offsets of LL and SC of release 6 are cut to 8 bits.",
        in_cells("ATOMIC_ADD_W", operands("ll sc", lambda rt, offset, base: (rt, (offset & 0x7F ^ 0x40) - 0x40, base))), ("ATOMIC_ADD_W",), R6),
    Bug("and-for-or", "wrong operation", "An atomic OR is an AND.",
        in_cells("ATOMIC_OR_*", rename({"or": "and"})), ("ATOMIC_OR_W",), ("mips32r2-32*", "mips64r2-64*")),
)
# fmt: on
