"""Legacy packet access: RFC 9669 section 5.5.

The value is read in network byte order, whatever the byte order of the world, and zero-extended into r0. r6 is an implicit operand, which must be the
context, and r1 to r5 hold nothing afterwards. Reading outside the packet is an exit with r0 = 0 from the function that reads, which need not be the
main program (Linux since 5.10, net/core/filter.c, bpf_gen_ld_abs, and kernel/bpf/verifier.c, has_ld_abs: any function that returns an integer).

The offset is a signed 32-bit integer. Linux gives negative ones a meaning, which RFC 9669 leaves to the implementation (kernel/bpf/core.c,
bpf_internal_load_pointer_neg_helper; Documentation/networking/filter.rst):

    0 and up                        bytes from the start of the packet
    NETWORK_BASE to -1              NETWORK_BASE + n is byte n of the network header
    LINK_BASE to NETWORK_BASE - 1   LINK_BASE + n is byte n of the link header, with which the packet starts
    below LINK_BASE                 outside every packet
"""

from oracle.arithmetic import s32
from oracle.faults import FaultError
from oracle.functions import exit_function
from oracle.machine import Decoded, Machine
from oracle.outcome import FaultKind

NETWORK_BASE = -0x10_0000
"""Linux: SKF_NET_OFF."""

LINK_BASE = -0x20_0000
"""Linux: SKF_LL_OFF."""


def _position(offset: int, network_header: int) -> int:
    """Where in the packet the byte with this offset is; negative when there is no such place."""
    if offset >= 0:
        return offset
    if offset >= NETWORK_BASE:
        return network_header + offset - NETWORK_BASE
    return offset - LINK_BASE


def _require_context(machine: Machine) -> None:
    if machine.read(6) != machine.world.arguments[0]:
        raise FaultError(FaultKind.INVALID, detail="packet access without the context in r6")


def _bytes(start: int, size: int, machine: Machine) -> bytes:
    packet = machine.world.packet
    return packet.contents[start : start + size] if packet.address is None else machine.memory.read(packet.address + start, size)


def _load(offset: int, size: int, instruction: Decoded, machine: Machine) -> int:
    packet = machine.world.packet
    start = _position(offset, packet.network_header)
    inside = start >= 0 and start + size <= len(packet.contents)
    machine.registers[0] = int.from_bytes(_bytes(start, size, machine), "big") if inside else 0
    machine.forget_arguments()
    return instruction.following if inside else exit_function(instruction, machine)


def load_absolute(size: int, instruction: Decoded, machine: Machine) -> int:
    """R0 = the `size` bytes of the packet at offset imm."""
    _require_context(machine)
    return _load(s32(instruction.immediate), size, instruction, machine)


def load_indirect(size: int, instruction: Decoded, machine: Machine) -> int:
    """R0 = the `size` bytes of the packet at offset src + imm, a 32-bit sum."""
    _require_context(machine)
    return _load(s32(machine.read(instruction.src) + instruction.immediate), size, instruction, machine)
