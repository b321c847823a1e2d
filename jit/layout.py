"""Layout: from code with labels to words.

All branches start short. One whose target is out of its reach becomes long, which moves everything behind it, perhaps across a 256 MiB border, where
all long ones are longer; this is repeated until nothing changes. A branch that has become long stays long, so that ends.

    short                       long                                  long, image across a 256 MiB border
    beq   a, b, target          bne   a, b, over                      bne  a, b, over
      slot                        slot                                  slot
                                j     target                          at = target; jr at
                                  nop                                   nop
                              over:                                   over:

    beqc  a, b, target          bnec  a, b, over
                                nop           the forbidden slot
                                bc    target
                              over:
"""

from collections.abc import Mapping, Set
from itertools import chain, pairwise, repeat
from typing import NamedTuple

from jit.call import REGION
from jit.code import CONTROL, LABEL, MOVED, Label, Op, nop
from jit.config import Config
from jit.mips import rows
from jit.passes import Code
from jit.registers import AT, RA, ZERO

_INVERSE = {
    first + suffix: second + suffix
    for pair in (("beq", "bne"), ("blt", "bge"), ("ble", "bgt"))
    for first, second in (pair, pair[::-1])
    for suffix in ("", "z", "c", "zc", "u", "uc")
}

_REACH = 1 << 15
"""Words that a 16-bit offset reaches, counted from the instruction after the branch."""

_REACHES = {"bc": 1 << 25, "beqzc": 1 << 20, "bnezc": 1 << 20}
"""The same for the branches of release 6 with offsets of 26 and 21 bits."""

_SPECIAL = CONTROL | LABEL | MOVED
"""All else is a word, and nothing more."""

_TURNS = 16
"""After so many turns all branches are taken for long ones when distances are measured, so that layout takes linear time in any case."""


class Laid(NamedTuple):
    """words: the image. owner: for each word the eBPF slot that it belongs to, -1 for none. labels: the index of the word at each label."""

    words: list[int]
    owner: list[int]
    labels: Mapping[int, int]


def lay_out(code: Code, config: Config, base: int, outside: Set[int]) -> Laid:
    """Place the code at address `base`. The labels in `outside` start code that belongs to no eBPF slot."""
    return _Layout(code, config, base, outside).run()


class _Layout:
    def __init__(self, code: Code, config: Config, base: int, outside: Set[int]) -> None:
        self.code = code.items
        self.rows = rows(config)
        self.config = config
        self.nop = nop(config).word
        self.base = base
        self.slots = code.slots
        self.outside = outside
        self.long: set[int] = set()
        self.far = False
        self.labels: dict[int, int] = {}
        self.words: list[int] = []
        self.owner: list[int] = []

    def run(self) -> Laid:
        most = 2 * len(self.code)
        # Where the whole image is within the reach of every branch, and of every jump, nothing need be looked at.
        if most > _REACH or self.base >> REGION != (self.base + 4 * most) >> REGION:
            self._lengthen()
        self._emit()
        return Laid(self.words, self.owner, self.labels)

    def _lengthen(self) -> None:
        """Find the branches that are to be long, and with them the places of all labels."""
        turns = 0
        while True:
            size, branches = self._place(turns >= _TURNS)
            far = self.base >> REGION != (self.base + 4 * size - 4) >> REGION
            beyond = [at for at, position, op in branches if not self._reaches(op, position)]
            if not beyond and far <= self.far:
                break
            self.far |= far
            self.long.update(beyond)
            turns += 1
        if turns >= _TURNS:
            self._place(False)

    def _place(self, all_long: bool) -> tuple[int, list[tuple[int, int, Op]]]:
        """Give the labels their places; returns how many words there are, and the branches that are short, as (index, place, branch).

        With `all_long` these take the place of long ones.
        """
        position = 0
        branches: list[tuple[int, int, Op]] = []
        for at, item in enumerate(self.code):
            if isinstance(item, Label):
                self.labels[item.number] = position
            elif item.target is None:
                position += 2 if "delay" in item.facts else 1
            elif at in self.long:
                position += self._long_size(item)
            else:
                branches.append((at, position, item))
                position += self._long_size(item) if all_long else 2 if "delay" in item.facts else 1
        return position, branches

    def _reaches(self, op: Op, position: int) -> bool:
        assert op.target is not None
        reach = _REACHES.get(op.row.mnemonic, _REACH)
        return -reach <= self.labels[op.target] - position - 1 < reach

    def _jump_size(self) -> int:
        return 2 + (0 if not self.far else 2 if self.config.width == 32 else 6)

    def _long_size(self, op: Op) -> int:
        if "compact" in op.facts:
            return 3
        # The slot of an unconditional far jump comes first, on its own.
        return self._jump_size() + (2 if _conditional(op) else 1 if self.far else 0)

    def _emit(self) -> None:
        words, labels, long, slots, word = self.words, self.labels, self.long, self.slots, self.words.append
        begins, owners = [0], [-1]
        short: list[tuple[int, Op]] = []
        moved: list[tuple[int, int]] = []
        for at, item in enumerate(self.code):
            if not item.kinds & _SPECIAL:
                word(item.word)
                continue
            if isinstance(item, Label):
                number = item.number
                labels[number] = len(words)
                if number < slots or number in self.outside:
                    begins.append(len(words))
                    owners.append(number if number < slots else -1)
                continue
            if item.owner is not None:
                moved.append((len(words), item.owner))
            if not item.kinds & CONTROL:
                word(item.word)
                continue
            if item.slot_owner is not None:
                # The second word, but for the long forms that put the slot first.
                moved.append((len(words) + (0 if at in long and self.far and not _conditional(item) else 1), item.slot_owner))
            if at in long:
                self._emit_long(item)
                continue
            if item.target is not None:
                short.append((len(words), item))
            word(item.word)
            if "delay" in item.facts:
                word(self._slot(item))
        lengths = (end - begin for begin, end in pairwise((*begins, len(words))))
        self.owner = list(chain.from_iterable(map(repeat, owners, lengths)))
        for index, slot in moved:
            self.owner[index] = slot
        for index, item in short:
            assert item.target is not None
            words[index] = item.row.encode(*item.operands, labels[item.target] - index - 1)

    def _emit_long(self, op: Op) -> None:
        assert op.target is not None
        if "compact" in op.facts:
            self._encode(_INVERSE[op.row.mnemonic], *op.operands, 2)
            self.words.append(self.nop)
            self._encode("bc", self.labels[op.target] - len(self.words) - 1)
            return
        conditional = _conditional(op)
        if conditional:
            self._encode(_INVERSE[op.row.mnemonic], *op.operands, 1 + self._jump_size())
        if conditional or self.far:
            self.words.append(self._slot(op))
        address, link = self.base + 4 * self.labels[op.target], "call" in op.facts
        if self.far:
            self._far_jump(address, link)
        else:
            self._encode("jal" if link else "j", (address & (1 << REGION) - 1) >> 2)
            self.words.append(self.nop if conditional else self._slot(op))

    def _far_jump(self, address: int, link: bool) -> None:
        for shift in (48, 32, 16, 0) if self.config.width == 64 else (16, 0):
            part = address >> shift & 0xFFFF
            if shift == (48 if self.config.width == 64 else 16):
                self._encode("lui", AT, part)
            else:
                if shift < 32 and self.config.width == 64:
                    self._encode("dsll", AT, AT, 16)
                self._encode("ori", AT, AT, part)
        if link:
            self._encode("jalr", RA, AT)
        else:
            self._encode("jr", AT)
        self.words.append(self.nop)

    def _slot(self, op: Op) -> int:
        return op.slot.word if op.slot is not None else self.nop

    def _encode(self, mnemonic: str, *operands: int) -> None:
        self.words.append(self.rows[mnemonic].encode(*operands))


def _conditional(op: Op) -> bool:
    return op.row.mnemonic != "bal" and not (op.row.mnemonic == "beq" and op.operands == (ZERO, ZERO))
