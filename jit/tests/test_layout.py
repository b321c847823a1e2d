"""Branches at exactly their reach, one word less and one more, in both directions; long forms; images across a 256 MiB border."""

import pytest

from jit.code import Emitter, Item, Op
from jit.config import Config
from jit.layout import _Layout, lay_out
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


@pytest.mark.parametrize("name", ["mips1-32le", "mips64r2-64be"])
def test_an_image_that_crosses_a_border_only_because_a_branch_is_long(name: str) -> None:
    # With short branches the last word is the last one of its region, and the long one pushes it out, while nothing else comes out of reach.
    e = Emitter(Config.parse(name))
    e.branch("beq", 8, 9, to=1)
    e.items.extend([e.make(NOP, 0, 0, 0)] * (REACH + 10))
    e.place(1)
    e.op("addu", 2, 2, 2)
    code = Code(list(e.take()), 0, frozenset())
    for more in range(-1, 3):
        base = 0x1000_0000 - 4 * (2 + REACH + 10 + 1 + more)
        laid = lay_out(code, e.config, base, frozenset())
        assert laid.labels[1] in destinations(laid.words, 0, e.config.isa, base), more
        assert laid.words[laid.labels[1]] == e.make("addu", 2, 2, 2).word


@pytest.mark.parametrize("name", ["mips1-32le", "mips32r6-32be"])
def test_branches_that_push_one_another_out_of_reach_take_a_bounded_number_of_turns(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """A ladder: the span of each branch is exactly its reach, and holds the next branch, whose long form is what makes it too far."""
    e = Emitter(Config.parse(name))
    steps, mnemonic = 20, "beqc" if e.has("beqc") else "beq"
    size = 2 if mnemonic == "beq" else 1
    nop = e.make(NOP, 0, 0, 0)
    spacing = 20000
    places: dict[int, list[int]] = {}
    for step in range(steps):
        at = spacing * step
        places.setdefault(at, []).append(-1 - step)
        places.setdefault(at + 1 + REACH - 1 + (step == steps - 1), []).append(step)
    items: list[Item] = []
    position = 0
    for at in sorted(places):
        items.extend([nop] * (at - position))
        position = at
        for what in sorted(places[at], reverse=True):
            if what >= 0:
                e.place(what)
            else:
                e.place(steps - 1 - what)
                e.branch(mnemonic, 8, 9, to=-1 - what)
                position += size
            items.extend(e.take())
    items.append(nop)
    turns: list[bool] = []
    place = _Layout._place

    def counted(self: _Layout, all_long: bool) -> tuple[int, list[tuple[int, int, Op]]]:
        turns.append(all_long)
        return place(self, all_long)

    monkeypatch.setattr(_Layout, "_place", counted)
    laid = lay_out(Code(items, steps, frozenset()), e.config, BASE, frozenset())
    assert True in turns
    assert len(turns) <= 20
    for step in range(steps):
        assert laid.labels[step] in destinations(laid.words, laid.labels[steps + step], e.config.isa, BASE)


@pytest.mark.parametrize(("distance", "short"), [((1 << 20) - 1, True), (1 << 20, False), (-(1 << 20), True), (-(1 << 20) - 1, False)])
def test_reach_of_21_bits(distance: int, short: bool) -> None:
    words, at, label = branch_over("mips32r6-32le", "beqzc", (8,), distance)
    decoded = decode(words[at], "mips32r6")
    assert decoded is not None
    assert (decoded[0].mnemonic == "beqzc") == short
    assert label in destinations(words, at, "mips32r6", BASE)


def test_reach_of_26_bits() -> None:
    """An image of that many words would be longer than any target has room for."""
    e = Emitter(Config.parse("mips32r6-32le"))
    e.branch("bc", to=1)
    (op,) = e.take()
    assert isinstance(op, Op)
    layout = _Layout(Code([], 0, frozenset()), e.config, BASE, frozenset())
    for distance, reached in (((1 << 25) - 1, True), (1 << 25, False), (-(1 << 25), True), (-(1 << 25) - 1, False)):
        layout.labels[1] = 100_000_000 + 1 + distance
        assert layout._reaches(op, 100_000_000) == reached
