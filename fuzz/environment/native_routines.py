"""The runtime routines of 32-bit code in native code, so that an engine's loop need not be left for each call.

`serve` does what `fuzz.environment.calls.Service.serve` does with `fuzz.environment.routines`, which are the definition, where nothing is wrong with
the call. Elsewhere it does nothing and says so, and the service is asked, which says what is wrong. 64-bit code calls no routine where it has LL and
SC, and is left to the service, and so are loads from a packet.

The memory of an input is described as in `fuzz.recording.native_screen`.
"""

import numpy as np

from fuzz.abi import A0, GP, HI, HOME_AREA, LO, REGISTERS, SP, V0, V1
from fuzz.environment.calls import POOL, WORDS
from fuzz.layout import AREA_SIZE, FUNCTIONS, ZEROS
from fuzz.layout import STACK_SIZE as EBPF_STACK
from fuzz.model.bits import (
    Numbers,
    choose,
    is_word,
    low,
    native,
    plus,
    signed_quotient,
    signed_remainder,
    unsigned_quotient,
    unsigned_remainder,
    word,
)
from fuzz.recording import native_screen as screen

_OPERATIONS = ("udiv64", "umod64", "sdiv64", "smod64", "fetch_add", "fetch_and", "fetch_or", "fetch_xor", "xchg", "cmpxchg", "load", "store")
_UDIV, _UMOD, _SDIV, _SMOD, _ADD, _AND, _OR, _XOR, _XCHG, _CMPXCHG, _LOAD, _STORE = range(len(_OPERATIONS))
_OTHER = -1


def _operation(name: str) -> tuple[int, int]:
    """Of a routine what it does, and the bytes of memory that it accesses."""
    if not name.startswith("atomic"):
        return (_OPERATIONS.index(name), 0) if name in _OPERATIONS else (_OTHER, 0)
    size, operation = name.removeprefix("atomic").split("_", 1)
    return _OPERATIONS.index(operation), int(size) // 8


_ROUTINES = np.array([_operation(str(one.key)) if one.kind == "routine" else (_OTHER, 0) for one in FUNCTIONS], np.int64)
"""By number of the function; those that others than this file do are _OTHER."""

_NOISE = np.array(WORDS, np.uint64).view(np.int64)
_SPOILED = np.frombuffer(POOL, np.uint8)
_FROM_WORD = 104729
"""Distance of what one call leaves behind from what the next one leaves, in words and in bytes."""

_IN_REGISTERS = 4
"""Words of arguments that are in registers."""


def noise_start(fill: int) -> int:
    """Where what calls leave in registers begins for a fill that is no `ZEROS`, as `fuzz.environment.calls.noise` has it, but for the call."""
    return max(fill, ~fill) * 7919 % (len(WORDS) - REGISTERS)


@native
def _load(places: Numbers, address: int, size: int, big: int) -> int:
    value = 0
    for at in range(size):
        byte = choose(big != 0, at, size - 1 - at)
        value = value << 8 | places[(address + byte) % AREA_SIZE]
    return value


@native
def _store(places: Numbers, address: int, size: int, big: int, value: int) -> None:
    for at in range(size):
        places[(address + choose(big != 0, size - 1 - at, at)) % AREA_SIZE] = value >> 8 * at & 0xFF


@native
def _may_access(memory: Numbers, address: int, size: int, writes: bool) -> bool:
    """Whether an access is wholly in one region, or in the eBPF stack."""
    offset = address - (memory[screen.FRAME_POINTER] - EBPF_STACK)
    if offset >= 0 and offset + size <= EBPF_STACK:
        return True
    for number in range(memory[screen.AREA_COUNT]):
        area = memory[screen.AREAS_AT] + screen.AREA_ROW * number
        offset = address - memory[area]
        if offset >= 0 and offset + size <= memory[area + 1]:
            return memory[area + 2] != 0 or not writes
    return False


@native
def _computed(operation: int, old: int, operand: int) -> int:
    """What a read-modify-write operation stores, and what a division gives."""
    if operation == _ADD:
        return plus(old, operand)
    if operation == _AND:
        return old & operand
    if operation == _OR:
        return old | operand
    if operation == _XOR:
        return old ^ operand
    if operation == _UDIV:
        return unsigned_quotient(old, operand)
    if operation == _UMOD:
        return unsigned_remainder(old, operand)
    if operation == _SDIV:
        return signed_quotient(old, operand)
    if operation == _SMOD:
        return signed_remainder(old, operand)
    return operand


@native
def _pair(first: int, second: int, big: int) -> int:
    """A 64-bit argument from its words."""
    return choose(big != 0, word(first) << 32 | low(second), word(second) << 32 | low(first))


@native
def _leave(registers: Numbers, memory: Numbers, number: int) -> None:
    """Destroy what a called function may change: at, v0, v1, a0 on, t0 on; t8, t9; HI, LO."""
    fill = memory[screen.FILL]
    start = (memory[screen.NOISE_START] + number * _FROM_WORD) % (len(_NOISE) - REGISTERS)
    for register in range(REGISTERS):
        if 1 <= register < 16 or 24 <= register < 26 or register in (HI, LO):
            value = _NOISE[start + register]
            registers[register] = 0 if fill == ZEROS else value if fill >= 0 else ~value


@native
def _spoil(places: Numbers, memory: Numbers, sp: int, size: int, number: int) -> None:
    """Destroy the argument area."""
    fill = memory[screen.FILL]
    start = number * _FROM_WORD % (len(_SPOILED) - size)
    for at in range(size):
        value = int(_SPOILED[start + at])
        places[(sp + at) % AREA_SIZE] = 0 if fill == ZEROS else value if fill >= 0 else value ^ 0xFF


@native
def _proper(registers: Numbers, memory: Numbers, cpu_64: int, sp: int, area: int) -> bool:
    """Whether the caller keeps the ABI: the stack pointer, gp, and on a 64-bit CPU words in registers that are sign-extended."""
    if sp % 8 != 0 or (registers[GP] ^ memory[screen.ENTRY_REGISTERS + GP]) & (-1 if cpu_64 else 0xFFFFFFFF) != 0:
        return False
    last = memory[screen.SEGMENTS_AT] + screen.SEGMENT_ROW * (memory[screen.SEGMENT_COUNT] - 1)
    inside = sp - low(memory[screen.STACK_ADDRESS])
    if inside < 0 or inside + area > 8 * memory[last + screen.LENGTH]:
        return False
    words = True
    for register in range(A0, A0 + _IN_REGISTERS):
        words &= is_word(registers[register])
    return words or not cpu_64


@native
def serve(function: int, number: int, registers: Numbers, memory: Numbers, places: Numbers, cpu_64: int, big: int, width: int) -> bool:
    """Serve the `number`-th call of a run, from 1 on, of one of `fuzz.layout.FUNCTIONS`; false, and nothing is done, where it is not certain how."""
    operation, size = _ROUTINES[function, 0], _ROUTINES[function, 1]
    if width != 32 or operation == _OTHER:
        return False
    sp = low(registers[SP])
    area = choose(operation == _CMPXCHG and size == 8, 24, HOME_AREA)
    if not _proper(registers, memory, cpu_64, sp, area):
        return False
    first, second = registers[A0], registers[A0 + 1]
    third, fourth = registers[A0 + 2], registers[A0 + 3]
    if size == 0:
        old, operand = _pair(first, second, big), _pair(third, fourth, big)
        if operand == 0:
            return False
        value = _computed(operation, old, operand)
    else:
        address = low(first)
        aligned = choose(operation in (_LOAD, _STORE), memory[screen.ALIGNMENT], size)
        if address % aligned != 0 or not _may_access(memory, address, size, operation != _LOAD):
            return False
        old = value = _load(places, address, size, big)
        operand = choose(size == 8, _pair(third, fourth, big), low(second))
        if operation == _CMPXCHG:
            new = third
            if size == 8:
                new = _pair(_load(places, sp + 16, 4, big), _load(places, sp + 20, 4, big), big)
            if old == operand:
                _store(places, address, size, big, new)
        elif operation != _LOAD:
            _store(places, address, size, big, _computed(operation, old, operand))
    _leave(registers, memory, number)
    if size == 4:
        registers[V0] = word(value)
    elif operation != _STORE:
        upper, lower = word(value >> 32), word(value)
        registers[V0], registers[V1] = choose(big != 0, upper, lower), choose(big != 0, lower, upper)
    _spoil(places, memory, sp, area, number)
    return True
