"""Statements with control flow: branches in several layouts, gotos, bounded loops, and the end of a program.

    skip        if … goto N;  block;  N:
    choice      if … goto T;  block;  goto N;  T: block;  N:
    backward    goto J;  T: block;  goto N;  J: if … goto T;  block;  N:

Loops count: up or down, with the test at either end. Registers that a loop counts with, and those that hold addresses, are not written in its body.
"""

from collections.abc import Callable

from ebpf.instruction import FRAME_POINTER
from ebpf.opcodes import Row
from fuzz.gen.arithmetic import compute, operate
from fuzz.gen.code import row
from fuzz.gen.leaving import throw
from fuzz.gen.rows import is_wide
from fuzz.gen.state import Pointer, Scalar
from fuzz.gen.values import MASK, branch_immediate, immediate, value
from fuzz.gen.writer import ADD_IMM, MOV_IMM, MOV_REG, Writer
from fuzz.layout import LOOPS

Block = Callable[[Writer], None]
"""What appends statements until it is enough."""

_EXIT, _JA, _JA32, _MAY_GOTO, _NOSPEC, _AND = (row(name) for name in ("EXIT", "JA", "JA32", "MAY_GOTO", "NOSPEC", "AND64_IMM"))
_XOR, _SUB, _MOV32_REG, _ADD32 = (row(name) for name in ("XOR64_IMM", "SUB64_IMM", "MOV32_REG", "ADD32_IMM"))
_GOTO = (_JA, _JA, _JA32)
_TRIPS = (1, 2, 3, 4, 5, 8, 16)
_REPEATS = 64
"""So often an instruction runs at most, without the loops of a function's callers."""

# What closes a loop: rows that jump while the counter is not yet the limit, for a counter that comes from below, from above, or either.
_RISING = tuple(row(name) for name in ("JLT64_IMM", "JSLT64_IMM", "JNE64_IMM", "JLT32_IMM", "JSLT32_IMM", "JNE32_IMM"))
_FALLING = tuple(row(name) for name in ("JNE64_IMM", "JGT64_IMM", "JSGT64_IMM", "JNE32_IMM", "JGT32_IMM", "JSGT32_IMM"))
_TO_ZERO = tuple(row(name) for name in ("JNE64_IMM", "JSLT64_IMM", "JNE32_IMM", "JSLT32_IMM"))
_LIMITED = tuple(row(name) for name in ("JNE64_REG", "JLT64_REG", "JSLT64_REG", "JNE32_REG", "JLT32_REG", "JSLT32_REG"))
_UNTIL = tuple(row(name) for name in ("JEQ64_IMM", "JEQ32_IMM", "JLE64_IMM", "JSLE64_IMM"))


def leave(w: Writer) -> None:
    """`exit`, with a number in r0, which of a callback is 0 or 1. What is known afterwards means nothing."""
    if w.callback and (w.stops or not w.choose.rarely(3)):
        w.arithmetic(MOV_IMM, 0, imm=int(w.stops))
    elif not isinstance(w.state.values[0], Scalar):
        w.arithmetic(MOV_IMM, 0, imm=immediate(w.choose))
    if w.callback:
        w.arithmetic(_AND, 0, imm=1)
    w.read(0)
    w.emit(_EXIT)


def goto(w: Writer) -> None:
    """A jump over instructions that never run, or over none."""
    after = w.new_place()
    w.emit(w.choose.pick(_GOTO), target=after)
    state, needed, executed = w.state.copy(), set(w.needed), w.executed
    for _ in range(w.choose.number(0, 3)):
        operate(w, w.choose.pick(w.features.arithmetic))
    w.state, w.needed, w.executed = state, needed, executed
    w.place(after)


def branch(w: Writer, block: Block) -> None:
    """A conditional jump and what it chooses between."""
    branch_on(w, block, w.choose.pick(w.features.branches))


def branch_on(w: Writer, block: Block, test: Row) -> None:
    """The same with a jump of this row."""
    layout = w.choose.pick((_skip, _choice, _backward))
    layout(w, block, _jump(w, test))


def test(w: Writer) -> None:
    """A conditional jump over one instruction: even straight code tells which way it went."""
    _when(w, compute)


def perhaps_throw(w: Writer) -> None:
    """An exception, unless a conditional jump goes around it."""
    _when(w, throw)


def _when(w: Writer, statement: Block) -> None:
    after = w.new_place()
    _jump(w, w.choose.pick(w.features.branches))(after)
    before = w.state.copy()
    statement(w)
    if statement is throw:
        w.state = before
    else:
        w.state.join(before)
    w.place(after)


def _jump(w: Writer, test: Row) -> Callable[[int], None]:
    """What appends a conditional jump of this row to a place; its operands are ready."""
    dst, src = _compared(w, test.src == "r")
    imm = branch_immediate(w.choose) if test.imm == "imm" else 0
    if w.choose.mostly(3):
        dst = _one_bit(w, dst) if test.name.startswith("JSET") else _close(w, dst, src, imm, test.src == "r")
    return lambda target: w.emit(test, dst, src, imm=imm, target=target)


def _compared(w: Writer, two: bool) -> tuple[int, int]:
    """The registers that are compared, or the one and zero."""
    dst = w.some_scalar()
    if not two:
        return dst, 0
    if w.features.addresses and w.choose.rarely(8):
        return (dst, FRAME_POINTER) if w.choose.rarely(2) else (FRAME_POINTER, dst)
    return dst, dst if w.choose.rarely(8) else w.some_scalar()


def _close(w: Writer, dst: int, src: int, imm: int, two: bool) -> int:
    """A register that is equal to what it is compared with, or one above or below, or equal but for one bit or one half: at random this is rare."""
    if dst in w.state.pinned or dst == FRAME_POINTER:
        return dst
    kind, step = w.choose.number(0, 7), w.choose.pick((0, 0, 1, -1))
    if two and src not in (dst, FRAME_POINTER):
        w.arithmetic(_MOV32_REG if kind >= 5 else MOV_REG, dst, src)
        if kind in (3, 4):
            change = w.choose.pick((_XOR, ADD_IMM, _SUB))
            w.arithmetic(change, dst, imm=w.choose.pick((-(1 << 31), 1 << w.choose.number(0, 30))))
        elif kind < 3 and step:
            w.arithmetic(ADD_IMM, dst, imm=step)
    elif not two and kind >= 6:
        w.load_constant(dst, value(w.choose) >> 32 << 32 | imm & MASK >> 32)
    elif not two and kind >= 4:
        w.load_constant(dst, (imm ^ 1 << w.choose.pick((63, 31, 32, w.choose.number(0, 63)))) & MASK)
    elif not two and -(1 << 31) <= imm + step < 1 << 31:
        w.arithmetic(MOV_IMM, dst, imm=imm + step)
    return dst


def _one_bit(w: Writer, dst: int) -> int:
    """A register with a single bit, in which what it is compared with has a bit as well or not: at random numbers have more than one in common."""
    if dst not in w.state.pinned and dst != FRAME_POINTER:
        w.load_constant(dst, 1 << w.choose.number(0, 63))
    return dst


def _arm(w: Writer, block: Block) -> bool:
    """One side of a branch; whether it ends in `exit` or an exception."""
    block(w)
    ends = w.choose.rarely(10)
    if ends and w.features.throws and w.choose.rarely(2):
        throw(w)
    elif ends:
        leave(w)
    return ends


def _skip(w: Writer, block: Block, jump: Callable[[int], None]) -> None:
    after = w.new_place()
    jump(after)
    before = w.state.copy()
    if _arm(w, block):
        w.state = before
    else:
        w.state.join(before)
    w.place(after)


def _choice(w: Writer, block: Block, jump: Callable[[int], None]) -> None:
    taken, after = w.new_place(), w.new_place()
    jump(taken)
    before = w.state.copy()
    ends = _arm(w, block)
    if not ends:
        w.emit(w.choose.pick(_GOTO), target=after)
    first, w.state = w.state, before
    w.place(taken)
    block(w)
    if not ends:
        w.state.join(first)
    w.place(after)


def _backward(w: Writer, block: Block, jump: Callable[[int], None]) -> None:
    test, taken, after = w.new_place(), w.new_place(), w.new_place()
    w.emit(w.choose.pick(_GOTO), target=test)
    before = w.state.copy()
    w.place(taken)
    ends = _arm(w, block)
    if not ends:
        w.emit(w.choose.pick(_GOTO), target=after)
    first, w.state = w.state, before
    w.place(test)
    jump(taken)
    block(w)
    if not ends:
        w.state.join(first)
    w.place(after)


def loop(w: Writer, block: Block) -> None:
    """A loop with a number of trips that is known here."""
    trips = [trip for trip in _TRIPS if trip * w.repeats <= _REPEATS]
    free = [register for register in w.state.writable() if not isinstance(w.state.values[register], Pointer)]
    if len(free) < 4:
        return
    trip, counter = w.choose.pick(trips), w.choose.pick(free)
    form = w.choose.pick((_falling, _rising, _to_zero, _limited, _tested_first))
    outer = w.state.pinned
    w.repeats *= trip
    form(w, block, trip, counter)
    w.repeats //= trip
    w.state.pinned = outer


def tight_loop(w: Writer) -> None:
    """A loop of hardly anything but its counter, a word: its code is as short as that of loops can be."""
    trips = [trip for trip in _TRIPS if trip * w.repeats <= _REPEATS]
    free = [register for register in w.state.writable() if not isinstance(w.state.values[register], Pointer)]
    if len(free) < 4:
        return
    trip, counter, outer = w.choose.pick(trips), w.choose.pick(free), w.state.pinned
    rising = w.choose.rarely(2)
    _start(w, counter, 0 if rising else trip, Scalar(trip))
    w.repeats *= trip
    head = _enter(w, counter)
    if w.choose.rarely(3):
        compute(w)
    known = w.state.values[counter]
    w.emit(_ADD32, counter, imm=1 if rising else -1)
    w.wrote(counter, known)
    jump = w.choose.pick([one for one in (_RISING if rising else _FALLING) if not is_wide(one)])
    w.emit(jump, counter, imm=trip if rising else 0, target=head)
    w.repeats //= trip
    w.state.pinned = outer


def _enter(w: Writer, *counters: int) -> int:
    """The head of a loop. What is known there must be true each time that control comes there."""
    head = w.new_place()
    addresses = (register for register, _ in w.state.pointers())
    w.state.pinned = w.state.pinned.union(counters, addresses)
    w.state.values = [
        Scalar() if isinstance(known, Scalar) and register not in w.state.pinned else known for register, known in enumerate(w.state.values)
    ]
    w.place(head)
    return head


def _body(w: Writer, block: Block) -> None:
    """The statements, and numbers again in registers that a call has left without."""
    numbers = set(w.state.scalars())
    block(w)
    for register in sorted(numbers.difference(w.state.scalars())):
        w.arithmetic(MOV_IMM, register, imm=immediate(w.choose))


def _count(w: Writer, counter: int, step: int) -> None:
    known = w.state.values[counter]
    w.emit(ADD_IMM, counter, imm=step)
    w.wrote(counter, known)


def _start(w: Writer, counter: int, first: int, known: Scalar) -> None:
    w.emit(MOV_IMM, counter, imm=first)
    w.wrote(counter, known)


def _falling(w: Writer, block: Block, trip: int, counter: int) -> None:
    _start(w, counter, trip, Scalar(trip))
    head = _enter(w, counter)
    _body(w, block)
    _count(w, counter, -1)
    w.emit(w.choose.pick(_FALLING), counter, target=head)


def _rising(w: Writer, block: Block, trip: int, counter: int) -> None:
    _start(w, counter, 0, Scalar(trip))
    head = _enter(w, counter)
    _body(w, block)
    _count(w, counter, 1)
    w.emit(w.choose.pick(_RISING), counter, imm=trip, target=head)


def _to_zero(w: Writer, block: Block, trip: int, counter: int) -> None:
    """From below zero, in steps of any size."""
    step = w.choose.pick((1, 2, 0x100, 0x7FFF, 0x10000, 0x1234567))
    _start(w, counter, -step * trip, Scalar())
    head = _enter(w, counter)
    _body(w, block)
    _count(w, counter, step)
    w.emit(w.choose.pick(_TO_ZERO), counter, target=head)


def _limited(w: Writer, block: Block, trip: int, counter: int) -> None:
    """With the limit in a register."""
    free = [register for register in w.state.writable() if register != counter and not isinstance(w.state.values[register], Pointer)]
    limit = w.choose.pick(free)
    _start(w, counter, 0, Scalar(trip))
    _start(w, limit, trip, Scalar(trip))
    head = _enter(w, counter, limit)
    _body(w, block)
    _count(w, counter, 1)
    w.emit(w.choose.pick(_LIMITED), counter, limit, target=head)


def may_goto(w: Writer, block: Block) -> None:
    """A loop of as many trips as `may_goto` has left: all that there are in the first one of a call of a function, then none."""
    if LOOPS * w.repeats > _REPEATS:
        return
    w.repeats *= LOOPS
    outer = w.state.pinned
    head, after = _enter(w), w.new_place()
    w.emit(_MAY_GOTO, target=after)
    entry = w.state.copy()
    _body(w, block)
    w.emit(w.choose.pick(_GOTO), target=head)
    w.state = entry
    w.state.pinned = outer
    w.repeats //= LOOPS
    w.place(after)


def barrier(w: Writer) -> None:
    """A speculation barrier, which the verifier puts into programs."""
    w.emit(_NOSPEC)


def _tested_first(w: Writer, block: Block, trip: int, counter: int) -> None:
    """The test at the head, a jump back at the end."""
    _start(w, counter, trip, Scalar(trip))
    head, after = _enter(w, counter), w.new_place()
    w.emit(w.choose.pick(_UNTIL), counter, target=after)
    entry = w.state.copy()
    _count(w, counter, -1)
    _body(w, block)
    w.emit(w.choose.pick(_GOTO), target=head)
    w.state = entry
    w.place(after)
