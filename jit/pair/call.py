"""Calls where two 32-bit registers hold an eBPF register, with the o32 conventions.

A 64-bit argument is passed in a0 and a1, in a2 and a3, or at the next multiple of eight in the argument area; its words are in memory order, which
is why the pairs are laid out as they are. A runtime routine stands for one eBPF instruction, so r0 to r5 survive it: those that the function
mentions are saved on the stack around the call, except where the result goes.
"""

from collections.abc import Sequence
from functools import lru_cache
from typing import NamedTuple

from jit import call
from jit.code import Emitter, Place
from jit.constants import load
from jit.frame import SPILL
from jit.moves import Source, move_all
from jit.pair.alu import Pair, extend_low
from jit.registers import A0, A1, A2, A3, AT, SP, V0, V1, ZERO, pairs
from jit.runtime import Routine

_SPILLABLE = (V0, V1, A0, A1, A2, A3, 8, 9, 10, 11, 12, 13)


class Argument(NamedTuple):
    """A word to pass: a register plus a signed 16-bit constant, or with register zero a constant of 32 bits."""

    register: int
    constant: int = 0


def helper(e: Emitter, address: int) -> None:
    """r1 and r2 are in place; r3 to r5 go to the argument area. A register that the program never writes holds no argument."""
    passed = e.ask(_passed)
    for number in (3, 4, 5):
        if number in passed:
            first, second = sorted(pairs(e.config)[number])
            offset = 16 + 8 * (number - 3)
            e.op("sw", first, offset, SP)
            e.op("sw", second, offset + 4, SP)
    call.function(e, address)


def _passed(place: Place) -> frozenset[int]:
    return place.function.passed


def kernel_function(e: Emitter, address: int, signature: Routine) -> None:
    """Arguments of up to 32 bits are a word each, extended by their types; r0 gets the result extended by its type."""
    words: list[Argument | None] = []
    for pair, kind in zip(pairs(e.config)[1:], signature.arguments, strict=False):
        if kind in ("u64", "s64"):
            words += [None] * (len(words) % 2)
            words += in_order(e, pair)
        else:
            _extend(e, pair[0], kind)
            words.append(Argument(pair[0]))
    _pass(e, words)
    call.function(e, address)
    if signature.result in ("u64", "s64"):
        return
    low, high = pairs(e.config)[0]
    e.move(low, V0)
    _extend(e, low, signature.result)
    if signature.result[0] == "u":
        e.move(high, ZERO)
    else:
        e.op("sra", high, low, 31)


def _extend(e: Emitter, register: int, kind: str) -> None:
    if kind in ("u8", "u16"):
        e.op("andi", register, register, (1 << int(kind[1:])) - 1)
    elif kind in ("s8", "s16"):
        extend_low(e, register, register, int(kind[1:]))


def in_order(e: Emitter, pair: Pair) -> list[Argument]:
    """The two words of a 64-bit argument, in memory order."""
    low, high = Argument(pair[0]), Argument(pair[1])
    return [high, low] if e.config.big_endian else [low, high]


def constant_in_order(e: Emitter, value: int) -> list[Argument]:
    """The two words of a constant, in memory order."""
    low, high = Argument(ZERO, value & 0xFFFFFFFF), Argument(ZERO, value >> 32 & 0xFFFFFFFF)
    return [high, low] if e.config.big_endian else [low, high]


def routine(e: Emitter, name: str, arguments: Sequence[Argument | None], result: Pair | None, bits: int = 64) -> None:
    """Call a runtime routine with these argument words, None for one that is not looked at.

    `result` gets its value, zero-extended when it has 32 bits.
    """
    keep = _kept(e.ask(call.mentioned), pairs(e.config), result or ())
    e.spills = True
    for register, offset in keep:
        e.op("sw", register, offset, SP)
    _pass(e, arguments)
    call.routine(e, name)
    if result is not None:
        _receive(e, result, bits)
    for register, offset in keep:
        e.op("lw", register, offset, SP)


@lru_cache(maxsize=1 << 10)
def _kept(mentioned: frozenset[int], places: tuple[Pair, ...], result: tuple[int, ...]) -> tuple[tuple[int, int], ...]:
    """The registers that survive a runtime routine, and where in the frame they are meanwhile."""
    registers = [register for number in sorted(mentioned) if number < 6 for register in sorted(places[number]) if register not in result]
    return tuple((register, SPILL + 4 * _SPILLABLE.index(register)) for register in registers)


def _receive(e: Emitter, result: Pair, bits: int) -> None:
    if bits == 32:
        e.move(result[0], V0)
        e.move(result[1], ZERO)
        return
    low, high = (V1, V0) if e.config.big_endian else (V0, V1)
    e.move(result[0], low)
    e.move(result[1], high)


def _pass(e: Emitter, arguments: Sequence[Argument | None]) -> None:
    """Put the words where o32 wants them."""
    for number, argument in enumerate(arguments[4:], 4):
        if argument is not None:
            assert argument.constant == 0
            e.op("sw", argument.register, 4 * number, SP)
    move_all(e, {A0 + number: Source(*argument) for number, argument in enumerate(arguments[:4]) if argument and argument.register != ZERO})
    for number, argument in enumerate(arguments[:4]):
        if argument and argument.register == ZERO:
            load(e, A0 + number, argument.constant)


def packet_load(e: Emitter, source: Pair | None, imm: int, size: int) -> None:
    """r0 = the bytes at offset `source` + `imm` of the packet, or 0 and exit. r1 to r5 are lost by definition of the instruction."""
    function = e.place_of_instruction.function
    context = pairs(e.config)[6][0]
    if source is None:
        load(e, A1, imm)
    else:
        e.move(A1, source[0])
        if imm:
            load(e, AT, imm)
            e.op("addu", A1, A1, AT)
    e.move(A0, context)
    load(e, A2, size)
    call.routine(e, "packet_load")
    low, high = pairs(e.config)[0]
    inside = e.local()
    e.branch("bgez", high, to=inside)
    e.move(low, ZERO)
    e.move(high, ZERO)
    e.branch("beq", ZERO, ZERO, to=function.exit)
    e.place(inside)
