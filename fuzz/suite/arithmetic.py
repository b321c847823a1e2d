"""Suites of the arithmetic instructions: two registers, register and immediate, one register (negation and byte swaps), wide constants.

All are rounds of the ring (see `fuzz.suite.program`). In a round of register instructions the tenth variant, whose source would have been
overwritten by the first, takes an alias: dst == src, r10 as the source, or indeed the overwritten register. The last round is dst == src throughout.
"""

import itertools
from collections.abc import Callable, Sequence

from ebpf.instruction import FRAME_POINTER
from ebpf.opcodes import ROWS, Row
from fuzz.suite.program import CONTEXT, RING, RUNS, Assembly, Suite, load_ring, make_suite, permutation, start, store_ring
from fuzz.suite.values import (
    CONSTANTS,
    EDGES_32,
    EDGES_64,
    EDGES_NARROW,
    IMMEDIATES,
    SHIFT_COUNTS_32,
    SHIFT_COUNTS_64,
    SHIFTS,
    related,
    stream,
)

_CLASS_32 = 0x4
_CLASS_64 = 0x7
_REGISTER_ROUNDS = 5
_UNARY_ROUNDS = 3
_IMMEDIATES_EACH = 5 * RING


def is_shift(row: Row) -> bool:
    """Whether the second operand is a shift count."""
    return row.name.startswith(("LSH", "RSH", "ARSH"))


def _edges(row: Row) -> tuple[int, ...]:
    if row.name.startswith("MOVSX"):
        return EDGES_NARROW
    if is_shift(row):
        return SHIFTS
    return EDGES_32 if row.opcode & 7 == _CLASS_32 else EDGES_64


def _result_size(rounds: int) -> int:
    return 8 * (RING - 1) * rounds


def _store_round(assembly: Assembly, order: Sequence[int], operands: int, number: int) -> None:
    store_ring(assembly, order, 8 * operands + _result_size(number), number)


def register_suite(row: Row, edges: Sequence[int], runs: int = RUNS) -> Suite:
    """Five rounds of neighbours in the ring, one of dst == src. A run sees 45 of the pairs of `edges`."""
    rounds = _REGISTER_ROUNDS + 1
    operands = RING * rounds
    assembly = Assembly()
    start(assembly)
    for number in range(_REGISTER_ROUNDS):
        order = permutation(number)
        load_ring(assembly, order, RING * number)
        for dst, src in itertools.pairwise(order):
            assembly.emit(row.name, dst, src)
        last = order[-1]
        assembly.emit(row.name, last, (last, FRAME_POINTER, order[0])[number % 3])
        _store_round(assembly, order, operands, number)
    order = permutation(_REGISTER_ROUNDS)
    load_ring(assembly, order, RING * _REGISTER_ROUNDS)
    for register in order[:-1]:
        assembly.emit(row.name, register, register)
    assembly.emit(row.name, order[-1], FRAME_POINTER)
    _store_round(assembly, order, operands, _REGISTER_ROUNDS)
    assembly.emit("EXIT")

    # A round takes ten values and advances by nine: its nine variants are the nine pairs between them.
    values = stream(edges, runs * _REGISTER_ROUNDS * (RING - 1) + 1)
    tables = []
    for run in range(runs):
        table: list[int] = []
        for number in range(_REGISTER_ROUNDS):
            first = (run * _REGISTER_ROUNDS + number) * (RING - 1)
            table += values[first : first + RING]
        table += (edges[(run * RING + at) % len(edges)] for at in range(RING))
        tables.append(table)
    return make_suite(row.name, assembly, tables, _result_size(rounds))


def _immediates(row: Row) -> tuple[int, ...]:
    if is_shift(row):
        return SHIFT_COUNTS_32 if row.opcode & 7 == _CLASS_32 else SHIFT_COUNTS_64
    return IMMEDIATES


def immediate_suites(row: Row, immediates: Sequence[int], operand: Callable[[int, int, int], int], runs: int = RUNS) -> list[Suite]:
    """Fifty immediates a program, ten a round; `operand` says what meets an immediate, from that, the run, and the number of the variant."""
    parts = [immediates[first : first + _IMMEDIATES_EACH] for first in range(0, len(immediates), _IMMEDIATES_EACH)]
    suites = []
    for part, chosen in enumerate(parts):
        rounds = -(-len(chosen) // RING)
        count = RING * rounds
        chosen = (*chosen, *chosen[: count - len(chosen)])
        assembly = Assembly()
        start(assembly)
        for number in range(rounds):
            order = permutation(number + part)
            load_ring(assembly, order, RING * number)
            for at, register in enumerate(order):
                assembly.emit(row.name, register, imm=chosen[RING * number + at])
            _store_round(assembly, order, len(chosen), number)
        assembly.emit("EXIT")
        tables = [[operand(imm, run, at) for at, imm in enumerate(chosen)] for run in range(runs)]
        suites.append(make_suite(row.name, assembly, tables, _result_size(rounds), part=part + 1 if len(parts) > 1 else 0))
    return suites


def _shifted(_: int, run: int, number: int) -> int:
    """What meets an immediate count."""
    return SHIFTS[(run * 5 + number + number // RING) % len(SHIFTS)]


def _unary_suite(row: Row) -> Suite:
    """Three rounds of one instruction a register; in the third it comes twice."""
    assembly = Assembly()
    start(assembly)
    for number in range(_UNARY_ROUNDS):
        order = permutation(number)
        load_ring(assembly, order, RING * number)
        for register in order:
            assembly.emit(row.name, register)
        if number == _UNARY_ROUNDS - 1:
            for register in order:
                assembly.emit(row.name, register)
        _store_round(assembly, order, RING * _UNARY_ROUNDS, number)
    assembly.emit("EXIT")
    # 83 values: a number that has no factor in common with the 30 operands of a run, so that each value comes to each register.
    edges = (*EDGES_NARROW, *EDGES_64, *EDGES_32, *SHIFTS[:5])
    count = RING * _UNARY_ROUNDS
    tables = [[edges[(run * count + at) % len(edges)] for at in range(count)] for run in range(RUNS)]
    return make_suite(row.name, assembly, tables, _result_size(_UNARY_ROUNDS))


def _constant_suite(row: Row) -> Suite:
    """Ten wide loads a round, then a store of each register; the frame has room for all."""
    assembly = Assembly()
    for number in range(0, len(CONSTANTS), RING):
        order = permutation(number // RING)
        chosen = CONSTANTS[number : number + RING]
        for register, value in zip(order, chosen, strict=False):
            assembly.constant(register, value)
        for at, (register, _) in enumerate(zip(order, chosen, strict=False)):
            assembly.emit("STX_DW", FRAME_POINTER, register, CONTEXT - 8 * (number + at))
    assembly.emit("EXIT")
    return make_suite(row.name, assembly, ((),), 8)


def arithmetic_suites() -> list[Suite]:
    """The suites of all rows of the arithmetic classes, byte swaps among them, and of LDDW with a plain constant."""
    suites = []
    for row in ROWS:
        if row.name == "LDDW":
            suites.append(_constant_suite(row))
        elif row.opcode & 7 not in (_CLASS_32, _CLASS_64):
            continue
        elif row.src == "r":
            suites.append(register_suite(row, _edges(row)))
        elif row.imm == "imm":
            suites += immediate_suites(row, _immediates(row), _shifted if is_shift(row) else related)
        else:
            suites.append(_unary_suite(row))
    return suites
