"""Memory as regions with bounds and rights, and the three ways to access it: load, store, read-modify-write.

Each access takes the same steps: check bounds, rights and alignment, then read or write the bytes in the byte order of the world. A check
that fails raises FaultError, and nothing has changed. A MIPS looks at the alignment first, but of an access that a verifier would not let
pass nothing is promised, not even which fault it is; of a misaligned one within bounds it is.

The stack is one more region, of which the program may access the frames of active functions only:

    frame_pointer             end of the region
    r10 (active function)
    r10 - 512                 start of the region: moves down with a local call, up with its exit
    frame_pointer - 8 * 512   contents[0]
"""

from collections.abc import Callable
from dataclasses import dataclass
from itertools import pairwise

from ebpf.instruction import FRAME_SIZE, MAXIMUM_CALL_DEPTH
from ebpf.program import ByteOrder
from oracle.faults import FaultError
from oracle.outcome import FaultKind
from oracle.world import World

STACK = "stack"
STACK_SIZE = MAXIMUM_CALL_DEPTH * FRAME_SIZE


@dataclass(slots=True)
class MappedRegion:
    """A region in use: `contents[0]` lies at `origin`; addresses from `start` to before `end` may be accessed.

    Where there is a `stride`, of each so many bytes only the first `element`.
    """

    name: str
    origin: int
    start: int
    end: int
    contents: bytearray
    writable: bool
    stride: int = 0
    element: int = 0

    def in_one_element(self, address: int, size: int) -> bool:
        """Whether bytes inside the region lie in one element, where it has elements."""
        return not self.stride or (address - self.origin) % self.stride + size <= self.element


def _stack(world: World) -> MappedRegion:
    if len(world.stack) != STACK_SIZE:
        raise ValueError(f"the stack has {len(world.stack)} bytes; it takes {STACK_SIZE}")
    top = world.frame_pointer
    return MappedRegion(STACK, top - STACK_SIZE, top - FRAME_SIZE, top, bytearray(world.stack), True)


def _regions(world: World) -> tuple[MappedRegion, ...]:
    """The stack and the regions of a world. Raises ValueError when they do not fit the address width, overlap or share a name."""
    regions = [
        MappedRegion(r.name, r.address, r.address, r.address + len(r.contents), bytearray(r.contents), r.writable, r.stride, r.element)
        for r in world.regions
    ]
    mapped_regions = (_stack(world), *regions)
    if len({mapped.name for mapped in mapped_regions}) != len(mapped_regions):
        raise ValueError("two regions have the same name")
    by_address = sorted(mapped_regions, key=lambda mapped: mapped.origin)
    for mapped in by_address:
        if not 0 <= mapped.origin <= mapped.end <= 1 << world.address_width:
            raise ValueError(f"region {mapped.name} does not fit into {world.address_width} address bits")
    for below, above in pairwise(by_address):
        if below.end > above.origin:
            raise ValueError(f"regions {below.name} and {above.name} overlap")
    return mapped_regions


class Memory:
    """The memory of one run. Raises ValueError for a world that makes no sense."""

    __slots__ = ("_address_mask", "_alignment", "_byte_order", "_regions")

    def __init__(self, world: World) -> None:
        if world.address_width not in (32, 64):
            raise ValueError(f"address width {world.address_width}; 32 or 64")
        if world.alignment not in (1, 2, 4, 8):
            raise ValueError(f"alignment {world.alignment}; 1, 2, 4 or 8")
        self._byte_order: ByteOrder = world.byte_order
        self._alignment = world.alignment
        self._address_mask = (1 << world.address_width) - 1
        self._regions = _regions(world)

    def address(self, base: int, offset: int) -> int:
        """Base plus offset, modulo 2 to the power of the address width: 32-bit code ignores the upper half of a base register."""
        return (base + offset) & self._address_mask

    def load(self, address: int, size: int) -> int:
        """The unsigned integer of `size` bytes at `address` (RFC 9669 section 5.1)."""
        mapped = self._locate(address, size, min(size, self._alignment))
        at = address - mapped.origin
        return int.from_bytes(mapped.contents[at : at + size], self._byte_order)

    def store(self, address: int, size: int, value: int) -> None:
        """Write an unsigned integer of `size` bytes at `address` (RFC 9669 section 5.1)."""
        mapped = self._locate(address, size, min(size, self._alignment), writes=True)
        at = address - mapped.origin
        mapped.contents[at : at + size] = value.to_bytes(size, self._byte_order)

    def update(self, address: int, size: int, change: Callable[[int], int]) -> int:
        """Read-modify-write (RFC 9669 section 5.3): replace the integer at `address` by `change` of it and return what was there before."""
        mapped = self._locate(address, size, size, writes=True)
        at = address - mapped.origin
        before = int.from_bytes(mapped.contents[at : at + size], self._byte_order)
        mapped.contents[at : at + size] = change(before).to_bytes(size, self._byte_order)
        return before

    def read(self, address: int, size: int) -> bytes:
        """Bytes, whatever their alignment, for a function that the program has called."""
        mapped = self._locate(address & self._address_mask, size, 1)
        at = (address & self._address_mask) - mapped.origin
        return bytes(mapped.contents[at : at + size])

    def write(self, address: int, contents: bytes) -> None:
        """Change bytes, whatever their alignment, for a function that the program has called."""
        address &= self._address_mask
        mapped = self._locate(address, len(contents), 1, writes=True)
        at = address - mapped.origin
        mapped.contents[at : at + len(contents)] = contents

    def set_stack_start(self, address: int) -> None:
        """Make the lowest accessible byte of the stack the one at `address`."""
        self._regions[0].start = address

    def in_stack(self, address: int) -> bool:
        """Whether the address is one of the stack that may be accessed, or the one behind it."""
        return self._regions[0].start <= address <= self._regions[0].end

    def contents(self) -> dict[str, bytes]:
        """What each region holds, by name; of the stack all 8 frames, active or not."""
        return {mapped.name: bytes(mapped.contents) for mapped in self._regions}

    def _locate(self, address: int, size: int, alignment: int, writes: bool = False) -> MappedRegion:
        for mapped in self._regions:
            if mapped.start <= address and address + size <= mapped.end and mapped.in_one_element(address, size):
                if writes and not mapped.writable:
                    raise FaultError(FaultKind.READ_ONLY, address, size, f"region {mapped.name}")
                if address % alignment:
                    raise FaultError(FaultKind.MISALIGNED, address, size)
                return mapped
        raise FaultError(FaultKind.OUT_OF_BOUNDS, address, size)
