"""What is judged: a program, and what it is given to work on."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass

from ebpf.instruction import Instruction
from ebpf.program import Program
from jit.compiled import Addresses, Compiled
from jit.config import Config
from oracle.world import NO_PACKET, Packet

Compiler = Callable[[Sequence[Instruction], Config, Addresses], Compiled]
"""The seam to the compiler under test."""


@dataclass(frozen=True, slots=True)
class Input:
    """What one run works on, apart from the program: one image runs on many inputs.

    memory        the context, writable: r1 points to it, r2 is its length in bytes
    packet        what the legacy packet instructions read
    seed          chooses what everything holds that the program must not depend on: native registers, the stack, what calls clobber
    conformance   whether helper functions are those of the bpf_conformance suite and not those of Linux
    """

    memory: bytes
    packet: Packet = NO_PACKET
    seed: int = 0
    conformance: bool = False


@dataclass(frozen=True, slots=True)
class Case:
    """A program and one input."""

    program: Program
    input: Input
