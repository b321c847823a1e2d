"""The words of an image as arrays: rows of the MIPS table, registers read and written, facts, next words. Wires look here first, and at words one by
one where something is to be found.

What `jit.mips.decode` says of a word, all words at once. Rows are told apart by the major opcode and the low 11 bits, where SPECIAL, SPECIAL2 and
SPECIAL3 have their functions (MD00087, appendix A); a word for which these 17 bits leave a choice is decoded on its own.
"""

from array import array
from functools import cache, lru_cache
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from fuzz.recording import native_text as native
from fuzz.recording.kept import kept
from fuzz.recording.native_text import NO_ROW, UNCLEAR
from fuzz.unicorn.fault import accessed
from jit.compiled import Compiled
from jit.mips import FACTS, ROWS, Row, decode

Words = NDArray[np.int64]

FACT: dict[str, int] = {name: 1 << number for number, name in enumerate(FACTS)}
"""The bit of each fact of the MIPS table."""


class Decoded(NamedTuple):
    """One number for each word of an image.

    words          the words themselves
    rows           index in `jit.mips.ROWS`, `NO_ROW` for what is no instruction of the ISA
    reads, writes  sets of registers, bit n for register n, HI and LO being 32 and 33; without register 0
    facts          sums of `FACT`
    code           the four before, in this order, as one array
    following      of each word the two that may be executed next, as `fuzz.wires.flow.successors` says, `NO_WORD` for none
    """

    words: Words
    rows: Words
    reads: Words
    writes: Words
    facts: Words
    code: Words
    following: Words

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

NOWHERE = 59
"""Where a word has zeros."""


class Addressing(NamedTuple):
    """How a load or store finds memory.

    size                 bytes that it accesses
    base                 where in the word the number of its base register is, None where it has none
    offset, offset_bits  where in the word its offset is, and a mask of its bits, not shifted; 0 where it has none
    """

    size: int
    base: int | None
    offset: int
    offset_bits: int


def addressing(row: Row) -> Addressing:
    """Of a row of the MIPS table."""
    fields = dict(zip(row.operands, row.fields, strict=True))
    base, offset = fields.get("base"), fields.get("offset")
    place, bits = (0, 0) if offset is None else (offset.shifts[0], (1 << offset.width) - 1)
    return Addressing(accessed(row), None if base is None else base.shifts[0], place, bits)


def _does(row: Row) -> list[int]:
    """The columns of `fuzz.recording.native_text.OFFSET` and so on."""
    fields = dict(zip(row.operands, row.fields, strict=True))
    made = [0] * native.ROW_COLUMNS
    if "branch" in row.facts:
        made[native.OFFSET] = fields["offset"].width
    made[native.REGION] = "branch" not in row.facts and "instr_index" in fields
    made[native.RS], made[native.RT] = (fields[name].shifts[0] if name in fields else NOWHERE for name in ("rs", "rt"))
    made[native.CONDITION] = _condition(row)
    made[native.HALF] = {"lwl": native.LEFT_HALF, "lwr": native.RIGHT_HALF}.get(row.mnemonic, 0)
    if "rs" in fields:
        made[native.ADDS] = {"addiu": native.IMMEDIATE, "daddiu": native.IMMEDIATE, "daddu": native.REGISTER}.get(row.mnemonic, 0)
    return made


def _condition(row: Row) -> int:
    """When a branch may also not be taken, as `fuzz.wires.flow.conditional` has it."""
    if "jump" in row.facts or not {"rs", "rt"} & set(row.operands):
        return native.NEVER
    return {"beq": native.UNLESS_EQUAL, "beql": native.UNLESS_EQUAL, "bgez": native.UNLESS_ZERO, "blez": native.UNLESS_ZERO}.get(
        row.mnemonic, native.ALWAYS
    )


DOES = np.array([_does(row) for row in ROWS], np.int64)
"""What native code wants to know of each row besides."""


def _facts(*names: str) -> int:
    return sum(FACT[name] for name in names)


FACT_BITS = np.zeros(native.FACTS, np.int64)
"""The facts that native code asks about, by its numbers of them."""
FACT_BITS[[native.DELAY, native.FORBIDDEN, native.LIKELY, native.COMPACT]] = [FACT[name] for name in ("delay", "forbidden", "likely", "compact")]
FACT_BITS[native.TRANSFER], FACT_BITS[native.LOAD] = _facts("branch", "jump"), FACT["load"]
FACT_BITS[native.ACCESS], FACT_BITS[native.LINK] = _facts("load", "store"), _facts("ll", "sc")


@lru_cache(maxsize=1 << 16)
def _row(word: int, isa: str) -> int:
    found = decode(word, isa)
    return _INDEX[found[0]] if found else NO_ROW


def _any_operands(row: Row) -> bool:
    """Whether a word with the fixed bits of a row is one of the row, whatever its operands."""
    return row.condition is None and all(len(field.shifts) == 1 and field.plus is None for field in row.fields)


@cache
def _matching() -> tuple[Words, ...]:
    """Of each row of the MIPS table the low 11 bits that its words may have."""
    low = np.arange(1 << 11, dtype=np.int64)
    return tuple(np.flatnonzero((low & row.mask) == (row.bits & 0x7FF)) for row in ROWS)


@cache
def _rows_of(isa: str) -> Words:
    """The row by major opcode and low 11 bits; `NO_ROW` where there is none, `UNCLEAR` where that and the fixed bits of the row do not tell."""
    table = np.full((1 << 6, 1 << 11), NO_ROW, np.int64)
    for number, (row, matching) in enumerate(zip(ROWS, _matching(), strict=True)):
        if isa in row.isas:
            # Every row has its own major opcode.
            part = table[row.bits >> 26]
            alone = number if _any_operands(row) else UNCLEAR
            part[matching] = np.where(part[matching] == NO_ROW, alone, UNCLEAR)
    return table.ravel()


@kept(8)
def word_array(compiled: Compiled) -> Words:
    """The words as an array."""
    return np.frombuffer(array("q", compiled.words), np.int64)


@kept(8)
def owner_array(compiled: Compiled) -> Words:
    """`Compiled.slot_of` as an array."""
    return np.frombuffer(array("q", compiled.slot_of), np.int64)


@kept(8)
def start_array(compiled: Compiled) -> Words:
    """`Compiled.bpf_at` as an array, with -1 for None."""
    return np.array([-1 if at is None else at for at in compiled.bpf_at], np.int64)


@kept(8)
def decoded(compiled: Compiled) -> Decoded:
    """The words of an image."""
    words, isa = word_array(compiled), compiled.config.isa
    code, following = np.empty((4, len(words)), np.int64), np.empty((len(words), 2), np.int64)
    tables = (_rows_of(isa), _MASK, _BITS, _READS, _WRITES, _FACTS, DOES, FACT_BITS, code, following)
    if not native.read(words, compiled.base, False, *tables):
        for at in np.flatnonzero(code[0] == UNCLEAR).tolist():
            code[0, at] = _row(compiled.words[at], isa)
        native.read(words, compiled.base, True, *tables)
    rows, reads, writes, facts = code
    return Decoded(words, rows, reads, writes, facts, code, following)
