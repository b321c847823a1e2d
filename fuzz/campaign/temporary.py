"""Straight programs, as long as there is no other generator."""

import random

from ebpf.instruction import Instruction
from ebpf.opcodes import ROWS
from ebpf.program import Program, wide_slots
from fuzz.campaign.generation import Generated
from fuzz.case import Input
from fuzz.suite_program import instruction
from fuzz.suite_values import EDGES_32, EDGES_64, IMMEDIATES

_ROWS = [
    row
    for row in ROWS
    if row.group in ("base32", "base64", "divmul32", "divmul64") and row.offset != "memory" and "jump" not in (row.imm, row.offset)
]
_ROWS = [row for row in _ROWS if not row.name.startswith(("CALL", "EXIT", "LDDW"))]


def straight(seed: str) -> Generated:
    """Arithmetic on ten registers."""
    draw = random.Random(seed)
    slots: list[Instruction] = []
    for register in (0, 2, 3, 4, 5, 6, 7, 8, 9):
        slots.append(instruction("LDX_DW", register, 1, 8 * register))
    slots.append(instruction("LDX_DW", 1, 1, 8))
    for _ in range(draw.randint(8, 50)):
        row = draw.choice(_ROWS)
        imm = draw.choice(IMMEDIATES) if row.imm == "imm" else 0
        if row.name.startswith(("LSH", "RSH", "ARSH")) and row.imm == "imm":
            imm = draw.randrange(64 if "64" in row.name else 32)
        slots.append(instruction(row.name, draw.randrange(10), draw.randrange(10) if isinstance(row.src, str) else 0, 0, imm))
    slots += wide_slots(1, draw.getrandbits(64)) if draw.random() < 0.1 else ()
    slots.append(instruction("EXIT"))
    values = EDGES_64 + EDGES_32
    inputs = []
    for seed_of_input in range(8):
        words = [draw.choice(values) if draw.random() < 0.5 else draw.getrandbits(64) for _ in range(16)]
        inputs.append(Input(b"".join(word.to_bytes(8, "little") for word in words), seed=seed_of_input))
    return Generated(Program("<generated>", ".text", tuple(slots)), tuple(inputs))
