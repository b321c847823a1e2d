"""The tripwire for atomic operations that lose what another CPU writes, or that do not try again: further runs in which other CPUs come in between.

What they do is in `fuzz.cpu.interference`. A target that cannot play other CPUs runs the input once more without. They come in between the accesses
of an operation as the image makes them. That one is made in two, of a word each, is seen in the words: in the code of an operation, of a load-acquire
and of a store-release each access but to the native frame has the size of the instruction. A runtime routine is atomic by its contract.
"""

from collections.abc import Iterator
from dataclasses import replace

import numpy as np

from ebpf.instruction import Instruction
from fuzz.abi import SP
from fuzz.atomics import any_atomic, indivisible
from fuzz.case import Case
from fuzz.engine.target import Ability
from fuzz.layout import Placement
from fuzz.recording.decoded import Words, decoded, owner_array
from fuzz.recording.kept import kept
from fuzz.recording.native_text import ORDER
from fuzz.unicorn.fault import accessed
from fuzz.verdict import Trip
from fuzz.wires.flow import words
from fuzz.wires.wire import Example, Wire, trip
from jit.compiled import Compiled
from jit.mips import ROWS

NAME = "atomicity"

BROKEN = 3
"""Attempts of each atomic operation that are broken: one of each kind."""


def variants(compiled: Compiled, case: Case, placement: Placement) -> Iterator[Placement]:
    """The same with other CPUs."""
    if any_atomic(placement.slots):
        yield _disturbed(placement)


@kept(64)
def _disturbed(placement: Placement) -> Placement:
    return replace(placement, interference=BROKEN)


def code(compiled: Compiled, placement: Placement) -> Iterator[Trip]:
    """Accesses of another size than the instruction's that they are part of."""
    sizes = _sizes(placement.slots)
    if not sizes.any():
        return
    image, owners, slots = decoded(compiled), owner_array(compiled), compiled.slot_of
    size = sizes[owners]
    suspects = np.flatnonzero((size != 0) & (_ACCESSED[image.rows] != size) & (image.have("load", "store") != 0)).tolist()
    routines = set(owners[image.have("call") != 0].tolist()) if suspects else ()
    for at in suspects:
        word = words(compiled)[at]
        assert word is not None, "only instructions of the table access memory"
        if slots[at] not in routines and ("base" not in word.row.operands or word.named("base") != SP):
            yield trip(NAME, compiled, at, f"an access of {accessed(word.row)} bytes in an operation on {size[at]} bytes")


@kept(64)
def _sizes(slots: tuple[Instruction, ...]) -> Words:
    """How many bytes each instruction accesses in one step, 0 for those that do not have to; at the end 0 for what belongs to no instruction."""
    return np.array([*map(indivisible, slots), 0], np.int64)


_ACCESSED = np.array([accessed(row) for row in ROWS], np.int64)
"""By row of the MIPS table."""


_TRY = "1> ll $t0, 0($a0); 1> addiu $t0, $t0, 1; 1> sc $t0, 0($a0)"
_ADD = "r0 = 1; lock *(u32 *)(r1 + 0) += r0; r0 = 42; exit"
_ADD_64 = "r0 = 0; lock *(u64 *)(r1 + 0) += r0; r0 = 42; exit"
_LOAD_64 = "r0 = 0; r0 = load_acquire((u64 *)(r1 + 0)); r0 = 42; exit"
_LOAD_16 = "r0 = 0; w0 = load_acquire((u16 *)(r1 + 0)); r0 = 42; exit"
_STORE_8 = "r0 = 1; store_release((u8 *)(r1 + 0), w0); r0 = 42; exit"

# fmt: off
WIRE = Wire(
    name=NAME,
    rule="An atomic operation is one access; other CPUs may write between its load and its store: nothing is lost, and it comes to an end.",
    source="MIPS64 volume II-A (MD00087), LL and SC: a store by another processor, and any exception, makes SC fail; `fuzz.cpu.interference`",
    asks=frozenset({Ability.OTHER_CPUS}),
    code=code,
    doubt=ORDER,
    variants=variants,
    examples=(
        Example("mips32r2-32be", f"{_TRY}; 1> beq $t0, $zero, -4; 1> nop", trips=False, program=_ADD),
        Example("mips64r6-32le", f"{_TRY}; 1> beq $t0, $zero, -4; 1> nop", trips=False, program=_ADD),
        Example("mips32r2-32be", "1> lw $t0, 0($a0); 1> addiu $t0, $t0, 1; 1> sw $t0, 0($a0)", trips=True, program=_ADD),
        Example("mips64r2-64be", _TRY, trips=True, program=_ADD),
        Example(
            "mips64r2-64be", "1> ll $t0, 0($a0); 1> addiu $t1, $t0, 1; 1> sc $t1, 0($a0); 1> beq $t1, $zero, -3; 1> nop", trips=True, program=_ADD
        ),
        Example("mips64r2-32be", "1> ll $t0, 0($a0); 1> sc $t0, 0($a0); 1> ll $t0, 4($a0); 1> sc $t0, 4($a0)", trips=True, program=_ADD_64),
        Example("mips32r2-32le", "1> lw $t0, 0($a0); 1> lw $t1, 4($a0)", trips=True, program=_LOAD_64),
        Example("mips64r2-64le", "1> ld $t0, 0($a0)", trips=False, program=_LOAD_64),
        Example("mips32r2-32le", "1> lhu $t0, 0($a0)", trips=False, program=_LOAD_16),
        Example("mips32r2-32be", "1> lbu $t0, 0($a0); 1> lbu $t1, 1($a0)", trips=True, program=_LOAD_16),
        # A byte by way of its word: what another CPU writes to the bytes beside it is lost.
        Example("mips32r2-32be", "1> lw $t0, 0($a0); 1> sw $t0, 0($a0)", trips=True, program=_STORE_8),
        # What is saved in the native frame is no part of it, and a runtime routine is atomic by its contract.
        Example("mips64r2-64le", "1> sw $t0, 0($sp); 1> ld $t0, 0($a0)", trips=False, program=_LOAD_64),
        Example("mips32r2-32be", "1> or $t2, $ra, $zero; 1> bal 1; 1> nop; 1> or $ra, $t2, $zero; 1> lw $t0, 0($a0)", trips=False, program=_LOAD_64),
    ),
)
# fmt: on
