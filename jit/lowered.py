"""The code of instructions, kept for all configurations and all places that lowering does not tell apart.

Lowering asks its configuration a few things about an instruction (`jit.watched`): which rows of the MIPS table there are, the width. Of the questions
that were ever asked about a row of the lowering table the answers are a key: what was lowered for one configuration is right for all that give
the same ones. A question that was not asked before makes keys longer, and what was kept by the shorter ones of that row is given up.

Of the place of the instruction it may ask as well (`jit.code.Emitter.ask`), and then the answers of places are keys of what is kept in the same way.
"""

from collections import defaultdict
from collections.abc import Hashable, Iterable
from typing import NamedTuple

from ebpf.instruction import Instruction
from jit.code import EFFECTS, Asked, Cell, Emitter, Item, Label, Place, is_relative
from jit.config import Config
from jit.mips import rows
from jit.watched import FIELD, OPTION, ROW, Question, Watched

MOST = 1 << 16
"""So many pieces of code are kept, for all configurations together. What is common is soon there again."""

Key = tuple[Instruction, int]
"""An instruction, and the immediate in its second slot."""


class Lowered(NamedTuple):
    """The code of an instruction.

    labels   those in it that are local to it, and those that it names relatively to its slot
    effects  what of `EFFECTS` lowering has noted
    """

    items: tuple[Item, ...]
    labels: tuple[int, ...]
    effects: tuple[str, ...]


class _Asking:
    """The code of an instruction by what the place of it answers."""

    def __init__(self) -> None:
        self._asked: dict[Asked, None] = {}
        self._codes: dict[tuple[Hashable, ...], Lowered] = {}

    def _answers(self, place: Place) -> tuple[Hashable, ...]:
        return tuple([about(place, *given) for about, given in self._asked])

    def get(self, place: Place) -> Lowered | None:
        """The code that is right there."""
        return self._codes.get(self._answers(place))

    def add(self, emitter: Emitter, place: Place, found: Lowered) -> None:
        """Keep code that is right for all places that give the same answers as this one."""
        if not emitter.asked.keys() <= self._asked.keys():
            self._asked.update(emitter.asked)
            self._codes.clear()
        self._codes[self._answers(place)] = found


class _Nowhere:
    """Code that is right at one place only is made each time."""


_NOWHERE = _Nowhere()

_Codes = dict[Key, Lowered | _Asking | _Nowhere]


class _Row:
    """Of a row of the lowering table the questions that were asked, and by the answers the code of instructions."""

    def __init__(self) -> None:
        self._asked: set[Question] = set()
        self._mnemonics: list[str] = []
        self._others: list[Question] = []
        self.codes: dict[Hashable, _Codes] = {}

    def ask(self, questions: Iterable[Question]) -> bool:
        """Ask these as well from now on, and give up what was kept without them; tell whether there was one."""
        more = set(questions) - self._asked
        if more:
            self._asked |= more
            self._mnemonics += [name for kind, name in more if kind == ROW]
            self._others += [question for question in more if question[0] != ROW]
            self.codes.clear()
        return bool(more)

    def of(self, emitter: Emitter) -> _Codes:
        """What was lowered for configurations that are not told apart from that of the emitter."""
        config = emitter.config
        # Where registers live the emitter has asked before it was watched.
        answers = (*map(rows(config).get, self._mnemonics), *[answer(config, question) for question in self._others])
        return self.codes.setdefault((emitter.registers, answers), {})


def answer(config: Config, question: Question) -> object:
    """What a configuration answers."""
    kind, name = question
    if kind == FIELD:
        return getattr(config, name)
    return name in config.options if kind == OPTION else rows(config).get(name)


def lower(emitter: Emitter, place: Place, cell: Cell, whole: Instruction) -> Lowered:
    """The code of an instruction, which has its whole immediate."""
    emitter.enter(place)
    noted = [getattr(emitter, name) for name in EFFECTS]
    for name in EFFECTS:
        setattr(emitter, name, False)
    cell(emitter, whole)
    effects = tuple([name for name in EFFECTS if getattr(emitter, name)])
    for name, before in zip(EFFECTS, noted, strict=True):
        setattr(emitter, name, before)
    items = emitter.take()
    labels = {item.number for item in items if isinstance(item, Label)}
    labels.update(item.target for item in items if not isinstance(item, Label) and item.target is not None and is_relative(item.target))
    return Lowered(items, tuple(labels), effects)


class Known:
    """The code of instructions that is right for a configuration.

    plain    what is the same at every place, without labels or effects: what is common takes one look
    of_rows  all of it, by row
    """

    def __init__(self) -> None:
        self.plain: dict[Key, tuple[Item, ...]] = {}
        self.of_rows: dict[str, _Codes] = {}


class Codes:
    """The code of the instructions that the parts of one compiler have lowered."""

    def __init__(self) -> None:
        self._rows: defaultdict[str, _Row] = defaultdict(_Row)
        self._known: defaultdict[Config, Known] = defaultdict(Known)
        self._count = 0

    def known(self, config: Config) -> Known:
        """What is known for a configuration. Stays the same object."""
        return self._known[config]

    def code(self, known: Known, name: str, key: Key, emitter: Emitter, place: Place, cell: Cell, whole: Instruction) -> Lowered:
        """The code of an instruction of the row of that name, which has its whole immediate: what was lowered for the configuration of the emitter
        and the place, or ones like them; or what its cell makes of it now. `known` is what is known for that configuration."""
        codes = known.of_rows.get(name)
        if codes is None:
            codes = known.of_rows[name] = self._rows[name].of(emitter)
        found = codes.get(key)
        if isinstance(found, _Nowhere):
            return lower(emitter, place, cell, whole)
        made = found.get(place) if isinstance(found, _Asking) else found
        if made is None:
            made = self._lower(name, key, emitter, place, cell, whole)
            if emitter.asked or not emitter.reusable:
                return made
        elif isinstance(found, _Asking):
            return made
        if not (made.labels or made.effects):
            known.plain[key] = made.items
        return made

    def _lower(self, name: str, key: Key, emitter: Emitter, place: Place, cell: Cell, whole: Instruction) -> Lowered:
        """What the cell makes of it, kept for others."""
        config, row = emitter.config, self._rows[name]
        watched = Watched(config)
        emitter.look(watched)
        made = lower(emitter, place, cell, whole)
        emitter.look(config)
        self._count += 1
        if self._count > MOST:
            self._clear()
        if row.ask(watched.answers):
            for known in self._known.values():
                known.of_rows.pop(name, None)
        codes = row.of(emitter)
        if not emitter.reusable:
            codes[key] = _NOWHERE
        elif not emitter.asked:
            codes[key] = made
        else:
            # Whether lowering asks at all does not depend on the place.
            asking = codes.setdefault(key, _Asking())
            assert isinstance(asking, _Asking)
            asking.add(emitter, place, made)
        return made

    def _clear(self) -> None:
        """Give up all code. The questions stay."""
        self._count = 0
        for row in self._rows.values():
            row.codes.clear()
        for known in self._known.values():
            known.plain.clear()
            known.of_rows.clear()
