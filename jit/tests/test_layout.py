"""Branches at exactly their reach, one word less and one more, in both directions; long forms; images across a 256 MiB border."""

import pytest

from jit.code import Emitter, Item
from jit.config import Config
from jit.layout import lay_out
from jit.mips import decode
from jit.passes import Code

NOP = "sll"
REACH = 1 << 15
BASE = 0x0040_0000
NEAR_BORDER = 0x1000_0000 - 0x1_0000


def branch_over(name: str, mnemonic: str, operands: tuple[int, ...], distance: int, base: int = BASE) -> tuple[list[int], int, int]:
    """The image of a branch to a label, and the indices of branch and label. Distance: words from the instruction after the branch."""
    e = Emitter(Config.parse(name))
    nops: list[Item] = [e.make(NOP, 0, 0, 0)] * (distance if distance >= 0 else -distance - 1)
    if distance < 0:
        e.place(1)
        e.items.extend(nops)
    e.branch(mnemonic, *operands, to=1)
    if distance >= 0:
        # The delay slot is one of them.
        e.items.extend(nops[1:] if "delay" in e.rows[mnemonic].facts else nops)
        e.place(1)
    e.op("addu", 2, 2, 2)
    laid = lay_out(Code(list(e.take()), 0, frozenset()), e.config, base, frozenset())
    return laid.words, 0 if distance >= 0 else laid.labels[1] + len(nops), laid.labels[1]


def destinations(words: list[int], at: int, isa: str, base: int) -> set[int]:
    """Indices of words that the branches and jumps among the 16 words from `at` on go to, up to the first that always does."""
    reached: set[int] = set()
    at_value: int | None = None
    position = at
    while position < min(at + 16, len(words)):
        decoded = decode(words[position], isa)
        assert decoded is not None
        row, operands = decoded
        if "branch" in row.facts:
            reached.add(position + 1 + operands[-1])
            if row.mnemonic == "bc" or (row.mnemonic == "beq" and operands[:2] == (0, 0)):
                return reached
            position += 2 if "delay" in row.facts else 1
        elif row.mnemonic in ("j", "jal"):
            reached.add(((base + 4 * position + 4 & ~0xFFFFFFF | operands[0] << 2) - base) >> 2)
            return reached
        elif row.mnemonic in ("jr", "jalr"):
            assert at_value is not None
            reached.add((at_value - base) >> 2)
            return reached
        else:
            if row.mnemonic == "lui":
                at_value = operands[1] << 16
            elif row.mnemonic == "ori" and at_value is not None:
                at_value |= operands[2]
            elif row.mnemonic == "dsll" and at_value is not None:
                at_value <<= operands[2]
            position += 1
    return reached


CONDITIONAL = [
    ("mips1-32le", "beq", (8, 9)),
    ("mips3-64be", "bgez", (8,)),
    ("mips64r2-64le", "bne", (8, 9)),
    ("mips32r6-32be", "beqc", (8, 9)),
    ("mips64r6-64le", "bltuc", (8, 9)),
    ("mips64r6-64le", "bgtz", (8,)),
]
UNCONDITIONAL = [("mips1-32le", "beq", (0, 0)), ("mips64r2-64be", "beq", (0, 0)), ("mips2-32be", "bal", ())]


@pytest.mark.parametrize(("name", "mnemonic", "operands"), CONDITIONAL + UNCONDITIONAL)
@pytest.mark.parametrize(("distance", "short"), [(2, True), (-2, True), (REACH - 1, True), (REACH, False), (-REACH, True), (-REACH - 1, False)])
@pytest.mark.parametrize("base", [BASE, NEAR_BORDER])
def test_reach(name: str, mnemonic: str, operands: tuple[int, ...], distance: int, short: bool, base: int) -> None:
    words, at, label = branch_over(name, mnemonic, operands, distance, base)
    isa = Config.parse(name).isa
    decoded = decode(words[at], isa)
    assert decoded is not None
    if short:
        assert decoded[0].mnemonic == mnemonic
        assert decoded[1][-1] == distance
    else:
        assert (decoded[0].mnemonic, decoded[1][: len(operands)]) != (mnemonic, operands)
    assert label in destinations(words, at, isa, base)


@pytest.mark.parametrize(("name", "mnemonic", "operands"), CONDITIONAL)
def test_a_long_branch_falls_through_behind_itself(name: str, mnemonic: str, operands: tuple[int, ...]) -> None:
    words, at, label = branch_over(name, mnemonic, operands, REACH + 10)
    over = min(destinations(words, at, Config.parse(name).isa, BASE) - {label})
    # Everything between the branch and there belongs to the branch: a slot, a jump and its slot.
    assert over - at in (3, 4)
    assert all(word == 0 for word in words[over:label])


def test_labels_tell_whose_code_it_is() -> None:
    e = Emitter(Config.parse("mips1-32le"))
    e.op("addu", 2, 2, 2)
    for label in (0, 7, 1, 5):
        e.place(label)
        e.op("addu", 2, 2, 2)
    laid = lay_out(Code(list(e.take()), 3, frozenset()), e.config, BASE, frozenset({5}))
    assert laid.owner == [-1, 0, 0, 1, -1]
