"""The tripwire for pointers that lose their upper bits, or get wrong ones, where that shows only at other addresses.

The first input is run again with context, data and stack where a kernel has them: on a 64-bit CPU in the compatibility segment, whose addresses are
sign-extended words, and for 64-bit code in the 64-bit physical segment; for 32-bit code in kseg0, the upper half of the address space. Programs
see their addresses, so that the oracle is asked anew.
"""

from collections.abc import Iterable

from fuzz.case import Case
from fuzz.engine.target import Ability
from fuzz.layout import KERNEL_AREAS, Placement, moved, place
from fuzz.recording.kept import kept
from fuzz.wires.wire import Example, Wire
from jit.compiled import Compiled
from jit.config import Config


def variants(compiled: Compiled, case: Case, placement: Placement) -> Iterable[Placement]:
    """The case in each area of the kernel's."""
    return _placements(placement, case) or _fill(_placements(placement, case), compiled.config, case, placement)


@kept(64)
def _placements(placement: Placement, case: Case) -> list[Placement]:
    """Configurations that share a placement share its variants."""
    return []


def _fill(placements: list[Placement], config: Config, case: Case, placement: Placement) -> list[Placement]:
    placements.extend(place(case, config, moved(placement.layout, area)) for area in KERNEL_AREAS[config.width])
    return placements


WIRE = Wire(
    name="addresses",
    rule="An image does what the program says at the addresses at which a kernel has its memory.",
    source="MIPS32 and MIPS64 privileged resource architecture (MD00090, MD00091), chapter 4: virtual memory",
    asks=frozenset({Ability.KERNEL_AREAS}),
    variants=variants,
    examples=(
        Example("mips64r2-64le", "0> lbu $t0, 0($a0)", trips=False, program="r0 = *(u8 *)(r1 + 0); r0 = 42; exit"),
        # Shifted left and back by one: the uppermost bit is lost, which only the kernel's addresses have.
        Example("mips64r2-64le", "dsll $t0, $a0, 1; dsrl $t0, $t0, 1; 0> lbu $t0, 0($t0)", trips=True, program="r0 = *(u8 *)(r1 + 0); r0 = 42; exit"),
        Example("mips3-64be", "dsll $t0, $a0, 8; dsra $t0, $t0, 8; 0> lbu $t0, 0($t0)", trips=True, program="r0 = *(u8 *)(r1 + 0); r0 = 42; exit"),
        Example("mips32r2-32be", "slt $t0, $zero, $a0; bne $t0, $zero, 2; nop; or $a1, $zero, $zero", trips=True),
        Example("mips32r2-32be", "sltu $t0, $zero, $a0; bne $t0, $zero, 2; nop; or $a1, $zero, $zero", trips=False),
    ),
)
