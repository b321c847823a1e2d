"""The tripwire for the platform's calling convention, and what the kernel adds to it.

What a run as a whole shows comes from the target (`Run.violations`): registers that do not hold at the return what they held at the entry, the stack
pointer and gp at calls, the form of the result, the caller's part of the stack. That nothing lives in a caller-saved register or in the argument area
across a call needs no check: `fuzz.environment.calls` destroys both. What a run does not show, as it is undone before anyone looks, is in the words:

    k0, k1   an interrupt between any two instructions destroys them
    gp       holds the pointer to the current task, which interrupt handlers use
    below sp an interrupt between any two instructions overwrites what is stored there
    sp       an interrupt may use the stack at any time. Entry code lowers it by a multiple of its alignment, exit code raises it by as much, and
             nothing else writes it, so that it is aligned at every call; but a program to which an exception comes loads its own from its frame
"""

from collections.abc import Iterator

import numpy as np

from ebpf.instruction import Instruction
from ebpf.opcodes import lookup
from fuzz.abi import GP, SP, STACK_ALIGNMENT, register_name
from fuzz.layout import Placement
from fuzz.recording.decoded import decoded
from fuzz.recording.native_text import CONVENTION
from fuzz.verdict import Trip
from fuzz.wires.flow import Word, adjustment, words
from fuzz.wires.wire import Example, Observation, Wire, trip
from jit.compiled import Compiled

NAME = "abi"

RESERVED = frozenset({26, 27, GP})
"""k0, k1, gp: never written."""


def code(compiled: Compiled, placement: Placement) -> Iterator[Trip]:
    """Writes of reserved registers, accesses below sp."""
    image = decoded(compiled)
    # A negative offset has its upper bit at bit 15 in every format.
    below = image.have("load", "store") * (image.words >> 21 & 31 == SP) * (image.words >> 15 & 1)
    for at in np.flatnonzero(below | image.writes & sum(1 << number for number in RESERVED)).tolist():
        word = words(compiled)[at]
        assert word is not None, "only instructions of the table write registers and access memory"
        for number in sorted(word.writes & RESERVED):
            yield trip(NAME, compiled, at, f"{word.row.mnemonic} writes {register_name(number, compiled.config)}")
        if word.facts & {"load", "store"} and "base" in word.row.operands and word.named("base") == SP and (offset := word.named("offset")) < 0:
            yield trip(NAME, compiled, at, f"{word.row.mnemonic} accesses memory {-offset} bytes below $sp")
    yield from _moves(compiled, placement)


def _moves(compiled: Compiled, placement: Placement) -> Iterator[Trip]:
    """Writes of the stack pointer as no entry and no exit makes them. The code of an EXIT may be a whole exit."""
    alignment, lowered = STACK_ALIGNMENT[compiled.config.width], set[int]()
    for at in np.flatnonzero(decoded(compiled).writes & 1 << SP).tolist():
        word, change = words(compiled)[at], adjustment(compiled, at)
        assert word is not None, "only instructions of the table write registers"
        if (slot := compiled.slot_of[at]) >= 0 and not _exits(placement.slots[slot]):
            yield trip(NAME, compiled, at, f"{word.row.mnemonic} writes $sp in the code of an instruction")
        elif change is None and not _restores(word):
            yield trip(NAME, compiled, at, f"{word.row.mnemonic} sets $sp")
        elif change is not None and change % alignment:
            yield trip(NAME, compiled, at, f"{word.row.mnemonic} moves $sp by {change} bytes, no multiple of {alignment}")
        elif change is not None and change > 0 and change not in lowered:
            yield trip(NAME, compiled, at, f"{word.row.mnemonic} raises $sp by {change} bytes, by which nothing before has lowered it")
        if change is not None and change < 0:
            lowered.add(-change)


def _exits(instruction: Instruction) -> bool:
    row = lookup(instruction)
    return row is not None and row.name == "EXIT"


def _restores(word: Word) -> bool:
    """Whether it loads the stack pointer from the frame."""
    return "load" in word.facts and "base" in word.row.operands and word.named("base") == SP


def run(seen: Observation) -> Iterator[Trip]:
    """What the target saw, but for guard bytes outside of the stack, which belong to the wire `memory`."""
    for violation in seen.actual.violations:
        if violation.kind in ("callee-saved", "ABI") or (violation.kind == "memory" and violation.place.startswith("the caller's stack")):
            yield Trip(NAME, None, None, str(violation))


WIRE = Wire(
    name=NAME,
    rule="An image is a C function of its ABI: it keeps what it must keep, calls as it must call, and writes nothing above its frame or below sp.",
    source="MIPS ABI supplement of System V, third edition, chapter 3; MIPSpro N32 ABI handbook (007-2816), chapter 2; `fuzz.abi`",
    screened=True,
    code=code,
    doubt=CONVENTION,
    run=run,
    examples=(
        Example("mips32r2-32be", "addiu $t0, $zero, 5; addiu $a2, $zero, 5; addiu $t9, $zero, 5", trips=False),
        Example("mips64r2-64le", "ori $at, $zero, 5; ori $a7, $zero, 5; ori $t3, $zero, 5", trips=False),
        Example("mips1-32le", "addiu $s3, $zero, 5", trips=True),
        Example("mips3-64be", "daddiu $s7, $s7, 1", trips=True),
        Example("mips32r6-32be", "sw $s3, -4($sp); nop; lw $s3, -4($sp)", trips=True),
        Example("mips32r2-32be", "addiu $sp, $sp, -8; sw $s3, 0($sp); addiu $s3, $zero, 5; lw $s3, 0($sp); addiu $sp, $sp, 8", trips=False),
        Example("mips64r6-64le", "daddiu $sp, $sp, -16; ori $fp, $zero, 5; daddiu $sp, $sp, 16", trips=True),
        Example("mips4-64le", "daddiu $sp, $sp, -16", trips=True),
        Example("mips32r2-32be", "addiu $sp, $sp, -16; addiu $sp, $sp, 16", trips=False),
        Example("mips32r2-32be", "addiu $sp, $sp, -12; addiu $sp, $sp, 12", trips=True),
        Example("mips64r2-64be", "daddiu $sp, $sp, -32; daddiu $sp, $sp, 32", trips=False),
        Example("mips64r2-64be", "daddiu $sp, $sp, -24; daddiu $sp, $sp, 24", trips=True),
        Example("mips32r2-32be", "addiu $sp, $sp, 8; addiu $sp, $sp, -8", trips=True),
        Example("mips32r2-32be", "0> addiu $sp, $sp, -8; addiu $sp, $sp, 8", trips=True),
        Example("mips1-32le", "addiu $t8, $sp, -2048; or $t9, $sp, $zero; or $sp, $t8, $zero; or $sp, $t9, $zero", trips=True),
        Example("mips1-32le", "addiu $t8, $sp, -2048; or $t9, $sp, $zero; or $t9, $t8, $zero", trips=False),
        Example("mips1-32le", "sw $sp, 0($sp); lw $sp, 0($sp)", trips=False),
        Example("mips1-32le", "or $t8, $sp, $zero; sw $sp, 0($sp); lw $sp, 0($t8)", trips=True),
        Example("mips32r1-32le", "or $t0, $gp, $zero; addiu $gp, $zero, 5; or $gp, $t0, $zero", trips=True),
        Example("mips32r1-32le", "or $t0, $gp, $zero", trips=False),
        Example("mips32r1-32le", "or $t0, $k0, $zero; addiu $k0, $zero, 5; or $k0, $t0, $zero", trips=True),
        Example("mips32r5-32be", "sw $zero, 0($sp); sw $zero, 12($sp)", trips=False),
        Example("mips32r5-32be", "sw $zero, 16($sp)", trips=True),
        Example("mips64r5-64be", "sd $zero, 0($sp)", trips=True),
    ),
)
