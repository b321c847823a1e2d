"""Marks of zero-extension, as Linux's verifier puts them into a program for a compiler that relies on them.

    program ─ which upper halves are used later, backwards through all ways ─ `zext` behind each 32-bit result among them

That is a static analysis, and takes for used what may be: all arguments of every call, and r0 at every exit. Whether it takes enough for used is
checked at each run by the oracle, which knows the program with its marks only (`oracle.halves`). A program that has marks already keeps them.
"""

from collections.abc import Mapping, Sequence
from functools import lru_cache

from ebpf.insertion import insert_behind
from ebpf.instruction import TAIL_CALL, Instruction
from ebpf.opcodes import BY_NAME, Row, lookup
from ebpf.program import Program
from ebpf.validity import LEAVES, refers_to_function, target
from fuzz.recording.kept import kept
from oracle.halves import widths

_ZEXT = BY_NAME["ZEXT"]
_ARGUMENTS = 0b111110
_SCRATCH = 0b111111


@kept(16)
def marked(program: Program) -> Program:
    """A valid program with its marks. Raises ProgramError when a jump no longer reaches its target."""
    places = missing(program.slots)
    return insert_behind(program, {at: (Instruction(_ZEXT.opcode, register, register, 0, 1),) for at, register in places.items()})


@lru_cache(maxsize=64)
def missing(slots: tuple[Instruction, ...]) -> Mapping[int, int]:
    """The slots of the 32-bit results whose upper halves may be used, and their registers."""
    rows = dict(_rows(slots))
    before = dict.fromkeys(rows, 0)
    after = dict.fromkeys(rows, 0)
    order = sorted(rows, reverse=True)
    changed = True
    while changed:
        changed = False
        for at in order:
            live = 0
            for to in _following(rows[at], slots[at], at):
                live |= before.get(to, 0)
            after[at] = live
            used = live & ~_written(rows[at], slots[at]) | _used(rows[at], slots[at])
            changed |= used != before[at]
            before[at] = used
    results = {at: widths(row, slots[at]).result for at, row in rows.items()}
    return {at: register for at, register in results.items() if register is not None and after[at] >> register & 1}


def _rows(slots: Sequence[Instruction]) -> list[tuple[int, Row]]:
    found, at = [], 0
    while at < len(slots):
        row = lookup(slots[at])
        assert row is not None
        found.append((at, row))
        at += row.slots
    return found


def _following(row: Row, slot: Instruction, at: int) -> list[int]:
    """Where control may go within the function."""
    to = None if refers_to_function(row) else target(row, slot, at)
    return [*([] if row.name in LEAVES else [at + row.slots]), *([] if to is None else [to])]


def _used(row: Row, slot: Instruction) -> int:
    """The registers whose upper halves the instruction may use, as a bit mask."""
    mask = sum(1 << register for register in {*widths(row, slot).reads})
    if row.name.startswith("CALL"):
        mask |= _ARGUMENTS
    return mask | (row.name == "EXIT")


def _written(row: Row, slot: Instruction) -> int:
    """The registers that the instruction writes, as a bit mask."""
    mask = 0
    for use, register in ((row.dst, slot.dst), (row.src, slot.src)):
        if "w" in str(use):
            mask |= 1 << register
    if row.name == "CALL" and slot.imm == TAIL_CALL:
        # One that fails leaves r0 alone.
        mask |= _ARGUMENTS
    elif row.name.startswith(("CALL", "LDABS", "LDIND")):
        mask |= _SCRATCH
    return mask | row.name.startswith("CMPXCHG")
