"""Statements that call: helper functions, kernel functions, functions of the program; and the legacy packet loads, which treat registers alike."""

from dataclasses import dataclass

from ebpf.instruction import FRAME_POINTER, MAXIMUM_CALL_DEPTH
from fuzz.environment.functions import MIX, TYPED, WITHOUT_ARGUMENTS
from fuzz.gen.code import Code, row
from fuzz.gen.rows import PACKET_LOADS
from fuzz.gen.state import Pointer, Region, Scalar
from fuzz.gen.values import immediate, value
from fuzz.gen.writer import ADD_IMM, BUDGET, LDDW_CODE, MOV_IMM, MOV_REG, Writer
from fuzz.suite.memory import access_size
from oracle.packet import LINK_BASE, NETWORK_BASE

PACKET = 64
"""Bytes of packet."""

BUFFER = Region("buffer", 0, 64)
"""Memory of its caller that a function is given."""

_CALL, _CALL_KERNEL, _CALL_LOCAL, _AND = row("CALL"), row("CALL_KERNEL"), row("CALL_LOCAL"), row("AND64_IMM")
_CALLX = row("CALLX")
_SCRATCH = frozenset(range(6))
_CONTEXT = 6


@dataclass(frozen=True, slots=True)
class Function:
    """A function of the program, finished.

    place      its first instruction
    arguments  how many numbers it takes, behind the buffer if it takes one
    buffer     whether r1 points to memory of its caller
    executed   instructions that a call executes at most
    depth      functions that are active during a call, itself included
    stops      whether it is a callback of bpf_loop that is never called again
    """

    place: int
    arguments: int
    buffer: bool
    executed: int
    depth: int
    code: Code
    stops: bool = False


def returned(w: Writer, known: Scalar) -> None:
    """Say what every call does to the registers, and what is known of its result."""
    w.state.forget_arguments()
    w.state.fresh -= _SCRATCH
    w.wrote(0, known)


def may_call(w: Writer) -> bool:
    """Whether nothing that a call destroys must be kept."""
    return not w.state.pinned & _SCRATCH


def give(w: Writer, registers: range) -> None:
    """Numbers in these registers; those that hold one keep it."""
    for register in registers:
        if not isinstance(w.state.values[register], Scalar):
            if w.choose.rarely(2):
                w.load_constant(register, value(w.choose))
            else:
                w.arithmetic(MOV_IMM, register, imm=immediate(w.choose))
        w.read(register)


def call(w: Writer) -> None:
    """A helper function, or a kernel function, those that the program declares as often as others."""
    if not may_call(w):
        return
    if w.choose.mostly(3):
        give(w, range(1, 6))
        declared = w.features.declared
        functions = declared if declared and w.choose.rarely(2) else TYPED
        w.emit(_CALL_KERNEL, imm=w.choose.pick((MIX, *(one.number for one in functions))))
    else:
        w.emit(_CALL, imm=w.choose.pick(WITHOUT_ARGUMENTS))
    returned(w, Scalar())


def call_function(w: Writer, functions: list[Function]) -> Function | None:
    """One of these functions, where its frames still fit; returned is the one that is called."""
    if not may_call(w) or not functions:
        return None
    function = w.choose.pick(functions)
    if w.executed + w.repeats * function.executed > BUDGET:
        return None
    if function.buffer:
        place = w.choose.number(w.frame.low // 8, (w.frame.high - BUFFER.high) // 8) * 8
        w.emit(MOV_REG, 1, FRAME_POINTER)
        w.emit(ADD_IMM, 1, imm=place)
        w.wrote(1, Pointer(w.frame, place))
    first = 1 + function.buffer
    give(w, range(first, first + function.arguments))
    if w.choose.rarely(3):
        _call_address(w, function, range(1, first + function.arguments))
    else:
        w.emit(_CALL_LOCAL, target=function.place)
    w.executed += w.repeats * function.executed
    returned(w, Scalar())
    return function


def _call_address(w: Writer, function: Function, given: range) -> None:
    """Through a register that is none of the arguments."""
    register = w.choose.pick([one for one in w.state.writable() if one not in given])
    w.emit(LDDW_CODE, register, target=function.place)
    # What is there afterwards is the address of code, which is no number of the program's.
    w.wrote(register, None)
    w.emit(_CALLX, register)


def fits(depth: int) -> bool:
    """Whether a function that calls one of that depth may itself be called by a main program."""
    return depth + 2 <= MAXIMUM_CALL_DEPTH


def packet(w: Writer) -> None:
    """A legacy packet load, inside the packet most of the time. Outside of it the program ends."""
    if not may_call(w) or w.state.values[_CONTEXT] is None:
        return
    load = w.choose.pick(PACKET_LOADS)
    size = access_size(load)
    last = PACKET - size
    if load.src == "r":
        index = w.changeable_scalar()
        place = w.choose.number(last - 0x10, last + 1) if w.choose.rarely(4) else w.choose.number(0, last - 0x1F)
        if w.choose.rarely(3):
            # The upper half is no part of the index.
            w.load_constant(index, w.choose.number(1, (1 << 32) - 1) << 32 | w.choose.number(0, 0x1F))
        else:
            w.arithmetic(_AND, index, imm=w.choose.pick((0xF, 0x1F, 7)))
        moved = w.choose.pick((0, 0, 1 << 30, -(1 << 31), -1))
        if moved:
            # Index and immediate count modulo 2^32.
            w.arithmetic(ADD_IMM, index, imm=moved)
        w.emit(load, 0, index, imm=(place - moved + (1 << 31)) % (1 << 32) - (1 << 31))
    else:
        kind = w.choose.number(0, 7)
        base = LINK_BASE if 3 <= kind < 5 else NETWORK_BASE if 5 <= kind < 7 else 0
        place = w.choose.number(0, last)
        w.emit(load, imm=w.choose.pick((last + 1, PACKET, 0x7FFFFFFF, -1)) if kind == 7 else base + place)
    w.read(_CONTEXT)
    returned(w, Scalar((1 << 8 * size) - 1))
