"""Legacy packet access: RFC 9669 section 5.5.

The value is read in network byte order, whatever the byte order of the world, and zero-extended into r0. r6 is an implicit operand, the
context, and r1 to r5 hold nothing afterwards. Reading outside the packet ends the program with r0 = 0; because it cannot return
through a caller, Linux wants these instructions in the main program, and the oracle does too.

The offset is a signed 32-bit integer. Linux gives negative ones a meaning (headers of lower layers); here they lie outside the packet.
"""

from oracle.arithmetic import s32
from oracle.faults import FaultError
from oracle.machine import EXITED, Decoded, Machine
from oracle.outcome import FaultKind


def _load(offset: int, size: int, instruction: Decoded, machine: Machine) -> int:
    if machine.frames:
        raise FaultError(FaultKind.INVALID, detail="packet access in a local function")
    packet = machine.world.packet
    inside = offset >= 0 and offset + size <= len(packet)
    machine.registers[0] = int.from_bytes(packet[offset : offset + size], "big") if inside else 0
    machine.forget_arguments()
    return instruction.following if inside else EXITED


def load_absolute(size: int, instruction: Decoded, machine: Machine) -> int:
    """R0 = the `size` bytes of the packet at imm."""
    machine.read(6)
    return _load(s32(instruction.immediate), size, instruction, machine)


def load_indirect(size: int, instruction: Decoded, machine: Machine) -> int:
    """R0 = the `size` bytes of the packet at src + imm, a 32-bit sum."""
    machine.read(6)
    return _load(s32(machine.read(instruction.src) + instruction.immediate), size, instruction, machine)
