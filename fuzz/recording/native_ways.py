"""The ways through an image looked at natively: whether atomic operations are ordered, in one piece and try again, and LL and SC belong together.

What is found is exactly what `fuzz.wires.ordering`, `fuzz.wires.atomicity` and, of LL and SC, `fuzz.wires.hazards` find in the words. They are asked
where there is something, and say what.
"""

import numpy as np

from fuzz.abi import SP
from fuzz.model.bits import Numbers, native
from fuzz.recording.compiling import njit
from fuzz.recording.native_text import LINKED, NO_ROW, NO_WORD, ORDER
from fuzz.recording.source import SOURCE

# Of an eBPF instruction: how many bytes it accesses in one step, 0 for one that does not have to; whether it is ordered against what comes before it,
# and against what comes after it; whether it is a barrier that the configuration asks for.
SIZE, BEFORE, AFTER, BARRIER = range(4)
SLOT_COLUMNS = 4

# Of a row of the MIPS table: bytes that a load or store accesses; where its base is, a place that is no register's for none; a number that ll and sc
# have in common that belong together; where its offset is, and the bits of that.
ACCESSED, BASE, PAIR, OFFSET, OFFSET_BITS = range(5)
ROW_COLUMNS = 5

# Which bits of the facts of a row stand for what; how many bytes there may be from ll to its sc, and whether there is `sync`.
LL, SC, LOAD, STORE, SYNC, CALL, JUMP, DELAY, BRANCH, LINKED_BYTES, HAS_SYNC = range(11)
RULES = 11

_ANY = -2
"""In the place of an instruction: whatever it is."""


@native
def _stops(at: int, facts: Numbers, stop: int, owners: Numbers, owner: int) -> bool:
    """Whether a way ends at a word: it has one of the facts, and belongs to the instruction."""
    return bool(facts[at] & stop != 0 and (owner == _ANY or owners[at] == owner))


@native
def _reached(
    start: int, first: Numbers, others: Numbers, facts: Numbers, stop: int, owners: Numbers, owner: int, seen: Numbers, turn: int, found: Numbers
) -> int:
    """Write the words that a way leads to from one into `found`, up to those where ways end, and `turn` to their places in `seen`.

    From word n ways lead to those from `first[n]` to `first[n + 1]` in `others`: ahead or back.
    """
    count = looked = 0
    at = start
    while True:
        for number in range(first[at], first[at + 1]):
            to = others[number]
            if to != NO_WORD and seen[to] != turn:
                seen[to] = turn
                found[count] = to
                count += 1
        while looked < count and _stops(found[looked], facts, stop, owners, owner):
            looked += 1
        if looked == count:
            return count
        at = found[looked]
        looked += 1


@native
def _turned(following: Numbers, first: Numbers, previous: Numbers) -> None:
    """The next words read backwards: those before word n are from `first[n]` to `first[n + 1]` in `previous`."""
    count = len(following)
    for at in range(count):
        for to in following[at]:
            if to != NO_WORD:
                first[to + 1] += 1
    for at in range(count):
        first[at + 1] += first[at]
    free = first.copy()
    for at in range(count):
        for to in following[at]:
            if to != NO_WORD:
                previous[free[to]] = at
                free[to] += 1


@native
def _leaks(at: int, count: int, found: Numbers, rows: Numbers, facts: Numbers, owners: Numbers, rules: Numbers, before: bool) -> bool:
    """Whether one of the words that were found, without a barrier in between, is an access of another instruction, or may be one."""
    accesses = rules[LOAD] | rules[STORE] | rules[CALL] | rules[JUMP]
    slot = before and at > 0 and facts[at - 1] & rules[DELAY] != 0
    if before and at == 0:
        return True
    for number in range(count):
        place = found[number]
        if facts[place] & rules[SYNC] or (slot and place == at - 1):
            continue
        if before and place == 0:
            return True
        if owners[place] != owners[at] and (rows[place] == NO_ROW or facts[place] & accesses):
            return True
    return False


@native
def _tested(words: Numbers, at: int, code: Numbers, following: Numbers, rules: Numbers, seen: Numbers, turn: int, found: Numbers) -> bool:
    """Whether on every path the first instruction that touches the result of sc is a branch on it."""
    rows, reads, writes, facts = code[0], code[1], code[2], code[3]
    result = words[at] >> 16 & 31
    if result == 0 or (following[at, 0] == NO_WORD and following[at, 1] == NO_WORD):
        return False
    count = looked = 0
    while True:
        for to in following[at]:
            if to != NO_WORD and seen[to] != turn:
                seen[to] = turn
                found[count] = to
                count += 1
        while looked < count:
            user = found[looked]
            if rows[user] != NO_ROW and not (reads[user] >> result & 1 and facts[user] & rules[BRANCH]):
                break
            looked += 1
        if looked == count:
            return True
        at = found[looked]
        looked += 1
        if (reads[at] | writes[at]) >> result & 1 or (following[at, 0] == NO_WORD and following[at, 1] == NO_WORD):
            return False


@native
def _linked(words: Numbers, start: int, end: int, rows: Numbers, does: Numbers) -> bool:
    """Whether an ll and an sc access the same."""
    first, last = does[rows[start]], does[rows[end]]
    same = first[PAIR] == last[PAIR] and first[OFFSET] == last[OFFSET] and first[OFFSET_BITS] == last[OFFSET_BITS]
    same &= words[start] >> first[BASE] & 31 == words[end] >> last[BASE] & 31
    return bool(same and (words[start] ^ words[end]) >> first[OFFSET] & first[OFFSET_BITS] == 0)


@native
def _sequence(
    words: Numbers, start: int, end: int, count: int, found: Numbers, leading: Numbers, turn: int, code: Numbers, does: Numbers, rules: Numbers
) -> bool:
    """Whether all is well from an ll to an sc; between them is what was found from the one on and has `turn` in `leading`, from the other back."""
    rows, writes, facts = code[0], code[2], code[3]
    written, lowest, highest = writes[start], min(start, end), max(start, end)
    for number in range(count):
        at = found[number]
        if leading[at] != turn or facts[at] & (rules[LL] | rules[SC]):
            continue
        if facts[at] & (rules[LOAD] | rules[STORE]):
            return False
        written |= writes[at]
        lowest, highest = min(lowest, at), max(highest, at)
    moved = written >> (words[end] >> does[rows[end], BASE] & 31) & 1
    return bool(moved == 0 and _linked(words, start, end, rows, does) and 4 * (highest - lowest + 1) <= rules[LINKED_BYTES])


def _compiled(source: int):  # type: ignore[no-untyped-def]
    """The native function; see `fuzz.recording.source`."""

    @njit()
    def examine_ways(words, owners, code, following, slots, does, rules):  # type: ignore[no-untyped-def]
        """What there is, as a sum of `LINKED` and `ORDER`. The last row of `slots` stands for words of no instruction."""
        _ = source
        rows, facts, count, doubts = code[0], code[3], len(words), 0
        if len(owners) != count:
            return LINKED | ORDER
        starts, next_words = 2 * np.arange(count + 1), following.ravel()
        first, previous = np.zeros(count + 1, np.int64), np.empty(2 * count, np.int64)
        _turned(following, first, previous)
        calls, barriers = np.zeros(len(slots), np.bool_), np.zeros(len(slots), np.bool_)
        for at in range(count):
            # A compiler may say anything.
            if not -1 <= owners[at] < len(slots) - 1:
                return LINKED | ORDER
            calls[owners[at]] |= facts[at] & rules[CALL] != 0
            barriers[owners[at]] |= facts[at] & rules[SYNC] != 0
        for slot in range(len(slots)):
            if slots[slot, BARRIER] and not barriers[slot]:
                doubts |= ORDER
        # Which words were seen on the ways of the last turn, ahead and behind, and these words.
        ahead, behind = np.zeros(count, np.int64), np.zeros(count, np.int64)
        found, led = np.empty(count, np.int64), np.empty(count, np.int64)
        links, turn = rules[LL] | rules[SC], 0
        reached = np.zeros(count, np.bool_)
        for at in range(count):
            if facts[at] & rules[LL] == 0:
                continue
            turn += 1
            near = _reached(at, starts, next_words, facts, links, owners, _ANY, ahead, turn, found)
            for number in range(near):
                end = found[number]
                if facts[end] & rules[SC] == 0:
                    continue
                turn += 1
                _reached(end, first, previous, facts, links, owners, _ANY, behind, turn, led)
                if behind[at] == turn:
                    reached[end] = True
                    if not _sequence(words, at, end, near, found, behind, turn, code, does, rules):
                        doubts |= LINKED
        for at in range(count):
            slot = slots[owners[at]]
            if facts[at] & rules[SC]:
                turn += 1
                if not reached[at] or not _tested(words, at, code, following, rules, ahead, turn, found):
                    doubts |= LINKED
            if slot[SIZE] == 0 or calls[owners[at]]:
                continue
            access = facts[at] & (rules[LOAD] | rules[STORE]) != 0
            if access and does[rows[at], ACCESSED] != slot[SIZE] and words[at] >> does[rows[at], BASE] & 31 != SP:
                doubts |= ORDER
            if facts[at] & rules[SC]:
                turn += 1
                for number in range(_reached(at, starts, next_words, facts, links, owners, owners[at], ahead, turn, found)):
                    if facts[found[number]] & rules[SC] and owners[found[number]] == owners[at]:
                        doubts |= ORDER
            if not rules[HAS_SYNC]:
                continue
            if slot[BEFORE] and facts[at] & (rules[LL] | rules[STORE]) and facts[at] & rules[SC] == 0:
                turn += 1
                near = _reached(at, first, previous, facts, rules[SYNC], owners, _ANY, behind, turn, led)
                if _leaks(at, near, led, rows, facts, owners, rules, True):
                    doubts |= ORDER
            if slot[AFTER] and facts[at] & (rules[SC] | rules[LOAD]):
                turn += 1
                near = _reached(at, starts, next_words, facts, rules[SYNC], owners, _ANY, ahead, turn, found)
                if _leaks(at, near, found, rows, facts, owners, rules, False):
                    doubts |= ORDER
        return doubts

    return examine_ways


examine_ways = _compiled(SOURCE)
"""Compiled on its first call, and cached."""
