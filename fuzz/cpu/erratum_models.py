"""The CPUs with errata, played: for each erratum of a configuration the code in which it bites, and what happens there.

    pattern    words of the image in which the CPU of the erratum would go wrong, found in the text by the ways that execution may take
    effects    what a target does before or after it executes certain words, so that they go wrong as documented, or as far as that is known

The tripwire `errata` reports every pattern; a target plays the effects (`fuzz.cpu.faulty_cpu`), so that a missing workaround changes values as
well. This knows nothing of the workarounds: patterns are those of the sources that `jit.erratum_rows` names.
"""

from collections.abc import Callable, Iterator, Mapping, MutableMapping, Sequence
from functools import cache
from types import MappingProxyType
from typing import NamedTuple, Protocol

import numpy as np
from numpy.typing import NDArray

from fuzz.recording.decoded import decoded
from fuzz.recording.kept import kept
from fuzz.wires.flow import Word, conditional, next_words, previous_words, reachable, target, words
from jit.compiled import Compiled
from jit.mips import HI, LO, ROWS
from jit.watched import Watched


class Core(Protocol):
    """A CPU between two instructions of the image.

    memo          the memory of one occurrence; it is empty at the start of a run
    interference  see `Placement`
    """

    memo: MutableMapping[str, int]
    interference: int

    def __getitem__(self, register: int) -> int: ...

    def __setitem__(self, register: int, value: int) -> None: ...

    def load(self, address: int, size: int) -> bytes:
        """Bytes of the memory of the program."""

    def store(self, address: int, contents: bytes) -> None:
        """Change them."""

    def hang(self, reason: str) -> None:
        """End the run here."""

    def violation(self, expected: str, actual: str) -> None:
        """Tell that something is not atomic."""


Action = Callable[[Core], None]


class Effect(NamedTuple):
    """What happens before the execution of a word, or after it: before each word that may come next."""

    word: int
    action: Action
    after: bool = False


class Occurrence(NamedTuple):
    """A pattern in an image: the word to name, what is wrong with it, and what the CPU does."""

    word: int
    detail: str
    effects: tuple[Effect, ...]


Model = Callable[["Image"], Iterator[Occurrence]]


class Image(NamedTuple):
    """An image with the ways through it."""

    compiled: Compiled
    words: Sequence[Word | None]
    following: Sequence[Sequence[int]]
    before: Sequence[Sequence[int]]

    def all(self, *names: str) -> Iterator[tuple[int, Word]]:
        """The words with these mnemonics, or with a fact that is one of these."""
        for at in np.flatnonzero(_rows_of(names)[decoded(self.compiled).rows]).tolist():
            if (word := self.words[at]) is not None:
                yield at, word

    def next(self, start: int, most: int, stop: Callable[[Word], bool] = lambda word: False) -> Iterator[tuple[int, Word]]:
        """The words that may be executed as one of the `most` next ones; behind one of which `stop` holds is nothing."""
        waiting, seen = [(at, 1) for at in self.following[start]], set[int]()
        while waiting:
            at, distance = waiting.pop(0)
            word = self.words[at]
            if at in seen or word is None:
                continue
            seen.add(at)
            yield at, word
            if distance < most and not stop(word):
                waiting += ((to, distance + 1) for to in self.following[at])


@cache
def _rows_of(names: tuple[str, ...]) -> NDArray[np.bool_]:
    """Of each row of the MIPS table whether its mnemonic, or one of its facts, is one of these; no at the end, for what is of no row."""
    return np.array([*(not row.facts.isdisjoint(names) or row.mnemonic in names for row in ROWS), False])


@kept(8)
def image_of(compiled: Compiled) -> Image:
    """The image, for models to look at."""
    return Image(compiled, words(compiled), next_words(compiled), previous_words(compiled))


# Effects that several models have.


def _arm(core: Core) -> None:
    core.memo["armed"] = 1


def _disarm(core: Core) -> None:
    core.memo["armed"] = 0


def _spoil(*registers: int) -> Action:
    """Change registers, once each time that the occurrence is armed."""

    def spoil(core: Core) -> None:
        if core.memo.pop("armed", 0):
            for register in registers:
                core[register] ^= 1

    return spoil


def address_of(core: Core, word: Word) -> int:
    """Where a load or store with base and offset goes."""
    return core[word.named("base")] + word.named("offset")


SIZES: Mapping[str, int] = {"sb": 1, "sh": 2, "sw": 4, "swl": 4, "swr": 4, "sc": 4, "sd": 8, "sdl": 8, "sdr": 8, "scd": 8}
"""Bytes that a store writes."""


def _loses(at: int, word: Word) -> tuple[Effect, ...]:
    """A store conditional that reports success and does not store."""
    size = SIZES[word.row.mnemonic]

    def look(core: Core) -> None:
        core.memo["address"] = address_of(core, word)
        core.memo["old"] = int.from_bytes(core.load(core.memo["address"], size), "little")

    def lose(core: Core) -> None:
        if "address" in core.memo:
            core.store(core.memo.pop("address"), core.memo["old"].to_bytes(size, "little"))
            core[word.named("rt")] = 1

    return Effect(at, look), Effect(at, lose, after=True)


# Models, in the order of the rows.


def _r10000(image: Image) -> Iterator[Occurrence]:
    for at, word in image.all("sc"):
        result = word.named("rt")
        for user, branch in image.next(at, 8, lambda word, result=result: result in word.reads | word.writes):  # type: ignore[misc]
            if result in branch.reads and "branch" in branch.facts and "likely" not in branch.facts:
                yield Occurrence(user, f"{branch.row.mnemonic} tests the result of {word.row.mnemonic} and is not branch-likely", _loses(at, word))


def _loongson3(image: Image) -> Iterator[Occurrence]:
    stores = {at for at, _ in image.all("sc")}
    # Behind another ll there is another sequence.
    borders = frozenset(stores.union(at for at, _ in image.all("ll")))
    for at, word in image.all("ll"):
        before = [image.words[other] for other in image.before[at]]
        inside = list(reachable(at, image.following, borders))
        ends = stores.intersection(inside)
        if not before or any(other is None or "sync" not in other.facts for other in before):
            lost = tuple(effect for end in ends for effect in _loses(end, image.words[end] or word))
            yield Occurrence(at, f"{word.row.mnemonic} without sync before it", lost)
        leading = set(_leading(image, ends, at))
        for way_out in {to for other in (at, *leading - ends) for to in image.following[other]} - leading - {at}:
            leaves = image.words[way_out]
            if leaves is None or "sync" not in leaves.facts:
                effects = Effect(at, _arm), *(Effect(end, _disarm) for end in ends), Effect(way_out, _spoil(word.named("rt")))
                yield Occurrence(way_out, f"no sync where the sequence of {word.row.mnemonic} at word {at} is left", effects)


def _leading(image: Image, ends: set[int], start: int) -> Iterator[int]:
    """The words from which an sc is reached without another ll, back to the one at `start`; the sc are among them."""
    waiting, seen = list(ends), set[int]()
    while waiting:
        at = waiting.pop()
        if at in seen or at == start:
            continue
        seen.add(at)
        yield at
        waiting += image.before[at]


def _loongson2f_nop(image: Image) -> Iterator[Occurrence]:
    def hang(core: Core) -> None:
        core.hang("nops fill the queues of the CPU, and it hangs")

    for at, word in enumerate(image.compiled.words):
        if word == 0:
            yield Occurrence(at, "a nop that is sll zero, zero, 0", (Effect(at, hang),))


def _loongson2f_jump(image: Image) -> Iterator[Occurrence]:
    def hang(core: Core) -> None:
        core.hang("instructions are fetched from outside of the window, and the CPU hangs")

    for at, word in image.all("jump"):
        if "instr_index" in word.row.operands:
            continue
        register = word.operands[-1]
        if not _is_masked(image, at, register):
            yield Occurrence(at, f"{word.row.mnemonic} through a register that was not masked just before", (Effect(at, hang),))


def _is_masked(image: Image, at: int, register: int) -> bool:
    """Whether the three words before one are lui, ori, and of 0xcfffffff with the register, and nothing leads in between."""
    if at < 3 or any(list(image.before[at - back]) != [at - back - 1] for back in range(3)):
        return False
    upper, lower, both = image.words[at - 3 : at]
    if upper is None or lower is None or both is None or both.row.mnemonic != "and" or both.named("rd") != register:
        return False
    mask = upper.named("rt") if upper.row.mnemonic == "lui" else 0
    return (
        upper.operands == (mask, 0xCFFF) and (lower.row.mnemonic, lower.operands) == ("ori", (mask, mask, 0xFFFF)) and both.reads == {register, mask}
    )


_SHIFTS = frozenset(["dsll", "dsrl", "dsra", "dsll32", "dsrl32", "dsra32", "dsllv", "dsrlv", "dsrav", "sllv", "srlv", "srav"])
_LATENCY = 20
"""Instructions that a product of doublewords takes at most (MIPS R4000 User's Manual, chapter 3)."""


def _r4000_multiply(image: Image) -> Iterator[Occurrence]:
    for at, word in image.all("mult", "multu", "dmult", "dmultu"):
        near = list(image.next(at, _LATENCY, lambda word: HI in word.reads))
        ends = tuple(Effect(other, _disarm) for other, found in near if HI in found.reads)
        for other, found in near:
            if found.row.mnemonic in _SHIFTS:
                effects = Effect(at, _arm), *ends, Effect(other, _spoil(found.named("rd")), after=True)
                yield Occurrence(other, f"{found.row.mnemonic} while {word.row.mnemonic} at word {at} is in progress", effects)


def _r4000_daddiu(image: Image) -> Iterator[Occurrence]:
    for at, word in image.all("daddiu"):
        if word.named("rs"):
            yield Occurrence(at, "daddiu", (Effect(at, _sum_of(word)), Effect(at, _overflow(word), after=True)))


def _sum_of(word: Word) -> Action:
    def add(core: Core) -> None:
        value = core[word.named("rs")]
        core.memo["sum"] = (value - (1 << 64) if value >> 63 else value) + word.named("immediate")

    return add


def _overflow(word: Word) -> Action:
    def overflow(core: Core) -> None:
        if not -(1 << 63) <= core.memo.pop("sum", 0) < 1 << 63:
            core[word.named("rt")] ^= 1 << 63

    return overflow


def _r7000_hilo(image: Image) -> Iterator[Occurrence]:
    for at, word in image.all("mfhi", "mflo"):
        rd = word.named("rd")
        for other, user in image.next(at, 2, lambda word, rd=rd: rd in word.writes):  # type: ignore[misc]
            if rd in user.reads:
                use, restore = _seen_late(rd, rd not in user.writes)
                detail = f"{user.row.mnemonic} uses the result of {word.row.mnemonic} at word {at} too early"
                yield Occurrence(other, detail, (Effect(at, _arm), Effect(other, use), Effect(other, restore, after=True)))


def _seen_late(register: int, comes_back: bool) -> tuple[Action, Action]:
    """For one instruction a register has another value; afterwards it has its own again, where the instruction has not written it."""

    def use(core: Core) -> None:
        if core.memo.pop("armed", 0):
            core[register] ^= 1
            core.memo["spoilt"] = 1

    def restore(core: Core) -> None:
        if core.memo.pop("spoilt", 0) and comes_back:
            core[register] ^= 1

    return use, restore


def _rm7000_dmult(image: Image) -> Iterator[Occurrence]:
    for at, word in image.all("dmult", "dmultu"):
        for other, user in image.next(at, 3):
            if "load" in user.facts:
                effects = Effect(at, _arm), Effect(other, _spoil(user.named("rt")), after=True)
                yield Occurrence(other, f"{user.row.mnemonic} less than three instructions after {word.row.mnemonic} at word {at}", effects)


def _vr4130(image: Image) -> Iterator[Occurrence]:
    for at, word in image.all("mfhi", "mflo"):
        rd = word.named("rd")
        for other, writer in image.next(at, 4, lambda word, rd=rd: rd in word.reads or word.row.mnemonic in ("mfhi", "mflo")):  # type: ignore[misc]
            if writer.writes & {HI, LO} and rd not in writer.reads and writer.row.mnemonic not in ("mthi", "mtlo"):
                effects = Effect(at, _arm), Effect(other, _spoil(rd), after=True)
                yield Occurrence(other, f"{writer.row.mnemonic} less than four instructions after {word.row.mnemonic} at word {at}", effects)


def _vr4120_multiply(image: Image) -> Iterator[Occurrence]:
    for at, _ in image.all("dmultu"):
        yield Occurrence(at, "dmultu", (Effect(at, _arm), Effect(at, _spoil(LO), after=True)))


def _vr4120_divide(image: Image) -> Iterator[Occurrence]:
    for at, word in image.all("div", "ddiv"):
        sign = 31 if word.row.mnemonic == "div" else 63

        def look(core: Core, word: Word = word, sign: int = sign) -> None:
            if (core[word.named("rs")] | core[word.named("rt")]) >> sign & 1:
                _arm(core)

        effects = Effect(at, look), Effect(at, _spoil(HI, LO), after=True)
        yield Occurrence(at, f"{word.row.mnemonic}, whose operands may be negative", effects)


def _mips_24k(image: Image) -> Iterator[Occurrence]:
    for first, word in image.all("store"):
        for second in image.following[first]:
            for third in image.following[second]:
                stores = (first, second, third)
                found = [image.words[at] for at in stores]
                three = [one for one in found if one is not None and "store" in one.facts]
                if len(three) == 3 and not _within_two_doublewords(three):
                    yield Occurrence(
                        third, f"the third of three stores in a row, the first {word.row.mnemonic} at word {first}", _lost_line(stores, three)
                    )


def _within_two_doublewords(stores: Sequence[Word]) -> bool:
    """Whether three stores cannot be to three doublewords: they lie within nine bytes."""
    offsets = [word.named("offset") for word in stores]
    return len({word.named("base") for word in stores}) == 1 and max(offsets) - min(offsets) <= 8


_LINE = 32


def _lost_line(stores: Sequence[int], found: Sequence[Word]) -> tuple[Effect, ...]:
    """The first store is lost when the three are to three doublewords of a line."""
    size = SIZES[found[0].row.mnemonic]

    def look(number: int) -> Action:
        def remember(core: Core) -> None:
            address = core.memo[f"address {number}"] = address_of(core, found[number])
            if number == 0:
                core.memo["old"] = int.from_bytes(core.load(address, size), "little")

        return remember

    def lose(core: Core) -> None:
        places = [core.memo.pop(f"address {number}", 0) for number in range(3)]
        if len({place // 8 for place in places}) == 3 and len({place // _LINE for place in places}) == 1:
            core.store(places[0], core.memo["old"].to_bytes(size, "little"))

    return *(Effect(at, look(number)) for number, at in enumerate(stores)), Effect(stores[2], lose, after=True)


_SHORT = 6


def _r5900(image: Image) -> Iterator[Occurrence]:
    for at, word in image.all("branch"):
        start = target(image.compiled, at, word)
        if start is None or not at + 2 - _SHORT <= start <= at or not conditional(word) or "delay" not in word.facts:
            continue
        slot = image.compiled.words[at + 1]
        if slot and not any(other is not None and other.transfers for other in image.words[start:at]):
            leave, restore = _not_taken(word)
            detail = f"a loop of {at + 2 - start} instructions with something in the delay slot of its {word.row.mnemonic}"
            yield Occurrence(at, detail, (Effect(at, leave), Effect(at, restore, after=True)))


def _not_taken(word: Word) -> tuple[Action, Action]:
    """Every second time the branch is not taken: its operand is another one while it is executed."""
    registers = [word.named(name) for name in ("rs", "rt") if name in word.row.operands]
    register = next(number for number in registers if number)

    def leave(core: Core) -> None:
        core.memo["times"] = core.memo.get("times", 0) + 1
        if core.memo["times"] % 2 == 0:
            core.memo["operand"] = core[register]
            other = core[registers[0] if registers[-1] == register else registers[-1]] if len(registers) == 2 else 0
            values = {"beq": other ^ 1, "bne": other, "blez": 1, "bgtz": 0, "bltz": 0, "bgez": -1}
            core[register] = values[word.row.mnemonic.removesuffix("l") if "likely" in word.facts else word.row.mnemonic]

    def restore(core: Core) -> None:
        if "operand" in core.memo:
            core[register] = core.memo.pop("operand")

    return leave, restore


MODELS: Mapping[str, Model] = MappingProxyType(
    {
        "r10000": _r10000,
        "loongson3": _loongson3,
        "loongson2f-nop": _loongson2f_nop,
        "loongson2f-jump": _loongson2f_jump,
        "r4000-multiply": _r4000_multiply,
        "r4000-daddiu": _r4000_daddiu,
        "r7000-hilo": _r7000_hilo,
        "rm7000-dmult": _rm7000_dmult,
        "vr4130": _vr4130,
        "vr4120-multiply": _vr4120_multiply,
        "vr4120-divide": _vr4120_divide,
        "24k": _mips_24k,
        "r5900": _r5900,
    }
)
"""By name of the erratum."""


@kept(8)
def occurrences(compiled: Compiled) -> tuple[Occurrence, ...]:
    """Where the errata of the image's configuration bite in it."""
    config = compiled.config
    if isinstance(config, Watched):
        return _watched(compiled, config)
    if not config.errata:
        return ()
    image = image_of(compiled)
    return tuple(found for name in config.errata for found in MODELS[name](image))


def _watched(compiled: Compiled, config: Watched) -> tuple[Occurrence, ...]:
    """The same, without asking for errata that do not bite."""
    models = {name: model for name, model in MODELS.items() if config.may_have(name)}
    if not models:
        return ()
    image = image_of(compiled)
    places = {name: tuple(model(image)) for name, model in models.items()}
    return tuple(found for name, each in places.items() if each and name in config.options for found in each)
