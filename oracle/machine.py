"""The state of a run, and the shape of an operation.

An operation is a function of an instruction (`Decoded`) and the machine that it changes; it returns the slot of the instruction
that comes next, or EXITED. It reads its operands first and writes last, so that a fault leaves everything as it was.
"""

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import NamedTuple

from ebpf.instruction import FRAME_POINTER, FRAME_SIZE, REGISTERS
from oracle.faults import FaultError
from oracle.memory import Memory
from oracle.outcome import FaultKind
from oracle.world import World

EXITED = -1
"""What an operation returns in place of the next slot when the program has ended."""


@dataclass(frozen=True, slots=True)
class Decoded:
    """An instruction ready to be executed.

    dst, src    register numbers
    offset      the signed 16-bit offset
    imm         the signed 32-bit immediate as it stands in the slot, which is how functions are numbered
    immediate   the operand: `imm` sign-extended to 64 bits, or the 64-bit immediate of a wide instruction; unsigned
    following   slot of the instruction after this one
    target      slot that it jumps to or calls; of no meaning in instructions that do neither
    """

    dst: int
    src: int
    offset: int
    imm: int
    immediate: int
    following: int
    target: int


class Repetition(NamedTuple):
    """Calls of bpf_loop: the slot of the callback, how many calls there are to be, what each gets as r2, how many have returned."""

    callback: int
    calls: int
    context: int
    done: int = 0


class Frame(NamedTuple):
    """What a local call keeps for its caller: where to go on, r6 to r9, r10, iterations that it has left; what bpf_loop has to do yet."""

    following: int
    saved: tuple[int | None, ...]
    frame_pointer: int
    loops: int
    repetition: Repetition | None = None


@dataclass(slots=True)
class Machine:
    """Registers hold unsigned 64-bit integers, or None: nothing that a program may rely on. `frames` are the callers of the active function.

    `loops` is how often `may_goto` will still go on in the active function, `tail_calls` how many there were in the run. `programs` are those
    that are active, the main program first: how many callers each has, and the slot at which it starts. All but the first were entered by tail calls.
    `catching` says whether the exception callback is active, behind which there is nothing of the program.
    """

    world: World
    memory: Memory
    registers: list[int | None]
    loops: int
    frames: list[Frame] = field(default_factory=list)
    tail_calls: int = 0
    programs: list[tuple[int, int]] = field(default_factory=lambda: [(0, 0)])
    catching: bool = False

    @classmethod
    def start(cls, world: World) -> "Machine":
        """The machine at entry of the main program. Raises ValueError for a world that makes no sense."""
        registers: list[int | None] = [None] * REGISTERS
        for register, value in ((1, world.arguments[0]), (2, world.arguments[1]), (FRAME_POINTER, world.frame_pointer)):
            if not 0 <= value < 1 << 64:
                raise ValueError(f"r{register} is {value} at entry: not an unsigned 64-bit value")
            registers[register] = value
        return cls(world, Memory(world), registers, world.loops)

    def read(self, register: int) -> int:
        """What the register holds; a fault when that is nothing."""
        value = self.registers[register]
        if value is None:
            raise FaultError(FaultKind.UNINITIALISED, detail=f"r{register}")
        return value

    def forget_arguments(self) -> None:
        """What every call does to r1 to r5, the scratch registers (Linux, Documentation/bpf/standardization/abi.rst)."""
        self.registers[1:6] = (None,) * 5

    def set_frame_pointer(self, frame_pointer: int) -> None:
        """Change r10, and with it which part of the stack may be accessed."""
        self.registers[FRAME_POINTER] = frame_pointer
        self.memory.set_stack_start(frame_pointer - FRAME_SIZE)


Operation = Callable[[Decoded, Machine], int]
