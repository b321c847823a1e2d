"""Hooks that run inside the engine as native code: a Python hook costs 345 ns a call, these 2 to 10 ns.

They are compiled by numba and kept in its cache. `COUNT` gets a pointer to its `Counters` as user data.
"""

import ctypes
from typing import Any

import llvmlite.binding
from numba import cfunc, types
from unicorn.unicorn_py3.unicorn import uclib

EXECUTED, LIMIT = range(2)
"""Indices of the counters: instructions executed so far, and how many there may be."""

Counters = ctypes.c_uint64 * 2

# Numba refers to the function by name, so that the compiled code can be cached; LLVM must know the name before.
llvmlite.binding.add_symbol("uc_emu_stop", ctypes.cast(uclib.uc_emu_stop, ctypes.c_void_p).value)
_emu_stop = types.ExternalFunction("uc_emu_stop", types.int32(types.voidptr))

# The signature of UC_HOOK_CODE and UC_HOOK_BLOCK: engine, address, size in bytes, user data.
_SIGNATURE = types.void(types.voidptr, types.uint64, types.uint32, types.CPointer(types.uint64))  # type: ignore[no-untyped-call]


@cfunc(_SIGNATURE, cache=True)
def _count(engine, address, size, counters):  # type: ignore[no-untyped-def]
    counters[EXECUTED] += size >> 2
    if counters[EXECUTED] > counters[LIMIT]:
        _emu_stop(engine)


@cfunc(_SIGNATURE, cache=True)
def _nothing(engine, address, size, counters):  # type: ignore[no-untyped-def]
    pass


def _address(function: Any) -> int:
    return int(function.address)


COUNT = _address(_count)
"""For UC_HOOK_BLOCK: counts the instructions of each block that is entered and stops the engine when there were too many."""

NOTHING = _address(_nothing)
"""For UC_HOOK_CODE: does nothing, but makes the translator end its blocks earlier."""
