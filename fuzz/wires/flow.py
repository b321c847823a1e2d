"""Where execution may go on after each word of an image: what the wires that look at neighbours in time need.

    in the text      the next word; for one in a delay slot the target of its branch, and the next word if the branch is conditional; for the branch
                     itself the delay slot, and where that is nullified the word behind it
    as executed      what was recorded (`Record.edges`): it adds the targets of jumps to a register

A word that is no instruction of the ISA is taken for one that does nothing.
"""

from collections.abc import Container, Iterator, Mapping, Sequence
from functools import cached_property, lru_cache
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from fuzz.abi import SP
from fuzz.recording.decoded import decoded
from fuzz.recording.kept import kept
from jit.compiled import Compiled
from jit.mips import Row, decode


class Word(NamedTuple):
    """A decoded word: its row, its operands, and the registers that it reads and writes (HI and LO as 32 and 33)."""

    row: Row
    operands: tuple[int, ...]
    reads: frozenset[int]
    writes: frozenset[int]

    @property
    def facts(self) -> frozenset[str]:
        """Of the row."""
        return self.row.facts

    @property
    def transfers(self) -> bool:
        """Whether it is a branch or a jump."""
        return bool(self.row.facts & {"branch", "jump"})

    def named(self, operand: str) -> int:
        """The value of an operand; raises ValueError when there is none of that name."""
        return self.operands[self.row.operands.index(operand)]


@lru_cache(maxsize=1 << 17)
def _word(word: int, isa: str) -> Word | None:
    decoded = decode(word, isa)
    if decoded is None:
        return None
    row, operands = decoded
    return Word(row, operands, frozenset(row.reads(operands)), frozenset(row.writes(operands)))


class _Words(Sequence[Word | None]):
    """The words of an image, each decoded when it is asked for: of most images few are."""

    def __init__(self, compiled: Compiled) -> None:
        self._words, self._isa = compiled.words, compiled.config.isa

    def __len__(self) -> int:
        return len(self._words)

    def __getitem__(self, at):  # type: ignore[no-untyped-def]
        if isinstance(at, slice):
            return [_word(word, self._isa) for word in self._words[at]]
        return _word(self._words[at], self._isa)


@kept(8)
def words(compiled: Compiled) -> Sequence[Word | None]:
    """The words of an image, None for what is no instruction of its ISA."""
    return _Words(compiled)


def adjustments(compiled: Compiled) -> Iterator[int]:
    """By how many bytes the words of an image that add a constant to the stack pointer change it, in the order of the text.

    The constant is an immediate, or in a register that the word before has loaded: there are CPUs that cannot add immediates.
    """
    for at in np.flatnonzero(decoded(compiled).writes & 1 << SP).tolist():
        if (change := adjustment(compiled, at)) is not None:
            yield change


def adjustment(compiled: Compiled, at: int) -> int | None:
    """What a word that writes the stack pointer adds to it; None when it does something else."""
    word = _word(compiled.words[at], compiled.config.isa)
    if word is None or "rs" not in word.row.operands or word.named("rs") != SP:
        return None
    if word.row.mnemonic in ("addiu", "daddiu"):
        return word.named("immediate")
    return _constant(compiled, at, word.named("rt")) if word.row.mnemonic == "daddu" else None


def _constant(compiled: Compiled, at: int, register: int) -> int | None:
    """What the word before one, or before the branch in whose delay slot it is, loads into the register, if that is a constant."""
    for before in range(at - 1, max(-1, at - 3), -1):
        word = _word(compiled.words[before], compiled.config.isa)
        if word is not None and word.row.mnemonic == "addiu" and (word.named("rt"), word.named("rs")) == (register, 0):
            return word.named("immediate")
        if word is None or not word.transfers:
            return None
    return None


def target(compiled: Compiled, at: int, word: Word) -> int | None:
    """The index of the word that a branch or jump leads to, which may lie outside the image; None where a register decides."""
    following = compiled.base + 4 * at + 4
    if "branch" in word.facts:
        return at + 1 + word.named("offset")
    if "instr_index" in word.row.operands:
        return ((following & ~0xFFF_FFFF) + 4 * word.named("instr_index") - compiled.base) // 4
    return None


def conditional(word: Word) -> bool:
    """Whether a branch may also not be taken: all but those that compare a register with itself, and those without operands."""
    if "jump" in word.facts:
        return False
    registers = [word.named(name) for name in ("rs", "rt") if name in word.row.operands]
    if not registers:
        return False
    equality = word.row.mnemonic in ("beq", "beql")
    return not (equality and registers[0] == registers[-1]) and not (word.row.mnemonic in ("bgez", "blez") and registers == [0])


class _Next(Sequence[tuple[int, ...]]):
    """Of each word the next ones, made when they are asked for: few are, and of many images none."""

    def __init__(self, following: NDArray[np.int64]) -> None:
        self._following = following

    @cached_property
    def _pairs(self) -> list[list[int]]:
        pairs: list[list[int]] = self._following.tolist()
        return pairs

    def __len__(self) -> int:
        return len(self._following)

    def __getitem__(self, at):  # type: ignore[no-untyped-def]
        return tuple([to for to in self._pairs[at] if to >= 0])


class _Previous(Sequence[tuple[int, ...]]):
    """The same read backwards."""

    def __init__(self, following: NDArray[np.int64]) -> None:
        self._following = following

    @cached_property
    def _sorted(self) -> tuple[NDArray[np.int64], list[int]]:
        """The words by what comes next, and where those before each begin, and end."""
        targets = self._following.ravel()
        order = np.argsort(targets, kind="stable")
        return order // 2, np.searchsorted(targets[order], np.arange(-1, len(self)), side="right").tolist()

    def __len__(self) -> int:
        return len(self._following)

    def __getitem__(self, at):  # type: ignore[no-untyped-def]
        if not 0 <= at < len(self):
            raise IndexError(at)
        words, ends = self._sorted
        return tuple(words[ends[at] : ends[at + 1]].tolist())


@kept(8)
def next_words(compiled: Compiled) -> Sequence[tuple[int, ...]]:
    """The same as `successors`, as native code has found it for all words at once."""
    return _Next(decoded(compiled).following)


@kept(8)
def previous_words(compiled: Compiled) -> Sequence[tuple[int, ...]]:
    """The same read backwards."""
    return _Previous(decoded(compiled).following)


def successors(compiled: Compiled) -> tuple[tuple[int, ...], ...]:
    """For each word those that may be executed next, as the text tells: the definition, by words. Behind the slot of a call nothing is known."""
    decoded = words(compiled)
    found: list[list[int]] = [[] for _ in decoded]
    for at, word in enumerate(decoded):
        branch = decoded[at - 1] if at else None
        if branch is not None and "delay" in branch.facts:
            # A branch in a delay slot leads nowhere: it is a finding of its own.
            _after_branch(found[at], compiled, at - 1, branch, falls_through="likely" not in branch.facts)
        elif word is not None and "compact" in word.facts:
            _after_branch(found[at], compiled, at, word, falls_through=True)
        else:
            found[at].append(at + 1)
            if word is not None and "likely" in word.facts:
                found[at].append(at + 2)
    return tuple(tuple([to for to in following if 0 <= to < len(decoded)]) for following in found)


def _after_branch(following: list[int], compiled: Compiled, at: int, branch: Word, *, falls_through: bool) -> None:
    to = target(compiled, at, branch)
    if to is not None:
        following.append(to)
    if falls_through and conditional(branch):
        following.append(at + 2 if "delay" in branch.facts else at + 1)


def reachable(start: int, following: Sequence[Sequence[int]], stop: Container[int]) -> Iterator[int]:
    """The words that may be executed after `start`, each once; a word of `stop` is one of them, but not what follows it."""
    waiting, seen = list(following[start]), set[int]()
    while waiting:
        at = waiting.pop()
        if at in seen:
            continue
        seen.add(at)
        yield at
        if at not in stop:
            waiting.extend(following[at])


def predecessors(following: Sequence[Sequence[int]]) -> Mapping[int, list[int]]:
    """The same read backwards."""
    before: dict[int, list[int]] = {at: [] for at in range(len(following))}
    for at, targets in enumerate(following):
        for to in targets:
            before[to].append(at)
    return before
