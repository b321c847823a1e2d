"""The tripwire for accesses that no eBPF instruction asked for.

    where            allowed
    context, data,   what belongs to the code of an eBPF load or store, in its direction and no wider than it: a byte store that reads and rewrites a
    eBPF stack       word races with whoever writes the other bytes. A read-modify-write operation only by LL and SC
    native frame     anything, from the stack pointer at the time, and the lowest one that the image's own adjustments can lead to, up to the stack
                     pointer at entry; in o32 up to the end of the home area above it
    elsewhere        nothing

The lowest stack pointer is found in the text: a function lowers sp by `addiu sp, sp, -n`; where there are several functions, those that are active at
once are as many as calls may be nested. Routines and helpers access memory on their own and are not recorded. Bytes outside of all regions are
compared after each run as well. Misaligned accesses need no wire: before release 6 they end the run, and from then on they are allowed.
"""

from collections.abc import Iterator
from functools import lru_cache
from itertools import islice

import numpy as np
from numpy.typing import NDArray

from ebpf.instruction import MAXIMUM_CALL_DEPTH, TAIL_CALL, Instruction
from fuzz.abi import HOME_AREA
from fuzz.atomics import LOAD_ACQUIRE, SIZES, STORE_RELEASE
from fuzz.recording.decoded import decoded
from fuzz.recording.kept import kept
from fuzz.recording.record import NO_SLOT, Recording
from fuzz.verdict import Trip
from fuzz.wires.flow import adjustments
from fuzz.wires.wire import Example, Observation, Wire, trip
from jit.compiled import Compiled

NAME = "memory"

_SHOWN = 8
"""So many accesses that break the rule are shown of one run; one instruction in a loop makes many."""

# RFC 9669 section 5: class, size and mode of loads and stores; section 5.3 and Linux's BPF_LOAD_ACQ and BPF_STORE_REL for atomic operations. Linux's
# BPF_NOSPEC is a store by its class, with the mode of atomic operations.
_LDX, _ST, _STX, _CALL = 1, 2, 3, 0x85
_MODES = (0x60, 0x80, 0xC0)
_ATOMIC = 0xC0


@lru_cache(maxsize=1 << 12)
def allowed(slot: Instruction) -> tuple[int, bool, bool, bool]:
    """Of an instruction: the width of its access in bytes, 0 for none; whether it reads, whether it writes; whether it must be indivisible."""
    if slot.opcode == _CALL and (slot.src, slot.imm) == (0, TAIL_CALL):
        # The length of a prog array, and a pointer in it.
        return 8, True, False, False
    kind, mode, size = slot.opcode & 7, slot.opcode & 0xE0, SIZES[slot.opcode & 0x18]
    if kind not in (_LDX, _ST, _STX) or mode not in _MODES or (kind == _ST and mode == _ATOMIC):
        return 0, False, False, False
    if mode == _ATOMIC:
        loads, stores = slot.imm == LOAD_ACQUIRE, slot.imm == STORE_RELEASE
        return size, not stores, not loads, not (loads or stores)
    return size, kind == _LDX, kind != _LDX, False


@kept(8)
def lowest_stack_pointer(compiled: Compiled) -> int:
    """How far below the stack pointer at entry the image may bring it, in bytes."""
    frames = [-change for change in adjustments(compiled) if change < 0]
    return frames[0] + MAXIMUM_CALL_DEPTH * max(frames[1:], default=0) if frames else 0


def run(seen: Observation) -> Iterator[Trip]:
    """Recorded accesses, and guard bytes."""
    for violation in seen.actual.violations:
        if violation.kind == "memory" and violation.place.startswith("outside"):
            yield Trip(NAME, None, None, str(violation))
    rows = seen.record.accesses
    if rows is not None and len(rows):
        yield from islice(_accesses(seen, rows), _SHOWN)


def _accesses(seen: Observation, rows: NDArray[np.uint64]) -> Iterator[Trip]:
    compiled, world = seen.compiled, seen.placement.world
    slot, address, size, written, word, pointer = rows.T
    mask = np.uint64((1 << compiled.config.width) - 1)
    address, pointer = address & mask, pointer & mask
    ends = address + size
    bottom, top = world.frame_pointer - compiled.stack_size, world.frame_pointer + compiled.frame_pointer
    own = (address >= bottom) & (ends <= world.frame_pointer)
    for region in world.regions:
        own |= (address >= region.address) & (ends <= region.address + len(region.contents))
    home = HOME_AREA if compiled.config.width == 32 else 0
    native = (address >= top - lowest_stack_pointer(compiled)) & (address >= pointer) & (ends <= bottom)
    native |= (address >= world.frame_pointer) & (address >= pointer) & (ends <= top + home)
    width, direction = rights(compiled, seen.placement.slots)
    at_word, kind = word.astype(np.int64), written.astype(np.int64)
    unasked = own & ~((size <= width[at_word]) & direction[at_word, kind])
    bad = ~(own | native) | unasked
    for at in np.unique(rows[bad], axis=0, return_index=True)[1] if bad.any() else ():
        row = int(np.flatnonzero(bad)[at])
        reason = (
            "not what its instruction does"
            if unasked[row]
            else "below the stack pointer"
            if address[row] < pointer[row] and _in_stack(seen, int(address[row]))
            else "outside of context, data, stack and frame"
        )
        owner = None if slot[row] == NO_SLOT else int(slot[row])
        detail = (
            f"{'store' if written[row] else 'load'} of {size[row]} bytes at {address[row]:#x}: {reason}{_asked(seen, owner) if unasked[row] else ''}"
        )
        yield trip(NAME, compiled, int(word[row]), detail)


def _in_stack(seen: Observation, address: int) -> bool:
    segment = seen.placement.segments[-1]
    return segment.address <= address < segment.address + len(segment.initial)


@kept(8)
def rights(compiled: Compiled, slots: tuple[Instruction, ...]) -> tuple[NDArray[np.uint64], NDArray[np.bool_]]:
    """For each word how many bytes of the program's memory it may access, and whether it may read and write them (columns 0 and 1)."""
    width, direction = np.zeros(len(compiled.words), np.uint64), np.zeros((len(compiled.words), 2), bool)
    image = decoded(compiled)
    linked = image.have("ll", "sc") != 0
    for at in np.flatnonzero(image.have("load", "store")).tolist():
        if not 0 <= (owner := compiled.slot_of[at]) < len(slots):
            continue
        size, reads, writes, indivisible = allowed(slots[owner])
        if not indivisible or linked[at]:
            width[at], direction[at] = size, (reads, writes)
    return width, direction


def _asked(seen: Observation, slot: int | None) -> str:
    if slot is None:
        return ", it belongs to none"
    size, reads, _, linked = allowed(seen.placement.slots[slot])
    if not size:
        return ", the instruction accesses no memory"
    kind = "read-modify-write" if linked else "load" if reads else "store"
    return f", the instruction is a {kind} of {size} bytes"


WIRE = Wire(
    name=NAME,
    rule="An image accesses the program's memory only as its instructions say, and besides only its own frame.",
    source="RFC 9669 section 5; MIPS ABI supplement of System V, third edition, chapter 3; MIPS32 volume II-A (MD00086), LL and SC",
    needs=frozenset({Recording.ACCESSES}),
    screened=True,
    run=run,
    examples=(
        Example("mips32r2-32be", "0> lbu $v0, 3($a0)", trips=False, program="r0 = *(u8 *)(r1 + 3); r0 = 42; exit"),
        Example("mips32r2-32be", "0> lw $v0, 0($a0)", trips=True, program="r0 = *(u8 *)(r1 + 3); r0 = 42; exit"),
        Example("mips64r2-64le", "0> ld $v0, 0($a0)", trips=False, program="r0 = *(u64 *)(r1 + 0); r0 = 42; exit"),
        Example("mips64r2-64le", "0> lw $v0, 0($a0); 0> lw $v0, 4($a0)", trips=False, program="r0 = *(u64 *)(r1 + 0); r0 = 42; exit"),
        Example("mips64r2-64le", "0> ld $v0, 0($a0)", trips=True, program="r0 = *(u32 *)(r1 + 0); r0 = 42; exit"),
        Example("mips1-32le", "0> sb $zero, 1($a0)", trips=False, program="*(u8 *)(r1 + 1) = 0; r0 = 42; exit"),
        # A byte store that rewrites a word.
        Example(
            "mips1-32le",
            "0> lw $t0, 0($a0); 0> addiu $t1, $zero, 0xff; 0> sll $t1, $t1, 8; 0> nor $t1, $t1, $zero; 0> and $t0, $t0, $t1; 0> sw $t0, 0($a0)",
            trips=True,
            program="*(u8 *)(r1 + 1) = 0; r0 = 42; exit",
        ),
        Example("mips32r1-32be", "0> lw $t0, 0($a0); 0> sw $t0, 0($a0)", trips=True),
        Example("mips32r1-32be", "lbu $t0, 0($a0)", trips=True),
        Example("mips1-32le", "0> lw $t0, 0($a0); 0> sw $zero, 0($a0)", trips=True, program="*(u32 *)(r1 + 0) = 0; r0 = 42; exit"),
        # A read-modify-write operation by plain accesses.
        Example(
            "mips32r1-32be",
            "0> ll $t0, 0($a0); 0> addu $t0, $t0, $a1; 0> sc $t0, 0($a0)",
            trips=False,
            program="lock *(u32 *)(r1 + 0) += w2; r0 = 42; exit",
        ),
        Example("mips32r1-32be", "0> lw $t0, 0($a0); 0> sw $t0, 0($a0)", trips=True, program="lock *(u32 *)(r1 + 0) += w2; r0 = 42; exit"),
        # The frame.
        Example("mips3-64be", "daddiu $sp, $sp, -640; sd $a0, 0($sp); ld $a0, 0($sp); daddiu $sp, $sp, 640", trips=False),
        Example("mips3-64be", "sd $a0, -640($sp); ld $a0, -640($sp)", trips=True),
        Example("mips3-64be", "or $t0, $sp, $zero; daddiu $sp, $sp, -640; sd $a0, -640($t0); daddiu $sp, $sp, 640", trips=False),
        Example("mips3-64be", "daddiu $t0, $sp, -640; daddiu $sp, $sp, -640; daddiu $sp, $sp, 640; sd $a0, 0($t0)", trips=True),
        Example("mips1-32le", "addiu $t0, $sp, -648; lw $t1, 0($t0); addiu $sp, $sp, -648; addiu $sp, $sp, 648", trips=True),
        Example("mips1-32le", "addiu $t0, $sp, -8; addiu $sp, $sp, -648; sw $t1, 0($t0); addiu $sp, $sp, 648", trips=False),
        Example("mips32r6-32le", "sw $a0, 1($sp); sw $a0, 12($sp)", trips=False),
        Example("mips32r6-32le", "lw $t0, 16($sp)", trips=True),
        # Guard bytes.
        Example("mips32r6-32le", "lbu $t0, 64($a0)", trips=True),
        Example("mips64r6-64le", "lbu $t0, -1($a0)", trips=True),
    ),
)
