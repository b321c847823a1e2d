"""The screen as native code: runs an image on many inputs and tells of each whether all that is compared, and that tripwires read, is as it must be.

    for each input   memory and registers written ─ engine ─ end, memory, registers, path, accesses compared with what is expected

Everything comes in arrays of 64-bit integers, which `fuzz.recording.screen` makes. What the checks say is conservative: a 0 is a proof that
nothing differs and no screened tripwire trips, anything else is a reason to look again with `fuzz.compare`, `fuzz.lockstep` and the wires.
"""

import ctypes
from typing import Any

import llvmlite.binding
from numba import types
from numba.extending import intrinsic
from unicorn.unicorn_py3.unicorn import uclib

from ebpf.instruction import REGISTERS
from fuzz.abi import PRESERVED, RA, SP, V0
from fuzz.abi import REGISTERS as NATIVE_REGISTERS
from fuzz.layout import STACK_SIZE as STACK_SIZE_IN_ALL
from fuzz.model.bits import Numbers, native
from fuzz.recording import native_record as record
from fuzz.recording.compiling import njit
from fuzz.recording.source import SOURCE
from fuzz.unicorn.hooks import EXIT_REGISTERS, EXITED

ENDING, VALUES, MEMORY, PATH, CONVENTION, OPERANDS, ACCESSES, ROOM, CALLS, EDGES = (1 << bit for bit in range(10))
"""What may be wrong with a run, or could not be seen: how it ended; the program's registers or the return value; its memory, or bytes outside of it;
registers at an eBPF instruction, or the way there; the native registers that must be kept; word operands; an access; there was no room to record
all. The last two are not for this file: the calls that were made; ways from one word to another that the text does not show.
"""

# Of an expectation: what the oracle says of one input. EXPECTED_ROWS: rows of (slot, r0 … r10, which of them are known) before each instruction.
# Which are known is a set of bits; from bit LOW_ONLY on stand those of which only the low half is promised.
LOW_ONLY = 32
HALVES = ((1 << REGISTERS) - 1) << LOW_ONLY
EXPECTED_RETURN, EXPECTED_KNOWN, EXPECTED_COUNT, EXPECTED_REGISTERS = range(4)
EXPECTED_ROWS = 16
EXPECTED_ROW = 2 + REGISTERS

# Of a memory: where an input lies, and how it runs: for at most LIMIT MIPS instructions, with FILL in what belongs to nobody (`Placement.fill`), and
# INTERFERENCE by other CPUs (`Placement.interference`).
# Segments are rows of (place in the host's memory, length, where its contents before and after are in this array, address), lengths in 64-bit words;
# the last one is the stack. UNTOUCHED: how many bytes at the beginning of the eBPF stack the program leaves alone. Areas are rows of (address, length
# in bytes, whether it can be written). ALIGNMENT of ordinary accesses of 8 bytes; NOISE_START as `fuzz.environment.native_routines` has it.
FRAME_POINTER, STACK_ADDRESS, UNTOUCHED, SEGMENT_COUNT, SEGMENTS_AT, AREA_COUNT, AREAS_AT = range(7)
LIMIT, FILL, INTERFERENCE, ALIGNMENT, NOISE_START = range(7, 12)
ENTRY_REGISTERS = 12
MEMORY_HEADER = ENTRY_REGISTERS + NATIVE_REGISTERS
PLACE, LENGTH, BEFORE, AFTER, ADDRESS = range(5)
SEGMENT_ROW, AREA_ROW = 5, 3

# Of what may be recorded, which checks look at it: PATH, OPERANDS, ACCESSES, as a sum.
#
# Of an image. KEPT: which eBPF registers it keeps, LOW and HIGH where, as in `fuzz.recording.native_record`. STARTS: for each slot its first word,
# -1 for none. LEAVING: for each slot whether it is an exit. RIGHTS: for each word how many bytes of the program's memory it may access, from
# bit 8 on whether it may read, whether it may write.
BASE, CPU_64, WIDTH, TOP, STACK_SIZE, DEEPEST, HOME, KEPT, EXITS, SHARES, STARTS_AT, LEAVING_AT, RIGHTS_AT = range(13)
LOW, HIGH = 16, 16 + REGISTERS
IMAGE_HEADER = HIGH + REGISTERS
READS, WRITES, INDIVISIBLE = 1 << 8, 1 << 9, 1 << 10
_LEAVES, _STARTS = 1, 2

# What the native code needs of an engine, as addresses: the engine, register numbers, places to read and write, their values, instruction counters.
ENGINE, IDS, READ_PLACES, WRITE_PLACES, READ, WRITE, COUNTERS, EXIT_STATE, HOST = range(9)
CONTROLS = 9

TROUBLE, INPUT = 0, 1
"""Of the state that the target's callbacks share with the loop: whether they have seen the run go wrong; the number of the input that is run."""

for _name in ("uc_emu_start", "uc_reg_read_batch", "uc_reg_write_batch"):
    llvmlite.binding.add_symbol(_name, ctypes.cast(getattr(uclib, _name), ctypes.c_void_p).value)
# Pointers are integers here.
_start: Any = types.ExternalFunction("uc_emu_start", types.int32(types.int64, types.int64, types.int64, types.int64, types.int64))
_read_batch: Any = types.ExternalFunction("uc_reg_read_batch", types.int32(types.int64, types.int64, types.int64, types.int32))
_write_batch: Any = types.ExternalFunction("uc_reg_write_batch", types.int32(types.int64, types.int64, types.int64, types.int32))


@intrinsic
def _words_at(context, address):  # type: ignore[no-untyped-def]
    """The 64-bit words at an address."""
    words = types.CPointer(types.int64)  # type: ignore[no-untyped-call]

    def generate(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
        return builder.inttoptr(arguments[0], context.get_value_type(words))

    return words(types.int64), generate


# The type of an intrinsic is that of its body, not that of its use.
words_at: Any = _words_at


@native
def fill(memory: Numbers, host: int) -> None:
    """Put an input into the host's memory."""
    for segment in range(memory[SEGMENT_COUNT]):
        row = memory[SEGMENTS_AT] + SEGMENT_ROW * segment
        place, before = words_at(host + memory[row + PLACE]), memory[row + BEFORE]
        for at in range(memory[row + LENGTH]):
            place[at] = memory[before + at]


@native
def _same(place: Numbers, memory: Numbers, at: int, start: int, end: int) -> bool:
    different = 0
    for word in range(start, end):
        different |= place[word] ^ memory[at + word]
    return different == 0


@native
def memory_holds(memory: Numbers, image: Numbers, host: int) -> bool:
    """Whether all bytes of all segments but the native frames hold what they must, and the program itself left alone what is below its stack."""
    last = memory[SEGMENT_COUNT] - 1
    for segment in range(last + 1):
        row = memory[SEGMENTS_AT] + SEGMENT_ROW * segment
        place, length, after = words_at(host + memory[row + PLACE]), memory[row + LENGTH], memory[row + AFTER]
        if segment < last:
            if not _same(place, memory, after, 0, length):
                return False
            continue
        frame = memory[FRAME_POINTER] - memory[STACK_ADDRESS]
        bottom, own = frame - image[STACK_SIZE], frame + image[TOP] + image[HOME]
        if (frame | bottom | own) & 7 != 0 or bottom < 0 or own < frame or own > 8 * length:
            return False
        if STACK_SIZE_IN_ALL - image[STACK_SIZE] > memory[UNTOUCHED]:
            return False
        if not _same(place, memory, after, bottom >> 3, frame >> 3) or not _same(place, memory, after, own >> 3, length):
            return False
    return True


@native
def _same_value(expected: int, actual: int, known: int, register: int) -> bool:
    """Whether a register holds what is promised of it."""
    if known >> register & 1 == 0:
        return True
    different = expected ^ actual
    return (different & 0xFFFFFFFF if known >> LOW_ONLY >> register & 1 else different) == 0


@native
def path_holds(expected: Numbers, image: Numbers, data: Numbers) -> bool:
    """Whether the boundaries that were recorded are those that the oracle's trace leads to, as `fuzz.lockstep` has it."""
    count, starts, leaving = expected[EXPECTED_COUNT], image[STARTS_AT], image[LEAVING_AT]
    told, boundary = min(data[record.COUNT_BOUNDARIES], record.MAXIMUM_BOUNDARIES), 0
    entry = 0
    while True:
        while entry < count and image[starts + expected[EXPECTED_ROWS + EXPECTED_ROW * entry]] < 0:
            entry += 1
        row = record.BOUNDARIES + record.BOUNDARY_ROW * boundary
        while boundary < told and image[leaving + data[row]] != 0:
            boundary += 1
            row += record.BOUNDARY_ROW
        if entry == count or boundary == told:
            return bool(entry == count and boundary == told)
        following = entry + 1
        if image[SHARES]:
            # Of entries one after the other with the same word the last one, as far as they do not go back.
            slot = expected[EXPECTED_ROWS + EXPECTED_ROW * entry]
            word = image[starts + slot]
            while following < count:
                next_slot = expected[EXPECTED_ROWS + EXPECTED_ROW * following]
                next_word = image[starts + next_slot]
                if next_word == word and next_slot > slot:
                    slot = next_slot
                    entry = following
                elif next_word >= 0:
                    break
                following += 1
        want = EXPECTED_ROWS + EXPECTED_ROW * entry
        if expected[want] != data[row]:
            return False
        known = expected[want + 1 + REGISTERS]
        for register in range(REGISTERS):
            if not _same_value(expected[want + 1 + register], data[row + 1 + register], known & image[KEPT] | known & HALVES, register):
                return False
        entry = following
        boundary += 1


@native
def accesses_hold(memory: Numbers, image: Numbers, data: Numbers) -> bool:
    """Whether all accesses that were recorded are allowed, as `fuzz.wires.memory` has it."""
    frame, top = memory[FRAME_POINTER], memory[FRAME_POINTER] + image[TOP]
    bottom, deepest = frame - image[STACK_SIZE], top - image[DEEPEST]
    narrow = image[WIDTH] == 32
    for number in range(data[record.COUNT_ACCESSES]):
        row = record.ACCESSES + record.ACCESS_ROW * number
        address, size, written, word, pointer = data[row + 1], data[row + 2], data[row + 3], data[row + 4], data[row + 5]
        if narrow:
            address &= 0xFFFFFFFF
            pointer &= 0xFFFFFFFF
        own = address - bottom >= 0 and address - bottom + size <= image[STACK_SIZE]
        for area in range(memory[AREA_COUNT]):
            at = memory[AREAS_AT] + AREA_ROW * area
            offset = address - memory[at]
            own |= offset >= 0 and offset + size <= memory[at + 1]
        if own:
            rights = image[image[RIGHTS_AT] + word]
            if size > rights & 0xFF or rights & (WRITES if written else READS) == 0:
                return False
            continue
        below = address - deepest >= 0 and address + size - bottom <= 0
        above = address - frame >= 0 and address + size - (top + image[HOME]) <= 0
        if address - pointer < 0 or not (below or above):
            return False
    return True


@native
def _is_word(value: int) -> bool:
    return -0x80000000 <= value < 0x80000000


@native
def registers_hold(expected: Numbers, memory: Numbers, image: Numbers, after: Numbers, left: Numbers) -> int:
    """What is wrong with the native registers at the return (`after`) and with the program's at the exit word (`left`)."""
    wrong = 0
    mask = -1 if image[CPU_64] else 0xFFFFFFFF
    for number in PRESERVED:
        entry = memory[ENTRY_REGISTERS + number]
        if number == SP:
            entry += image[TOP]
        if (entry ^ after[number]) & mask:
            wrong |= CONVENTION
    if image[CPU_64] and not _is_word(after[V0]):
        wrong |= CONVENTION
    if after[V0] & 0xFFFFFFFF != expected[EXPECTED_RETURN]:
        wrong |= VALUES
    if image[EXITS] == 0:
        return wrong
    if left[EXITED] == 0:
        return wrong | VALUES
    known = expected[EXPECTED_KNOWN]
    known = known & image[KEPT] | known & HALVES
    for register in range(REGISTERS):
        low, high = image[LOW + register], image[HIGH + register]
        value = 0 if low == 0 else left[EXIT_REGISTERS + low]
        if high >= 0:
            upper = 0 if high == 0 else left[EXIT_REGISTERS + high]
            if image[CPU_64] and image[KEPT] >> register & 1 and not (_is_word(value) and _is_word(upper)):
                wrong |= CONVENTION
            value = value & 0xFFFFFFFF | upper << 32
        if not _same_value(expected[EXPECTED_REGISTERS + register], value, known, register):
            wrong |= VALUES
    return wrong


@native
def holds(expected: Numbers, memory: Numbers, image: Numbers, checks: int, data: Numbers, host: int, after: Numbers, left: Numbers) -> int:
    """What is wrong with a run that ended by itself; 0 for nothing. Of what may have been recorded `checks` says what there is to look at.

    Where other CPUs come in between atomic operations begin anew: the way of such a run is its own, and nobody compares it.
    """
    wrong = registers_hold(expected, memory, image, after, left)
    if not memory_holds(memory, image, host):
        wrong |= MEMORY
    if checks & OPERANDS and data[record.COUNT_OPERANDS] != 0:
        wrong |= OPERANDS
    if checks & PATH and data[record.COUNT_BOUNDARIES] > record.MAXIMUM_BOUNDARIES:
        wrong |= ROOM
    elif checks & PATH and memory[INTERFERENCE] == 0 and not path_holds(expected, image, data):
        wrong |= PATH
    if checks & ACCESSES and data[record.COUNT_ACCESSES] > record.MAXIMUM_ACCESSES:
        wrong |= ROOM
    elif checks & ACCESSES and not accesses_hold(memory, image, data):
        wrong |= ACCESSES
    return wrong


@native
def _enter(memory: Numbers, image: Numbers, values: Numbers) -> None:
    for number in range(NATIVE_REGISTERS):
        values[number] = memory[ENTRY_REGISTERS + number]
    values[SP] += image[TOP]


def _compiled(source: int):  # type: ignore[no-untyped-def]
    """The native functions; see `fuzz.recording.source`."""

    @njit()
    def run_all(number, end, expectations, memories, image, checks, data, control, state, found):  # type: ignore[no-untyped-def]
        """Run an image on the inputs from `number` to before `end`, and say in `found` what is wrong with each.

        `expectations` and `memories` have the addresses of their arrays; their memory must lie in the pages that the engine has. After a run that did
        not end by itself the engine is fit for nothing more: the others are not run, and said to be wrong as well.
        """
        _ = source
        counters, left, after = words_at(control[COUNTERS]), words_at(control[EXIT_STATE]), words_at(control[READ])
        while number < end:
            expected, memory = words_at(expectations[number]), words_at(memories[number])
            record.begin_another(data)
            state[TROUBLE], state[INPUT], left[EXITED] = 0, number, 0
            fill(memory, control[HOST])
            counters[0], counters[1] = 0, memory[LIMIT]
            _enter(memory, image, words_at(control[WRITE]))
            _write_batch(control[ENGINE], control[IDS], control[WRITE_PLACES], NATIVE_REGISTERS)
            status = _start(control[ENGINE], image[BASE], memory[ENTRY_REGISTERS + RA], 0, 0)
            if status != 0 or state[TROUBLE] != 0 or counters[0] > memory[LIMIT]:
                for other in range(number, end):
                    found[other] = ENDING
                return
            _read_batch(control[ENGINE], control[IDS], control[READ_PLACES], NATIVE_REGISTERS)
            found[number] = holds(expected, memory, image, checks, data, control[HOST], after, left)
            number += 1

    @njit()
    def describe(starts, leaving, access, owners, facts, accessing, linking, image):  # type: ignore[no-untyped-def]
        """Write what follows the header of an image, and SHARES; False where starts are not of the image's words.

        `leaving` and `access` are of the slots: whether each is an exit, and what it may access as in RIGHTS, or besides INDIVISIBLE. `accessing` and
        `linking` are the facts of loads and stores, and of LL and SC.
        """
        _ = source
        words, rights = len(owners), image[RIGHTS_AT]
        for word in range(words):
            image[rights + word] = 0
        for slot in range(len(starts)):
            if starts[slot] >= words or starts[slot] < -1:
                return False
            if leaving[slot] and starts[slot] >= 0:
                image[rights + starts[slot]] = _LEAVES
        image[SHARES] = 0
        for slot in range(len(starts)):
            start = starts[slot]
            if start >= 0:
                before = image[rights + start]
                if before == _LEAVES:
                    start = -1
                elif before == _STARTS:
                    image[SHARES] = 1
                else:
                    image[rights + start] = _STARTS
            image[image[STARTS_AT] + slot] = start
            image[image[LEAVING_AT] + slot] = leaving[slot]
        for at in range(words):
            allowed = 0
            if facts[at] & accessing and 0 <= owners[at] < len(access):
                allowed = access[owners[at]]
                if allowed & INDIVISIBLE:
                    allowed = allowed & ~INDIVISIBLE if facts[at] & linking else 0
            image[rights + at] = allowed
        return True

    return run_all, describe


run_all, describe = _compiled(SOURCE)
"""Compiled on their first calls, and cached."""
