"""Hooks that record what an image does, as native code, and the memory in which they record.

All of it is one array of 64-bit integers that a hook gets as its user data:

    header | edges | set of edges | operand events | accesses | boundaries | a description of each word of the image

`step` runs before every word of the image, and looks its description up. Hooks on those words alone that matter cost more: the engine walks
through the list of its hooks at each hooked word, and most words matter anyway. The address of a load or store is calculated here too, because a
memory hook changes what is executed: after an access in a delay slot the engine takes the branch a second time.
`flip` is `step` that also inverts the low halves of word operands that are none, and undoes that before the next word.

The description of a word is two numbers. The first, from bit 0: rs (5 bits) and rt (5 bits) where they must be sign-extended words, otherwise 0,
since register 0 always is; whether the instruction writes that rs, that rt; whether it is a boundary; from bit 16 on the slot whose boundary it is.
The second, for loads and stores, from bit 0: base register (5 bits); whether it writes; how many bytes (4 bits, 0 for no access); whether it accesses
of an aligned unit only what lies from the address up or, instead, up to it; from bit 16 on the signed offset.
"""

import ctypes
from functools import cache
from typing import Any

import llvmlite.binding
from numba import types
from unicorn import mips_const
from unicorn.unicorn_py3.unicorn import uclib

from ebpf.instruction import REGISTERS
from fuzz.abi import SP
from fuzz.recording.compiling import cfunc, njit

OUTSIDE = -2
"""In place of a word's index: a place outside of the image. No neighbour of word 0."""

RS_WRITTEN, RT_WRITTEN, BOUNDARY = 1 << 10, 1 << 11, 1 << 12
RT_SHIFT, SLOT_SHIFT = 5, 16
STORE, UPWARDS, DOWNWARDS = 1 << 5, 1 << 10, 1 << 11
SIZE_SHIFT, OFFSET_SHIFT = 6, 16
"""Bits of a word's description."""

DESCRIPTION = 2
"""Numbers in a description."""

MAXIMUM_EDGES, MAXIMUM_OPERANDS, MAXIMUM_ACCESSES, MAXIMUM_BOUNDARIES = 1 << 13, 1 << 12, 1 << 18, 1 << 18
EDGE_ROW, OPERAND_ROW, ACCESS_ROW, BOUNDARY_ROW = 3, 3, 6, 1 + REGISTERS
"""How many rows of each kind there is room for, and the numbers in a row.

edge        from, to, index in the set
operand     word, register, value
access      room for the slot, address, size, written, word, stack pointer
boundary    slot, r0 to r10
"""

# The header. COUNT_… are rows, also of those that found no room. LOW and HIGH are the MIPS registers of r0 to r10, where 0 reads as zero; HIGH is -1
# where LOW is all there is. FLIPPED: how many registers are inverted now, then register and old value of each.
SCRATCH, BASE, WORDS, LAST, WITH_EDGES, COUNT_EDGES, COUNT_OPERANDS, COUNT_ACCESSES, COUNT_BOUNDARIES, FLIPPED = range(10)
LOW = 16
HIGH = LOW + REGISTERS
EDGES = 64
EDGE_SET = EDGES + EDGE_ROW * MAXIMUM_EDGES
SET_SIZE = 4 * MAXIMUM_EDGES
OPERANDS = EDGE_SET + SET_SIZE
ACCESSES = OPERANDS + OPERAND_ROW * MAXIMUM_OPERANDS
BOUNDARIES = ACCESSES + ACCESS_ROW * MAXIMUM_ACCESSES
DESCRIPTIONS = BOUNDARIES + BOUNDARY_ROW * MAXIMUM_BOUNDARIES
"""Indices in the array."""

for _name in ("uc_reg_read", "uc_reg_write"):
    llvmlite.binding.add_symbol(_name, ctypes.cast(getattr(uclib, _name), ctypes.c_void_p).value)

# Signed everywhere: numba makes signed integers of mixed ones.
_MEMORY = types.CPointer(types.int64)  # type: ignore[no-untyped-call]
_reg_read = types.ExternalFunction("uc_reg_read", types.int32(types.voidptr, types.int32, _MEMORY))
_reg_write = types.ExternalFunction("uc_reg_write", types.int32(types.voidptr, types.int32, _MEMORY))
_REGISTER_0 = mips_const.UC_MIPS_REG_0

_CODE_SIGNATURE = types.void(types.voidptr, types.int64, types.uint32, _MEMORY)


@njit()
def edge(data, source, target):  # type: ignore[no-untyped-def]
    """Record an edge unless it is known. The set is open-addressed and never more than a quarter full."""
    at = (source * 2654435761 + target * 40503) & (SET_SIZE - 1)
    key = (source + 3) << 32 | (target + 3)
    while data[EDGE_SET + at] != 0:
        if data[EDGE_SET + at] == key:
            return
        at = (at + 1) & (SET_SIZE - 1)
    count = data[COUNT_EDGES]
    data[COUNT_EDGES] = count + 1
    if count < MAXIMUM_EDGES:
        data[EDGE_SET + at] = key
        row = EDGES + EDGE_ROW * count
        data[row] = max(source, -1)
        data[row + 1] = target
        data[row + 2] = at


@njit()
def _read(engine, data, register):  # type: ignore[no-untyped-def]
    """The register, with all 64 bits of a 64-bit CPU, the 32 of a 32-bit CPU zero-extended."""
    data[SCRATCH] = 0
    _reg_read(engine, _REGISTER_0 + register, data)
    return data[SCRATCH]


@njit()
def _operand(engine, data, word, register):  # type: ignore[no-untyped-def]
    """Record an operand that is no sign-extended word; tell whether it was one to be recorded."""
    value = _read(engine, data, register)
    if -0x80000000 <= value < 0x80000000:
        return False
    count = data[COUNT_OPERANDS]
    data[COUNT_OPERANDS] = count + 1
    if count < MAXIMUM_OPERANDS:
        row = OPERANDS + OPERAND_ROW * count
        data[row] = word
        data[row + 1] = register
        data[row + 2] = value
    return True


@njit()
def _access(engine, data, word, access):  # type: ignore[no-untyped-def]
    count = data[COUNT_ACCESSES]
    data[COUNT_ACCESSES] = count + 1
    if count >= MAXIMUM_ACCESSES:
        return
    base, size = access & 31, access >> SIZE_SHIFT & 15
    address = (0 if base == 0 else _read(engine, data, base)) + (access >> OFFSET_SHIFT)
    if access & UPWARDS:
        size -= address & (size - 1)
    elif access & DOWNWARDS:
        last = address & (size - 1)
        address -= last
        size = last + 1
    row = ACCESSES + ACCESS_ROW * count
    data[row + 1] = address
    data[row + 2] = size
    data[row + 3] = access & STORE != 0
    data[row + 4] = word
    data[row + 5] = _read(engine, data, SP)


@njit()
def _boundary(engine, data, slot):  # type: ignore[no-untyped-def]
    count = data[COUNT_BOUNDARIES]
    data[COUNT_BOUNDARIES] = count + 1
    if count >= MAXIMUM_BOUNDARIES:
        return
    row = BOUNDARIES + BOUNDARY_ROW * count
    data[row] = slot
    for number in range(REGISTERS):
        low, high = data[LOW + number], data[HIGH + number]
        value = 0 if low == 0 else _read(engine, data, low)
        if high >= 0:
            value &= 0xFFFFFFFF
            if high > 0:
                value |= _read(engine, data, high) << 32
        data[row + 1 + number] = value


@njit()
def _flip(engine, data, register, written):  # type: ignore[no-untyped-def]
    value = _read(engine, data, register)
    if not written:
        count = data[FLIPPED]
        data[FLIPPED + 1 + 2 * count] = register
        data[FLIPPED + 2 + 2 * count] = value
        data[FLIPPED] = count + 1
    data[SCRATCH] = value ^ 0xFFFFFFFF
    _reg_write(engine, _REGISTER_0 + register, data)


@njit()
def _enter(engine, data, address, flips):  # type: ignore[no-untyped-def]
    """All that happens before a word."""
    if flips:
        for number in range(data[FLIPPED]):
            data[SCRATCH] = data[FLIPPED + 2 + 2 * number]
            _reg_write(engine, _REGISTER_0 + data[FLIPPED + 1 + 2 * number], data)
        data[FLIPPED] = 0
    word = (address - data[BASE]) >> 2
    last = data[LAST]
    data[LAST] = word
    if word >= data[WORDS]:
        return
    if word != last + 1 and data[WITH_EDGES]:
        edge(data, last, word)
    description = data[DESCRIPTIONS + DESCRIPTION * word]
    access = data[DESCRIPTIONS + DESCRIPTION * word + 1]
    if access != 0:
        _access(engine, data, word, access)
    if description == 0:
        return
    if description & BOUNDARY:
        _boundary(engine, data, description >> SLOT_SHIFT)
    rs, rt = description & 31, description >> RT_SHIFT & 31
    bad_rs = rs != 0 and _operand(engine, data, word, rs)
    bad_rt = rt != 0 and rt != rs and _operand(engine, data, word, rt)
    if flips:
        if bad_rs:
            _flip(engine, data, rs, description & RS_WRITTEN)
        if bad_rt:
            _flip(engine, data, rt, description & RT_WRITTEN)


@njit()
def begin(data):  # type: ignore[no-untyped-def]
    """Forget the run before."""
    for row in range(min(data[COUNT_EDGES], MAXIMUM_EDGES)):
        data[EDGE_SET + data[EDGES + EDGE_ROW * row + 2]] = 0
    data[COUNT_EDGES] = 0
    begin_another(data)


@njit()
def begin_another(data):  # type: ignore[no-untyped-def]
    """Forget the run before but for its edges."""
    for at in range(COUNT_OPERANDS, FLIPPED + 1):
        data[at] = 0
    data[LAST] = OUTSIDE


def _step(engine, address, size, data):  # type: ignore[no-untyped-def]
    _enter(engine, data, address, False)


def _flipping_step(engine, address, size, data):  # type: ignore[no-untyped-def]
    _enter(engine, data, address, True)


def _address(function: Any) -> int:
    """Compile a hook, or take it from the cache, which takes a while: not before it is wanted."""
    compiled: Any = cfunc(_CODE_SIGNATURE)(function)
    return int(compiled.address)


@cache
def step() -> int:
    """For UC_HOOK_CODE over the image."""
    return _address(_step)


@cache
def flip() -> int:
    """For UC_HOOK_CODE over the image, in place of `step`."""
    return _address(_flipping_step)
