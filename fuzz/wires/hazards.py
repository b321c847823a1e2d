"""The tripwire for instructions that must not be neighbours in time, or come between others. No engine models any of this.

    load delay      MIPS I: the instruction that is executed after a load must not use the loaded register. The halves of an unaligned word, lwl
                    and lwr, are an exception of the architecture
    HI and LO       MIPS I to III: of the two instructions that are executed after mfhi or mflo none may change HI or LO
    edges           neither such a load nor such a read lies in the delay slot of what leads out of the image, or through a register to where the
                    text does not tell: there the next instruction is that of somebody who cannot know
    delay slot      no branch or jump lies in a delay slot
    forbidden slot  release 6: none lies in the forbidden slot of a compact branch
    LL and SC       from ll to sc no load or store is executed, all lies within 2048 bytes, and the result of sc is tested: sc may fail at any time.
                    It must be preceded by ll, of the same size, base and offset, and the base stays as it is in between

Neighbours are those in the text and the known targets of branches (`fuzz.wires.flow`), and what was executed.
"""

from collections.abc import Iterable, Iterator, Sequence

import numpy as np
from numpy.typing import NDArray

from fuzz.layout import Placement
from fuzz.recording.decoded import Decoded, decoded
from fuzz.recording.native_text import DISTANCES, LINKED, SLOTS
from fuzz.recording.record import Recording
from fuzz.verdict import Trip
from fuzz.wires.flow import Word, next_words, predecessors, previous_words, reachable, target, words
from fuzz.wires.wire import Example, Observation, Wire, trip
from jit.compiled import Compiled
from jit.mips import HI, LO

NAME = "hazards"

LOAD_DELAY = frozenset({"mips1"})
"""Where a load takes effect one instruction late."""

HILO_DISTANCE = frozenset({"mips1", "mips2", "mips3"})
"""Where a read of HI or LO is spoiled by a write that follows too soon."""

HILO = frozenset({HI, LO})

LINKED_BYTES = 2048
"""From ll to sc all instructions lie in so many bytes (MD00087, SC)."""


def code(compiled: Compiled, placement: Placement) -> Iterator[Trip]:
    """Everything that the text shows."""
    image = decoded(compiled)
    yield from _slots(compiled, image)
    if image.have("ll", "sc").any():
        yield from _linked(compiled, image, words(compiled), next_words(compiled))
    if suspects := _near(compiled, image):
        yield from _distances(compiled, words(compiled), next_words(compiled), suspects)
        yield from _leaving(compiled, words(compiled), suspects)


def run(seen: Observation) -> Iterable[Trip]:
    """What the text does not show: neighbours by a jump to a register."""
    return () if seen.record.edges is None else of_edges(seen.compiled, seen.record.edges)


def of_edges(compiled: Compiled, edges: NDArray[np.int64]) -> Iterable[Trip]:
    """The same for edges of one or of several runs. More edges never mean fewer trips."""
    if compiled.config.isa not in HILO_DISTANCE:
        return ()
    text = next_words(compiled)
    inside = edges[((edges >= 0) & (edges < len(text))).all(axis=1)]
    new = [(source, to) for source, to in inside.tolist() if to not in text[source]]
    if not new:
        return ()
    instructions = words(compiled)
    following = [list(targets) for targets in text]
    known = set(_distances(compiled, instructions, following, range(len(instructions))))
    for source, to in new:
        following[source].append(to)
    changed = {source for source, _ in new}
    before = predecessors(following)
    starts = changed.union(*(before[source] for source in changed))
    return [found for found in _distances(compiled, instructions, following, sorted(starts)) if found not in known]


def _near(compiled: Compiled, image: Decoded) -> list[int]:
    """The loads of MIPS I and the reads of HI and LO whose neighbours in time there is reason to look at."""
    config = compiled.config
    if config.isa not in HILO_DISTANCE:
        return []
    delay = np.append(0, image.have("delay")) != 0
    reads = np.append(image.reads, 0)
    loads = image.have("load") * (config.isa in LOAD_DELAY) != 0
    near = loads & (delay[:-1] | (image.writes & reads[1:] != 0))
    # Behind a read, within two instructions: a write, or a branch to somewhere.
    other = np.append(image.writes & sum(1 << number for number in HILO) | image.have("delay"), (0, 0)) != 0
    hilo = image.reads & sum(1 << number for number in HILO) != 0
    near |= hilo & (delay[:-1] | other[1:-1] | other[2:])
    found: list[int] = np.flatnonzero(near).tolist()
    return found


def _slots(compiled: Compiled, image: Decoded) -> Iterator[Trip]:
    """Delay slots and forbidden slots."""
    slots, transfers = image.have("delay", "forbidden") != 0, image.have("branch", "jump") != 0
    for at in np.flatnonzero(slots & np.append(transfers[1:], True)).tolist():
        word = words(compiled)[at]
        assert word is not None, "only instructions of the table have slots"
        kind = "delay" if "delay" in word.facts else "forbidden"
        if at + 1 == len(image.words):
            yield trip(NAME, compiled, at, f"the {kind} slot of {word.row.mnemonic} lies outside the image")
        elif (neighbour := words(compiled)[at + 1]) is not None:
            yield trip(NAME, compiled, at + 1, f"{neighbour.row.mnemonic} in the {kind} slot of {word.row.mnemonic}")


def _distances(compiled: Compiled, instructions: Sequence[Word | None], following: Sequence[Sequence[int]], starts: Iterable[int]) -> Iterator[Trip]:
    """Load delays and HI/LO distances of the instructions at `starts`."""
    delays = compiled.config.isa in LOAD_DELAY
    for at in starts:
        word = instructions[at]
        if word is None:
            continue
        if delays and "load" in word.facts:
            for to in following[at]:
                user = instructions[to]
                if user is not None and user.reads & word.writes and not _halves(word, user):
                    yield trip(NAME, compiled, to, f"{user.row.mnemonic} uses what {word.row.mnemonic} at word {at} loads, in its load delay slot")
        if word.reads & HILO:
            for to in sorted(_next_two(instructions, following, at)):
                writer = instructions[to]
                if writer is not None and writer.writes & HILO:
                    detail = f"{writer.row.mnemonic} changes HI or LO less than two instructions behind {word.row.mnemonic} at word {at}"
                    yield trip(NAME, compiled, to, detail)


def _leaving(compiled: Compiled, instructions: Sequence[Word | None], starts: Iterable[int]) -> Iterator[Trip]:
    """Of the instructions at `starts` those that are under way when the image is left."""
    delays = compiled.config.isa in LOAD_DELAY
    for at in starts:
        word, branch = instructions[at], instructions[at - 1] if at else None
        if word is None or branch is None or "delay" not in branch.facts:
            continue
        to = target(compiled, at - 1, branch)
        if to is not None and 0 <= to < len(instructions):
            continue
        if (delays and "load" in word.facts and word.writes) or word.reads & HILO:
            yield trip(NAME, compiled, at, f"{word.row.mnemonic} in the delay slot of {branch.row.mnemonic}, which may leave the image")


def _next_two(instructions: Sequence[Word | None], following: Sequence[Sequence[int]], at: int) -> set[int]:
    """The two instructions after a word, on all ways. One that a branch nullifies does nothing, but takes its time in the pipeline."""
    found = set(following[at])
    for first in following[at]:
        word = instructions[first]
        likely = word is not None and "likely" in word.facts
        found.update(second for second in following[first] if not (likely and second == first + 2))
    return found


def _halves(first: Word, second: Word) -> bool:
    """lwl and lwr of one register, in either order: the second merges what the first has not written back yet."""
    return {first.row.mnemonic, second.row.mnemonic} == {"lwl", "lwr"} and first.writes == second.writes


def _linked(compiled: Compiled, image: Decoded, instructions: Sequence[Word | None], following: Sequence[Sequence[int]]) -> Iterator[Trip]:
    """LL and SC."""
    loads: list[int] = np.flatnonzero(image.have("ll")).tolist()
    stores: list[int] = np.flatnonzero(image.have("sc")).tolist()
    ends, starts, before = frozenset(loads + stores), frozenset(loads), previous_words(compiled)
    # What may be executed just before each sc, back to the ll.
    leading = {at: frozenset(reachable(at, before, ends)) for at in stores}
    reached = set[int]()
    for at in loads:
        after = frozenset(reachable(at, following, ends))
        for end in after.intersection(stores):
            if at not in leading[end]:
                continue
            reached.add(end)
            yield from _sequence(compiled, instructions, at, end, (after & leading[end]) - ends)
    for at in stores:
        word = instructions[at]
        assert word is not None
        if at not in reached or not leading[at] & starts:
            yield trip(NAME, compiled, at, f"{word.row.mnemonic} without a load linked before it")
        if not _is_tested(instructions, following, at):
            yield trip(NAME, compiled, at, f"the result of {word.row.mnemonic} is not tested")


def _sequence(compiled: Compiled, instructions: Sequence[Word | None], start: int, end: int, between: frozenset[int]) -> Iterator[Trip]:
    for at in sorted(between):
        word = instructions[at]
        if word is not None and word.facts & {"load", "store"}:
            yield trip(NAME, compiled, at, f"{word.row.mnemonic} between ll at word {start} and sc at word {end}")
    first, last = instructions[start], instructions[end]
    assert first is not None
    assert last is not None
    moved = any(word is not None and last.named("base") in word.writes for word in (first, *(instructions[at] for at in between)))
    if moved or _place(first) != _place(last):
        yield trip(NAME, compiled, end, f"{last.row.mnemonic} is not certain to store where {first.row.mnemonic} at word {start} has loaded")
    bounds = (start, end, *between)
    if (size := 4 * (max(bounds) - min(bounds) + 1)) > LINKED_BYTES:
        yield trip(NAME, compiled, end, f"ll at word {start} and its sc lie in {size} bytes, more than {LINKED_BYTES}")


def _place(word: Word) -> tuple[str, int, int]:
    """Of ll and sc what both must access: its size, and where."""
    return word.row.mnemonic[2:], word.named("base"), word.named("offset")


def _is_tested(instructions: Sequence[Word | None], following: Sequence[Sequence[int]], store: int) -> bool:
    """Whether on every path the first instruction that touches the result of sc is a branch on it."""
    word = instructions[store]
    assert word is not None
    result = word.named("rt")
    if result == 0:
        return False
    waiting, seen = list(following[store]), set[int]()
    if not waiting:
        return False
    while waiting:
        at = waiting.pop()
        user = instructions[at]
        if at in seen or user is None:
            continue
        seen.add(at)
        if result in user.reads and "branch" in user.facts:
            continue
        if result in user.reads | user.writes or not following[at]:
            return False
        waiting.extend(following[at])
    return True


_LOOP = "ll $t0, 0($a0); addiu $t1, $t0, 0; sc $t1, 0($a0); beq $t1, $zero, -4; nop"

WIRE = Wire(
    name=NAME,
    rule="Instructions keep the distances and the order that the architecture demands: load delay, HI/LO, delay and forbidden slots, LL/SC.",
    source="MIPS IV Instruction Set, revision 3.2, A.3 and the restrictions of MFHI and MFLO; MIPS32/64 volume II-A (MD00086, MD00087), branches, SC",
    needs=frozenset({Recording.EDGES}),
    screened=True,
    code=code,
    doubt=SLOTS | DISTANCES | LINKED,
    run=run,
    examples=(
        # Load delay.
        Example("mips1-32le", "lw $t0, 0($a0); nop; addu $t1, $t0, $t0", trips=False),
        Example("mips1-32le", "lw $t0, 0($a0); addu $t1, $t0, $t0", trips=True),
        Example("mips1-32be", "lw $t0, 0($a0); sw $t0, -4($sp)", trips=True),
        Example("mips1-32be", "lwl $t0, 0($a0); lwr $t0, 3($a0); nop; addu $t1, $t0, $t0", trips=False),
        Example("mips2-32le", "lw $t0, 0($a0); addu $t1, $t0, $t0", trips=False),
        # In the delay slot of a branch: what is executed next is the target.
        Example("mips1-32le", "beq $zero, $zero, 2; lw $t0, 0($a0); addu $t1, $t0, $t0; nop", trips=False),
        Example("mips1-32le", "beq $zero, $zero, 2; lw $t0, 0($a0); nop; addu $t1, $t0, $t0", trips=True),
        Example("mips1-32le", "bne $zero, $zero, 2; lw $t0, 0($a0); addu $t1, $t0, $t0; nop", trips=True),
        # The target of a jump to a register does not show in the text, where it may be anything.
        Example(
            "mips1-32le",
            "or $t2, $ra, $zero; bal 1; nop; addiu $ra, $ra, 16; jr $ra; nop; addu $t1, $t0, $t0; nop; or $ra, $t2, $zero",
            trips=False,
        ),
        Example(
            "mips1-32le",
            "or $t2, $ra, $zero; bal 1; nop; addiu $ra, $ra, 16; jr $ra; lw $t0, 0($a0); addu $t1, $t0, $t0; nop; or $ra, $t2, $zero",
            trips=True,
        ),
        # The image is left.
        Example("mips1-32le", "addiu $v0, $zero, 42; jr $ra; lw $t0, 0($a0)", trips=True),
        Example("mips1-32be", "beq $sp, $zero, 64; lw $t0, 0($a0); nop", trips=True),
        Example("mips1-32be", "beq $sp, $zero, 64; lw $zero, 0($a0); nop", trips=False),
        Example("mips2-32be", "beq $sp, $zero, 64; lw $t0, 0($a0); nop", trips=False),
        Example("mips1-32be", "beq $sp, $zero, 2; lw $t0, 0($a0); nop", trips=False),
        Example("mips3-64be", "addiu $v0, $zero, 42; jr $ra; mflo $t0", trips=True),
        Example("mips3-64be", "mflo $t0; beq $sp, $zero, 64; nop", trips=False),
        Example("mips4-64be", "beq $sp, $zero, 64; mflo $t0; nop", trips=False),
        # HI and LO.
        Example("mips3-64be", "mflo $t0; nop; nop; multu $t0, $t0", trips=False),
        Example("mips3-64be", "mflo $t0; nop; mult $zero, $zero", trips=True),
        Example("mips1-32be", "mfhi $t0; mtlo $zero", trips=True),
        Example("mips2-32le", "beq $zero, $zero, 2; mfhi $t0; nop; nop; mtlo $zero", trips=True),
        # A nullified instruction takes its time as well.
        Example("mips3-64be", "mflo $t0; beql $sp, $zero, 2; nop; mult $zero, $zero", trips=False),
        Example("mips3-64be", "beql $sp, $zero, 2; mflo $t0; mult $zero, $zero", trips=False),
        Example("mips3-64be", "beq $sp, $zero, 2; mflo $t0; mult $zero, $zero", trips=True),
        Example("mips4-64be", "mflo $t0; mult $zero, $zero", trips=False),
        Example("mips32r1-32be", "mflo $t0; mult $zero, $zero", trips=False),
        # Slots.
        Example("mips32r2-32le", "beq $zero, $zero, 2; nop; nop; nop", trips=False),
        Example("mips32r2-32le", "beq $zero, $zero, 2; beq $zero, $zero, 1; nop; nop", trips=True),
        Example("mips32r6-32le", "bnezc $sp, 1; nop; nop", trips=False),
        Example("mips32r6-32le", "bnezc $sp, 2; bc 1; nop; nop", trips=True),
        Example("mips64r6-64le", "bc 1; bc 1; nop", trips=False),
        # LL and SC.
        Example("mips2-32be", _LOOP, trips=False),
        Example("mips32r6-32be", _LOOP, trips=False),
        Example("mips64r2-64be", "lld $t0, 0($a0); sw $zero, -4($sp); scd $t0, 0($a0); beq $t0, $zero, -4; nop", trips=True),
        Example("mips32r2-32be", "ll $t0, 0($a0); lw $t1, 0($a0); sc $t0, 0($a0); beq $t0, $zero, -4; nop", trips=True),
        Example("mips32r2-32be", "ll $t0, 0($a0); bne $t0, $t0, 3; nop; sc $t0, 0($a0); nop; lw $t1, 0($a0)", trips=True),
        Example("mips32r2-32be", "ll $t0, 0($a0); bne $t0, $t0, 4; nop; sc $t0, 0($a0); beq $t0, $zero, -5; nop; lw $t1, 0($a0)", trips=False),
        Example("mips32r2-32be", "ll $t0, 0($a0); sc $t0, 4($a0); beq $t0, $t0, 1; nop", trips=True),
        Example("mips32r2-32be", "or $a2, $a0, $zero; ll $t0, 0($a0); sc $t0, 0($a2); beq $t0, $t0, 1; nop", trips=True),
        Example("mips64r6-64le", "ll $t0, 0($a0); daddiu $a0, $a0, 4; sc $t0, 0($a0); beq $t0, $t0, 1; nop; daddiu $a0, $a0, -4", trips=True),
        Example("mips64r2-64le", "ll $t0, 0($a0); scd $t0, 0($a0); beq $t0, $t0, 1; nop", trips=True),
        Example("mips32r2-32be", "or $t1, $a0, $zero; ll $t1, 0($t1); sc $t1, 0($t1); beq $t1, $t1, 1; nop", trips=True),
        Example("mips32r2-32be", "lw $t0, 0($a0); nop; sc $t0, 0($a0); beq $t0, $zero, -4; nop", trips=True),
        Example("mips32r2-32be", "ll $t0, 0($a0); " + "nop; " * 509 + "sc $t0, 0($a0); beq $t0, $zero, -512; nop", trips=False),
        Example("mips32r2-32be", "ll $t0, 0($a0); " + "nop; " * 511 + "sc $t0, 0($a0); beq $t0, $zero, -514; nop", trips=True),
    ),
)
