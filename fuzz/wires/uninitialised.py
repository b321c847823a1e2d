"""The tripwire for what depends on chance: native registers, HI and LO, and the native frame hold something at entry that an image must not use.

The first input is run again with every bit of all that inverted, and of what calls destroy as well, and once more with zeros in all of it: of two
values of which none is zero, neither shows a test for zero. What the program sees, its stack included, is an input and stays the same; so must what
it does.
"""

from collections.abc import Iterator
from dataclasses import replace

from fuzz.case import Case
from fuzz.layout import ZEROS, Placement
from fuzz.recording.kept import kept
from fuzz.wires.wire import Example, Wire
from jit.compiled import Compiled


def variants(compiled: Compiled, case: Case, placement: Placement) -> Iterator[Placement]:
    """The same with other bits in all that belongs to nobody."""
    known = _by_stack_size(placement)
    if compiled.stack_size not in known:
        fills = ((_INVERSE, ~placement.fill), (bytes(256), ZEROS))
        known[compiled.stack_size] = tuple(_filled(placement, compiled.stack_size, *each) for each in fills)
    yield from known[compiled.stack_size]


@kept(64)
def _by_stack_size(placement: Placement) -> dict[int, tuple[Placement, ...]]:
    """Configurations that share a placement share its variants."""
    return {}


def _filled(placement: Placement, stack_size: int, changed: bytes, fill: int) -> Placement:
    """With another `fill`, and each byte around the eBPF stack changed as this table says."""
    *others, stack = placement.segments
    world = placement.world
    start, end = world.frame_pointer - stack_size - stack.address, world.frame_pointer - stack.address
    around = stack.initial.translate(changed)
    initial = around[:start] + stack.initial[start:end] + around[end:]
    return replace(placement, segments=(*others, stack._replace(initial=initial)), fill=fill)


_INVERSE = bytes(byte ^ 0xFF for byte in range(256))

WIRE = Wire(
    name="uninitialised",
    rule="No decision and no stored value depends on what a native register or the frame held at entry, or what a call has left in either.",
    source="MIPS ABI supplement of System V, third edition, chapter 3: registers and the stack frame",
    variants=variants,
    examples=(
        Example("mips32r2-32be", "addiu $t0, $zero, 1; bne $t0, $zero, 2; nop; lui $a0, 0", trips=False),
        Example("mips32r2-32be", "sltu $t0, $zero, $t1; sw $t0, 12($sp)", trips=False),
        # Of two runs in which a register has inverse contents, the branch is taken in one.
        Example("mips32r2-32be", "bgez $t1, 2; nop; or $a0, $zero, $zero", trips=True),
        Example("mips64r6-64le", "bltz $t1, 2; nop; or $a0, $zero, $zero; bgez $t1, 2; nop; or $a1, $zero, $zero", trips=True),
        Example("mips3-64be", "mfhi $t0; bgez $t0, 2; nop; or $a0, $zero, $zero", trips=True),
        Example("mips1-32le", "lw $t0, 8($sp); nop; bgez $t0, 2; nop; or $a0, $zero, $zero", trips=True),
        Example("mips64r2-64be", "sb $t1, 0($a0)", trips=True),
        # Whether a register is zero.
        Example("mips32r2-32be", "bne $t1, $zero, 2; nop; or $a0, $zero, $zero", trips=True),
        Example("mips64r6-64le", "sltu $t0, $zero, $t9; daddiu $t0, $t0, -1; daddu $a0, $a0, $t0", trips=True),
        Example("mips3-64be", "mflo $t0; bne $t0, $zero, 2; nop; or $a0, $zero, $zero", trips=True),
        Example("mips1-32le", "lw $t0, 8($sp); nop; bne $t0, $zero, 2; nop; or $a0, $zero, $zero", trips=True),
    ),
)
