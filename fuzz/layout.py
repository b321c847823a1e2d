"""Where everything lies during a run, and the world that the oracle is given so that it sees the same addresses.

    what          physical     in 32-bit code   in 64-bit code   contents
    image         0400 0000        0400 0000      1 8400 0000    up to 64 MiB; around it, as far as there is memory, all is filled with `break`
    return page   0880 0000        0880 0000      1 8880 0000    where the image returns to
    functions     0881 0000        0881 0000      1 8881 0000    helpers, kernel functions and runtime routines, 16 bytes each
      far layout  21E0 0000        21E0 0000     23 A1E0 0000    the same, out of reach of `jal`
    context       2010 0000        2010 0000     23 A010 0000
    data          2040 0000        2040 0000     23 A040 0000    sections and values of maps one after the other, each on pages of its own
    stack         21F0 0000        21F0 0000     23 A1F0 0000
    maps          21F8 0000        21F8 0000     23 A1F8 0000    never mapped: what stands for a map in calls is no memory of the program

Only pages that are in use are mapped, and between two areas there is always one that is not. In a mapped page what does not belong to a region
is filled with guard bytes, which must not change. 64-bit code sees addresses above 4 GiB, with different upper halves for code and data and bit 31
set, so that a pointer that was truncated, zero-extended or sign-extended on the way leads nowhere. Bits 28 and 29 of the addresses of code are
zero, because jumps through registers clear them on the Loongson-2F (`jit.errata`).

The three stack pages:

    +3000  end
           guard bytes, and the first 16 bytes of the caller's frame, which o32 gives to the callee
           sp at entry
           native frame of the main program (Compiled.frame_pointer bytes)
    +2C00  r10 of the main program
           8 * 512 bytes of eBPF stack, native frames below what the program uses of it
    +1C00  native frames
    +0000
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cache, lru_cache
from hashlib import shake_128
from types import MappingProxyType
from typing import NamedTuple

from ebpf.context import ContextKind
from ebpf.instruction import FRAME_SIZE, MAXIMUM_CALL_DEPTH, Instruction
from ebpf.kernel import KernelFunction
from ebpf.program import ByteOrder, DataSection, Map, MapAddress, MapKind, Program, ProgramError, functions_by_address, link
from fuzz.case import Case
from fuzz.environment.contexts import DEVICES, DEVICES_SIZE, PACKET, PACKET_OFFSET, Structures, context_size, rewritten
from fuzz.environment.functions import HELPERS, KERNEL_FUNCTIONS, MAXIMUM_DECLARED, THROW, TYPED, Environment, conforming, environment
from fuzz.environment.helpers import Surroundings
from fuzz.environment.maps import Maps, PlacedMap, places
from fuzz.marks import marked
from fuzz.recording.kept import kept
from jit.compiled import ENTRY_SIZE, Addresses
from jit.config import Config, ancestry
from jit.runtime import ROUTINES, Routine
from oracle.world import Region, World

PAGE = 0x1000
IMAGE_SIZE = 64 << 20
"""Bytes that an image may have."""

BORDER = 1 << 28
"""`j` and `jal` do not cross multiples of so many bytes."""

BEFORE_BORDER = 4 << 20
"""So many bytes before such a multiple an image may begin."""

FUNCTION_SIZE = 16
"""Distance from one function to the next."""

STACK_SIZE = FRAME_SIZE * MAXIMUM_CALL_DEPTH
"""Bytes of eBPF stack."""

DATA_SIZE = 0x1A0_0000
"""Bytes that all data sections together may have."""

_MAPS, _MAP_SIZE = 0x8_0000, 64
"""Distance from the first stack page to what stands for the first map, and from there to the next."""

_FRAME_POINTER = 0x2C00
_STACK_PAGES = 3
_MARGIN = 64
_GUARD = shake_128(b"guard").digest(PAGE)


@dataclass(frozen=True, slots=True)
class Layout:
    """The first address of each area, as the code sees it. The physical address is the low 31 bits of it."""

    image: int
    return_page: int
    functions: int
    context: int
    data: int
    stack: int


# fmt: off
LAYOUTS: Mapping[int, Layout] = MappingProxyType({
    32: Layout(  0x0400_0000,   0x0880_0000,   0x0881_0000,    0x2010_0000,    0x2040_0000,    0x21F0_0000),
    64: Layout(0x1_8400_0000, 0x1_8880_0000, 0x1_8881_0000, 0x23_A010_0000, 0x23_A040_0000, 0x23_A1F0_0000),
})
"""By width of the code."""

FAR_LAYOUTS: Mapping[int, Layout] = MappingProxyType({
    32: replace(LAYOUTS[32], functions=0x21E0_0000),
    64: replace(LAYOUTS[64], functions=0x23_A1E0_0000),
})
"""The same with functions that `jal` cannot reach, as where a kernel has its modules far from its core."""
# fmt: on

_KSEG0, _CKSEG0, _XKPHYS = 0x8000_0000, 0xFFFF_FFFF_8000_0000, 0x9800_0000_0000_0000

KERNEL_AREAS: Mapping[int, tuple[int, ...]] = MappingProxyType({32: (_KSEG0,), 64: (_CKSEG0, _XKPHYS + 0xA000_0000)})
"""By width of the code where the program's memory begins when it lies where a kernel has it.

kseg0, whose pointers have their upper bit set; on a 64-bit CPU its sign-extended form, the compatibility segment; and the cached 64-bit physical
segment, where a pointer that lost its upper bits leads nowhere (MIPS64 privileged resource architecture, MD00091, chapter 4).
"""


def moved(layout: Layout, area: int) -> Layout:
    """The layout with the program's memory in another area; the code stays where it is."""
    return replace(
        layout,
        context=area + layout.context % AREA_SIZE,
        data=area + layout.data % AREA_SIZE,
        stack=area + layout.stack % AREA_SIZE,
    )


def before_border(layout: Layout, size: int) -> Layout:
    """The layout with an image that begins so many bytes before the next `BORDER`: a multiple of 4, at most `BEFORE_BORDER`."""
    if size % 4 or not 0 <= size <= BEFORE_BORDER:
        raise ValueError(f"an image cannot begin {size} bytes before a border")
    return replace(layout, image=(layout.image // BORDER + 1) * BORDER - size)


AREA_SIZE = 0x200_0000
"""Data lie within this many bytes, aligned to as many."""


def physical(address: int) -> int:
    """The physical address of an address of a layout (MD00091, chapter 4)."""
    if address >> 29 in (_KSEG0 >> 29, _CKSEG0 >> 29):
        return address & 0x1FFF_FFFF
    return address - _XKPHYS if address >= _XKPHYS else address & 0x7FFF_FFFF


class Function(NamedTuple):
    """Something that the image may call: `kind` "routine", "helper" or "kernel function", and its name or number.

    Or `kind` "declared": one of the kernel functions that a program declares, by its place among them.
    """

    kind: str
    key: str | int


FUNCTIONS: tuple[Function, ...] = (
    *(Function("routine", name) for name in ROUTINES),
    *(Function("helper", number) for number in HELPERS),
    *(Function("kernel function", number) for number in KERNEL_FUNCTIONS),
    *(Function("declared", number) for number in range(MAXIMUM_DECLARED)),
)
"""In the order in which they lie in memory."""


LOOPS = 37
"""How often `may_goto` goes on in one call of a function: a kernel has 2**23, which would be all that a run may execute."""


@cache
def addresses(layout: Layout) -> Addresses:
    """What a compiler is told."""
    tables: dict[str, dict[str | int, int]] = {"routine": {}, "helper": {}, "kernel function": {}, "declared": {}}
    for number, function in enumerate(FUNCTIONS):
        tables[function.kind][function.key] = layout.functions + FUNCTION_SIZE * number
    return Addresses(
        base=layout.image,
        routines={str(key): address for key, address in tables["routine"].items()},
        helpers={int(key): address for key, address in tables["helper"].items()},
        kernel_functions={int(key): address for key, address in tables["kernel function"].items()},
        loops=LOOPS,
        throw=THROW,
        signatures={one.number: _signature(one) for one in TYPED},
    )


def _signature(function: KernelFunction) -> Routine:
    return Routine(function.result, function.arguments)


def _with_declared(known: Addresses, layout: Layout, declared: tuple[KernelFunction, ...]) -> Addresses:
    """The addresses and signatures of the kernel functions that a program declares as well."""
    first = layout.functions + FUNCTION_SIZE * FUNCTIONS.index(Function("declared", 0))
    places = {one.number: first + FUNCTION_SIZE * number for number, one in enumerate(declared)}
    return replace(
        known,
        kernel_functions={**known.kernel_functions, **places},
        signatures={**known.signatures, **{one.number: _signature(one) for one in declared}},
    )


class Segment(NamedTuple):
    """Mapped pages: what they hold at the start of a run, and which of their bytes, from `start` on, are a region or the stack."""

    name: str
    address: int
    initial: bytes
    start: int
    size: int

    @property
    def contents(self) -> bytes:
        """What the region or the stack holds at the start."""
        return self.initial[self.start : self.start + self.size]


ZEROS = -(1 << 63)
"""The `fill` with which all that belongs to nobody is zero. No seed, nor the inverse of one."""


@dataclass(frozen=True, slots=True)
class Placement:
    """A case placed in memory.

    `world` lacks the functions, which keep a state: `fresh_world` gives a world for one run of the oracle, and its functions; `environment` those
    for a run of a target. `fill` chooses what native registers hold at entry and after calls, as `fuzz.environment.calls.noise` does, or is
    `ZEROS`; `seed` all else that is chosen. `declared` are the kernel functions that the program declares. `interference` is how many attempts of
    each atomic operation other CPUs break (`fuzz.cpu.interference`). `limit` is how many eBPF instructions an image may take the time of, None for
    as many as the oracle.
    """

    slots: tuple[Instruction, ...]
    world: World
    layout: Layout
    addresses: Addresses
    segments: tuple[Segment, ...]
    seed: int
    fill: int
    maps: tuple[PlacedMap, ...] = ()
    conformance: bool = False
    interference: int = 0
    declared: tuple[KernelFunction, ...] = ()
    context: ContextKind = "memory"
    limit: int | None = None

    @property
    def instruction_limit(self) -> int:
        """How many eBPF instructions an image may take the time of."""
        most = self.world.instruction_limit
        return most if self.limit is None else min(most, self.limit)

    def environment(self) -> Environment:
        """The functions in their initial state."""
        world = self.world
        surroundings = Surroundings(None if self.context == "xdp" else world.arguments[0], world.packet, world.byte_order, world.address_width)
        functions = environment(self.seed, Maps(self.maps, world.byte_order), surroundings, self.declared)
        return conforming(functions) if self.conformance else functions

    def fresh_world(self) -> tuple[World, Environment]:
        """The world with functions in their initial state, and these functions, which record their calls."""
        functions = self.environment()
        return replace(self.world, helpers=functions.helpers, kernel_functions=functions.kernel_functions), functions


class Setting(NamedTuple):
    """All that a placement depends on of a configuration: configurations with the same setting share placements and runs of the oracle."""

    width: int
    big_endian: bool
    alignment: int
    marked: bool


def setting(config: Config) -> Setting:
    """Release 6 permits misaligned ordinary accesses; before that 32-bit code has no accesses that must be aligned to more than 4 bytes."""
    permissive = "mips32r6" in ancestry(config.isa)
    return Setting(config.width, config.big_endian, 1 if permissive else config.width // 8, config.marked)


def place(case: Case, config: Config, layout: Layout | None = None) -> Placement:
    """Place a program and an input for a configuration, in `LAYOUTS` unless told otherwise.

    Raises ProgramError for a program that cannot be linked or does not fit, or has two data sections of one name.
    """
    layout = layout or LAYOUTS[config.width]
    width, big_endian, alignment, is_marked = setting(config)
    program, given = rewritten(case.program, width, "big" if big_endian else "little"), case.input
    if config.marked:
        program = marked(program)
    case = Case(program, given)
    functions = _function_addresses(program, layout)
    segments = _memory_segments(case, config, layout, functions)
    if program.context != "memory":
        _fill_structures(case, segments, config)
    starts = [segment.address + segment.start for segment in segments]
    data = starts[1 : 1 + len(program.data)]
    values = starts[1 + len(program.data) : 1 + len(program.data) + len(program.maps)]
    behind = 1 + len(program.data) + len(program.maps)
    variables, packet = starts[behind : behind + len(program.variables)], segments[behind + len(program.variables) :]
    stack = _stack(given.seed)
    frame_pointer = layout.stack + _FRAME_POINTER
    world = World(
        byte_order="big" if big_endian else "little",
        address_width=width,
        alignment=alignment,
        frame_pointer=frame_pointer,
        stack=stack,
        arguments=(starts[0], segments[0].size),
        regions=(
            Region("context", starts[0], segments[0].contents, True),
            *_data_regions(program.data, data),
            *(_map_region(one, address, map_memory(one, config, functions)) for one, address in zip(program.maps, values, strict=True)),
            *(Region(one.name, address, one.contents, False) for one, address in zip(program.variables, variables, strict=True)),
            *(Region(segment.name, segment.address + segment.start, segment.contents, segment.name == PACKET) for segment in packet),
        ),
        loops=LOOPS,
        marked=is_marked,
        throw=THROW,
        exception_callback=program.exception_callback,
        packet=given.packet._replace(address=packet[0].address + packet[0].start) if packet else given.packet,
        functions={functions[slot]: slot for slot in functions_by_address(program) if slot} if functions else {},
        prog_arrays={
            address: _programs(declared) for declared, address in zip(program.maps, values, strict=True) if declared.kind is MapKind.PROG_ARRAY
        },
    )
    segments.append(_stack_segment(layout.stack, stack))
    maps = tuple(
        MapAddress(address if declared.kind is MapKind.PROG_ARRAY else layout.stack + _MAPS + _MAP_SIZE * number, address)
        for number, (declared, address) in enumerate(zip(program.maps, values, strict=True))
    )
    key = tuple(data), tuple(functions.items()), maps, tuple(variables)
    linked = _linked(program)
    if key not in linked:
        linked[key] = link(program, data, functions, maps, variables)
    slots = linked[key]
    placed = tuple(PlacedMap(*pair) for pair in zip(program.maps, maps, strict=True))
    known = addresses(layout)
    if functions or program.exception_callback is not None:
        known = replace(known, functions=functions, programs=program.programs, exception_callback=program.exception_callback)
    if declared := program.kernel_functions:
        known = _with_declared(known, layout, declared)
    return Placement(slots, world, layout, known, tuple(segments), given.seed, given.seed, placed, given.conformance, 0, declared, program.context)


@kept(64)
def _linked(program: Program) -> dict[tuple[object, ...], tuple[Instruction, ...]]:
    """Slots by all that `link` depends on besides: other inputs, and configurations, have the same ones, of which much else is kept."""
    return {}


@kept(64)
def _function_addresses(program: Program, layout: Layout) -> Mapping[int, int]:
    """Where functions must be callable whose addresses the program or a prog array holds: in the table that begins the image."""
    slots = program.programs.union(functions_by_address(program))
    return {slot: layout.image + ENTRY_SIZE * number for number, slot in enumerate(sorted({0, *slots}))} if slots else {}


def map_memory(declared: Map, config: Config, functions: Mapping[int, int]) -> bytes:
    """What is in the memory of a map at the start: zeros, and of a prog array what `jit.tails` says, with addresses of `functions`."""
    if declared.kind is not MapKind.PROG_ARRAY:
        return bytes(declared.stride * places(declared))
    order: ByteOrder = "big" if config.big_endian else "little"
    pointers = (0 if slot is None else functions[slot] for slot in _programs(declared))
    return declared.entries.to_bytes(4, order) + bytes(4) + b"".join(pointer.to_bytes(config.width // 8, order) for pointer in pointers)


def _programs(declared: Map) -> tuple[int | None, ...]:
    known = dict(declared.programs)
    return tuple(known.get(index) for index in range(declared.entries))


def _memory_segments(case: Case, config: Config, layout: Layout, functions: Mapping[int, int]) -> list[Segment]:
    """Context, data sections, values of maps, variables of the kernel; for programs that look at packets the packet and the devices, still empty."""
    program, given = case.program, case.input
    where = f"{program.source}: {program.section}"
    sizes = [(section.name, len(section.contents)) for section in program.data]
    sizes += [(variable.name, len(variable.contents)) for variable in program.variables]
    sizes += [(declared.name, declared.stride * places(declared)) for declared in program.maps]
    extra = () if program.context == "memory" else (PACKET, DEVICES)
    names = ["context", *(name for name, _ in sizes), *extra]
    if len(set(names) | {"stack"}) <= len(names):
        raise ProgramError(f"{where}: two data sections, maps or variables of the same name among {', '.join(names[1:])}")
    for name, size in sizes:
        if size > DATA_SIZE:
            raise ProgramError(f"{where}: no room for {size} bytes of {name}")
    contents = [(section.name, section.contents, section.alignment) for section in program.data]
    contents += [(declared.name, map_memory(declared, config, functions), 8) for declared in program.maps]
    contents += [(variable.name, variable.contents, 8) for variable in program.variables]
    context = given.memory
    if program.context != "memory":
        contents += [(PACKET, given.packet.contents, 16), (DEVICES, bytes(DEVICES_SIZE), 16)]
        context = bytes(context_size(program.context, config.width))
    segments = [_segment("context", layout.context, context, 16)]
    for name, initial, alignment in contents:
        last = segments[-1]
        free = layout.data if len(segments) == 1 else last.address + len(last.initial) + PAGE
        segments.append(_segment(name, free, initial, alignment, PACKET_OFFSET if name == PACKET else 0))
    for segment, end in zip(segments, (layout.data, *[layout.data + DATA_SIZE] * len(contents)), strict=True):
        if segment.address + len(segment.initial) >= end:
            raise ProgramError(f"{where}: no room for {segment.size} bytes of {segment.name}")
    return segments


def _fill_structures(case: Case, segments: list[Segment], config: Config) -> None:
    """Put the structures behind a context into its segment and that of the devices."""
    packet, devices = segments[-2:]
    start = packet.address + packet.start
    order: ByteOrder = "big" if config.big_endian else "little"
    made = Structures(case.program.context, case.input.memory, config.width, order, (start, start + packet.size), devices.address + devices.start)
    segments[0] = _segment("context", segments[0].address, made.context(), 16)
    segments[-1] = _segment(DEVICES, devices.address, made.devices(), 16)


def _segment(name: str, address: int, contents: bytes, alignment: int, offset: int = 0) -> Segment:
    start = max(alignment, _MARGIN) + offset
    pages = -(-(start + len(contents) + _MARGIN) // PAGE)
    guard = _GUARD * pages
    return Segment(name, address, guard[:start] + contents + guard[start + len(contents) :], start, len(contents))


def _stack_segment(address: int, stack: bytes) -> Segment:
    guard = _GUARD * _STACK_PAGES
    start = _FRAME_POINTER - STACK_SIZE
    return Segment("stack", address, guard[:start] + stack + guard[_FRAME_POINTER:], start, STACK_SIZE)


@lru_cache(maxsize=256)
def _stack(seed: int) -> bytes:
    return shake_128(b"stack %d" % seed).digest(STACK_SIZE)


def _data_regions(data: tuple[DataSection, ...], starts: Sequence[int]) -> Iterator[Region]:
    for section, start in zip(data, starts, strict=True):
        yield Region(section.name, start, section.contents, section.writable)


def _map_region(declared: Map, address: int, contents: bytes) -> Region:
    if declared.kind is MapKind.PROG_ARRAY:
        return Region(declared.name, address, contents, False)
    return Region(declared.name, address, contents, True, declared.stride, declared.value_size)
