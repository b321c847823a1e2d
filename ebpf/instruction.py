"""One slot of an eBPF program, as RFC 9669 section 3 lays it out.

A program is a sequence of 8-byte slots. A basic instruction takes one slot, a wide one (`lddw`) takes two, of which the
second carries only an immediate. Everything here counts in slots, as the kernel's `struct bpf_insn` and all jump offsets do.
"""

from collections.abc import Mapping
from types import MappingProxyType
from typing import NamedTuple

SLOT_SIZE = 8
"""Bytes of one slot."""

REGISTERS = 11
"""r0 to r9 and the frame pointer r10."""

FRAME_POINTER = 10
"""The number of the read-only frame pointer."""

FRAME_SIZE = 512
"""Bytes of stack below r10 that each function owns."""

MAXIMUM_CALL_DEPTH = 8
"""Functions that may be active at once, the main program included (Linux: MAX_CALL_FRAMES)."""

TAIL_CALL = 12
"""The number of the helper function that is none: `tail_call` (Linux, enum bpf_func_id)."""

LOOP = 181
"""The number of the helper function that calls a function of the program again and again: `bpf_loop` (the same)."""

MAXIMUM_LOOPS = 1 << 23
"""Iterations of bpf_loop (Linux: BPF_MAX_LOOPS)."""

KERNEL_FUNCTIONS: Mapping[str, int] = MappingProxyType({"mix": 1, "mix_small": 2, "mix_wide": 3, "mix_signed": 4, "bpf_throw": 64})
"""Functions of the kernel that objects call by name, and the BTF ids that they have here."""


class Instruction(NamedTuple):
    """The fields of one slot: `opcode` 8 bits, `dst` and `src` 4 bits each, `offset` signed 16 bits, `imm` signed 32 bits."""

    opcode: int
    dst: int = 0
    src: int = 0
    offset: int = 0
    imm: int = 0
