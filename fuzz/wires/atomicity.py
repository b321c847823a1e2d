"""The tripwire for atomic operations that lose what another CPU writes, or that do not try again: further runs in which other CPUs come in between.

What they do is in `fuzz.cpu.interference`. A target that cannot play other CPUs runs the input once more without.
"""

from collections.abc import Iterator
from dataclasses import replace

from fuzz.atomics import any_atomic
from fuzz.case import Case
from fuzz.engine.target import Ability
from fuzz.layout import Placement
from fuzz.recording.kept import kept
from fuzz.wires.wire import Example, Wire
from jit.compiled import Compiled

BROKEN = 3
"""Attempts of each atomic operation that are broken: one of each kind."""


def variants(compiled: Compiled, case: Case, placement: Placement) -> Iterator[Placement]:
    """The same with other CPUs."""
    if any_atomic(placement.slots):
        yield _disturbed(placement)


@kept(64)
def _disturbed(placement: Placement) -> Placement:
    return replace(placement, interference=BROKEN)


_TRY = "1> ll $t0, 0($a0); 1> addiu $t0, $t0, 1; 1> sc $t0, 0($a0)"
_ADD = "r0 = 1; lock *(u32 *)(r1 + 0) += r0; r0 = 42; exit"

# fmt: off
WIRE = Wire(
    name="atomicity",
    rule="Other CPUs may write between the load and the store of an atomic operation: nothing is lost, and it comes to an end.",
    source="MIPS64 volume II-A (MD00087), LL and SC: a store by another processor, and any exception, makes SC fail; `fuzz.cpu.interference`",
    asks=frozenset({Ability.OTHER_CPUS}),
    variants=variants,
    examples=(
        Example("mips32r2-32be", f"{_TRY}; 1> beq $t0, $zero, -4; 1> nop", trips=False, program=_ADD),
        Example("mips64r6-32le", f"{_TRY}; 1> beq $t0, $zero, -4; 1> nop", trips=False, program=_ADD),
        Example("mips32r2-32be", "1> lw $t0, 0($a0); 1> addiu $t0, $t0, 1; 1> sw $t0, 0($a0)", trips=True, program=_ADD),
        Example("mips64r2-64be", _TRY, trips=True, program=_ADD),
        Example(
            "mips64r2-64be", "1> ll $t0, 0($a0); 1> addiu $t1, $t0, 1; 1> sc $t1, 0($a0); 1> beq $t1, $zero, -3; 1> nop", trips=True, program=_ADD
        ),
    ),
)
# fmt: on
