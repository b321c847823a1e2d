"""The instructions that programs are generated from, by their form; all derived from the columns of `ebpf.opcodes`."""

from ebpf.opcodes import ROWS, Row
from fuzz.suite.atomic import is_atomic
from fuzz.suite.jumps import is_conditional
from fuzz.suite.memory import is_store

_ARITHMETIC = tuple(row for row in ROWS if row.opcode & 7 in (4, 7))

WITH_REGISTER: tuple[Row, ...] = tuple(row for row in _ARITHMETIC if row.src == "r")
"""Arithmetic on two registers, moves among them."""

WITH_IMMEDIATE: tuple[Row, ...] = tuple(row for row in _ARITHMETIC if row.imm == "imm")
"""Arithmetic on a register and an immediate."""

UNARY: tuple[Row, ...] = tuple(row for row in _ARITHMETIC if row.src != "r" and row.imm != "imm")
"""Negations and byte swaps."""

ARITHMETIC: tuple[Row, ...] = (*WITH_IMMEDIATE, *WITH_REGISTER, *UNARY)
"""All of them, simple ones first."""

LOADS: tuple[Row, ...] = tuple(row for row in ROWS if row.offset == "memory" and row.dst == "w")
STORES: tuple[Row, ...] = tuple(row for row in ROWS if is_store(row))
ATOMICS: tuple[Row, ...] = tuple(row for row in ROWS if is_atomic(row))
BRANCHES: tuple[Row, ...] = tuple(row for row in ROWS if is_conditional(row))
PACKET_LOADS: tuple[Row, ...] = tuple(row for row in ROWS if row.group == "packet")


def is_wide(row: Row) -> bool:
    """Whether an arithmetic instruction or a conditional jump works on 64 bits."""
    return row.opcode & 7 in (5, 7)


def is_shift(row: Row) -> bool:
    """Whether the second operand is a shift count."""
    return row.name.startswith(("LSH", "RSH", "ARSH"))


def compares(row: Row) -> bool:
    """Whether r0 is an implicit operand: what is there is compared with it, and it receives what was there."""
    return row.name.startswith("CMPXCHG")
