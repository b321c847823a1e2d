"""Other CPUs, played natively in the runs that are screened: what `fuzz.cpu.interference` says, which is the definition and plays them elsewhere.

    image ─ `plan` ─► effects, by the word before which they happen ─ `play`, each time the engine stops there ─► memory and registers

An operation that makes no progress, and one by which another CPU's write is lost, are told and not described: such a run is looked at again.
"""

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from ebpf.instruction import Instruction
from fuzz.abi import SP
from fuzz.atomics import is_atomic
from fuzz.cpu.faulty_cpu import PATIENCE
from fuzz.cpu.interference import MORE
from fuzz.model import engine
from fuzz.model.bits import Numbers, choose, native, plus
from fuzz.model.memory import Bytes, load, store
from fuzz.recording.decoded import Words, addressing, decoded, owner_array
from fuzz.recording.kept import kept
from jit.compiled import Compiled
from jit.mips import ROWS, Row

# An effect: of which operation, which one, and the word of the access that it belongs to.
OPERATION, KIND, ACCESS = range(3)
READ, WRITE_BEHIND, ABOUT_TO_STORE, STORED, LEFT = range(5)

# What is known of an operation, all 0 where nothing is: attempts; whether its address is known, which it is and how many bytes are there; stores
# since it was read; whether another CPU has written, and what; whether the link was lost, what was there and how many bytes that is.
ATTEMPT, KNOWN, ADDRESS, SIZE, STORES, WRITTEN, THEIRS, LOST, OLD, WIDTH = range(10)
MEMO_ROW = 10

# Of a run: how often something happened, whether another CPU's write was lost, whether an operation makes no progress. Then what does not change: how
# many attempts there may be after those that are broken; how often something happens before other CPUs leave the run alone.
HAPPENED, VIOLATED, HANGS, MOST, ENOUGH = range(5)

# Of a row of the MIPS table: bytes that a load or store accesses; where its base is, -1 for none; where its offset is, and the bits of that; whether
# it is sc.
ACCESSED, BASE, OFFSET, OFFSET_BITS, CONDITIONAL = range(5)
COLUMNS = 5

_AFTER_LOAD, _AT_STORE, _BEFORE_STORE, _UNBROKEN = 0, 1, 2, 3
_RT = 16
"""Where rt is in a word."""


class Played(NamedTuple):
    """What other CPUs do in an image: before word n the effects from `first[n]` to `first[n + 1]`; what is known of each operation, and of the run.

    Where `first` is empty others play.
    """

    first: Words
    effects: Words
    memos: Words
    run: Words
    words: Words
    rows: Words
    about: Words


def _about(row: Row) -> list[int]:
    """The columns of `ACCESSED` and so on."""
    size, base, offset, bits = addressing(row)
    return [size, -1 if base is None or not bits else base, offset, bits, "sc" in row.facts]


_ABOUT = np.array([_about(row) for row in ROWS], np.int64)
_EMPTY = np.zeros(0, np.int64)
_NO_EFFECTS, _NO_MEMOS = np.zeros((0, 3), np.int64), np.zeros((0, MEMO_ROW), np.int64)
OTHERS_PLAY = Played(_EMPTY, _NO_EFFECTS, _NO_MEMOS, np.zeros(5, np.int64), _EMPTY, _EMPTY, _ABOUT)


@kept(64)
def _atomic(slots: tuple[Instruction, ...]) -> NDArray[np.bool_]:
    """Of each instruction whether it is atomic; no behind the last one."""
    return np.array([*map(is_atomic, slots), False])


def plan(compiled: Compiled, slots: tuple[Instruction, ...]) -> Played:
    """What other CPUs do in an image of these slots, in the order in which `fuzz.cpu.faulty_cpu` has it: what happens behind a word comes first."""
    image, owners = decoded(compiled), owner_array(compiled)
    words, following, loads = image.words, image.following, image.have("load") != 0
    owners = np.where((owners >= 0) & (owners < len(slots)), owners, len(slots))
    at = np.flatnonzero(_atomic(slots)[owners] & (image.have("load", "store") != 0))
    base = _ABOUT[image.rows[at], BASE]
    at = at[(base >= 0) & (words[at] >> np.maximum(base, 0) & 31 != SP)]
    # Operations are numbered as they begin.
    played = np.zeros(len(slots) + 1, np.bool_)
    played[owners[at]] = True
    own = np.flatnonzero(played[owners])
    begins, number = np.zeros((2, len(slots) + 1), np.int64)
    begins[owners[own[::-1]]] = own[::-1]
    operations = np.flatnonzero(played)
    number[operations[np.argsort(begins[operations])]] = np.arange(len(operations))
    # Where each is left, once.
    leads, source = following[own].ravel(), owners[own].repeat(2)
    outside = (leads >= 0) & (owners[leads] != source)
    left_by, left_to = np.divmod(np.unique(number[source[outside]] * len(words) + leads[outside]), len(words))
    behind = following[at].ravel()
    follows = behind >= 0
    # What happens behind accesses, before them, where operations are left.
    word = np.concatenate((behind[follows], at, left_to))
    operation = np.concatenate((number[owners[at]].repeat(2)[follows], number[owners[at]], left_by))
    kinds = np.where(loads[at], WRITE_BEHIND, STORED).repeat(2)[follows], np.where(loads[at], READ, ABOUT_TO_STORE), np.full(len(left_to), LEFT)
    access = np.concatenate((at.repeat(2)[follows], at, np.zeros(len(left_to), np.int64)))
    before = np.arange(len(word)) >= np.count_nonzero(follows)
    order = np.argsort((word * 2 + before) * (len(operations) + 1) + operation, kind="stable")
    first = np.searchsorted(word[order], np.arange(len(words) + 1))
    run = np.array((0, 0, 0, MORE, PATIENCE), np.int64)
    effects = np.stack((operation, np.concatenate(kinds), access), 1)[order]
    return Played(first, effects, np.zeros((len(operations), MEMO_ROW), np.int64), run, words, image.rows, _ABOUT)


@native
def _kind(memo: Numbers, broken: int) -> int:
    """How the attempt under way is broken."""
    return choose(0 < memo[ATTEMPT] <= broken, (memo[ATTEMPT] - 1) % 3, _UNBROKEN)


@native
def _address(state: Numbers, word: int, about: Numbers) -> int:
    """Where a load or store goes."""
    base = state[engine.GENERAL + (word >> about[BASE] & 31)]
    sign = (about[OFFSET_BITS] >> 1) + 1
    offset = (word >> about[OFFSET] & about[OFFSET_BITS] ^ sign) - sign
    return plus(choose(state[engine.CPU_64] != 0, base, base & 0xFFFFFFFF), offset)


@native
def _get(places: Bytes, area: int, address: int, size: int) -> int:
    return load(places, address & area - 1, size, 0)


@native
def _put(state: Numbers, places: Bytes, area: int, address: int, size: int, value: int) -> None:
    """Another CPU, or the loss of a link, changes memory."""
    store(places, address & area - 1, size, value, 0)
    state[engine.LINK] = 0


@native
def _all_bits(size: int) -> int:
    return -1 if size == 8 else (1 << 8 * size) - 1


@native
def _write(state: Numbers, places: Bytes, area: int, memo: Numbers) -> None:
    """Another CPU writes: every bit of the word is another one."""
    memo[THEIRS] = _get(places, area, memo[ADDRESS], memo[SIZE]) ^ _all_bits(memo[SIZE])
    memo[WRITTEN] = 1
    _put(state, places, area, memo[ADDRESS], memo[SIZE], memo[THEIRS])


@native
def _undo(state: Numbers, places: Bytes, area: int, memo: Numbers, run: Numbers) -> None:
    """The word gets its value back, unless the image has written over what the other CPU wrote."""
    if memo[WRITTEN]:
        memo[WRITTEN] = 0
        if _get(places, area, memo[ADDRESS], memo[SIZE]) != memo[THEIRS]:
            run[VIOLATED] = 1
        else:
            _put(state, places, area, memo[ADDRESS], memo[SIZE], memo[THEIRS] ^ _all_bits(memo[SIZE]))


@native
def _expect_progress(memo: Numbers, broken: int, run: Numbers) -> None:
    if memo[ATTEMPT] + memo[STORES] > broken + run[MOST]:
        run[HANGS] = 1


@native
def _read(state: Numbers, memo: Numbers, word: int, about: Numbers, broken: int, run: Numbers) -> None:
    memo[KNOWN], memo[ADDRESS], memo[SIZE], memo[STORES] = 1, _address(state, word, about), choose(about[ACCESSED] == 8, 8, 4), 0
    memo[ATTEMPT] += 1
    _expect_progress(memo, broken, run)


@native
def _about_to_store(state: Numbers, places: Bytes, area: int, memo: Numbers, word: int, about: Numbers, broken: int, run: Numbers) -> None:
    if memo[KNOWN] == 0 or _address(state, word, about) != memo[ADDRESS]:
        return
    # Of a store without a load before it each is another attempt.
    memo[STORES] += 1
    if memo[STORES] > 1:
        _expect_progress(memo, broken, run)
    kind = _kind(memo, broken)
    if kind == _BEFORE_STORE:
        _write(state, places, area, memo)
    elif kind == _AT_STORE and about[CONDITIONAL]:
        memo[LOST], memo[WIDTH] = 1, about[ACCESSED]
        memo[OLD] = _get(places, area, memo[ADDRESS], memo[WIDTH])


@native
def _stored(state: Numbers, places: Bytes, area: int, memo: Numbers, word: int, run: Numbers) -> None:
    if memo[LOST]:
        # The link was lost: sc has stored nothing, and says so.
        memo[LOST] = 0
        _put(state, places, area, memo[ADDRESS], memo[WIDTH], memo[OLD])
        if word >> _RT & 31:
            state[engine.GENERAL + (word >> _RT & 31)] = 0
    _undo(state, places, area, memo, run)


@native
def _forget(memo: Numbers) -> None:
    for column in range(len(memo)):
        memo[column] = 0


@native
def begin(memos: Numbers, run: Numbers) -> None:
    """Forget the run before."""
    for number in range(len(memos)):
        _forget(memos[number])
    run[HAPPENED], run[VIOLATED], run[HANGS] = 0, 0, 0


@native
def play(at: int, broken: int, state: Numbers, places: Bytes, area: int, played: Played) -> None:
    """Do what happens before a word of the image. `broken` attempts of each operation are; `area` is the size of the memory of the program."""
    run = played.run
    for number in range(played.first[at], played.first[at + 1]):
        effect = played.effects[number]
        memo, kind, word = played.memos[effect[OPERATION]], effect[KIND], played.words[effect[ACCESS]]
        about = played.about[played.rows[effect[ACCESS]]]
        if kind == READ:
            _read(state, memo, word, about, broken, run)
        elif kind == WRITE_BEHIND:
            if _kind(memo, broken) == _AFTER_LOAD:
                _write(state, places, area, memo)
        elif kind == ABOUT_TO_STORE:
            _about_to_store(state, places, area, memo, word, about, broken, run)
        elif kind == STORED:
            _stored(state, places, area, memo, word, run)
        else:
            _undo(state, places, area, memo, run)
            _forget(memo)
    run[HAPPENED] += 1
    if run[HAPPENED] >= run[ENOUGH]:
        # Not in the middle of an operation.
        under_way = 0
        for number in range(len(played.memos)):
            under_way |= played.memos[number, KNOWN]
        if under_way == 0:
            state[engine.DISTURBED] = 0
