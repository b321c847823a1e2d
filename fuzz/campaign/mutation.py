"""Cases that reached something new, changed: other immediates, operations, registers, instructions of another case put in between, other inputs.

A mutant is any program. What a verifier would refuse, or what does not end soon, is discarded, and counted.
"""

import random
from collections.abc import Callable, Sequence
from dataclasses import replace
from itertools import product

from ebpf.instruction import Instruction
from ebpf.opcodes import BY_NAME, ROWS, Row, lookup
from ebpf.program import Program, ProgramError
from ebpf.shape import distance, inserted, starts, without
from ebpf.validity import check
from fuzz.campaign.generation import Generated
from fuzz.case import Case, Input
from fuzz.layout import place
from fuzz.suite.values import EDGES_32, EDGES_64, IMMEDIATES
from jit.config import Config
from oracle import interpreter
from oracle.outcome import FaultKind

_ATTEMPTS = 6
_EXECUTED = 20_000
_STRICTEST = Config.parse("mips3-64le"), Config.parse("mips1-32be")
"""Where most is forbidden, one of each byte order and width."""

Mutation = Callable[[random.Random, Program, Sequence[Program]], Program | None]


def mutate(seed: int, number: int, parents: Sequence[Generated], cases: int) -> tuple[list[Generated], int]:
    """As many mutants, and how many others were discarded; fewer where too many had to be. Trampolines are no parents."""
    draw = random.Random(f"mutation {seed}/{number}")
    parents = [parent for parent in parents if not parent.trampoline]
    found: list[Generated] = []
    discarded = 0
    for _ in range(cases if parents else 0):
        for _ in range(_ATTEMPTS):
            mutant = _mutant(draw, parents)
            if mutant is not None and _is_sound(mutant):
                found.append(mutant)
                break
            discarded += 1
    return found, discarded


def _mutant(draw: random.Random, parents: Sequence[Generated]) -> Generated | None:
    program, inputs, _ = draw.choice(parents)
    others = [parent.program for parent in parents]
    for _ in range(draw.randint(1, 4)):
        changed = draw.choice(_MUTATIONS)(draw, program, others)
        program = program if changed is None else changed
    return Generated(replace(program, lines={}, labels={}), tuple(_mutated_input(draw, given) if draw.random() < 0.5 else given for given in inputs))


def _is_sound(mutant: Generated) -> bool:
    """Whether a verifier might accept the program: it is well-formed, ends soon, and does nothing forbidden on any input."""
    try:
        check(mutant.program)
        for config, given in product(_STRICTEST, mutant.inputs):
            placement = place(Case(mutant.program, given), config)
            outcome = interpreter.run(placement.slots, replace(placement.fresh_world()[0], instruction_limit=_EXECUTED))
            if outcome.fault is not None and outcome.fault.kind is not FaultKind.MISALIGNED:
                return False
    except ProgramError:
        return False
    return True


def _pick(draw: random.Random, program: Program, wanted: Callable[[Row], bool]) -> tuple[int, Row] | None:
    """One of the instructions whose rows are wanted."""
    found = [(at, row) for at in starts(program.slots) if (row := lookup(program.slots[at])) is not None and wanted(row)]
    return draw.choice(found) if found else None


def _with(program: Program, at: int, slot: Instruction) -> Program:
    return replace(program, slots=(*program.slots[:at], slot, *program.slots[at + 1 :]))


def _immediate(draw: random.Random, program: Program, others: Sequence[Program]) -> Program | None:
    """Another immediate."""
    found = _pick(draw, program, lambda row: row.imm == "imm")
    if found is None:
        return None
    at, row = found
    if row.name.startswith(("LSH", "RSH", "ARSH")):
        return _with(program, at, program.slots[at]._replace(imm=draw.randrange(64 if "64" in row.name else 32)))
    return _with(program, at, program.slots[at]._replace(imm=draw.choice(IMMEDIATES) if draw.random() < 0.7 else draw.getrandbits(32) - (1 << 31)))


def _operation(draw: random.Random, program: Program, others: Sequence[Program]) -> Program | None:
    """Another operation with operands of the same kinds."""
    found = _pick(draw, program, lambda row: row.name in _SIBLINGS)
    if found is None:
        return None
    at, row = found
    other = BY_NAME[draw.choice(_SIBLINGS[row.name])]
    slot = program.slots[at]
    imm = other.imm if isinstance(other.imm, int) else slot.imm & 31 if other.name.startswith(("LSH", "RSH", "ARSH")) else slot.imm
    return _with(program, at, Instruction(other.opcode, slot.dst, slot.src, other.offset if isinstance(other.offset, int) else slot.offset, imm))


def _register(draw: random.Random, program: Program, others: Sequence[Program]) -> Program | None:
    """Another register in one of the two places."""
    found = _pick(draw, program, lambda row: isinstance(row.dst, str))
    if found is None:
        return None
    at, row = found
    if isinstance(row.src, str) and draw.random() < 0.5:
        return _with(program, at, program.slots[at]._replace(src=draw.randrange(10)))
    return _with(program, at, program.slots[at]._replace(dst=draw.randrange(10)))


def _removed(draw: random.Random, program: Program, others: Sequence[Program]) -> Program | None:
    """Without one instruction."""
    units = starts(program.slots)
    at = draw.randrange(len(units))
    end = units[at + 1] if at + 1 < len(units) else len(program.slots)
    return without(program, set(range(units[at], end)))


def _spliced(draw: random.Random, program: Program, others: Sequence[Program]) -> Program | None:
    """A few instructions of another program, without its jumps and calls, put in between."""
    other = draw.choice(others)
    units = starts(other.slots)
    first = draw.randrange(len(units))
    taken: list[Instruction] = []
    for at in units[first : first + draw.randint(1, 8)]:
        row = lookup(other.slots[at])
        if row is None or distance(other.slots, at) is not None or row.name.startswith(("EXIT", "CALL", "LDDW_")):
            break
        taken += other.slots[at : at + row.slots]
    return inserted(program, draw.choice(starts(program.slots)), tuple(taken)) if taken else None


def _mutated_input(draw: random.Random, given: Input) -> Input:
    """Another seed, and another value at one place of the context."""
    memory = bytearray(given.memory)
    if len(memory) >= 8:
        at = draw.randrange(len(memory) // 8) * 8
        value = draw.choice(EDGES_64 + EDGES_32) if draw.random() < 0.7 else draw.getrandbits(64)
        memory[at : at + 8] = value.to_bytes(8, draw.choice(("little", "big")))
    return replace(given, memory=bytes(memory), seed=draw.getrandbits(16))


def _siblings() -> dict[str, tuple[str, ...]]:
    """For each row that computes or jumps on a condition the others with operands of the same kinds."""

    def kinds(row: Row) -> tuple[object, ...]:
        return tuple(field if isinstance(field, str) else "-" for field in (row.dst, row.src, row.offset, row.imm))

    rows = [row for row in ROWS if row.group in ("base32", "base64", "divmul32", "divmul64") and isinstance(row.dst, str) and row.slots == 1]
    return {row.name: same for row in rows if (same := tuple(other.name for other in rows if other is not row and kinds(other) == kinds(row)))}


_SIBLINGS = _siblings()
_MUTATIONS: tuple[Mutation, ...] = (_immediate, _operation, _register, _removed, _spliced, _immediate, _operation)
