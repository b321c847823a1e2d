"""Which eBPF instructions read, change and write memory in one step (RFC 9669, section 5.3)."""

from ebpf.instruction import Instruction
from fuzz.recording.kept import kept

_STX, _ATOMIC = 3, 0xC0
_ORDERED = (0x100, 0x110)
"""Load-acquire and store-release, which do only one of these."""


def is_atomic(slot: Instruction) -> bool:
    """Whether it is one of them."""
    return slot.opcode & 7 == _STX and slot.opcode & 0xE0 == _ATOMIC and slot.imm not in _ORDERED


@kept(64)
def any_atomic(slots: tuple[Instruction, ...]) -> bool:
    """Whether one of them is."""
    return any(map(is_atomic, slots))
