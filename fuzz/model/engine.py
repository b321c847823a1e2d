"""The engine: executes a decoded image until it ends, leaves for a function, or faults. One native loop.

    word ─ recorded ─ operands that are no words inverted ─ executed ─ loads of MIPS I written back ─► next word

What silicon does and emulators do not:

* Legality is that of the ISA, exactly: all else is a reserved instruction.
* A load of MIPS I is written back one instruction late: the next one sees the old value (MIPS IV Instruction Set, "Load delay"; lwl and lwr of one
  register merge nevertheless).
  Where the image is left before that, the register keeps the old value.
* What mfhi and mflo read on MIPS I to III is garbage when one of the next two instructions changes HI or LO, or lies outside of the image.
* Division by zero gives garbage, and so do HI and LO after the mul of MIPS32.
* A branch or jump in a delay slot or in a forbidden slot is a reserved instruction, which release 6 demands and before is UNPREDICTABLE.
* sc fails when the link is broken, which a schedule does at any instruction that it names.
* Before release 6 a misaligned access is an address error, for ll and sc always.

Before words at which something else happens, the errata of a CPU or another CPU, the loop stops, to be called again; see `fuzz.cpu.faulty_cpu`.

Operands of word instructions that are no sign-extended words are recorded where that is asked for, and with FLIPS their low halves are inverted for
the one instruction; without, bits 31 to 0 count.
"""

from fuzz.abi import SP
from fuzz.model import rows as number
from fuzz.model import trace
from fuzz.model.bits import Numbers, is_word, minus, native, plus, times, word
from fuzz.model.decode import (
    CALL,
    COMPACT,
    DELAY,
    EXIT,
    FLAGS,
    FORBIDDEN,
    HILO_READ,
    HILO_WRITTEN,
    I1,
    I2,
    IMMEDIATE,
    KIND,
    LIKELY,
    NOWHERE,
    OPERATION,
    REGISTERS,
    RESTRICTED,
    RT_SHIFT,
    SLOT,
    SPOILS_HILO,
    STOPS,
    STOPS_DISTURBED,
    TRANSFER,
    D,
    X,
    Y,
)
from fuzz.model.meanings import load_left, load_right, store_left
from fuzz.model.memory import AREA_ROW, find, load, store
from fuzz.model.memory import NOWHERE as UNMAPPED
from fuzz.model.operations import address, compute, divides, divisor, holds, multiply, overflows
from fuzz.recording import native_record as record
from fuzz.recording.compiling import njit
from fuzz.recording.source import SOURCE
from fuzz.unicorn.hooks import EXIT_REGISTERS, EXITED
from jit.mips import HI, LO

# The state, an array of integers. Of the image and its CPU: bases and counts of words and functions; what the CPU does; what is recorded.
(BASE, WORDS, RETURN_PAGE, FUNCTIONS, FUNCTION_COUNT, FUNCTION_SIZE) = range(6)
(CPU_64, BIG_ENDIAN, PERMISSIVE, LOAD_DELAY, HILO_DISTANCE, WIDTH) = range(6, 12)
(WITH_EDGES, WITH_OPERANDS, WITH_ACCESSES, WITH_BOUNDARIES, FLIPS) = range(12, 17)
# Of the run: instructions executed and how many there may be; garbage; the link and its address; the next break.
(EXECUTED, LIMIT, NOISE, LINK, LINKED_ADDRESS, NEXT_BREAK) = range(17, 23)
# How it stopped: the word that was executed last; where it went, the number of a function or of an exception.
(LAST, DETAIL) = range(23, 25)
# Whether it stopped before a word, to go on there: the word, in which slot it is, where that leads to, the load that is under way. Whether other CPUs
# come in between.
(STOPPED_BEFORE, IN_SLOT, LEADS_TO, DELAYED, DELAYED_VALUE, DISTURBED) = range(25, 31)
# The registers; then, as `fuzz.unicorn.hooks` has it, whether an exit was passed, and the registers there; then how many areas of memory, and they.
GENERAL = 32
LEFT = GENERAL + REGISTERS
AREAS = LEFT + EXIT_REGISTERS + REGISTERS
AREA = AREAS + 1
MAXIMUM_AREAS = 1024
STATE = AREA + AREA_ROW * MAXIMUM_AREAS

(RETURNED, CALLED, STRAYED, RAISED, UNMAPPED_ACCESS, LIMITED, STOPPED) = range(7)
"""How the engine stops: at the return page, at a function, elsewhere outside of the image; by an exception; at the limit; before a word at which
something else happens."""

# QEMU's numbers of exceptions, as all targets report them.
ADDRESS_ERROR_LOAD, ADDRESS_ERROR_STORE, RESERVED_INSTRUCTION, OVERFLOW, TRAP = 12, 13, 20, 21, 22

NOT_STOPPED = -1
_NO_REGISTER = -1


@native
def garbage(state: Numbers) -> int:
    """The next value of what is UNPREDICTABLE: a linear congruential generator, of which the upper bits are used."""
    state[NOISE] = plus(times(state[NOISE], 6364136223846793005), 1442695040888963407)
    value = word(state[NOISE] >> 32)
    return value if not state[CPU_64] else state[NOISE] ^ value


@native
def _spoiled(state: Numbers, code: Numbers, at: int) -> bool:
    """Whether one of the two instructions from `at` on changes HI or LO; those outside of the image may do anything."""
    found = not 0 <= at < state[WORDS]
    for each in range(at, at + 2):
        found |= 0 <= each < state[WORDS] and code[each, FLAGS] & HILO_WRITTEN != 0
    return found


@native
def _bad(registers: Numbers, register: int) -> bool:
    return register != 0 and not is_word(registers[register])


@native
def _part(operation: int, reached: int, unit: int, big_endian: int) -> tuple[int, int]:
    """Of an access to a part of a unit: its first address, and how many bytes it has."""
    upwards = (operation == number.LEFT) == (big_endian != 0)
    if upwards:
        return reached, unit - (reached & unit - 1)
    return reached - (reached & unit - 1), (reached & unit - 1) + 1


@native
def _extended(value: int, size: int) -> int:
    """What was loaded, sign-extended from `size` bytes."""
    if size == 8:
        return value
    sign = 1 << 8 * size - 1
    return (value ^ sign) - sign


def _compiled(source: int):  # type: ignore[no-untyped-def]
    """The native function; see `fuzz.recording.source`."""

    @njit(error_model="numpy")
    def run(start, state, code, memory, data, breaks):  # type: ignore[no-untyped-def]
        """Execute from an address on, or from where it STOPPED; returns how it stops. `data` is the memory of `fuzz.recording.native_record`."""
        _ = source
        registers, left = state[GENERAL : GENERAL + REGISTERS], state[LEFT : LEFT + EXIT_REGISTERS + REGISTERS]
        areas = state[AREA : AREA + AREA_ROW * state[AREAS]]
        base, words, limit = state[BASE], state[WORDS], state[LIMIT]
        cpu_64, big_endian, narrow = state[CPU_64] != 0, state[BIG_ENDIAN], state[WIDTH] == 32
        permissive, delays, distances = state[PERMISSIVE] != 0, state[LOAD_DELAY] != 0, state[HILO_DISTANCE] != 0
        with_operands, flips = state[WITH_OPERANDS] != 0, state[FLIPS] != 0
        executed, next_break, last = state[EXECUTED], state[NEXT_BREAK], record.OUTSIDE
        # Where the next instruction is: at word `at`, or, where `moves`, at the address `target`.
        at, target, moves = 0, start, True
        # 1 in the delay slot of a branch that is taken, 2 of one that is not, 3 in a forbidden slot.
        slot = 0
        delayed, delayed_value = _NO_REGISTER, 0
        status, detail = STRAYED, 0
        stops = STOPS | STOPS_DISTURBED if state[DISTURBED] else STOPS
        resumed = state[STOPPED_BEFORE] >= 0
        if resumed:
            at, moves, last = state[STOPPED_BEFORE], False, state[LAST]
            slot, target, delayed, delayed_value = state[IN_SLOT], state[LEADS_TO], state[DELAYED], state[DELAYED_VALUE]
            state[STOPPED_BEFORE] = NOT_STOPPED
        while True:
            if not moves and at >= words:
                moves, target = True, base + 4 * at
            if moves:
                offset = minus(target, base)
                if 0 <= offset < 4 * words and offset & 3 == 0:
                    at, moves = offset >> 2, False
                else:
                    # A load that is under way is lost: whoever is there may look at the register, or save and restore it, with his first instruction.
                    called = minus(target, state[FUNCTIONS])
                    detail = target
                    if slot == 0 and target == state[RETURN_PAGE]:
                        status = RETURNED
                    elif slot == 0 and 0 <= called < state[FUNCTION_COUNT] * state[FUNCTION_SIZE] and called % state[FUNCTION_SIZE] == 0:
                        status = CALLED
                        detail = called // state[FUNCTION_SIZE]
                    if status != STRAYED and state[WITH_EDGES] and last != record.OUTSIDE:
                        record.edge(data, last, -1)
                    break
            if code[at, FLAGS] & stops and not resumed:
                status = STOPPED
                state[STOPPED_BEFORE], state[IN_SLOT], state[LEADS_TO], state[DELAYED], state[DELAYED_VALUE] = (
                    at,
                    slot,
                    target,
                    delayed,
                    delayed_value,
                )
                break
            resumed = False
            executed += 1
            if executed > limit:
                status = LIMITED
                break
            if next_break < len(breaks) and executed >= breaks[next_break]:
                state[LINK] = 0
                next_break += 1
            if at != last + 1 and state[WITH_EDGES]:
                record.edge(data, last, at)
            last = at
            instruction = code[at]
            kind, operation, flags = instruction[KIND], instruction[OPERATION], instruction[FLAGS]
            accesses_memory = number.LOAD <= kind <= number.CONDITIONAL
            reached, size = 0, instruction[I2]
            if accesses_memory:
                reached = address(registers[instruction[X]], instruction[I1], cpu_64)
                if operation == number.LEFT or operation == number.RIGHT:
                    reached, size = _part(operation, reached, instruction[I2], big_endian)
                if state[WITH_ACCESSES]:
                    written = 1 if kind == number.STORE or kind == number.CONDITIONAL else 0
                    trace.access(data, reached, size, written, at, registers[SP])
            # What is looked at between instructions is what has been loaded, written back or not.
            if instruction[SLOT] >= 0 and state[WITH_BOUNDARIES]:
                if delayed != _NO_REGISTER:
                    old = registers[delayed]
                    registers[delayed] = delayed_value
                    trace.boundary(data, instruction[SLOT], registers, cpu_64)
                    registers[delayed] = old
                else:
                    trace.boundary(data, instruction[SLOT], registers, cpu_64)
            flipped_rs, flipped_rt, old_rs, old_rt = 0, 0, 0, 0
            if with_operands and instruction[RESTRICTED] != 0:
                rs, rt = instruction[RESTRICTED] & 31, instruction[RESTRICTED] >> RT_SHIFT
                if _bad(registers, rs):
                    trace.operand(data, at, rs, registers[rs])
                    flipped_rs, old_rs = rs, registers[rs]
                if rt != rs and _bad(registers, rt):
                    trace.operand(data, at, rt, registers[rt])
                    flipped_rt, old_rt = rt, registers[rt]
                if flips:
                    if flipped_rs:
                        registers[flipped_rs] = old_rs ^ 0xFFFFFFFF
                    if flipped_rt:
                        registers[flipped_rt] = old_rt ^ 0xFFFFFFFF
            if flags & EXIT:
                for register in range(REGISTERS):
                    left[EXIT_REGISTERS + register] = registers[register]
                if delayed != _NO_REGISTER:
                    left[EXIT_REGISTERS + delayed] = delayed_value
                left[EXITED] = 1
            in_slot, slot = slot, 0
            status, detail = RAISED, RESERVED_INSTRUCTION
            if kind == number.RESERVED or (in_slot and flags & TRANSFER):
                break
            x = registers[instruction[X]]
            y = instruction[I1] if flags & IMMEDIATE else registers[instruction[Y]]
            d = instruction[D]
            old_d, result, writes = registers[d], 0, False
            loaded = _NO_REGISTER
            if kind == number.COMPUTE:
                writes = True
                undefined = divides(kind, operation) and divisor(operation, kind, y) == 0
                if flags & HILO_READ and distances:
                    undefined = _spoiled(state, code, minus(target, base) >> 2 if in_slot == 1 else at + 1)
                result = garbage(state) if undefined else compute(operation, x, y, old_d, instruction[I1], instruction[I2])
                if flags & SPOILS_HILO:
                    registers[HI] = garbage(state)
                    registers[LO] = garbage(state)
            elif accesses_memory:
                stores = kind == number.STORE or kind == number.CONDITIONAL
                whole = operation != number.LEFT and operation != number.RIGHT
                detail = ADDRESS_ERROR_STORE if stores else ADDRESS_ERROR_LOAD
                if whole and reached & size - 1 and (not permissive or kind == number.LINKED or kind == number.CONDITIONAL):
                    break
                if narrow and not is_word(reached):
                    break
                place = find(areas, reached, size, stores)
                if place == UNMAPPED:
                    status = UNMAPPED_ACCESS
                    break
                if kind == number.STORE:
                    value = store_left(y, size, instruction[I2]) if operation == number.LEFT else y
                    store(memory, place, size, value, big_endian)
                elif kind == number.CONDITIONAL:
                    writes = True
                    if state[LINK] and state[LINKED_ADDRESS] == reached:
                        store(memory, place, size, y, big_endian)
                        result = 1
                    state[LINK] = 0
                else:
                    value = load(memory, place, size, big_endian)
                    if delayed == d:
                        # lwl and lwr merge into what the one before has loaded.
                        old_d = delayed_value
                    if operation == number.WHOLE:
                        result = _extended(value, size)
                    elif operation == number.UNSIGNED:
                        result = value
                    elif operation == number.LEFT:
                        result = load_left(value, old_d, size, instruction[I2])
                    else:
                        result = load_right(value, old_d, size, instruction[I2])
                    if kind == number.LINKED:
                        state[LINK], state[LINKED_ADDRESS] = 1, reached
                    if delays:
                        loaded = d
                    else:
                        writes = True
            elif kind == number.BRANCH:
                taken = holds(operation, x, y)
                if flags & CALL:
                    result, writes = instruction[I2], True
                if flags & COMPACT:
                    if taken:
                        target, moves = instruction[I1], True
                    elif flags & FORBIDDEN:
                        slot = 3
                elif taken:
                    target, slot = instruction[I1], 1
                elif flags & LIKELY:
                    at += 1
                else:
                    slot = 2
            elif kind == number.MULTIPLY:
                if divides(kind, operation) and divisor(operation, kind, y) == 0:
                    registers[HI] = garbage(state)
                    registers[LO] = garbage(state)
                else:
                    registers[HI], registers[LO] = multiply(operation, x, y, registers[HI], registers[LO])
            elif kind == number.JUMP or kind == number.JUMP_REGISTER:
                target = instruction[I1] if kind == number.JUMP else address(x, instruction[I1], cpu_64)
                if flags & CALL:
                    result, writes = instruction[I2], True
                if flags & DELAY:
                    slot = 1
                else:
                    moves = True
            elif kind == number.OVERFLOW:
                detail = OVERFLOW
                if overflows(operation, x, y):
                    break
                result, writes = compute(operation, x, y, 0, 0, 0), True
            elif kind == number.TRAP:
                detail = TRAP
                if holds(operation, x, y):
                    break
            elif kind == number.EXCEPTION:
                detail = operation
                break
            status = STRAYED
            if delayed != _NO_REGISTER:
                registers[delayed] = delayed_value
                delayed = _NO_REGISTER
            if writes:
                registers[d] = result
            if loaded != _NO_REGISTER and loaded != NOWHERE:
                delayed, delayed_value = loaded, result
            if flips:
                if flipped_rs and flipped_rs != d:
                    registers[flipped_rs] = old_rs
                if flipped_rt and flipped_rt != d:
                    registers[flipped_rt] = old_rt
            if in_slot == 1:
                moves = True
            else:
                at += 1
        state[EXECUTED], state[NEXT_BREAK], state[LAST] = executed, next_break, last
        state[DETAIL] = detail
        return status

    return run


run = _compiled(SOURCE)
"""Compiled on its first call, which takes some seconds, and kept in numba's cache beside this file, or in the user's where that cannot be written."""
