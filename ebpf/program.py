"""A program as it comes from an assembly file or an ELF object, and the link step that gives its maps and data addresses.

Slots refer to maps by their number: first come the data sections, which libbpf turns into maps as well, then the maps that the program declares.
A number stands for a file descriptor and for an index alike.

    lddw dst, code(distance)                                   what `callx` calls; of functions of the program
    lddw dst, map_fd(number), map_by_idx(number)               the map itself, as helper functions take it; of declared maps only
    lddw dst, map_value(number, offset), and by index          an address in a data section, or in the value of an array of one entry
    lddw dst, variable(number)                                 the address of a variable of the kernel, by its BTF id

Linking replaces each by a plain 64-bit immediate, because oracle and JIT see, as the kernel's JITs do, a program in which all addresses are known.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from enum import IntEnum
from typing import Literal, NamedTuple

from ebpf.context import ContextKind
from ebpf.instruction import Instruction
from ebpf.kernel import KernelFunction, KernelVariable

ByteOrder = Literal["little", "big"]

LDDW = 0x18
MAP_FD = 1
MAP_VALUE = 2
VARIABLE = 3
CODE = 4
MAP_INDEX = 5
MAP_INDEX_VALUE = 6
"""What the source register of a wide load says of its immediate (RFC 9669 section 5.4)."""


def printable(text: str) -> str:
    """The text with everything escaped that is no printable character: names come from strangers, and a terminal obeys control characters."""
    return "".join(character if character.isprintable() else character.encode("unicode_escape").decode("ascii") for character in text)


class ProgramError(Exception):
    """Unusable input. The message is one line: file, section, instruction where they are known, and the reason."""

    def __str__(self) -> str:
        return printable(super().__str__())


MAXIMUM_ALIGNMENT = 1 << 16
"""Bytes of the coarsest alignment of a data section: Linux makes an array of each, which begins at a page, on MIPS of at most so many."""


@dataclass(frozen=True, slots=True)
class DataSection:
    """A `.rodata`, `.data` or `.bss` section: its name, its contents at the start, whether the program may write to it, and its alignment in bytes.

    Raises ValueError for an alignment that is no power of two, or above MAXIMUM_ALIGNMENT.
    """

    name: str
    contents: bytes
    writable: bool
    alignment: int = 8

    def __post_init__(self) -> None:
        if not 1 <= self.alignment <= MAXIMUM_ALIGNMENT or self.alignment & (self.alignment - 1):
            raise ValueError(f"alignment: {self.alignment} is no power of two from 1 to {MAXIMUM_ALIGNMENT}")


class MapKind(IntEnum):
    """The kinds of maps that there are, with the numbers of Linux's enum bpf_map_type."""

    HASH = 1
    ARRAY = 2
    PROG_ARRAY = 3
    PERCPU_ARRAY = 6
    LRU_HASH = 9


MAXIMUM_KEY = 512
"""Bytes of the longest key of a hash (Linux: MAX_BPF_STACK, because keys are built there)."""


@dataclass(frozen=True, slots=True)
class Map:
    """A map: sizes in bytes, and how many entries it has or may have at most. Raises ValueError for sizes that its kind cannot have.

    `programs` are what a prog array holds: pairs of an index and the slot at which the program starts.
    """

    name: str
    kind: MapKind
    key_size: int
    value_size: int
    entries: int
    programs: tuple[tuple[int, int], ...] = ()

    def __post_init__(self) -> None:
        where = f"map {self.name}: {self.kind.name.lower()}"
        if self.kind not in (MapKind.HASH, MapKind.LRU_HASH) and self.key_size != 4:
            raise ValueError(f"{where} with keys of {self.key_size} bytes, not 4")
        if not 1 <= self.key_size <= MAXIMUM_KEY:
            raise ValueError(f"{where} with keys of {self.key_size} bytes, not 1 to {MAXIMUM_KEY}")
        if not 1 <= self.value_size < 1 << 31:
            raise ValueError(f"{where} with values of {self.value_size} bytes")
        if not 1 <= self.entries < 1 << 32:
            raise ValueError(f"{where} with {self.entries} entries")
        if self.kind is MapKind.PROG_ARRAY and self.value_size != 4:
            raise ValueError(f"{where} with values of {self.value_size} bytes, not 4")
        for index, _ in self.programs:
            if self.kind is not MapKind.PROG_ARRAY or not 0 <= index < self.entries:
                raise ValueError(f"{where} with {self.entries} entries and a program at {index}")
            if sum(index == other for other, _ in self.programs) > 1:
                raise ValueError(f"{where} with two programs at {index}")

    @property
    def stride(self) -> int:
        """Distance from one value to the next in bytes: each is aligned to 8."""
        return -(-self.value_size // 8) * 8


class MapAddress(NamedTuple):
    """Where a map is: what stands for it as an argument of helper functions, and its first value; a prog array lies in memory itself."""

    itself: int
    values: int


@dataclass(frozen=True, slots=True)
class Program:
    """Slots of the entry function followed by those of its subprograms, and the data sections and maps that they refer to.

    Other programs, which it may reach by tail calls, are functions of it as well: a prog array among its maps says where they start.

    `source` and `section` say where the program came from, for messages. `byte_order` is set when the program came from an
    object that was compiled for one byte order and means something else on the other. `lines` maps a slot to a line of the
    source file, where there is one. `labels` names the slots at which functions start. `context` is what r1 points to at entry.
    `exception_callback` is the slot of the function that takes the cookie of an exception, None where the cookie is what the program returns.
    `kernel_functions` and `variables` are what it declares of the kernel.
    """

    source: str
    section: str
    slots: tuple[Instruction, ...]
    data: tuple[DataSection, ...] = ()
    byte_order: ByteOrder | None = None
    lines: Mapping[int, int] = field(default_factory=dict)
    labels: Mapping[int, str] = field(default_factory=dict)
    maps: tuple[Map, ...] = ()
    exception_callback: int | None = None
    context: ContextKind = "memory"
    kernel_functions: tuple[KernelFunction, ...] = ()
    variables: tuple[KernelVariable, ...] = ()

    @property
    def programs(self) -> frozenset[int]:
        """The slots at which programs start that prog arrays hold."""
        return frozenset(slot for declared in self.maps for _, slot in declared.programs)


def wide_immediate(low: Instruction, high: Instruction) -> int:
    """The unsigned 64-bit immediate that two slots carry (RFC 9669 section 5.4)."""
    return (high.imm & 0xFFFFFFFF) << 32 | (low.imm & 0xFFFFFFFF)


def wide_slots(dst: int, value: int) -> tuple[Instruction, Instruction]:
    """The two slots of `lddw dst, value`, for an unsigned 64-bit value; raises ValueError when it does not fit."""
    if not 0 <= value < 1 << 64:
        raise ValueError(f"lddw of {value}: not an unsigned 64-bit value")
    low, high = value & 0xFFFFFFFF, value >> 32
    return (
        Instruction(LDDW, dst, 0, 0, low - (1 << 32) if low >> 31 else low),
        Instruction(0, 0, 0, 0, high - (1 << 32) if high >> 31 else high),
    )


def functions_by_address(program: Program) -> tuple[int, ...]:
    """The slots at which functions start whose addresses the program takes, in their order."""
    return tuple(sorted({at + 1 + slot.imm for at, slot in enumerate(program.slots) if slot.opcode == LDDW and slot.src == CODE}))


def link(
    program: Program, data: Sequence[int], functions: Mapping[int, int], maps: Sequence[MapAddress] = (), variables: Sequence[int] = ()
) -> tuple[Instruction, ...]:
    """The slots with every symbolic wide load replaced by a plain one.

    `data[i]` is the address of data section i, `maps[i]` those of map i, `functions` has the address of each function by its first slot,
    `variables[i]` is that of variable i. Raises ProgramError for a reference to something that the program does not have.
    """
    known = {declared.number: address for declared, address in zip(program.variables, variables, strict=True)}
    slots = list(program.slots)
    for at, slot in enumerate(slots):
        if slot.opcode != LDDW or slot.src == 0:
            continue
        if slot.src == CODE and at + 1 + slot.imm in functions:
            address: int | str = functions[at + 1 + slot.imm]
        elif slot.src in (MAP_FD, MAP_INDEX):
            address = _map_itself(slot.imm, data, maps)
        elif slot.src in (MAP_VALUE, MAP_INDEX_VALUE):
            address = _map_value(program, slot.imm, slots[at + 1].imm, data, maps)
        elif slot.src == VARIABLE and slot.imm in known:
            address = known[slot.imm]
        else:
            address = f"{'variable' if slot.src == VARIABLE else 'function at distance'} {slot.imm}, which is unknown"
        if isinstance(address, str):
            raise ProgramError(f"{program.source}: {program.section}: instruction {at}: lddw refers to {address}")
        slots[at : at + 2] = wide_slots(slot.dst, address & 0xFFFFFFFFFFFFFFFF)
    return tuple(slots)


def _map_itself(number: int, data: Sequence[int], maps: Sequence[MapAddress]) -> int | str:
    """The address, or what is wrong."""
    if 0 <= number < len(data):
        return f"map {number}, which is a data section"
    return maps[number - len(data)].itself if 0 <= number - len(data) < len(maps) else f"map {number}, which is unknown"


def _map_value(program: Program, number: int, offset: int, data: Sequence[int], maps: Sequence[MapAddress]) -> int | str:
    """The same for a value: Linux gives direct access to those of arrays with one entry."""
    if 0 <= number < len(data):
        return data[number] + offset
    if not 0 <= number - len(data) < len(maps):
        return f"a value of map {number}, which is unknown"
    declared = program.maps[number - len(data)]
    if declared.kind is not MapKind.ARRAY or declared.entries != 1:
        return f"a value of map {declared.name}, which is not an array of one entry"
    # Linux, kernel/bpf/arraymap.c, array_map_direct_value_addr.
    if not 0 <= offset < declared.value_size:
        return f"byte {offset} of a value of map {declared.name}, which has {declared.value_size}"
    return maps[number - len(data)].values + offset
