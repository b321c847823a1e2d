"""The words of an image looked at natively, all at once: what they are, where they lead, and which tripwires there is reason to ask about them.

    words ─ `read` ─► rows of the MIPS table, registers, facts, next words ─ `examine` ─► doubts

A doubt is what it is in `fuzz.recording.native_screen`: without it a wire is certain to find nothing in these words, with it the wire itself says.
The next words are exactly those of `fuzz.wires.flow.successors`.
"""

from fuzz.abi import SP
from fuzz.model.bits import Numbers, native
from fuzz.recording import native_record as record
from fuzz.recording.compiling import njit
from fuzz.recording.source import SOURCE

NO_ROW, UNCLEAR = -1, -2
"""In place of a row: there is none; the major opcode, the low 11 bits and the fixed bits of a row do not tell which one."""

NO_WORD = -1
"""In place of a word that may be executed next."""

LEGALITY, SLOTS, DISTANCES, LINKED, CONVENTION, FRAME, ORDER, ERRATA = (1 << bit for bit in range(8))
"""What there may be: illegal words; transfers of control in slots; distances that are too short; LL and SC; registers that must not be written, and
accesses below the stack pointer. The others are not for this file: frames of a wrong size; operations that must be ordered; errata of the CPU.
"""

# Of the constants that are added to the stack pointer: how many; the first; how far the first one that lowers it does so, and the furthest of those
# after it; whether there is one that is no immediate; how far the last one lowers it that does so.
COUNT, FIRST, LOWERED, LOWERED_MORE, UNKNOWN, LAST_LOWERED = range(6)
ADJUSTMENTS = 6

# Of a row of the MIPS table: width of the field of its branch offset, 0 for none; whether it jumps within a region; when it goes on behind its slot;
# where rs and rt are, a place that is no register's for none; which half of an unaligned word it loads; how it adds a constant to rs.
OFFSET, REGION, CONDITION, RS, RT, HALF, ADDS = range(7)
ROW_COLUMNS = 7
NEVER, ALWAYS, UNLESS_EQUAL, UNLESS_ZERO = range(4)
LEFT_HALF, RIGHT_HALF = 1, 2
IMMEDIATE, REGISTER = 1, 2

# Which bits of the facts of a row stand for what; on which ISA there are distances to keep, and with which registers; registers that nothing writes;
# the alignment of the stack pointer.
DELAY, FORBIDDEN, LIKELY, COMPACT, TRANSFER, LOAD, ACCESS, LINK = range(8)
FACTS = 8
DELAYS, HILO, RESERVED, ALIGNMENT = range(4)
RULES = 4


@native
def _registers(word: int, places: Numbers) -> int:
    found = 0
    for place in places:
        if place >= 64:
            found |= 1 << (place - 64)
        elif place >= 0:
            found |= 1 << (word >> place & 31)
    return found & ~1


@native
def _look_up(words: Numbers, table: Numbers, mask: Numbers, bits: Numbers, rows: Numbers) -> bool:
    """Fill in the rows; tell whether all are clear."""
    clear = True
    for at in range(len(words)):
        row = table[words[at] >> 26 << 11 | words[at] & 0x7FF]
        if row >= 0 and words[at] & mask[row] != bits[row]:
            row = NO_ROW
        clear &= row != UNCLEAR
        rows[at] = row
    return clear


@native
def _target(word: int, at: int, base: int, does: Numbers) -> int:
    """The index of the word that a branch or jump leads to; one before the image where a register decides."""
    if does[OFFSET]:
        sign = 1 << does[OFFSET] - 1
        return at + 1 + int((word & (sign << 1) - 1 ^ sign) - sign)
    if does[REGION]:
        return ((base + 4 * at + 4) // 0x10000000 * 0x10000000 + 4 * (word & 0x3FFFFFF) - base) // 4
    return -1


@native
def _conditional(word: int, does: Numbers) -> bool:
    """Whether a branch may also not be taken."""
    rs = word >> does[RS] & 31
    if does[CONDITION] == UNLESS_EQUAL:
        return bool(rs != word >> does[RT] & 31)
    if does[CONDITION] == UNLESS_ZERO:
        return bool(rs != 0)
    return bool(does[CONDITION] == ALWAYS)


@native
def _follow(following: Numbers, count: int, to: int, words: int) -> int:
    """Add a next word, if it is one; returns how many there are."""
    if 0 <= to < words:
        following[count] = to
        return count + 1
    return count


@native
def _lead(words: Numbers, rows: Numbers, facts: Numbers, does: Numbers, bits: Numbers, base: int, following: Numbers) -> None:
    """For each word those that may be executed next, as the text tells."""
    count = len(words)
    for at in range(count):
        following[at, 0] = following[at, 1] = NO_WORD
        slot = at > 0 and facts[at - 1] & bits[DELAY] != 0
        if slot or facts[at] & bits[COMPACT]:
            # The branch whose slot it is, or that has none.
            branch = at - 1 if slot else at
            row = does[rows[branch]]
            number = _follow(following[at], 0, _target(words[branch], branch, base, row), count)
            if facts[branch] & bits[LIKELY] == 0 and _conditional(words[branch], row):
                _follow(following[at], number, at + 1, count)
        else:
            number = _follow(following[at], 0, at + 1, count)
            if facts[at] & bits[LIKELY]:
                _follow(following[at], number, at + 2, count)


@native
def _too_near(at: int, code: Numbers, following: Numbers, does: Numbers, bits: Numbers, rules: Numbers) -> bool:
    """Whether a word and those that may be executed after it do not keep their distance."""
    rows, reads, writes, facts = code[0], code[1], code[2], code[3]
    if rules[DELAYS] and facts[at] & bits[LOAD]:
        for to in following[at]:
            if to != NO_WORD and reads[to] & writes[at]:
                halves = does[rows[at], HALF] | does[rows[to], HALF]
                if halves != LEFT_HALF | RIGHT_HALF or writes[at] != writes[to]:
                    return True
    if reads[at] & rules[HILO]:
        for first in following[at]:
            if first == NO_WORD:
                continue
            if writes[first] & rules[HILO]:
                return True
            # One that a branch nullifies takes its time, but does nothing.
            nullified = first + 2 if facts[first] & bits[LIKELY] else NO_WORD
            for second in following[first]:
                if second != NO_WORD and second != nullified and writes[second] & rules[HILO]:
                    return True
    return False


@native
def _leaves(words: Numbers, at: int, base: int, code: Numbers, does: Numbers, bits: Numbers, rules: Numbers) -> bool:
    """Whether a load or a read of HI or LO is still under way when what its word is the delay slot of leads out of the image."""
    rows, reads, writes, facts = code[0], code[1], code[2], code[3]
    if at == 0 or facts[at - 1] & bits[DELAY] == 0:
        return False
    if (rules[DELAYS] == 0 or facts[at] & bits[LOAD] == 0 or writes[at] == 0) and reads[at] & rules[HILO] == 0:
        return False
    to = _target(words[at - 1], at - 1, base, does[rows[at - 1]])
    return bool(to < 0 or to >= len(words))


@native
def _adjust(word: int, does: Numbers, alignment: int, found: Numbers) -> bool:
    """Of a word that writes the stack pointer: what it adds, and whether that is certain to be as in entry or exit code."""
    if does[ADDS] == 0 or word >> does[RS] & 31 != SP:
        return False
    if does[ADDS] == REGISTER:
        found[UNKNOWN] = 1
        return False
    change = (word & 0xFFFF ^ 0x8000) - 0x8000
    if found[COUNT] == 0:
        found[FIRST] = change
    found[COUNT] += 1
    if change < 0 and found[LOWERED] == 0:
        found[LOWERED] = -change
    elif change < 0:
        found[LOWERED_MORE] = max(found[LOWERED_MORE], -change)
    if change < 0:
        found[LAST_LOWERED] = -change
    return bool(change % alignment == 0 and (change <= 0 or change == found[LAST_LOWERED]))


def _compiled(source: int):  # type: ignore[no-untyped-def]
    """The native functions; see `fuzz.recording.source`."""

    @njit()
    def read(words, base, known, table, mask, row_bits, read_places, write_places, row_facts, does, bits, code, following):  # type: ignore[no-untyped-def]
        """Write rows, registers read and written, and facts into `code`, and the next words.

        False, and nothing, when rows are unclear: then they are filled in, and it is called again with `known`.
        """
        _ = source
        rows, reads, writes, facts = code[0], code[1], code[2], code[3]
        if not known and not _look_up(words, table, mask, row_bits, rows):
            return False
        for at in range(len(words)):
            row = rows[at]
            if row >= 0:
                reads[at], writes[at] = _registers(words[at], read_places[row]), _registers(words[at], write_places[row])
                facts[at] = row_facts[row]
            else:
                reads[at], writes[at], facts[at] = 0, 0, 0
        _lead(words, rows, facts, does, bits, base, following)
        return True

    @njit()
    def examine(words, base, owners, code, following, does, bits, rules, illegal, adjustments):  # type: ignore[no-untyped-def]
        """What there may be in the words, as a sum; writes what is added to the stack pointer."""
        _ = source
        rows, writes, facts = code[0], code[2], code[3]
        doubts, count = 0, len(words)
        distances = rules[DELAYS] | rules[HILO]
        for at in range(count):
            # Of no row is what of the last number is.
            if illegal[rows[at]]:
                doubts |= LEGALITY
            if facts[at] & (bits[DELAY] | bits[FORBIDDEN]) and (at + 1 == count or facts[at + 1] & bits[TRANSFER]):
                doubts |= SLOTS
            if facts[at] & bits[LINK]:
                doubts |= LINKED
            if distances and (_too_near(at, code, following, does, bits, rules) or _leaves(words, at, base, code, does, bits, rules)):
                doubts |= DISTANCES
            # A negative offset has its upper bit at bit 15 in every format.
            below = facts[at] & bits[ACCESS] != 0 and words[at] >> 21 & 31 == SP and words[at] >> 15 & 1 != 0
            if below or writes[at] & rules[RESERVED]:
                doubts |= CONVENTION
            if writes[at] >> SP & 1 and not (_adjust(words[at], does[rows[at]], rules[ALIGNMENT], adjustments) and owners[at] < 0):
                doubts |= CONVENTION
        return doubts

    @njit()
    def all_lead(data, following):  # type: ignore[no-untyped-def]
        """Whether all edges that were recorded are ways that the text shows, but for those from or to a place outside of the image."""
        _ = source
        count = data[record.COUNT_EDGES]
        if count > record.MAXIMUM_EDGES:
            return False
        for number in range(count):
            row = record.EDGES + record.EDGE_ROW * number
            at, to = data[row], data[row + 1]
            inside = 0 <= at < len(following) and 0 <= to < len(following)
            if inside and following[at, 0] != to and following[at, 1] != to:
                return False
        return True

    return read, examine, all_lead


read, examine, all_lead = _compiled(SOURCE)
"""Compiled on their first calls, and cached."""
