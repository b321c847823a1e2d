"""Hooks that run inside the engine as native code: a Python hook costs 345 ns a call, these 2 to 10 ns.

They are compiled by numba and kept in its cache. `COUNT` gets a pointer to its `Counters` as user data, `LEAVE` one to its `ExitState`.
"""

import ctypes
from typing import Any

import llvmlite.binding
from numba import types
from unicorn import mips_const
from unicorn.unicorn_py3.unicorn import uclib

from fuzz.recording.compiling import cfunc

EXECUTED, LIMIT = range(2)
"""Indices of the counters: instructions executed so far, and how many there may be."""

Counters = ctypes.c_uint64 * 2

EXITED, EXIT_REGISTERS = 0, 1
"""Indices in an exit state: whether an exit word was reached, and the first of the 32 general registers there."""

ExitState = ctypes.c_uint64 * 33

# Numba refers to the functions by name, so that the compiled code can be cached; LLVM must know the names before.
for _name in ("uc_emu_stop", "uc_reg_read"):
    llvmlite.binding.add_symbol(_name, ctypes.cast(getattr(uclib, _name), ctypes.c_void_p).value)
_emu_stop = types.ExternalFunction("uc_emu_stop", types.int32(types.voidptr))
_POINTER: Any = types.CPointer(types.uint64)  # type: ignore[no-untyped-call]
_reg_read: Any = types.ExternalFunction("uc_reg_read", types.int32(types.voidptr, types.int32, _POINTER))
_REGISTER_0 = mips_const.UC_MIPS_REG_0

# The signature of UC_HOOK_CODE and UC_HOOK_BLOCK: engine, address, size in bytes, user data.
_SIGNATURE = types.void(types.voidptr, types.uint64, types.uint32, _POINTER)


@cfunc(_SIGNATURE)
def _count(engine, address, size, counters):  # type: ignore[no-untyped-def]
    counters[EXECUTED] += size >> 2
    if counters[EXECUTED] > counters[LIMIT]:
        _emu_stop(engine)


@cfunc(_SIGNATURE)
def _nothing(engine, address, size, counters):  # type: ignore[no-untyped-def]
    pass


@cfunc(_SIGNATURE)
def _leave(engine, address, size, state):  # type: ignore[no-untyped-def]
    for register in range(32):
        # Of a 32-bit CPU's register the engine writes the lower half only. The first number is free until the end.
        state[EXITED] = 0
        _reg_read(engine, _REGISTER_0 + register, state)
        state[EXIT_REGISTERS + register] = state[EXITED]
    state[EXITED] = 1


def _address(function: Any) -> int:
    return int(function.address)


COUNT = _address(_count)
"""For UC_HOOK_BLOCK: counts the instructions of each block that is entered and stops the engine when there were too many."""

NOTHING = _address(_nothing)
"""For UC_HOOK_CODE: does nothing, but makes the translator end its blocks earlier."""

LEAVE = _address(_leave)
"""For UC_HOOK_CODE on an exit word: keeps the general registers. It must come after what may restore some (`fuzz.recording.native_record.flip`)."""
