"""What a program has around it: arguments and results of the functions of maps, symbols of the kernel."""

from collections.abc import Callable
from pathlib import Path

from ebpf.instruction import Instruction
from fuzz.environment.functions import MAP_LOOKUP_ELEM, MAP_UPDATE_ELEM
from fuzz.selftest.seeded_bug import Bug, with_cells
from jit.code import Emitter
from jit.compiler import Parts
from jit.constants import load
from jit.lowering import LOWERING
from jit.registers import A0, V0, ZERO

KERNEL = (Path(__file__).parents[1] / "assembly" / "kernel_functions.s").read_text()
MAPS = """
.map first hash 8 8 2
.map second hash 8 8 2
    r6 = 0x1122334455667788 ll
    *(u64 *)(r10 - 8) = r6
    r6 += 1
    *(u64 *)(r10 - 16) = r6
    r1 = map_fd 0
    r2 = r10
    r2 += -8
    r3 = r10
    r3 += -16
    r4 = 0
    call 2
    r1 = map_fd 0
    r2 = r10
    r2 += -8
    call 1
    if r0 == 0 goto out
    r0 = *(u64 *)(r0 + 0)
out:
    exit
"""

MAP = "wrong argument of a function of maps"
SOME = ("mips1-32*", "mips32r6-32*", "mips64r2-64*")
N64 = ("mips3-64*", "mips64r6-64*")


def _around(number: int, before: Callable[[Emitter], None], after: Callable[[Emitter], None] = lambda e: None) -> Parts:
    """Code before and behind the calls of a helper function."""

    def cell(e: Emitter, i: Instruction) -> None:
        row = LOWERING["CALL"]
        if i.imm == number:
            before(e)
        (row.single if e.config.width == 64 else row.pair)(e, i)
        if i.imm == number:
            after(e)

    return with_cells({"CALL": cell})


def _low(e: Emitter, number: int) -> int:
    """The register with the low half of an eBPF register."""
    register = e.registers[number]
    return int(register if e.config.width == 64 else register[0])


def _copied(to: int, source: int) -> Callable[[Emitter], None]:
    return lambda e: e.op("or", _low(e, to), _low(e, source), ZERO)


def _next_map(e: Emitter) -> None:
    """What stands for a map is 64 bytes from the next one."""
    e.op("daddiu" if e.config.width == 64 else "addiu", _low(e, 1), _low(e, 1), 64)


def _pointer_as_word(e: Emitter, i: Instruction) -> None:
    """Pointers are passed like words."""
    e.op("sll", A0 + 1, A0 + 1, 0)
    LOWERING["CALL_KERNEL"].single(e, i)


# fmt: off
BUGS = (
    Bug("map-key-is-value", MAP, "An update is given the address of the value for that of the key.",
        _around(MAP_UPDATE_ELEM, _copied(2, 3)), (), SOME, "", MAPS),
    Bug("map-value-is-key", MAP, "An update is given the address of the key for that of the value.",
        _around(MAP_UPDATE_ELEM, _copied(3, 2)), (), SOME, "", MAPS),
    Bug("map-of-the-neighbour", MAP, "A look-up is given the map behind the one that it is to look into.",
        _around(MAP_LOOKUP_ELEM, _next_map), (), SOME, "", MAPS),
    Bug("map-value-as-word", "truncated pointer", "What a look-up returns is taken for a word.",
        _around(MAP_LOOKUP_ELEM, lambda e: None, lambda e: e.op("sll", V0, V0, 0)), (), N64, "", MAPS),
    Bug("variable-address-32-bits", "truncated pointer", "The address of a variable is loaded as a word.",
        with_cells({"LDDW": lambda e, i: load(e, e.registers[i.dst], i.imm & 0xFFFF_FFFF)}), ("LDDW_VARIABLE",), N64),
    Bug("kernel-function-pointer-as-word", "truncated pointer", "A pointer is passed to a kernel function as a word.",
        with_cells({"CALL_KERNEL": _pointer_as_word}), (), N64, "", KERNEL),
)
# fmt: on
