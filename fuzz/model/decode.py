"""From the words of an image to arrays that the engine executes: done once for each image, natively.

    MIPS table ─ `table`, once per ISA ─► arrays: fields, conditions, meanings ─┐
    words ──────────────────────────────────────────────────────────────────────┴─ `decode` ─► a row of numbers for each word

What a word is, the MIPS table alone says (`jit.mips`): here its fields and conditions are numbers, because Python takes longer to decode an image
than the engine to run it. A word that is no row of the ISA is RESERVED.
"""

from functools import cache
from typing import NamedTuple

import numpy as np

from fuzz.model import meanings
from fuzz.model import rows as number
from fuzz.model.bits import Numbers, native
from fuzz.model.bits import word as truncated
from fuzz.model.operations import compute
from fuzz.model.rows import Meaning, meaning
from fuzz.recording.compiling import njit
from fuzz.recording.source import SOURCE
from jit.config import Config
from jit.mips import HI, LO, RA, ROWS, Row

# Columns of a decoded word.
KIND, OPERATION, X, Y, D, I1, I2, FLAGS, RESTRICTED, SLOT = range(10)
COLUMNS = 10
"""Kind; operation; the registers that are read, the one that is written; immediates; flags; registers that must be words; boundary.

X, Y    0 to 31, HI and LO as 32 and 33
D       `NOWHERE` when nothing is written
I1, I2  immediates. Of transfers the absolute target and the return address; of accesses the offset and the size in bytes
SLOT    the eBPF instruction whose boundary it is, -1 for none
"""

NOWHERE = 34
"""A register that nothing reads."""

REGISTERS = 35

# Flags.
IMMEDIATE = 1 << 0
"""The second operand is I1."""
DELAY, LIKELY, COMPACT, FORBIDDEN, CALL, TRANSFER = (1 << bit for bit in range(1, 7))
HILO_READ, HILO_WRITTEN, SPOILS_HILO = (1 << bit for bit in range(7, 10))
"""It reads HI or LO alone; it changes them; it leaves them UNPREDICTABLE."""
EXIT = 1 << 10
"""A word at which a run is about to leave the program."""
STOPS, STOPS_DISTURBED = 1 << 11, 1 << 12
"""A word before which the engine stops; one before which it does so in runs that other CPUs disturb."""

RT_SHIFT = 5
"""RESTRICTED holds rs from bit 0 on, and rt from this one."""

# What is relative to the address of the instruction.
(_ABSOLUTE, _NEXT, _PC, _PC_DOUBLEWORD, _REGION, _RESULT) = range(6)

# Numbers of what a row does.
(_KIND, _OPERATION, _X, _Y, _D, _I, _J, _FLAGS, _RELATIVE, _ADDED, _RS, _RT) = range(12)

# Numbers of a field: where it is, how wide; what is added; the operand that is taken away; a second place; bounds; the unit.
_SHIFT, _WIDTH, _SIGNED, _BIAS, _PLUS, _SECOND, _LOW, _HIGH, _UNIT = range(9)
_FIELDS, _TERMS = 4, 4

(_LESS, _LESS_OR_EQUAL, _EQUAL, _NOT_EQUAL, _GREATER_OR_EQUAL, _GREATER) = range(6)
_SYMBOLS = {"lt": _LESS, "le": _LESS_OR_EQUAL, "eq": _EQUAL, "ne": _NOT_EQUAL, "ge": _GREATER_OR_EQUAL, "gt": _GREATER}
_BANK = {"hi": HI, "lo": LO, "ra": RA, "zero": 0, "": 0}
_TRANSFERS = (number.BRANCH, number.JUMP, number.JUMP_REGISTER)


class Table(NamedTuple):
    """The rows of an ISA as numbers. Registers and immediates are indices of operands, or where there is none -1 less a register's number.

    match       mask, bits
    fields      of each operand
    conditions  number of terms, then for each two operands, -1 for none, and a constant; then the comparisons
    does        kind, operation, x, y, d, i, j, flags, what i is relative to, rs and rt where they must be words
    candidates  rows, one list after the other; `starts` has where that of a major opcode and the low six bits begins
    """

    match: Numbers
    fields: Numbers
    conditions: Numbers
    does: Numbers
    candidates: Numbers
    starts: Numbers


@cache
def table(isa: str) -> Table:
    """The table of an ISA. Restrictions of operands are there for 64-bit CPUs; on others no operand breaks them."""
    rows = [row for row in ROWS if isa in row.isas]
    lists: list[list[int]] = [[] for _ in range(1 << 12)]
    for index, row in enumerate(rows):
        for selector in _selectors(row.mask, row.bits):
            lists[selector].append(index)
    return Table(
        np.array([(row.mask, row.bits) for row in rows], np.int64),
        np.array([_fields(row) for row in rows], np.int64),
        np.array([_condition(row) for row in rows], np.int64),
        np.array([_does(row, meaning(row)) for row in rows], np.int64),
        np.array([index for found in lists for index in found], np.int64),
        np.concatenate(([0], np.cumsum([len(found) for found in lists]))).astype(np.int64),
    )


@cache
def _selectors(mask: int, bits: int) -> tuple[int, ...]:
    """Major opcodes and low six bits that the words of a row may have."""
    return tuple(bits >> 26 << 6 | low for low in range(1 << 6) if (low ^ bits) & mask & 0x3F == 0)


@cache
def _fields(row: Row) -> list[list[int]]:
    found = []
    for field in row.fields:
        first, *second = field.shifts
        plus = -1 if field.plus is None else field.plus
        found.append([first, field.width, field.signed, field.bias, plus, *(second or [-1]), field.low, field.high, field.unit])
    return found + [[-1] * 9] * (_FIELDS - len(found))


@cache
def _condition(row: Row) -> list[int]:
    if row.condition is None:
        return [0] * (1 + 3 * _TERMS + _TERMS - 1)
    terms = [[*[*positions, -1, -1][:2], constant] for positions, constant in row.condition.terms]
    flat = [value for term in terms + [[-1, -1, 0]] * (_TERMS - len(terms)) for value in term]
    symbols = [_SYMBOLS[comparison.__name__] for comparison in row.condition.comparisons]
    return [len(terms), *flat, *symbols, *[0] * (_TERMS - 1 - len(symbols))]


@cache
def _does(row: Row, what: Meaning) -> list[int]:
    flags = sum(flag for fact, flag in _FACT_FLAGS.items() if fact in row.facts)
    flags |= TRANSFER * (what.kind in _TRANSFERS)
    implicit = {HI, LO}
    if what.kind == number.COMPUTE and implicit <= set(row.writes([0] * len(row.operands))):
        flags |= SPOILS_HILO
    flags |= HILO_READ * (what.x in ("hi", "lo"))
    flags |= HILO_WRITTEN * (not implicit.isdisjoint(row.writes([0] * len(row.operands))))
    y, _, bias = what.y.partition("+")
    relative = _relative(row, what.kind)
    i: int | str = what.i
    if y in ("immediate", "sa"):
        flags |= IMMEDIATE
        i, y = y, ""
    d = what.d or ("ra" if "call" in row.facts else "")
    restricted = [row.operands.index(name) if f"word_{name}" in row.facts else -1 for name in ("rs", "rt")]
    return [
        what.kind,
        what.operation,
        _place(row, what.x),
        _place(row, y),
        _place(row, d) if d else -1 - NOWHERE,
        row.operands.index(i) if i else -1,
        row.operands.index(what.j) if what.j in row.operands else -1 - int(what.j or 0),
        flags,
        relative,
        int(bias or 0),
        *restricted,
    ]


_FACT_FLAGS = {"delay": DELAY, "likely": LIKELY, "compact": COMPACT, "forbidden": FORBIDDEN, "call": CALL}


def _place(row: Row, name: str) -> int:
    return row.operands.index(name) if name in row.operands else -1 - _BANK[name]


def _relative(row: Row, kind: int) -> int:
    if kind == number.BRANCH:
        return _NEXT
    if kind == number.JUMP:
        return _REGION
    if kind == number.LOAD and "base" not in row.operands:
        return _PC_DOUBLEWORD if row.mnemonic == "ldpc" else _PC
    return _RESULT if row.mnemonic in ("addiupc", "auipc", "aluipc") else _ABSOLUTE


@native
def _operands(word: int, fields: Numbers, conditions: Numbers, operands: Numbers) -> bool:
    """Take the operands of a word of a row; tell whether it is one."""
    for at in range(_FIELDS):
        if fields[at, _WIDTH] < 0:
            break
        mask = (1 << fields[at, _WIDTH]) - 1
        value = word >> fields[at, _SHIFT] & mask
        if fields[at, _SECOND] >= 0 and word >> fields[at, _SECOND] & mask != value:
            return False
        if fields[at, _SIGNED] and value >> fields[at, _WIDTH] - 1:
            value -= mask + 1
        value += fields[at, _BIAS]
        if fields[at, _PLUS] >= 0:
            value -= operands[fields[at, _PLUS]]
        if value < fields[at, _LOW] or value > fields[at, _HIGH]:
            return False
        operands[at] = value
    return _satisfied(conditions, operands)


@native
def _satisfied(conditions: Numbers, operands: Numbers) -> bool:
    before = 0
    for term in range(conditions[0]):
        place = 1 + 3 * term
        value = conditions[place + 2]
        for each in range(2):
            if conditions[place + each] >= 0:
                value += operands[conditions[place + each]]
        if term and not _compares(conditions[3 * _TERMS + term], before, value):
            return False
        before = value
    return True


@native
def _compares(symbol: int, left: int, right: int) -> bool:
    if symbol == _LESS:
        return left < right
    if symbol == _LESS_OR_EQUAL:
        return left <= right
    if symbol == _EQUAL:
        return left == right
    if symbol == _NOT_EQUAL:
        return left != right
    if symbol == _GREATER_OR_EQUAL:
        return left >= right
    return left > right


@native
def _immediate(relative: int, operation: int, pc: int, immediate: int) -> int:
    """The immediate of an instruction, or what it makes of the address of the instruction."""
    if relative == _NEXT:
        return meanings.addiupc(pc + 4, immediate)
    if relative == _PC:
        return meanings.addiupc(pc, immediate)
    if relative == _PC_DOUBLEWORD:
        return meanings.ldpc(pc, immediate)
    if relative == _REGION:
        return meanings.jump_target(pc, immediate)
    if relative == _RESULT:
        return compute(operation, pc, 0, 0, immediate, 0)
    return immediate


@native
def _register(place: int, operands: Numbers) -> int:
    """An operand by its index, or a register that has none."""
    return operands[place] if place >= 0 else -1 - place


@native
def _describe(row: Numbers, what: Numbers, units: Numbers, operands: Numbers, pc: int) -> None:
    """Write the row of a word."""
    row[KIND], row[OPERATION], row[FLAGS] = what[_KIND], what[_OPERATION], what[_FLAGS]
    row[X], row[Y], row[D] = _register(what[_X], operands), _register(what[_Y], operands), _register(what[_D], operands)
    if row[D] == 0:
        row[D] = NOWHERE
    given = operands[what[_I]] * units[what[_I]] + what[_ADDED] if what[_I] >= 0 else 0
    row[I1] = _immediate(what[_RELATIVE], what[_OPERATION], pc, given)
    if what[_RELATIVE] == _RESULT:
        row[OPERATION] = number.OR
        row[FLAGS] |= IMMEDIATE
    row[I2] = _register(what[_J], operands)
    if row[FLAGS] & CALL:
        row[I2] = pc + 4 if row[FLAGS] & COMPACT else pc + 8
    row[RESTRICTED] = _register(what[_RS], operands) | _register(what[_RT], operands) << RT_SHIFT


def _compiled(source: int):  # type: ignore[no-untyped-def]
    """The native function; see `fuzz.recording.source`."""

    @njit(error_model="numpy")
    def decode(words, base, wide, linked, starts, exits, match, fields, conditions, does, candidates, starting, operands, code):  # type: ignore[no-untyped-def]
        """Write a row for each word; then the boundaries that `starts` has of each slot, and the exits. `operands` is room for those of a word."""
        _ = source
        for at in range(len(words)):
            word = words[at]
            code[at] = 0
            code[at, KIND], code[at, D], code[at, SLOT] = number.RESERVED, NOWHERE, -1
            selector = word >> 26 << 6 | word & 0x3F
            for place in range(starting[selector], starting[selector + 1]):
                index = candidates[place]
                if word & match[index, 0] == match[index, 1] and _operands(word, fields[index], conditions[index], operands):
                    _describe(code[at], does[index], fields[index, :, _UNIT], operands, base + 4 * at)
                    break
            if not wide:
                # Every register is a word, and what an instruction makes of its address.
                code[at, RESTRICTED], code[at, I1] = 0, truncated(code[at, I1])
            if not linked and (code[at, KIND] == number.LINKED or code[at, KIND] == number.CONDITIONAL):
                code[at, KIND] = number.RESERVED
        for slot in range(len(starts)):
            # Of instructions that share a word, because they need none, the last one.
            if 0 <= starts[slot] < len(words):
                code[starts[slot], SLOT] = slot
        for at in exits:
            if 0 <= at < len(words):
                code[at, FLAGS] |= EXIT

    return decode


_decode = _compiled(SOURCE)


def decoded(words: Numbers, base: int, config: Config, starts: Numbers, exits: Numbers) -> Numbers:
    """The rows of the words of an image that begins at `base`, a signed 64-bit integer. `starts` and `exits` are as `Compiled` has them, -1 for None.

    On a 32-bit CPU every register is a word. Without LL and SC there are none.
    """
    code = np.empty((len(words), COLUMNS), np.int64)
    # Made here, and not natively: numba imports all that it has about arrays where native code makes one.
    operands = np.empty(_FIELDS, np.int64)
    _decode(words, base, config.cpu_64, "nollsc" not in config.options, starts, exits, *table(config.isa), operands, code)
    return code
