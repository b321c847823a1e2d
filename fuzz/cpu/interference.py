"""Other CPUs, played: they come between what an atomic operation reads and what it writes. One CPU alone shows nothing of atomicity.

    ll old            ◄── another CPU writes the word: sc must fail
    op new, old
    sc new            ◄── … or has written it just before; or only the link is lost, as by an interrupt

In a run with `Placement.interference` = n the first n attempts of each atomic operation are broken, in turn by a write after the load, by the loss of
the link, and by a write before the store. A word that was written gets its value back as soon as the attempt has failed, so that the run must end as
it does without interference. If the store succeeds all the same, the other CPU's write is lost: a violation. If more than `MORE` attempts are made
after those, there is no progress: the run ends. Other CPUs leave the operations of a long run alone after some time (`fuzz.cpu.faulty_cpu`).

What is looked at is the code of the eBPF instruction, whatever is in it: loads and stores that are not of the native frame. A runtime routine is
atomic by its contract. No operation of eBPF reads, changes and writes a byte or a halfword, so that there are no questions of their place in a word.
"""

from collections.abc import Iterator

from ebpf.instruction import Instruction
from fuzz.abi import SP
from fuzz.atomics import is_atomic
from fuzz.cpu.erratum_models import SIZES, Action, Core, Effect, Image, Occurrence, address_of
from fuzz.wires.flow import Word
from jit.compiled import Compiled

MORE = 2
"""After the last attempt that is broken the next one succeeds; there may be one more."""

_AFTER_LOAD, _AT_STORE, _BEFORE_STORE = range(3)


def interruptions(image: Image, compiled: Compiled, slots: tuple[Instruction, ...]) -> Iterator[Occurrence]:
    """What other CPUs do in an image of these slots: one occurrence for each atomic operation that is not a routine's."""
    atomic = {number for number, slot in enumerate(slots) if is_atomic(slot)}
    if not atomic:
        return
    code: dict[int, list[int]] = {}
    for at, owner in enumerate(compiled.slot_of):
        if owner in atomic:
            code.setdefault(owner, []).append(at)
    for owner, own in code.items():
        accesses = [(at, word) for at in own if (word := image.words[at]) is not None and _is_access(word)]
        if accesses:
            yield _sequence(image, owner, own, accesses)


def _is_access(word: Word) -> bool:
    """Whether it loads or stores, but not relative to itself or the stack pointer."""
    return bool(word.facts & {"load", "store"}) and "base" in word.row.operands and word.named("base") != SP


def _sequence(image: Image, owner: int, own: list[int], accesses: list[tuple[int, Word]]) -> Occurrence:
    effects: list[Effect] = []
    for at, word in accesses:
        if "load" in word.facts:
            effects += Effect(at, _read(word)), Effect(at, _write_behind, after=True)
        else:
            effects += Effect(at, _about_to_store(word)), Effect(at, _stored(word), after=True)
    outside = {to for at in own for to in image.following[at]} - set(own)
    effects += (Effect(to, _left) for to in sorted(outside))
    return Occurrence(own[0], f"instruction {owner}", tuple(effects))


def _kind(core: Core) -> int | None:
    """How the attempt under way is broken, None where it is not."""
    attempt = core.memo.get("attempt", 0)
    return (attempt - 1) % 3 if 0 < attempt <= core.interference else None


def _read(word: Word) -> Action:
    size = 8 if word.row.mnemonic in ("ld", "lld") else 4

    def read(core: Core) -> None:
        core.memo["address"], core.memo["size"], core.memo["stores"] = address_of(core, word), size, 0
        core.memo["attempt"] = core.memo.get("attempt", 0) + 1
        _expect_progress(core)

    return read


def _expect_progress(core: Core) -> None:
    attempts = core.memo["attempt"] + core.memo["stores"]
    if attempts > core.interference + MORE:
        core.hang(f"an atomic operation makes no progress: {attempts} attempts, of which {core.interference} were broken")


def _write(core: Core) -> None:
    """Another CPU writes: every bit of the word is another one."""
    old = core.load(core.memo["address"], core.memo["size"])
    core.memo["theirs"] = int.from_bytes(old, "little") ^ (1 << 8 * core.memo["size"]) - 1
    core.store(core.memo["address"], core.memo["theirs"].to_bytes(core.memo["size"], "little"))


def _write_behind(core: Core) -> None:
    if _kind(core) == _AFTER_LOAD:
        _write(core)


def _about_to_store(word: Word) -> Action:
    def about(core: Core) -> None:
        if "address" not in core.memo or address_of(core, word) != core.memo["address"]:
            return
        # Of a store without a load before it each is another attempt.
        core.memo["stores"] += 1
        if core.memo["stores"] > 1:
            _expect_progress(core)
        if _kind(core) == _BEFORE_STORE:
            _write(core)
        elif _kind(core) == _AT_STORE and "sc" in word.facts:
            core.memo["width"] = SIZES[word.row.mnemonic]
            core.memo["old"] = int.from_bytes(core.load(core.memo["address"], core.memo["width"]), "little")

    return about


def _stored(word: Word) -> Action:
    def stored(core: Core) -> None:
        if "old" in core.memo:
            # The link was lost: sc has stored nothing, and says so.
            core.store(core.memo["address"], core.memo.pop("old").to_bytes(core.memo["width"], "little"))
            core[word.named("rt")] = 0
        _undo(core)

    return stored


def _undo(core: Core) -> None:
    """The word gets its value back, unless the image has written over what the other CPU wrote."""
    if "theirs" not in core.memo:
        return
    theirs, size = core.memo.pop("theirs"), core.memo["size"]
    found = int.from_bytes(core.load(core.memo["address"], size), "little")
    if found != theirs:
        core.violation("the write of another CPU between load and store to stay", f"the store succeeded, in attempt {core.memo['attempt']}")
        return
    core.store(core.memo["address"], (theirs ^ (1 << 8 * size) - 1).to_bytes(size, "little"))


def _left(core: Core) -> None:
    _undo(core)
    core.memo.clear()
