"""What the instruction suites are made of: a suite, an assembler for their programs, and the ring of registers that they share.

The ring is how one short program holds many variants of an instruction with all eleven registers under observation:

    base = *(u64 *)(r10 - 8)          the context pointer, kept in the frame since the first instruction
    p0 … p9 = operands of the context p is a permutation of r0 to r9, p9 is the base and is loaded last, over itself
    p0 op= p1; p1 op= p2; …           no operand has been changed before it is used, every register is dst and src
    *(u64 *)(r10 - slot) = p9
    p9 = *(u64 *)(r10 - 8)
    p0 … p8 to the result area of the context

A clobbered register is seen, because each of the ten is stored at the end of the round, by an instruction that does not depend on the one
under test. The next round takes another permutation.
"""

import random
from collections.abc import Sequence
from dataclasses import dataclass, field

from ebpf.instruction import FRAME_POINTER, Instruction
from ebpf.kernel import KernelVariable
from ebpf.opcodes import BY_NAME
from ebpf.program import ByteOrder, DataSection, Map, Program, wide_slots
from fuzz.case import Input
from oracle.world import Packet

SOURCE = "<instruction suite>"

RUNS = 16
"""Inputs of a suite."""

CONTEXT = -8
"""Offset from r10 at which a program keeps the context pointer."""

RING = 10
"""Registers of a ring: r0 to r9."""

# The multipliers that permute r0 to r9: those coprime to 10.
_STEPS = (1, 3, 7, 9)


NETWORK_HEADER = 14
"""Where the network header begins in all packets, as it does behind Ethernet."""


@dataclass(frozen=True, slots=True)
class Suite:
    """A program that exercises one row of `ebpf.opcodes.ROWS`, and what its runs work on.

    row_name     the row
    program      source "<instruction suite>", section the name of the row, with /1, /2 … where it takes more than one program
    operands     for each run the unsigned 64-bit values at the start of the context, stored in the byte order of the target
    result_size  bytes of context behind the operands that the program writes to
    packets      for each run what the packet instructions read
    """

    row_name: str
    program: Program
    operands: tuple[tuple[int, ...], ...]
    result_size: int
    packets: tuple[bytes, ...] = ()

    def inputs(self, byte_order: ByteOrder) -> tuple[Input, ...]:
        """One input for each run, with the operands in that byte order. The result area starts with bytes that depend on the run alone."""
        packets = self.packets or (b"",) * len(self.operands)
        return tuple(
            Input(
                memory=b"".join(value.to_bytes(8, byte_order) for value in values) + random.Random(run).randbytes(self.result_size),
                packet=Packet(packet, NETWORK_HEADER),
                seed=run,
            )
            for run, (values, packet) in enumerate(zip(self.operands, packets, strict=True))
        )


def instruction(name: str, dst: int = 0, src: int = 0, offset: int = 0, imm: int = 0) -> Instruction:
    """One slot of the row `name`; fields that the row fixes are filled in. Raises ValueError for a value in a field that the row fixes."""
    row = BY_NAME[name]
    fields = []
    for what, given in (("dst", dst), ("src", src), ("offset", offset), ("imm", imm)):
        column = getattr(row, what)
        if isinstance(column, int) and given:
            raise ValueError(f"{name}: {what} is {column}, not {given}")
        fields.append(column if isinstance(column, int) else given)
    return Instruction(row.opcode, *fields)


@dataclass(slots=True)
class Assembly:
    """Slots under construction. A jump names its target, which may be placed before or after it."""

    slots: list[Instruction] = field(default_factory=list)
    places: dict[str, int] = field(default_factory=dict)
    _jumps: list[tuple[int, str]] = field(default_factory=list)

    def emit(self, name: str, dst: int = 0, src: int = 0, offset: int = 0, imm: int = 0) -> None:
        """Append an instruction of one slot."""
        self.slots.append(instruction(name, dst, src, offset, imm))

    def constant(self, dst: int, value: int) -> None:
        """Append `lddw dst, value` for an unsigned 64-bit value."""
        self.slots += wide_slots(dst, value)

    def jump(self, name: str, target: str, dst: int = 0, src: int = 0, imm: int = 0) -> None:
        """Append a jump or a local call to the place `target`."""
        self._jumps.append((len(self.slots), target))
        self.emit(name, dst, src, 0, imm)

    def function(self, dst: int, target: str) -> None:
        """Append the two slots of a wide load of the address of the function at `target`."""
        self._jumps.append((len(self.slots), target))
        self.emit("LDDW_CODE", dst)
        self.slots.append(Instruction(0))

    def place(self, target: str) -> None:
        """Name the next slot. Raises ValueError when the name is taken."""
        if target in self.places:
            raise ValueError(f"{target} is placed twice")
        self.places[target] = len(self.slots)

    def finish(self) -> tuple[Instruction, ...]:
        """The slots, with the distances of all jumps filled in. Raises KeyError for a target that was never placed."""
        for at, target in self._jumps:
            slot = self.slots[at]
            distance = self.places[target] - (at + 1)
            in_offset = any(row.offset == "jump" for row in BY_NAME.values() if row.opcode == slot.opcode)
            self.slots[at] = slot._replace(offset=distance) if in_offset else slot._replace(imm=distance)
        self._jumps.clear()
        return tuple(self.slots)


def make_suite(
    row_name: str,
    assembly: Assembly,
    operands: Sequence[Sequence[int]] = ((),),
    result_size: int = 0,
    packets: Sequence[bytes] = (),
    part: int = 0,
    data: tuple[DataSection, ...] = (),
    maps: tuple[Map, ...] = (),
    variables: tuple[KernelVariable, ...] = (),
) -> Suite:
    """The suite of a finished assembly; `part` is the number of the program where a row takes several, 0 where it takes one."""
    section = f"{row_name}/{part}" if part else row_name
    program = Program(SOURCE, section, assembly.finish(), data, maps=maps, variables=variables)
    return Suite(row_name, program, tuple(tuple(values) for values in operands), result_size, tuple(packets))


def permutation(number: int) -> tuple[int, ...]:
    """r0 to r9 in an order of their own for each `number`: 40 orders, in which each register comes last 4 times."""
    step = _STEPS[number % len(_STEPS)]
    start = (number * 7 + number // len(_STEPS)) % RING
    return tuple((start + step * at) % RING for at in range(RING))


def start(assembly: Assembly) -> None:
    """Keep the context pointer in the frame."""
    assembly.emit("STX_DW", FRAME_POINTER, 1, CONTEXT)


def load_ring(assembly: Assembly, order: Sequence[int], first: int) -> None:
    """Load the operands from number `first` on into the registers of `order`."""
    base = order[-1]
    assembly.emit("LDX_DW", base, FRAME_POINTER, CONTEXT)
    for at, register in enumerate(order):
        assembly.emit("LDX_DW", register, base, 8 * (first + at))


def store_ring(assembly: Assembly, order: Sequence[int], place: int, number: int) -> None:
    """Store the registers of `order`: the last at r10 - 16 - 8 * `number`, the others to the context from byte `place` on."""
    base = order[-1]
    assembly.emit("STX_DW", FRAME_POINTER, base, CONTEXT - 8 * (number + 1))
    assembly.emit("LDX_DW", base, FRAME_POINTER, CONTEXT)
    for at, register in enumerate(order[:-1]):
        assembly.emit("STX_DW", base, register, place + 8 * at)
