"""Calls of functions at known addresses, and of subprograms."""

from jit.code import Emitter, Place
from jit.compiled import Addresses
from jit.constants import steps
from jit.frame import COUNT, count_place
from jit.registers import RA, SP, T9


class CompileError(Exception):
    """The program refers to something that the compiler was not given."""


REGION = 28
"""`j` and `jal` replace the low 28 bits of the program counter."""


def same_region(addresses: Addresses, size: int, address: int) -> bool:
    """Whether `j` and `jal` reach the address from everywhere in an image of at most `size` bytes."""
    return addresses.base >> REGION == address >> REGION == (addresses.base + size) >> REGION


def function(e: Emitter, address: int) -> None:
    """Call a C function. t9 holds its address, as position-independent functions expect.

    With `jal` the last step of loading t9 is in the delay slot.
    """
    e.calls = True
    load = steps(e, T9, address)
    if e.ask(_near, address):
        for mnemonic, operands in load[:-1]:
            e.op(mnemonic, *operands)
        mnemonic, operands = load[-1]
        e.with_slot("jal", (address & (1 << REGION) - 1) >> 2, slot=e.make(mnemonic, *operands))
    else:
        for mnemonic, operands in load:
            e.op(mnemonic, *operands)
        e.op("jalr", RA, T9)


def _near(place: Place, address: int) -> bool:
    return same_region(place.addresses, place.size, address)


def routine(e: Emitter, name: str) -> None:
    """Call a runtime routine; raises CompileError when its address is not known."""
    address = e.ask(_routine, name)
    if address is None:
        raise CompileError(f"no address of the runtime routine {name}")
    function(e, address)


def _routine(place: Place, name: str) -> int | None:
    return place.addresses.routines.get(name)


def mentioned(place: Place) -> frozenset[int]:
    """The eBPF registers that survive a routine which is called there."""
    return place.function.mentioned


def register(e: Emitter, address: int) -> None:
    """Call a function of the image whose address is in a register, through its entry in the image's table."""
    e.calls = True
    _pass_count(e)
    e.op("jalr", RA, address)
    _take_count(e)


def subprogram(e: Emitter, label: int) -> None:
    """Call a function of the image."""
    e.calls = True
    _pass_count(e)
    e.branch("bal", to=label)
    _take_count(e)


def _pass_count(e: Emitter) -> None:
    if e.counts:
        e.op("lw", COUNT, count_place(e), SP)


def _take_count(e: Emitter) -> None:
    if e.counts:
        e.op("sw", COUNT, count_place(e), SP)
