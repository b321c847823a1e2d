"""Slots to bytes and back (RFC 9669 section 3.1).

A slot is opcode (8 bits), registers (two nibbles), offset (16 bits) and imm (32 bits). Byte order changes offset and imm, and it
swaps the nibbles: little-endian code has the destination in the low nibble, big-endian code in the high one. Both slots of a
wide instruction have this layout, so the codec needs to know nothing of instructions.
"""

import struct
from collections.abc import Iterable

from ebpf.instruction import SLOT_SIZE, Instruction
from ebpf.program import ByteOrder, ProgramError

_LITTLE = struct.Struct("<BBhi")
_BIG = struct.Struct(">BBhi")


def decode(data: bytes, byte_order: ByteOrder, source: str, section: str) -> tuple[Instruction, ...]:
    """The slots that the bytes hold, valid instructions or not.

    `source` and `section` are for the message: raises ProgramError when the length is no multiple of 8 bytes.
    """
    if len(data) % SLOT_SIZE:
        raise ProgramError(f"{source}: {section}: {len(data)} bytes of code, not a multiple of {SLOT_SIZE}")
    if byte_order == "little":
        return tuple(Instruction(opcode, pair & 15, pair >> 4, offset, imm) for opcode, pair, offset, imm in _LITTLE.iter_unpack(data))
    return tuple(Instruction(opcode, pair >> 4, pair & 15, offset, imm) for opcode, pair, offset, imm in _BIG.iter_unpack(data))


def encode(slots: Iterable[Instruction], byte_order: ByteOrder) -> bytes:
    """The bytes of the slots. Raises ValueError, naming slot and field, for a value that does not fit its field."""
    layout = _LITTLE if byte_order == "little" else _BIG
    parts = []
    for at, slot in enumerate(slots):
        if not (0 <= slot.dst <= 15 and 0 <= slot.src <= 15):
            raise ValueError(f"slot {at}: {slot}: a register number does not fit 4 bits")
        low, high = (slot.dst, slot.src) if byte_order == "little" else (slot.src, slot.dst)
        try:
            parts.append(layout.pack(slot.opcode, high << 4 | low, slot.offset, slot.imm))
        except struct.error as error:
            raise ValueError(f"slot {at}: {slot}: {error}") from None
    return b"".join(parts)
