"""Why the engine stopped: from the exception and the instruction that was being executed to a fault."""

from collections.abc import Sequence

from fuzz.layout import Segment
from fuzz.unicorn.blocks import is_transfer
from jit.compiled import Compiled
from jit.mips import Row, decode, text
from oracle.outcome import Fault, FaultKind

# QEMU's numbers of exceptions, target/mips/cpu.h.
_ADDRESS_ERRORS = (12, 13)
_NAMES = {
    12: "address error, load or fetch",
    13: "address error, store",
    17: "system call",
    18: "breakpoint",
    19: "coprocessor unusable",
    20: "reserved instruction",
    21: "overflow",
}

SIZES = {"lb": 1, "lbu": 1, "sb": 1, "lh": 2, "lhu": 2, "sh": 2, "ld": 8, "sd": 8, "lld": 8, "scd": 8, "ldpc": 8}
"""Bytes that loads and stores access, where it is not 4."""

UNALIGNED_PARTS = ("lwl", "lwr", "swl", "swr", "ldl", "ldr", "sdl", "sdr")
"""Loads and stores of a part of an aligned word or doubleword; their address is that of a byte."""


def accessed(row: Row) -> int:
    """Bytes that a load or store accesses."""
    return 1 if row.mnemonic in UNALIGNED_PARTS else SIZES.get(row.mnemonic, 4)


def explain(compiled: Compiled, word: int, registers: Sequence[int], segments: Sequence[Segment], exception: int | None) -> Fault:
    """The fault at a word of the image, given the register values there and the engine's exception number, None for an access to unmapped memory."""
    slots = compiled.slot_of
    if not 0 <= word < len(compiled.words):
        return Fault(FaultKind.ENGINE, None, detail=f"the image ran past its end, to word {word}")
    slot = slots[word] if slots[word] >= 0 else None
    decoded = decode(compiled.words[word], compiled.config.isa)
    if decoded is not None and (access := _access(*decoded, registers, compiled.config.width)) is not None:
        address, size = access
        mapped = any(segment.address <= address and address + size <= segment.address + len(segment.initial) for segment in segments)
        if exception in _ADDRESS_ERRORS and address % size:
            return Fault(FaultKind.MISALIGNED, slot, address, size)
        if not mapped:
            return Fault(FaultKind.OUT_OF_BOUNDS, slot, address, size)
    written = f"{compiled.words[word]:#010x}" if decoded is None else text(*decoded, compiled.base + 4 * word, compiled.config.width)
    name = "jump to unmapped memory" if exception is None else _NAMES.get(exception, f"exception {exception}")
    return Fault(FaultKind.ENGINE, slot, detail=f"{name} at word {word}: {written}")


def _access(row: Row, operands: Sequence[int], registers: Sequence[int], width: int) -> tuple[int, int] | None:
    """Address and size of the access of a load or store."""
    if not row.facts & {"load", "store"} or "base" not in row.operands:
        return None
    named = dict(zip(row.operands, operands, strict=True))
    return registers[named["base"]] + named.get("offset", 0) & (1 << width) - 1, accessed(row)


def in_delay_slot(compiled: Compiled, word: int) -> bool:
    """Whether the word may be in a delay slot."""
    return word > 0 and is_transfer(compiled.words[word - 1], compiled.config)
