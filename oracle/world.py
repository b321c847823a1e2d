"""What a run of the oracle is given besides the program: the machine that the program believes to be on.

Byte order, address width and where things lie are parameters, because programs see them: in loads and stores of different size
to the same place, in byte swaps, in pointers.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import NamedTuple, Protocol

from ebpf.program import ByteOrder


class RefusedCallError(Exception):
    """Raised by a function for an argument with which a verifier would not have let it be called; the message says what is wrong with which one."""


class HelperMemory(Protocol):
    """The program's memory as the functions see it that it calls."""

    def read(self, address: int, size: int) -> bytes:
        """The bytes there. What they raise when these do not lie in one region that the program may read is for whoever gives the memory."""

    def write(self, address: int, contents: bytes) -> None:
        """Change them; the same where the program may not write."""


@dataclass(frozen=True, slots=True)
class Helper:
    """A function that the program may call: `arguments` (0 to 5) unsigned 64-bit integers, from r1 on, to an unsigned 64-bit result.

    It sees no more registers than it declares, because the others may hold nothing. With `memory` it gets the memory of the run (HelperMemory)
    as an argument before the others. `more` is how many further registers it is given behind those that it declares, as it may have a use for them:
    None for one that holds nothing. Raises ValueError for a number out of range.
    """

    name: str
    arguments: int
    function: Callable[..., int]
    memory: bool = False
    more: int = 0

    def __post_init__(self) -> None:
        if not 0 <= self.arguments <= self.arguments + self.more <= 5:
            raise ValueError(f"{self.name}: {self.arguments} arguments; a helper has 0 to 5")


@dataclass(frozen=True, slots=True)
class Region:
    """Memory that the program may read, and write when `writable`, from `address` on; `contents` is what it holds at the start.

    An array of elements has a `stride`, the distance in bytes from one to the next; an access must lie in the first `element` bytes of one.
    """

    name: str
    address: int
    contents: bytes
    writable: bool
    stride: int = 0
    element: int = 0


class Packet(NamedTuple):
    """What the legacy packet instructions read: a packet from its link header on, and how many bytes from there its network header begins.

    `address` is where it lies in memory, so that the program can change it; None where it lies nowhere.
    """

    contents: bytes = b""
    network_header: int = 0
    address: int | None = None


NO_PACKET = Packet()


@dataclass(frozen=True, slots=True)
class World:
    """The parameters of one run.

    alignment      the strictest alignment that an ordinary load or store must have, in bytes: an access of n bytes must be aligned to
                   min(n, alignment). 8 for 64-bit code and 4 for 32-bit code before release 6 (MIPS32 has no 8-byte accesses), 1 from release 6 on,
                   which permits misaligned ordinary accesses. Atomic read-modify-write operations must always be aligned to their size.
    frame_pointer  r10 of the main program. The function called by one whose frame pointer is f has its own at f - 512.
    stack          what the 8 * 512 bytes below `frame_pointer` hold at the start
    arguments      r1 and r2 at entry: the address of the context and a second argument, by convention the length of the context
    marked         whether the program marks where 32-bit results are zero-extended, and others are not promised to be (`oracle.halves`)
    loops          how often `may_goto` goes on in one call of a function before it jumps (Linux: BPF_MAX_LOOPS)
    throw          the BTF id of bpf_throw, None where there is no such function
    exception_callback  the slot of the function that takes cookies of the main program, None where the cookie is what it returns
    prog_arrays    by the address of a prog array what it holds: for each index the slot at which a program starts, or None
    functions      by the address of a function, as it is called through a register, the slot at which it starts
    packet         what the legacy packet instructions read (RFC 9669 section 5.5)
    """

    byte_order: ByteOrder
    address_width: int
    alignment: int
    frame_pointer: int
    stack: bytes
    arguments: tuple[int, int]
    regions: tuple[Region, ...] = ()
    packet: Packet = NO_PACKET
    helpers: Mapping[int, Helper] = field(default_factory=dict)
    kernel_functions: Mapping[int, Helper] = field(default_factory=dict)
    instruction_limit: int = 1_000_000
    loops: int = 8 << 20
    functions: Mapping[int, int] = field(default_factory=dict)
    prog_arrays: Mapping[int, tuple[int | None, ...]] = field(default_factory=dict)
    marked: bool = False
    throw: int | None = None
    exception_callback: int | None = None
