"""`bpf_loop`: a function of the program is called again and again.

r1 = how often, a word;  r2 = address of the callback;  r3 = memory of the caller, or 0;  r4 = 0;  call bpf_loop

A callback gets an index and what r3 is, and returns 0 to go on or 1 to stop. It makes no tail calls and throws nothing: what programs return that
tail calls reach is any number, and Linux does not let callbacks throw.
"""

from ebpf.instruction import FRAME_POINTER, LOOP, MAXIMUM_LOOPS
from fuzz.gen.calls import BUFFER, Function, may_call, returned
from fuzz.gen.code import row
from fuzz.gen.state import Pointer, Scalar
from fuzz.gen.writer import ADD_IMM, BUDGET, LDDW_CODE, MOV_IMM, MOV_REG, Writer

_CALL, _AND = row("CALL"), row("AND64_IMM")
_TRIPS = (1, 2, 3, 4, 5, 8)
_NONE = (0, MAXIMUM_LOOPS + 1, -1, -(1 << 31))
"""Counts with which nothing is called: none, and too many."""

_STOPPED = (1, 2, 1 << 16, (1 << 16) + 1, MAXIMUM_LOOPS - 1, MAXIMUM_LOOPS)
"""Counts for a callback that stops the first time: as many as there can be."""

_FLAGS = (1, 1 << 31, 1 << 32, 1 << 63)
"""All are refused."""


def call_loop(w: Writer, callbacks: list[Function]) -> Function | None:
    """A loop over one of these callbacks, where its calls still fit; returned is the one that is called."""
    if not may_call(w) or not callbacks:
        return None
    callback = w.choose.pick(callbacks)
    trips = [trip for trip in _TRIPS if w.executed + w.repeats * trip * (callback.executed + 1) <= BUDGET]
    if not trips:
        return None
    trip = 1 if callback.stops else w.choose.pick(trips)
    _count(w, w.choose.pick(_STOPPED) if callback.stops else trip)
    w.emit(LDDW_CODE, 2, target=callback.place)
    # The address of code is no number of the program's.
    w.wrote(2, None)
    if callback.buffer:
        place = w.choose.number(w.frame.low // 8, (w.frame.high - BUFFER.high) // 8) * 8
        w.emit(MOV_REG, 3, FRAME_POINTER)
        w.emit(ADD_IMM, 3, imm=place)
        w.wrote(3, Pointer(w.frame, place))
    else:
        w.arithmetic(MOV_IMM, 3, imm=0)
    if w.choose.rarely(4):
        w.load_constant(4, w.choose.pick(_FLAGS))
    else:
        w.arithmetic(MOV_IMM, 4, imm=0)
    w.emit(_CALL, imm=LOOP)
    w.executed += w.repeats * trip * callback.executed
    returned(w, Scalar())
    return callback


def _count(w: Writer, trip: int) -> None:
    """How often in r1: this most of the time; else at most this, by a number, or none."""
    kind = w.choose.number(0, 7)
    numbers = [register for register in w.state.scalars() if register > 1 or not register]
    if kind == 5 and numbers:
        w.emit(MOV_REG, 1, w.choose.pick(numbers))
        w.wrote(1, Scalar())
        w.arithmetic(_AND, 1, imm=(1 << trip.bit_length() - 1) - 1)
    elif kind == 6:
        w.arithmetic(MOV_IMM, 1, imm=w.choose.pick(_NONE))
    elif kind in (4, 7):
        # The upper half is no part of the count.
        w.load_constant(1, w.choose.number(1, (1 << 32) - 1) << 32 | trip)
    else:
        w.arithmetic(MOV_IMM, 1, imm=trip)
