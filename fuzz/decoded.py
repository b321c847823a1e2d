"""The words of an image as arrays: rows of the MIPS table, registers read and written, facts. Wires look here first, and at words one by one where
something is to be found.

What `jit.mips.decode` says of a word, all words at once. Rows are told apart by the major opcode and the low 11 bits, where SPECIAL, SPECIAL2 and
SPECIAL3 have their functions (MD00087, appendix A); a word for which these 17 bits leave a choice is decoded on its own.
"""

from functools import cache, lru_cache
from typing import NamedTuple

import numpy as np
from numba import njit
from numpy.typing import NDArray

from fuzz.kept import kept
from jit.compiled import Compiled
from jit.mips import FACTS, ROWS, Row, decode

Words = NDArray[np.int64]

NO_ROW, _UNCLEAR = -1, -2

FACT: dict[str, int] = {name: 1 << number for number, name in enumerate(FACTS)}
"""The bit of each fact of the MIPS table."""


class Decoded(NamedTuple):
    """One number for each word of an image.

    words          the words themselves
    rows           index in `jit.mips.ROWS`, `NO_ROW` for what is no instruction of the ISA
    reads, writes  sets of registers, bit n for register n, HI and LO being 32 and 33; without register 0
    facts          sums of `FACT`
    """

    words: Words
    rows: Words
    reads: Words
    writes: Words
    facts: Words

    def have(self, *names: str) -> Words:
        """Not 0 for words that have one of these facts."""
        return self.facts & sum(FACT[name] for name in names)


_INDEX = {row: number for number, row in enumerate(ROWS)}
_MASK = np.array([row.mask for row in ROWS], np.int64)
_BITS = np.array([row.bits for row in ROWS], np.int64)
_FACTS = np.array([sum(FACT[name] for name in row.facts) for row in ROWS], np.int64)


def _places(row: Row) -> tuple[list[int], list[int]]:
    """Where the numbers of the registers are that are read, and of those that are written: shifts in the word, or 64 plus a fixed number."""
    # Operands that tell where they stand: each has another value.
    values = [number + 1 for number in range(len(row.operands))]
    read, written = row.reads(values), row.writes(values)
    places: tuple[list[int], list[int]] = ([], [])
    for numbers, found in ((read, places[0]), (written, places[1])):
        for number in numbers:
            named = 0 < number <= len(values)
            found.append(row.fields[number - 1].shifts[0] if named else 64 + number)
    return places


_SLOTS = 4


def _place_table(which: int) -> Words:
    table = np.full((len(ROWS), _SLOTS), -1, np.int64)
    for number, row in enumerate(ROWS):
        places = _places(row)[which]
        table[number, : len(places)] = places
    return table


_READS, _WRITES = _place_table(0), _place_table(1)


@lru_cache(maxsize=1 << 16)
def _row(word: int, isa: str) -> int:
    found = decode(word, isa)
    return _INDEX[found[0]] if found else NO_ROW


def _any_operands(row: Row) -> bool:
    """Whether a word with the fixed bits of a row is one of the row, whatever its operands."""
    return row.condition is None and all(len(field.shifts) == 1 and field.plus is None for field in row.fields)


@cache
def _rows_of(isa: str) -> Words:
    """The row by major opcode and low 11 bits; `NO_ROW` where there is none, `_UNCLEAR` where that and the fixed bits of the row do not tell."""
    selectors = np.arange(1 << 17, dtype=np.int64)
    words = selectors >> 11 << 26 | selectors & 0x7FF
    table = np.full(1 << 17, NO_ROW, np.int64)
    for number, row in enumerate(ROWS):
        if isa in row.isas:
            matching = (words & row.mask) == (row.bits & 0xFC0007FF)
            alone = number if _any_operands(row) else _UNCLEAR
            table[matching] = np.where(table[matching] == NO_ROW, alone, _UNCLEAR)
    return table


@njit(cache=True)
def _registers(word, places):  # type: ignore[no-untyped-def]
    found = 0
    for place in places:
        if place >= 64:
            found |= 1 << (place - 64)
        elif place >= 0:
            found |= 1 << (word >> place & 31)
    return found & ~1


@njit(cache=True)
def _look_up(words, table, mask, bits, rows):  # type: ignore[no-untyped-def]
    """Fill in the rows; tell whether all are clear."""
    clear = True
    for at in range(len(words)):
        row = table[words[at] >> 26 << 11 | words[at] & 0x7FF]
        if row >= 0 and words[at] & mask[row] != bits[row]:
            row = NO_ROW
        clear &= row != _UNCLEAR
        rows[at] = row
    return clear


@njit(cache=True)
def _fill_in(words, rows, read_places, write_places, all_facts, reads, writes, facts):  # type: ignore[no-untyped-def]
    for at in range(len(words)):
        row = rows[at]
        if row >= 0:
            reads[at] = _registers(words[at], read_places[row])
            writes[at] = _registers(words[at], write_places[row])
            facts[at] = all_facts[row]


@kept(8)
def decoded(compiled: Compiled) -> Decoded:
    """The words of an image."""
    words = np.array(compiled.words, np.int64)
    rows, reads, writes, facts = np.zeros((4, len(words)), np.int64)
    isa = compiled.config.isa
    if not _look_up(words, _rows_of(isa), _MASK, _BITS, rows):
        for at in np.flatnonzero(rows == _UNCLEAR).tolist():
            rows[at] = _row(compiled.words[at], isa)
    _fill_in(words, rows, _READS, _WRITES, _FACTS, reads, writes, facts)
    return Decoded(words, rows, reads, writes, facts)
