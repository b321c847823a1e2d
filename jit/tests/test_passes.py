"""Delay slots and hazards: each rule with code that it must change and code that it must leave alone."""

import pytest

from jit.code import Emitter, Item, Label, Op
from jit.config import BASE_CONFIGS, Config
from jit.passes import Code, fill_delay_slots, hilo_hazard, load_delay, separate

AT, T0, T1, T2 = 1, 8, 9, 10
SLOTS = 100


def code(name: str, *lines: str | int) -> tuple[Emitter, list[Item]]:
    """Items from lines such as "addu 8 9 10" and, for a branch to a label, "beq 8 0 @7"; a number is a label."""
    e = Emitter(Config.parse(name))
    for line in lines:
        if isinstance(line, int):
            e.place(line)
            continue
        mnemonic, *words = line.split()
        if words and words[-1].startswith("@"):
            e.branch(mnemonic, *map(int, words[:-1]), to=int(words[-1][1:]))
        else:
            e.op(mnemonic, *map(int, words))
    return e, list(e.take())


def written(items: list[Item]) -> list[str]:
    """Items as lines, the delay slot of a branch behind a slash."""
    lines = []
    for item in items:
        if isinstance(item, Label):
            lines.append(f"{item.number}:")
        else:
            text = " ".join([item.row.mnemonic, *map(str, item.operands)])
            lines.append(text if item.slot is None else f"{text} / {' '.join([item.slot.row.mnemonic, *map(str, item.slot.operands)])}")
    return lines


def filled(name: str, *lines: str | int, targets: frozenset[int] = frozenset()) -> tuple[list[str], frozenset[int]]:
    e, items = code(name, *lines)
    result = fill_delay_slots(Code(items, SLOTS, targets), e.config)
    return written(result.items), result.passed


def separated(name: str, *lines: str | int) -> list[str]:
    e, items = code(name, *lines)
    return written(separate(Code(items, SLOTS, frozenset()), e.config).items)


# fmt: off
@pytest.mark.parametrize(("name", "lines", "expected"), [
    # An independent instruction moves; one that the branch reads does not; the one before that may.
    ("mips2-32le",    ["addu 8 9 10", "beq 9 0 @7"],                  ["beq 9 0 / addu 8 9 10"]),
    ("mips2-32le",    ["addu 8 9 10", "beq 8 0 @7"],                  ["addu 8 9 10", "beq 8 0"]),
    ("mips2-32le",    ["addu 8 9 10", "sltu 1 9 10", "beq 1 0 @7"],   ["sltu 1 9 10", "beq 1 0 / addu 8 9 10"]),
    # ... but not past something that reads or writes what it writes, or writes what it reads.
    ("mips2-32le",    ["addu 8 9 10", "sltu 1 8 10", "beq 1 0 @7"],   ["addu 8 9 10", "sltu 1 8 10", "beq 1 0"]),
    ("mips2-32le",    ["addu 1 9 10", "sltu 1 9 10", "beq 1 0 @7"],   ["addu 1 9 10", "sltu 1 9 10", "beq 1 0"]),
    ("mips2-32le",    ["addu 8 1 10", "sltu 1 9 10", "beq 1 0 @7"],   ["addu 8 1 10", "sltu 1 9 10", "beq 1 0"]),
    # Memory keeps its order.
    ("mips2-32le",    ["sw 8 0 9", "lw 1 0 9", "beq 1 0 @7"],         ["sw 8 0 9", "lw 1 0 9", "beq 1 0"]),
    # A link register that is read or written.
    ("mips2-32le",    ["addu 8 31 10", "bal @7"],                     ["addu 8 31 10", "bal"]),
    # HI and LO stay where they are.
    ("mips2-32le",    ["mflo 8", "beq 9 0 @7"],                       ["mflo 8", "beq 9 0"]),
    ("mips2-32le",    ["multu 8 9", "beq 9 0 @7"],                    ["multu 8 9", "beq 9 0"]),
    # A load in a delay slot would meet the branch target without a delay on MIPS I.
    ("mips1-32le",    ["lw 8 0 9", "beq 9 0 @7"],                     ["lw 8 0 9", "beq 9 0"]),
    ("mips2-32le",    ["lw 8 0 9", "beq 9 0 @7"],                     ["beq 9 0 / lw 8 0 9"]),
    # Ordering and linked accesses.
    ("mips2-32le",    ["sync 0", "beq 9 0 @7"],                       ["sync 0", "beq 9 0"]),
    # Compact branches have no slot; what stands in a forbidden slot stays.
    ("mips32r6-32le", ["addu 8 9 10", "beqzc 9 @7"],                  ["addu 8 9 10", "beqzc 9"]),
    ("mips32r6-32le", ["beqzc 9 @7", "addu 8 9 10", "beq 9 0 @7"],    ["beqzc 9", "addu 8 9 10", "beq 9 0"]),
    # A slot that is taken, and a branch-likely, whose slot is not always executed.
    ("mips2-32le",    ["addu 8 9 10", "beql 9 0 @7"],                 ["addu 8 9 10", "beql 9 0"]),
])
def test_delay_slot(name: str, lines: list[str], expected: list[str]) -> None:
    assert filled(name, *lines)[0] == expected


@pytest.mark.parametrize(("name", "lines", "expected"), [
    # MIPS I: the instruction after a load.
    ("mips1-32le",    ["lw 8 0 9", "addu 10 8 8"],                    ["lw 8 0 9", "nop", "addu 10 8 8"]),
    ("mips1-32le",    ["lw 8 0 9", 3, "addu 10 8 8"],                 ["lw 8 0 9", "3:", "nop", "addu 10 8 8"]),
    ("mips1-32le",    ["lw 8 0 9", "addu 10 9 9", "addu 10 8 8"],     ["lw 8 0 9", "addu 10 9 9", "addu 10 8 8"]),
    ("mips1-32le",    ["lw 8 0 9", "lw 8 4 9"],                       ["lw 8 0 9", "nop", "lw 8 4 9"]),
    ("mips2-32le",    ["lw 8 0 9", "addu 10 8 8"],                    ["lw 8 0 9", "addu 10 8 8"]),
    # MIPS I to III: two instructions between a read of HI or LO and the next write.
    ("mips3-32le",    ["mflo 8", "multu 9 9"],                        ["mflo 8", "nop", "nop", "multu 9 9"]),
    ("mips3-32le",    ["mflo 8", "addu 9 9 9", "multu 9 9"],          ["mflo 8", "addu 9 9 9", "nop", "multu 9 9"]),
    ("mips3-32le",    ["mfhi 8", "mflo 9", "multu 9 9"],              ["mfhi 8", "mflo 9", "nop", "nop", "multu 9 9"]),
    ("mips3-32le",    ["mflo 8", "beq 8 0 @7", "multu 9 9"],          ["mflo 8", "beq 8 0", "multu 9 9"]),
    ("mips3-32le",    ["mflo 8", "beql 8 0 @7", "multu 9 9"],         ["mflo 8", "beql 8 0", "nop", "multu 9 9"]),
    ("mips4-32le",    ["mflo 8", "multu 9 9"],                        ["mflo 8", "multu 9 9"]),
    ("mips32r1-32le", ["mflo 8", "multu 9 9"],                        ["mflo 8", "multu 9 9"]),
    # Release 6: no branch or jump behind a compact branch that may fall through.
    ("mips32r6-32le", ["beqzc 9 @7", "bc @7"],                        ["beqzc 9", "nop", "bc"]),
    ("mips32r6-32le", ["beqzc 9 @7", 4, "beq 9 0 @7"],                ["beqzc 9", "4:", "nop", "beq 9 0"]),
    ("mips32r6-32le", ["beqzc 9 @7", "addu 8 9 10", "bc @7"],         ["beqzc 9", "addu 8 9 10", "bc"]),
    ("mips32r6-32le", ["bc @7", "bc @7"],                             ["bc", "bc"]),
])
def test_hazard(name: str, lines: list[str | int], expected: list[str]) -> None:
    assert [line.replace("sll 0 0 0", "nop") for line in separated(name, *lines)] == expected
# fmt: on


def test_nothing_moves_past_a_label_that_is_reached_from_elsewhere() -> None:
    lines = ("addu 8 9 10", 5, "beq 9 0 @7")
    assert filled("mips2-32le", *lines, targets=frozenset({5}))[0] == ["addu 8 9 10", "5:", "beq 9 0"]
    assert filled("mips2-32le", *lines) == (["5:", "beq 9 0 / addu 8 9 10"], frozenset({5}))


def test_the_owner_of_a_moved_instruction_is_known() -> None:
    e, items = code("mips2-32le", 4, "addu 8 9 10", 5, "beq 9 0 @7")
    branch = fill_delay_slots(Code(items, SLOTS, frozenset()), e.config).items[-1]
    assert isinstance(branch, Op)
    assert branch.slot_owner == 4


def test_a_branch_cannot_be_in_a_delay_slot() -> None:
    e = Emitter(Config.parse("mips2-32le"))
    with pytest.raises(ValueError, match="cannot be in a delay slot"):
        e.branch("beq", AT, 0, to=1, slot=e.make("jr", 31))


@pytest.mark.parametrize("config", BASE_CONFIGS, ids=str)
def test_which_cpus_have_hazards(config: Config) -> None:
    assert load_delay(config) == (config.isa == "mips1")
    assert hilo_hazard(config) == (config.isa in ("mips1", "mips2", "mips3"))
