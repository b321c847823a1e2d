"""What a compiler is given besides the program, and what it returns."""

import struct
from collections.abc import Mapping
from dataclasses import dataclass, field

from jit.config import Config
from jit.runtime import Routine

ENTRY_SIZE = 16
"""Bytes from one entry of an image's table to the next."""


@dataclass(frozen=True, slots=True)
class Addresses:
    """Where things are: the image itself (`base`) and the C functions that it may call; and what else is the same for all programs of a kernel.

    All are native addresses, 4-byte aligned; on a 64-bit CPU they are 64-bit values. `routines` are the runtime routines of
    `jit.runtime`, by name; `helpers` are eBPF helper functions by number; `kernel_functions` by BTF id. `loops` is how often `may_goto` goes on in
    one call of a function before it jumps, 0 to 2**31 - 1. `seed`, not negative, chooses what is secret of an image: the keys of
    constant blinding (`jit.blinding`).

    `signatures` are those of kernel functions, by BTF id, whose arguments and results are not all of 64 bits.

    `throw` is the BTF id of bpf_throw, and `exception_callback` the first slot of the program's exception callback, None where there is none.

    `functions` says by their first slots where functions of the program must be callable, because the program holds their addresses: a table of
    entries, of ENTRY_SIZE bytes each, begins the image, and the first of them is that of the main program. `programs` are those of them that are
    programs which tail calls may reach, by their first slots; see `jit.tails`.
    """

    base: int
    routines: Mapping[str, int] = field(default_factory=dict)
    helpers: Mapping[int, int] = field(default_factory=dict)
    kernel_functions: Mapping[int, int] = field(default_factory=dict)
    loops: int = 8 << 20
    seed: int = 0
    functions: Mapping[int, int] = field(default_factory=dict)
    throw: int | None = None
    signatures: Mapping[int, Routine] = field(default_factory=dict)
    exception_callback: int | None = None
    programs: frozenset[int] = frozenset()


@dataclass(frozen=True, slots=True, eq=False)
class Compiled:
    """One image; equal to itself only, so that what is found of an image can be kept by it.

    words       the MIPS instructions, to be stored in the configuration's byte order at `base`
    bpf_at      for each eBPF slot the index of the first word of its code, at which all eBPF registers are in place; None for the
                second slot of a wide instruction, and where a word of the instruction before has moved into a delay slot, so that there
                is no such place
    slot_of     for each word the eBPF slot whose code it is, -1 for entry and exit code
    exits       indices of the words at which a run is about to leave the main program, with all eBPF registers still in place
    registers   for r0 to r10 the MIPS registers that hold it: one, or two as (low, high), where number 0 means that it is always zero. None for
                an r10, and in 32-bit code an r1 or r2, that no instruction of the program names
    stack_size  bytes below r10 that belong to the program
    frame_pointer  bytes from r10 of the main program up to the stack pointer at entry
    """

    config: Config
    base: int
    words: tuple[int, ...]
    bpf_at: tuple[int | None, ...]
    slot_of: tuple[int, ...]
    exits: tuple[int, ...]
    registers: tuple[tuple[int, ...] | None, ...]
    stack_size: int
    frame_pointer: int

    def image(self) -> bytes:
        """The words as they lie in memory."""
        return struct.pack(f"{'>' if self.config.big_endian else '<'}{len(self.words)}I", *self.words)
