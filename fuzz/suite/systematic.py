"""The systematic suites: what the instruction suites sample, in full.

    arithmetic   register instructions with all pairs of magnitudes, immediate ones with all pairs of an operand and an immediate; all shift counts
    jumps        the same
    memory       every size with every edge of offsets, and all 100 pairs of registers
    atomics      all 100 pairs of second operand and base register, and each second operand with the frame as its base
    reach        jumps across what each encoding reaches, in `fuzz.suite.long`

Magnitudes are powers of two, their neighbours and negatives. A program holds many variants of one instruction and reads its operands from the
context, so that one image serves hundreds of inputs. They come in subjects of INPUTS inputs, because the oracle's traces of all inputs are kept while
a subject is judged.
"""

from collections.abc import Iterator
from fnmatch import fnmatchcase
from functools import cache
from itertools import product
from typing import NamedTuple

from ebpf.opcodes import ROWS, Row
from ebpf.program import ByteOrder
from fuzz.sources import BYTE_ORDERS, Subject
from fuzz.suite.arithmetic import immediate_suites, is_shift, register_suite
from fuzz.suite.atomic import CELLS, atomic_suite, is_atomic
from fuzz.suite.jumps import immediate_suite, is_conditional
from fuzz.suite.jumps import register_suite as jump_suite
from fuzz.suite.memory import OFFSETS, Variant, is_load, is_store, load_suite, store_suite
from fuzz.suite.program import RING, Suite
from fuzz.suite.values import ALL_COUNTS, IMMEDIATE_MAGNITUDES, MAGNITUDES

INPUTS = 64
"""Inputs of a subject."""

PAIRS_OF_A_RUN = 45
"""Pairs of operands that a run of a suite of register instructions sees."""

_PART = 33
_ATOMIC_RUNS = 32

_OFFSETS = tuple(dict.fromkeys((*OFFSETS, *(value for value in IMMEDIATE_MAGNITUDES if -0x8000 <= value <= 0x7FFF))))
_PAIRS = tuple(product(range(RING), range(RING)))


def _runs(values: int) -> int:
    return -(-values * values // PAIRS_OF_A_RUN)


def _each(_: int, run: int, number: int) -> int:
    """Each operand meets each immediate: those of one run are not all the same."""
    return MAGNITUDES[(run + 7 * number) % len(MAGNITUDES)]


def _variants() -> Iterator[Variant]:
    """Each offset and each pair of registers at least once, a hundred at a time that are different in both."""
    for number in range(2 * len(_OFFSETS)):
        register, base = _PAIRS[number * 7 % len(_PAIRS)]
        yield Variant(number, _OFFSETS[number % len(_OFFSETS)], register, base)


def _memory(row: Row) -> Iterator[Suite]:
    variants = tuple(_variants())
    for part, first in enumerate(range(0, len(variants), _PART), 1):
        yield (load_suite if is_load(row) else store_suite)(row, variants[first : first + _PART], part)


def _atomic(row: Row) -> Iterator[Suite]:
    for part, first in enumerate(range(0, len(_PAIRS), CELLS), 1):
        sources = tuple((3 * part + number) % RING for number in range(3))
        yield atomic_suite(row, tuple(enumerate(_PAIRS[first : first + CELLS])), sources, _ATOMIC_RUNS, part)


def _jumps(row: Row) -> Iterator[Suite]:
    if row.src == "r":
        yield jump_suite(row, MAGNITUDES, _runs(len(MAGNITUDES)))
    else:
        yield immediate_suite(row, IMMEDIATE_MAGNITUDES, _each, len(MAGNITUDES))


def _suites(row: Row) -> Iterator[Suite]:
    if is_load(row) or is_store(row):
        yield from _memory(row)
    elif is_atomic(row):
        yield from _atomic(row)
    elif is_conditional(row):
        yield from _jumps(row)
    elif row.opcode & 7 in (4, 7) and row.src == "r":
        yield register_suite(row, MAGNITUDES, _runs(len(MAGNITUDES)))
    elif row.opcode & 7 in (4, 7) and row.imm == "imm":
        yield from immediate_suites(row, ALL_COUNTS if is_shift(row) else IMMEDIATE_MAGNITUDES, _each, len(MAGNITUDES))


def systematic_suites(row_glob: str = "*") -> Iterator[Suite]:
    """The suites of the rows whose names match, made as they are asked for."""
    for row in ROWS:
        if fnmatchcase(row.name, row_glob):
            yield from _suites(row)


def systematic_subjects(row_glob: str = "*") -> Iterator[Subject]:
    """The same as subjects, for both byte orders; their version is the number of the first input."""
    for suite in systematic_suites(row_glob):
        for byte_order in BYTE_ORDERS:
            for first in range(0, len(suite.operands), INPUTS):
                yield Piece(suite, byte_order, first).subject()


class Piece(NamedTuple):
    """A subject that has not been made: a suite, the byte order, and the number of the first input."""

    suite: Suite
    byte_order: ByteOrder
    first: int

    def subject(self) -> Subject:
        """The subject."""
        inputs = self.suite.inputs(self.byte_order)[self.first : self.first + INPUTS]
        return Subject(self.suite.row_name, str(self.first), self.suite.program, self.byte_order, inputs)


@cache
def pieces() -> tuple[Piece, ...]:
    """All subjects, to be made one by one."""
    return tuple(
        Piece(suite, byte_order, first)
        for suite in systematic_suites()
        for byte_order in BYTE_ORDERS
        for first in range(0, len(suite.operands), INPUTS)
    )
