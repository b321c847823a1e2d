"""Which eBPF instructions access memory in one step: those that read, change and write it (RFC 9669, section 5.3), load-acquire and store-release."""

from ebpf.instruction import Instruction
from fuzz.recording.kept import kept

_STX, _ATOMIC = 3, 0xC0
LOAD_ACQUIRE, STORE_RELEASE = 0x100, 0x110
"""Immediates of those that only read or only write (Linux's BPF_LOAD_ACQ and BPF_STORE_REL)."""
SIZES = {0x00: 4, 0x08: 2, 0x10: 1, 0x18: 8}
"""Bytes by the size in the opcode of a load or store (RFC 9669, section 5)."""


def indivisible(slot: Instruction) -> int:
    """How many bytes the instruction accesses in one step, 0 for one that does not have to."""
    return SIZES[slot.opcode & 0x18] if slot.opcode & 7 == _STX and slot.opcode & 0xE0 == _ATOMIC else 0


def is_atomic(slot: Instruction) -> bool:
    """Whether it reads, changes and writes memory."""
    return indivisible(slot) > 0 and slot.imm not in (LOAD_ACQUIRE, STORE_RELEASE)


@kept(64)
def any_atomic(slots: tuple[Instruction, ...]) -> bool:
    """Whether one of them is."""
    return any(map(is_atomic, slots))
