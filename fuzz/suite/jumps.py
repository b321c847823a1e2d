"""Suites of the jumps: conditional ones at both widths, and `goto`.

A round loads the ten registers of the ring (see `fuzz.suite.program`); a jump changes none, so that a round tries nine neighbours and then
aliases: dst == src, r10 on either side and on both. Each variant leaves its mark, a byte of its own in the frame, in one of four layouts:

    skip        if … goto N;  mark = 1;  N:
    choice      if … goto T;  mark = 1;  goto N;  T: mark = 2;  N:
    backward    goto J;  T: mark = 2;  goto N;  J: if … goto T;  N:

Programs with jumps beyond what a MIPS branch reaches are in `fuzz.suite.long`.
"""

import itertools
import random
from collections.abc import Callable, Sequence

from ebpf.instruction import FRAME_POINTER
from ebpf.opcodes import ROWS, Row
from fuzz.suite.program import CONTEXT, RING, RUNS, Assembly, Suite, load_ring, make_suite, permutation, start
from fuzz.suite.values import EDGES_32, EDGES_64, IMMEDIATES, related, stream

_CLASS_64 = 0x5
_REGISTER_ROUNDS = 5
_LAYOUTS = ("skip", "choice", "skip", "backward")
_BLOCKS = 24

# Neighbours in three more runs, because in the others few are equal: all equal; equal low halves; equal high halves.
_CLOSE = (
    (0x8000000080000000, 0x8000000080000000),
    (0x7FFFFFFF80000001, 0x8000000080000001),
    (0x8000000080000001, 0x800000007FFFFFFF),
)
_POISON_BLOCK = 8


def is_conditional(row: Row) -> bool:
    """Whether the row is a conditional jump."""
    return row.offset == "jump" and row.dst == "r"


def _clear_marks(assembly: Assembly, count: int) -> None:
    for at in range(0, count, 8):
        assembly.emit("ST_DW", FRAME_POINTER, offset=CONTEXT - 8 - at, imm=0)


def _mark(assembly: Assembly, number: int, value: int) -> None:
    assembly.emit("ST_B", FRAME_POINTER, offset=CONTEXT - 1 - number, imm=value)


def _variant(assembly: Assembly, row: Row, number: int, dst: int, src: int = 0, imm: int = 0) -> None:
    """One jump in the layout whose turn it is, and its mark."""
    taken, tail, test = f"taken {number}", f"tail {number}", f"test {number}"
    layout = _LAYOUTS[number % len(_LAYOUTS)]
    if layout == "skip":
        assembly.jump(row.name, tail, dst, src, imm)
        _mark(assembly, number, 1)
    elif layout == "choice":
        assembly.jump(row.name, taken, dst, src, imm)
        _mark(assembly, number, 1)
        assembly.jump("JA", tail)
        assembly.place(taken)
        _mark(assembly, number, 2)
    else:
        assembly.jump("JA", test)
        assembly.place(taken)
        _mark(assembly, number, 2)
        assembly.jump("JA", tail)
        assembly.place(test)
        assembly.jump(row.name, taken, dst, src, imm)
    assembly.place(tail)


def _edges(row: Row) -> tuple[int, ...]:
    return EDGES_64 if row.opcode & 7 == _CLASS_64 else EDGES_32


def _register_pairs(order: Sequence[int], number: int) -> list[tuple[int, int]]:
    last = order[-1]
    aliases = ((order[1], order[1]), (last, FRAME_POINTER), (FRAME_POINTER, order[0]), (FRAME_POINTER, FRAME_POINTER))
    return [*itertools.pairwise(order), (last, last), aliases[number % len(aliases)]]


def register_suite(row: Row, edges: Sequence[int], runs: int = RUNS) -> Suite:
    """Five rounds of neighbours in the ring and aliases. A run sees 45 of the pairs of `edges`; in three more the operands are equal, or nearly."""
    assembly = Assembly()
    start(assembly)
    _clear_marks(assembly, _REGISTER_ROUNDS * (RING + 1))
    variant = 0
    for number in range(_REGISTER_ROUNDS):
        order = permutation(number)
        load_ring(assembly, order, RING * number)
        for dst, src in _register_pairs(order, number):
            _variant(assembly, row, variant, dst, src)
            variant += 1
    assembly.emit("EXIT")
    values = stream(edges, runs * _REGISTER_ROUNDS * (RING - 1) + 1)
    tables = []
    for run in range(runs):
        firsts = ((run * _REGISTER_ROUNDS + number) * (RING - 1) for number in range(_REGISTER_ROUNDS))
        tables.append([value for first in firsts for value in values[first : first + RING]])
    count = RING * _REGISTER_ROUNDS
    tables += ([first if at % 2 else second for at in range(count)] for first, second in _CLOSE)
    return make_suite(row.name, assembly, tables)


def immediate_suite(row: Row, immediates: Sequence[int], operand: Callable[[int, int, int], int], runs: int = RUNS, part: int = 0) -> Suite:
    """A jump for each immediate, up to 400; `operand` says what meets it, from the immediate, the run, and the number of the variant."""
    assembly = Assembly()
    start(assembly)
    _clear_marks(assembly, len(immediates) + 2)
    for first in range(0, len(immediates), RING):
        order = permutation(first // RING)
        load_ring(assembly, order, first)
        for register, (number, imm) in zip(order, enumerate(immediates[first : first + RING], first), strict=False):
            _variant(assembly, row, number, register, imm=imm)
    _variant(assembly, row, len(immediates), FRAME_POINTER, imm=0)
    _variant(assembly, row, len(immediates) + 1, FRAME_POINTER, imm=-1)
    assembly.emit("EXIT")
    # A round loads ten operands, also where it has fewer variants.
    count = -(-len(immediates) // RING) * RING
    tables = [[operand(immediates[at % len(immediates)], run, at) for at in range(count)] for run in range(runs)]
    return make_suite(row.name, assembly, tables, part=part)


def _goto_suite(row: Row) -> Suite:
    """Blocks in an order of their own, each of which marks that it ran and jumps to its successor, and behind each what must not run.

    A counted loop at the end jumps back over a block. The count is the operand, 1 to 16.
    """
    assembly = Assembly()
    start(assembly)
    _clear_marks(assembly, _BLOCKS)
    load_ring(assembly, permutation(1), 0)
    assembly.emit("MOV64_IMM", 0, imm=0)
    layout = list(range(_BLOCKS))
    random.Random(_BLOCKS).shuffle(layout)
    assembly.jump(row.name, "block 0")
    for block in layout:
        assembly.place(f"block {block}")
        _mark(assembly, block, block + 1)
        assembly.emit("ADD64_IMM", 0, imm=1 << block)
        assembly.jump(row.name, f"block {block + 1}")
        for register in range(_POISON_BLOCK - 3):
            assembly.emit("MOV64_IMM", register, imm=-block)
    assembly.place(f"block {_BLOCKS}")
    assembly.emit("LDX_DW", 2, FRAME_POINTER, CONTEXT)
    assembly.emit("LDX_DW", 2, 2, 8 * RING)
    assembly.emit("MOV64_IMM", 3, imm=0)
    assembly.place("loop")
    assembly.emit("ADD64_REG", 3, 2)
    assembly.emit("SUB64_IMM", 2, imm=1)
    assembly.jump("JEQ64_IMM", "done", 2)
    assembly.jump(row.name, "loop")
    assembly.place("done")
    assembly.jump(row.name, "next")
    assembly.place("next")
    assembly.emit("EXIT")
    tables = [[*(EDGES_64[(run + at) % len(EDGES_64)] for at in range(RING)), run + 1] for run in range(RUNS)]
    return make_suite(row.name, assembly, tables)


def jump_suites() -> list[Suite]:
    """The suites of all conditional jumps, of JA and of JA32."""
    suites = []
    for row in ROWS:
        if row.name in ("JA", "JA32"):
            suites.append(_goto_suite(row))
        elif is_conditional(row):
            suites.append(register_suite(row, _edges(row)) if row.src == "r" else immediate_suite(row, IMMEDIATES, related))
    return suites
