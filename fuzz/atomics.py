"""Which eBPF instructions access memory in one step: those that read, change and write it (RFC 9669, section 5.3), load-acquire and store-release."""

from ebpf.instruction import Instruction
from fuzz.recording.kept import kept

_STX, _ATOMIC = 3, 0xC0
_ORDERED = (0x100, 0x110)
"""Load-acquire and store-release, which do only one of these."""
_SIZES = {0x00: 4, 0x08: 2, 0x10: 1, 0x18: 8}


def indivisible(slot: Instruction) -> int:
    """How many bytes the instruction accesses in one step, 0 for one that does not have to."""
    return _SIZES[slot.opcode & 0x18] if slot.opcode & 7 == _STX and slot.opcode & 0xE0 == _ATOMIC else 0


def is_atomic(slot: Instruction) -> bool:
    """Whether it reads, changes and writes memory."""
    return indivisible(slot) > 0 and slot.imm not in _ORDERED


@kept(64)
def any_atomic(slots: tuple[Instruction, ...]) -> bool:
    """Whether one of them is."""
    return any(map(is_atomic, slots))
