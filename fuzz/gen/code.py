"""Instructions under construction, with jumps to places that have names."""

from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import NamedTuple

from ebpf.instruction import Instruction
from ebpf.opcodes import BY_NAME, Row
from ebpf.program import wide_slots


class Line(NamedTuple):
    """An instruction; `target` is the place that it jumps to, 0 where it is no jump."""

    row: Row
    dst: int = 0
    src: int = 0
    offset: int = 0
    imm: int = 0
    target: int = 0


class Place(NamedTuple):
    """A name for the next instruction."""

    number: int


@dataclass(slots=True)
class Code:
    """A sequence of instructions and places."""

    lines: list[Line | Place] = field(default_factory=list)

    def emit(self, row: Row, dst: int = 0, src: int = 0, offset: int = 0, imm: int = 0, target: int = 0) -> None:
        """Append an instruction; `imm` of a wide load is an unsigned 64-bit value, or for one of a data section index | offset << 32."""
        self.lines.append(Line(row, dst, src, offset, imm, target))

    def place(self, number: int) -> None:
        """Name the next instruction."""
        self.lines.append(Place(number))


def _slots(line: Line) -> list[Instruction]:
    row = line.row
    if row.slots == 2:
        low, high = wide_slots(line.dst, line.imm)
        return [low._replace(src=row.src if isinstance(row.src, int) else 0), high]
    return [
        Instruction(
            row.opcode,
            row.dst if isinstance(row.dst, int) else line.dst,
            row.src if isinstance(row.src, int) else line.src,
            row.offset if isinstance(row.offset, int) else line.offset,
            row.imm if isinstance(row.imm, int) else line.imm,
        )
    ]


class Finished(NamedTuple):
    """The slots of a program, and at which of them each place is."""

    slots: tuple[Instruction, ...]
    places: dict[int, int]


def finish(parts: Iterable[Code]) -> Finished:
    """The parts, one behind the other, with the distances of all jumps filled in. Raises KeyError for a place that there is not."""
    slots: list[Instruction] = []
    places: dict[int, int] = {}
    jumps: list[tuple[int, Line]] = []
    for line in (line for part in parts for line in part.lines):
        if isinstance(line, Place):
            places[line.number] = len(slots)
            continue
        if line.target:
            jumps.append((len(slots), line))
        slots += _slots(line)
    for at, line in jumps:
        distance = places[line.target] - (at + 1)
        in_offset = line.row.offset == "jump"
        slots[at] = slots[at]._replace(offset=distance) if in_offset else slots[at]._replace(imm=distance)
    return Finished(tuple(slots), places)


def row(name: str) -> Row:
    """The row with this name. Raises KeyError when there is none."""
    return BY_NAME[name]
