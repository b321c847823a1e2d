"""How an image is described to the native hooks (`fuzz.recording.native_record`): from words to what matters of each, all words at once.

Rows of the MIPS table are told apart by the major opcode and the low 11 bits, where SPECIAL, SPECIAL2 and SPECIAL3 have their functions (MD00087,
appendix A). So there are tables over these 17 bits, made from the rows; where the 17 bits do not suffice a word is decoded on its own.
"""

from collections.abc import Callable
from functools import cache

import numpy as np
from numpy.typing import NDArray

from fuzz.recording import native_record as native
from fuzz.unicorn.fault import SIZES, UNALIGNED_PARTS
from jit.compiled import Compiled
from jit.mips import ROWS, Row, decode

_RS, _RT = 1, 2
_UNCLEAR = -2


def _restricted(row: Row) -> int:
    """Which of rs (1) and rt (2) must be sign-extended words."""
    return _RS * ("word_rs" in row.facts) | _RT * ("word_rt" in row.facts)


def _access(row: Row) -> int:
    """The description of an access without base and offset. On each byte order the left part goes the other way; here it is little-endian."""
    if row.facts.isdisjoint({"load", "store"}):
        return 0
    size = SIZES.get(row.mnemonic, 4)
    direction = 0
    if row.mnemonic in UNALIGNED_PARTS:
        size = 8 if "d" in row.mnemonic else 4
        direction = native.DOWNWARDS if row.mnemonic.endswith("l") else native.UPWARDS
    return size << native.SIZE_SHIFT | direction | native.STORE * ("store" in row.facts)


def _plain_access(row: Row) -> int:
    """The same where base and offset are in their usual places, the low 16 bits being the offset."""
    access = _access(row)
    usual = row.figure[6:11] == "b" * 5 and row.figure[16:] == "o" * 16
    return access if usual or not access else _UNCLEAR


@cache
def _table(isa: str, fact: Callable[[Row], int]) -> NDArray[np.int64]:
    """A fact of the rows of an ISA, by major opcode and low 11 bits; 0 where there is no row, `_UNCLEAR` where there are several that differ."""
    selectors = np.arange(1 << 17, dtype=np.int64)
    words = selectors >> 11 << 26 | selectors & 0x7FF
    none = -1
    table = np.full(1 << 17, none, np.int64)
    for row in ROWS:
        if isa in row.isas:
            value, matching = fact(row), (words & row.mask) == (row.bits & 0xFC0007FF)
            before = table[matching]
            table[matching] = np.where((before == none) | (before == value), value, _UNCLEAR)
    return np.where(table == none, 0, table)


def _look_up(compiled: Compiled, words: NDArray[np.int64], fact: Callable[[Row], int]) -> NDArray[np.int64]:
    found: NDArray[np.int64] = _table(compiled.config.isa, fact)[words >> 26 << 11 | words & 0x7FF]
    return found


def restricted_operands(compiled: Compiled, words: NDArray[np.int64]) -> NDArray[np.int64]:
    """The first number of each word's description, as far as operands that must be sign-extended words go. There are none on a 32-bit CPU."""
    if not compiled.config.cpu_64:
        return np.zeros(len(words), np.int64)
    which = _look_up(compiled, words, _restricted)
    for at in np.flatnonzero(which == _UNCLEAR).tolist():
        decoded = decode(compiled.words[at], compiled.config.isa)
        which[at] = _restricted(decoded[0]) if decoded else 0
    described: NDArray[np.int64] = (which & _RS) * (words >> 21 & 31) | (which >> 1) * (words >> 16 & 31) << native.RT_SHIFT
    return described


def mark_writes(compiled: Compiled, described: NDArray[np.int64]) -> None:
    """Add to such descriptions which of the operands the instruction overwrites."""
    for at in np.flatnonzero(described).tolist():
        decoded = decode(compiled.words[at], compiled.config.isa)
        assert decoded is not None, "only rows of the table have restricted operands"
        row, operands = decoded
        written, description = row.writes(operands), int(described[at])
        rs, rt = description & 31, description >> native.RT_SHIFT & 31
        described[at] |= native.RS_WRITTEN * (rs in written) | native.RT_WRITTEN * (rt in written)


def accesses(compiled: Compiled, words: NDArray[np.int64]) -> NDArray[np.int64]:
    """The second number of each word's description: loads and stores."""
    access = _look_up(compiled, words, _plain_access)
    unclear = np.flatnonzero(access == _UNCLEAR).tolist()
    offset = (words & 0xFFFF ^ 0x8000) - 0x8000
    described: NDArray[np.int64] = np.where(access > 0, access | words >> 21 & 31 | offset << native.OFFSET_SHIFT, 0)
    for at in unclear:
        described[at] = _decoded_access(compiled, at)
    if compiled.config.big_endian:
        parts = described & (native.UPWARDS | native.DOWNWARDS) != 0
        described[parts] ^= native.UPWARDS | native.DOWNWARDS
    return described


def _decoded_access(compiled: Compiled, at: int) -> int:
    decoded = decode(compiled.words[at], compiled.config.isa)
    if decoded is None or not (access := _access(decoded[0])):
        return 0
    row, operands = decoded
    named = dict(zip(row.operands, operands, strict=True))
    if "base" in named:
        return access | named["base"] | named["offset"] << native.OFFSET_SHIFT
    # Relative to the pc, which for ldpc is rounded down to a doubleword.
    unit = row.fields[row.operands.index("offset")].unit
    address = (compiled.base + 4 * at & -unit) + unit * named["offset"]
    return access | address << native.OFFSET_SHIFT
