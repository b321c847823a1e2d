"""What can be observed of a run, on the oracle and on a target alike."""

from collections.abc import Mapping
from dataclasses import dataclass
from enum import Enum


class Low(int):
    """What a register holds of which only the low 32 bits are promised; the upper half reads as zero."""


class FaultKind(Enum):
    """Why a run ended before its exit."""

    OUT_OF_BOUNDS = "access out of bounds"
    READ_ONLY = "write to read-only memory"
    MISALIGNED = "misaligned access"
    UNINITIALISED = "read of an uninitialised register"
    UNKNOWN_FUNCTION = "call of an unknown function"
    ARGUMENT = "wrong argument of a function"
    CALL_DEPTH = "more than 8 nested calls"
    UPPER_HALF = "use of an upper half that no mark has cleared"
    INVALID = "invalid instruction"
    INSTRUCTION_LIMIT = "instruction limit reached"
    ENGINE = "the engine stopped the program"


@dataclass(frozen=True, slots=True)
class Fault:
    """A fault: its kind, the slot of the eBPF instruction (None when the target cannot tell), the bytes that were accessed, details."""

    kind: FaultKind
    slot: int | None
    address: int | None = None
    size: int = 0
    detail: str = ""

    def __str__(self) -> str:
        where = "" if self.slot is None else f"instruction {self.slot}: "
        what = "" if self.address is None else f" of {self.size} bytes at {self.address:#x}"
        return f"{where}{self.kind.value}{what}{': ' + self.detail if self.detail else ''}"


@dataclass(frozen=True, slots=True)
class Outcome:
    """The end of a run.

    registers     r0 to r10 at exit of the main program, unsigned 64 bits; None where the register holds nothing that a program may
                  rely on: never written, or destroyed by a call; `Low` where only the low 32 bits are promised
    return_value  what the C caller gets: r0 as an unsigned 32-bit integer; None after a fault
    memory        contents of each region after the run, by name; "stack" is the 8 * 512 bytes below the frame pointer of the main program
    executed      eBPF instructions executed; on a target MIPS instructions, 0 where they are not counted
    trace         where asked for: (slot, r0 to r10) before each executed instruction
    """

    registers: tuple[int | None, ...]
    return_value: int | None
    memory: Mapping[str, bytes]
    fault: Fault | None = None
    executed: int = 0
    trace: tuple[tuple[int, tuple[int | None, ...]], ...] = ()
