"""One instruction at a time, in plain Python, straight from the MIPS table and the meanings: what the compiled engine is measured by.

Nothing here is compiled, and nothing is decoded: a row comes with its operands.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Literal

from fuzz.model import memory, operations
from fuzz.model import rows as number
from fuzz.model.bits import word
from fuzz.model.meanings import addiupc, jump_target, ldpc, load_left, load_right, store_left
from fuzz.model.rows import meaning
from jit.mips import HI, LO, RA, Row

_BANK = {"hi": HI, "lo": LO, "ra": RA, "zero": 0, "": 0}


@dataclass(slots=True)
class Effect:
    """What an instruction did.

    writes         values by register number, of 64 bits, signed
    unpredictable  registers of which the manual says nothing
    stored         the bytes that were written, by address
    taken          of transfers of control whether they are; `target` is where to
    traps          whether it raises an exception, and does nothing else
    """

    writes: dict[int, int] = field(default_factory=dict)
    unpredictable: set[int] = field(default_factory=set)
    stored: dict[int, int] = field(default_factory=dict)
    taken: bool = False
    target: int = 0
    traps: bool = False


@dataclass(frozen=True, slots=True)
class Surroundings:
    """What there is besides registers: the CPU, the address of the instruction, and the bytes of memory by address; whether a link is set."""

    cpu_64: bool
    big_endian: bool
    pc: int
    memory: Mapping[int, int]
    linked: bool = True


def execute(row: Row, operands: Sequence[int], registers: Mapping[int, int], around: Surroundings) -> Effect:
    """Execute an instruction with these operands, as written, on register values by number."""
    what, effect = meaning(row), Effect()
    named = dict(zip(row.operands, operands, strict=True))

    def value(name: str) -> int:
        base, _, added = name.partition("+")
        if base in ("immediate", "sa"):
            return named[base] + int(added or 0)
        return registers[named.get(name, _BANK.get(name, 0))]

    def immediate(name: str) -> int:
        unit = row.fields[row.operands.index(name)].unit if name in named else 1
        return named[name] * unit if name in named else int(name or 0)

    x, y = value(what.x), value(what.y)
    destination = named.get(what.d, _BANK.get(what.d, 0)) if what.d else RA if "call" in row.facts else 0
    i, j = immediate(what.i), immediate(what.j)
    if what.kind in (number.LOAD, number.STORE, number.LINKED, number.CONDITIONAL):
        _access(row, effect, destination, x, y, i, registers, around)
    elif what.kind == number.COMPUTE:
        if what.operation in (number.ADDIUPC, number.AUIPC, number.ALUIPC):
            x = around.pc
            i, y = immediate("immediate"), 0
        if operations.divides(what.kind, what.operation) and operations.divisor(what.operation, what.kind, y) == 0:
            effect.unpredictable.add(destination)
        else:
            result = operations.compute(what.operation, x, y, registers[destination], i, j)
            effect.writes[destination] = result if around.cpu_64 else word(result)
        if {HI, LO} <= set(row.writes([0] * len(operands))):
            effect.unpredictable |= {HI, LO}
    elif what.kind == number.OVERFLOW:
        effect.traps = operations.overflows(what.operation, x, y)
        effect.writes[destination] = operations.compute(what.operation, x, y, 0, 0, 0)
    elif what.kind == number.MULTIPLY:
        if operations.divides(what.kind, what.operation) and operations.divisor(what.operation, what.kind, y) == 0:
            effect.unpredictable |= {HI, LO}
        else:
            effect.writes[HI], effect.writes[LO] = operations.multiply(what.operation, x, y, registers[HI], registers[LO])
    elif what.kind == number.TRAP:
        effect.traps = operations.holds(what.operation, x, y)
    elif what.kind == number.EXCEPTION:
        effect.traps = True
    elif what.kind in (number.BRANCH, number.JUMP, number.JUMP_REGISTER):
        _transfer(row, effect, destination, x, y, i, around)
    if effect.traps:
        return Effect(traps=True)
    effect.writes.pop(0, None)
    effect.unpredictable.discard(0)
    return effect


def _transfer(row: Row, effect: Effect, destination: int, x: int, y: int, i: int, around: Surroundings) -> None:
    what = meaning(row)
    if what.kind == number.BRANCH:
        effect.taken, effect.target = operations.holds(what.operation, x, y), addiupc(around.pc + 4, i)
    elif what.kind == number.JUMP:
        effect.taken, effect.target = True, jump_target(around.pc, i)
    else:
        effect.taken, effect.target = True, operations.address(x, i, around.cpu_64)
    if "call" in row.facts:
        effect.writes[destination] = around.pc + (4 if "compact" in row.facts else 8)


def _access(row: Row, effect: Effect, destination: int, x: int, y: int, i: int, registers: Mapping[int, int], around: Surroundings) -> None:
    what, big_endian = meaning(row), int(around.big_endian)
    width = int(what.j)
    if "base" in row.operands:
        address = operations.address(x, i, around.cpu_64)
    else:
        address = ldpc(around.pc, i) if row.mnemonic == "ldpc" else addiupc(around.pc, i)
    first, size = address, width
    if what.operation in (number.LEFT, number.RIGHT):
        inside = address % width
        upwards = (what.operation == number.LEFT) == around.big_endian
        first, size = (address, width - inside) if upwards else (address - inside, inside + 1)
    order: Literal["big", "little"] = "big" if big_endian else "little"
    if what.kind in (number.STORE, number.CONDITIONAL):
        stored = store_left(y, size, width) if what.operation == number.LEFT else y
        if what.kind == number.CONDITIONAL:
            effect.writes[destination] = int(around.linked)
        if what.kind == number.STORE or around.linked:
            contents = (stored & (1 << 8 * size) - 1).to_bytes(size, order)
            effect.stored = {first + at: byte for at, byte in enumerate(contents)}
        return
    contents = bytes(around.memory[first + at] for at in range(size))
    if what.operation == number.LEFT or what.operation == number.RIGHT:
        loaded = memory.load(contents, 0, size, big_endian)  # type: ignore[arg-type]
        merge = load_left if what.operation == number.LEFT else load_right
        effect.writes[destination] = merge(loaded, registers[destination], size, width)
    else:
        signed = what.operation == number.WHOLE or size == 8
        effect.writes[destination] = int.from_bytes(contents, order, signed=signed)
