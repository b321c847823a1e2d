"""The tripwire for atomic operations that are not ordered, or do not start anew: an emulator that runs one thread shows neither.

    fetching operations, xchg, cmpxchg    fully ordered: `sync` on every way from what comes before to LL, and from SC to what comes after
    load-acquire                          `sync` on every way from the load to what comes after
    store-release                         `sync` on every way from what comes before to the store
    all                                   no way from SC to SC without LL: after a failure the old value has to be read again
    speculation barrier                   `sync` on every way from what comes before to what comes after, where the configuration asks for one

Only what the image does itself is looked at: a runtime routine is ordered by its contract. MIPS I has no `sync`, and no CPU of it needs one.
"""

from collections.abc import Iterator, Sequence
from typing import NamedTuple

import numpy as np

from ebpf.instruction import Instruction
from fuzz.atomics import LOAD_ACQUIRE, STORE_RELEASE, indivisible
from fuzz.layout import Placement
from fuzz.recording.decoded import FACT, decoded, owner_array
from fuzz.recording.native_text import NO_ROW, ORDER
from fuzz.verdict import Trip
from fuzz.wires.flow import next_words, previous_words, reachable
from fuzz.wires.wire import Example, Wire, trip
from jit.compiled import Compiled
from jit.config import Config
from jit.mips import rows

NAME = "ordering"

_NOSPEC = 0xC2  # BPF_ST | BPF_NOSPEC
_FETCH = 0x01


def order(slot: Instruction) -> tuple[bool, bool]:
    """Whether an instruction is ordered against what comes before it, and against what comes after it."""
    if not indivisible(slot):
        return False, False
    if slot.imm in (LOAD_ACQUIRE, STORE_RELEASE):
        return slot.imm == STORE_RELEASE, slot.imm == LOAD_ACQUIRE
    fetching = bool(slot.imm & _FETCH)
    return fetching, fetching


def is_ordered(slot: Instruction) -> bool:
    """Whether there is anything to look at in the code of an instruction."""
    return indivisible(slot) > 0 or is_barrier(slot)


def is_barrier(slot: Instruction) -> bool:
    """Whether it is a speculation barrier."""
    return slot.opcode == _NOSPEC


def code(compiled: Compiled, placement: Placement) -> Sequence[Trip]:
    """The code of each atomic instruction."""
    slots = placement.slots
    missing = tuple(_barriers(compiled, slots)) if "nospec" in compiled.config.options else ()
    ordered = {number for number, slot in enumerate(slots) if indivisible(slot)}
    if not ordered:
        return missing
    code: dict[int, list[int]] = {number: [] for number in ordered}
    is_ordered = np.zeros(len(slots) + 1, bool)
    is_ordered[list(ordered)] = True
    # What belongs to no instruction is the last one's.
    for at in np.flatnonzero(is_ordered[owner_array(compiled)]).tolist():
        code[compiled.slot_of[at]].append(at)
    words = decoded(compiled)
    image = _Image(
        compiled,
        np.where(words.rows == NO_ROW, _UNKNOWN, words.facts).tolist(),
        next_words(compiled),
        previous_words(compiled),
        frozenset(np.flatnonzero(words.have("sync")).tolist()),
    )
    return missing + tuple(found for number in sorted(ordered) for found in _operation(image, code[number], slots[number]))


def _barriers(compiled: Compiled, slots: Sequence[Instruction]) -> Iterator[Trip]:
    """Speculation barriers that are none: the first word of one must be `sync`."""
    sync = decoded(compiled).have("sync")
    for number in (number for number, slot in enumerate(slots) if is_barrier(slot)):
        own = [at for at, owner in enumerate(compiled.slot_of) if owner == number]
        if not any(sync[at] for at in own):
            detail = "no sync for a speculation barrier"
            yield trip(NAME, compiled, own[0], detail) if own else Trip(NAME, None, number, detail)


_UNKNOWN = -1
"""In the place of the facts of a word that is no instruction."""


def _facts(*names: str) -> int:
    return sum(FACT[name] for name in names)


class _Image(NamedTuple):
    """An image, with the facts of its words, and the ways between them."""

    compiled: Compiled
    facts: Sequence[int]
    following: Sequence[Sequence[int]]
    preceding: Sequence[Sequence[int]]
    barriers: frozenset[int]


def _operation(image: _Image, own: Sequence[int], slot: Instruction) -> Iterator[Trip]:
    """One eBPF instruction, whose words are `own`."""
    facts = {at: 0 if image.facts[at] == _UNKNOWN else image.facts[at] for at in own}
    if any(these & FACT["call"] for these in facts.values()):
        return
    yield from _anew(image.compiled, image.following, facts)
    if not has_sync(image.compiled.config):
        return
    before, after = order(slot)
    reads, writes, stored = _facts("sc", "load"), _facts("ll", "store"), FACT["sc"]
    for at in own:
        if before and facts[at] & writes and not facts[at] & stored:
            yield from _leaks(image, at, image.preceding, frozenset(own), "before")
        if after and facts[at] & reads:
            yield from _leaks(image, at, image.following, frozenset(own), "after")


def has_sync(config: Config) -> bool:
    """Whether there is such an instruction."""
    return "sync" in rows(config)


_ACCESSES = _facts("load", "store", "call", "jump")


def _leaks(image: _Image, at: int, ways: Sequence[Sequence[int]], inside: frozenset[int], side: str) -> Iterator[Trip]:
    """A trip when a way leads from the operation to another access without a barrier. Instructions that access no memory may lie in between."""
    reached = {at, *reachable(at, ways, image.barriers)} - image.barriers
    owner = image.facts[at - 1] if side == "before" and at else _UNKNOWN
    if owner != _UNKNOWN and owner & FACT["delay"]:
        # A jump or call that the operation is in the delay slot of leads on behind it, not before it.
        reached.discard(at - 1)
    # What calls the image comes before its first word; to return is a jump. Of what is no instruction nothing is known: it has all bits.
    if (side == "before" and 0 in reached) or any(image.facts[place] & _ACCESSES for place in reached - inside):
        yield trip(NAME, image.compiled, at, f"no sync between this access and what comes {side} the operation")


def _anew(compiled: Compiled, following: Sequence[Sequence[int]], facts: dict[int, int]) -> Iterator[Trip]:
    stores = frozenset(at for at in facts if facts[at] & FACT["sc"])
    ends = stores | {at for at in facts if facts[at] & FACT["ll"]}
    for at in stores:
        if stores & frozenset(reachable(at, following, ends)):
            yield trip(NAME, compiled, at, "a failure leads to sc again without ll")


_ADD = "r0 = 0; lock *(u32 *)(r1 + 0) += w0; r0 = 42; exit"
_FETCH_OR = "r0 = 0; w0 = atomic_fetch_or((u32 *)(r1 + 0), w0); r0 = 42; exit"
_ACQUIRE = "r0 = 0; w0 = load_acquire((u32 *)(r1 + 0)); r0 = 42; exit"
_RELEASE = "r0 = 0; store_release((u32 *)(r1 + 0), w0); r0 = 42; exit"
_BARRIER = "r0 = 0; nospec; r0 = 42; exit"
_TRY = "1> ll $t0, 0($a0); 1> sc $t0, 0($a0); "
_RETRY = "1> beq $t0, $zero, -3; 1> nop"

# fmt: off
WIRE = Wire(
    name=NAME,
    rule="Fetching operations are fully ordered, load-acquire and store-release on their side, after a failure of SC comes LL; a barrier is one.",
    source="Linux's Documentation/atomic_t.txt, ORDERING, on the operations of RFC 9669 section 5.3; MIPS32 volume II-A (MD00086), LL, SC, SYNC",
    code=code,
    doubt=ORDER,
    examples=(
        Example("mips32r2-32be", f"{_TRY}{_RETRY}",                                                           trips=False, program=_ADD),
        Example("mips32r2-32be", f"{_TRY}1> beq $t0, $zero, -2; 1> nop",                                      trips=True,  program=_ADD),
        Example("mips2-32le",    f"1> sync 0; {_TRY}{_RETRY}; 1> sync 0",                                     trips=False, program=_FETCH_OR),
        Example("mips2-32le",    f"{_TRY}{_RETRY}; 1> sync 0",                                                trips=True,  program=_FETCH_OR),
        Example("mips64r6-64be", f"1> sync 0; {_TRY}{_RETRY}",                                                trips=True,  program=_FETCH_OR),
        # A barrier that is jumped over.
        Example("mips64r2-64be", f"1> sync 0; {_TRY}{_RETRY}; 1> bgtz $sp, 2; 1> nop; 1> sync 0",             trips=True,  program=_FETCH_OR),
        Example("mips32r2-32be", "1> lw $t0, 0($a0); 1> sync 0",                                              trips=False, program=_ACQUIRE),
        Example("mips32r2-32be", "1> sync 0; 1> lw $t0, 0($a0)",                                              trips=True,  program=_ACQUIRE),
        Example("mips1-32be",    "1> lw $t0, 0($a0)",                                                         trips=False, program=_ACQUIRE),
        # A runtime routine is ordered by its contract.
        Example("mips32r2-32be", "1> or $t2, $ra, $zero; 1> bal 1; 1> nop; 1> or $ra, $t2, $zero; 1> lw $t0, 0($a0)", trips=False, program=_ACQUIRE),
        Example("mips64r2-64le", "1> sync 0; 1> sw $zero, 0($a0)",                                            trips=False, program=_RELEASE),
        # The store in the delay slot of a later branch, with other code in between.
        Example("mips64r2-64le", "1> sync 0; addu $t0, $t0, $t0; beq $t0, $zero, 1; 1> sw $zero, 0($a0); nop", trips=False, program=_RELEASE),
        Example("mips64r2-64le", "1> sync 0; lw $t0, 0($a0); beq $t0, $zero, 1; 1> sw $zero, 0($a0); nop",    trips=True,  program=_RELEASE),
        Example("mips32r2-32be", "1> sync 0; addu $t1, $ra, $zero; bal 1; 1> sw $zero, 0($a0); addu $ra, $t1, $zero",  trips=False, program=_RELEASE),
        Example("mips32r2-32be", "1> sync 0; bal 1; nop; 1> sw $zero, 0($a0)",                                trips=True,  program=_RELEASE),
        Example("mips32r2-32be+nospec", "1> sync 0",                                                          trips=False, program=_BARRIER),
        Example("mips32r2-32be+nospec", "1> nop; sync 0",                                                     trips=True,  program=_BARRIER),
        Example("mips64r6-64le+nospec", "0> or $v0, $zero, $zero",                                            trips=True,  program=_BARRIER),
        Example("mips32r2-32be", "0> or $v0, $zero, $zero",                                                   trips=False, program=_BARRIER),
        Example("mips64r2-64le", "1> sw $zero, 0($a0); 1> sync 0",                                            trips=True,  program=_RELEASE),
    ),
)
# fmt: on
