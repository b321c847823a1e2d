"""Programs by row name, and a world to run them in."""

from collections.abc import Iterable
from typing import Any

from ebpf.instruction import Instruction
from ebpf.opcodes import BY_NAME
from ebpf.program import ByteOrder, wide_slots
from oracle.interpreter import run
from oracle.outcome import Outcome
from oracle.world import Region, World

CONTEXT = 0x0010_0000
READ_ONLY = 0x0020_0000
FRAME_POINTER = 0x0003_0000
ORDERS: tuple[ByteOrder, ...] = ("little", "big")
Piece = Instruction | Iterable[Instruction]


def make_world(context: bytes = bytes(64), **changes: Any) -> World:
    """64-bit little-endian with a context, a read-only region and a stack, unless told otherwise."""
    parameters: dict[str, Any] = {
        "byte_order": "little",
        "address_width": 64,
        "alignment": 8,
        "frame_pointer": FRAME_POINTER,
        "stack": bytes(4096),
        "arguments": (CONTEXT, len(context)),
        "regions": (Region("context", CONTEXT, context, True), Region("constants", READ_ONLY, bytes(range(32)), False)),
    }
    return World(**parameters | changes)


def slot(name: str, dst: int = 0, src: int = 0, offset: int = 0, imm: int = 0) -> Instruction:
    """The instruction of that row; the fields that select the row are filled in."""
    row = BY_NAME[name]
    given = {"dst": dst, "src": src, "offset": offset, "imm": imm}
    constants = {field: getattr(row, field) for field in given if isinstance(getattr(row, field), int)}
    assert all(given[field] == 0 for field in constants), f"{name}: {constants} select the row"
    return Instruction(row.opcode, **{**given, **constants})


def constant(dst: int, value: int) -> tuple[Instruction, ...]:
    return wide_slots(dst, value)


EXIT = slot("EXIT")
RETURN_0 = (slot("MOV64_IMM", 0), EXIT)


def execute(*pieces: Piece, world: World | None = None, trace: bool = False) -> Outcome:
    slots: list[Instruction] = []
    for piece in pieces:
        slots.extend([piece] if isinstance(piece, Instruction) else piece)
    return run(slots, world or make_world(), trace)


def as_imm(value: int, width: int) -> int | None:
    """The signed 32-bit immediate that stands for an operand of that width, None when there is none."""
    imm = (value & 0xFFFF_FFFF) - ((value & 0x8000_0000) << 1)
    return imm if width == 32 or imm % (1 << 64) == value else None
