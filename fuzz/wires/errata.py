"""The tripwire for code in which the CPU of the configuration would go wrong. The patterns are in `fuzz.cpu.erratum_models`."""

from collections.abc import Iterator

from fuzz.cpu import erratum_models
from fuzz.layout import Placement
from fuzz.recording.native_text import ERRATA
from fuzz.verdict import Trip
from fuzz.wires.wire import Example, Wire, trip
from jit.compiled import Compiled

NAME = "errata"


def code(compiled: Compiled, placement: Placement) -> Iterator[Trip]:
    """All that the text shows."""
    for found in erratum_models.occurrences(compiled):
        yield trip(NAME, compiled, found.word, found.detail)


_MASK = "lui $t8, 0xcfff; ori $t8, $t8, 0xffff; and $ra, $ra, $t8"

# fmt: off
WIRE = Wire(
    name=NAME,
    rule="An image has no code in which the CPU of its configuration goes wrong.",
    source="`bpfmips errata`",
    code=code,
    doubt=ERRATA,
    examples=(
        Example("mips4-64be+r10000", "ll $t0, 0($a0); sc $t0, 0($a0); beql $t0, $zero, -3; nop",                trips=False),
        Example("mips4-64be+r10000", "ll $t0, 0($a0); sc $t0, 0($a0); beq $t0, $zero, -3; nop",                 trips=True),
        Example("mips4-64be",        "ll $t0, 0($a0); sc $t0, 0($a0); beq $t0, $zero, -3; nop",                 trips=False),
        Example("mips64r2-64le+loongson3", "sync 0; ll $t0, 0($a0); sc $t0, 0($a0); beq $t0, $zero, -4; nop",   trips=False),
        Example("mips64r2-64le+loongson3", "sync 0; ll $t0, 0($a0); sc $t0, 0($a0); beq $t0, $zero, -3; nop",   trips=True),
        Example("mips64r2-64le+loongson3", "ll $t0, 0($a0); sc $t0, 0($a0); beq $t0, $zero, -3; nop",           trips=True),
        Example("mips64r2-64le+loongson3",
                "sync 0; ll $t0, 0($a0); bne $t0, $zero, 4; nop; sc $t0, 0($a0); beq $t0, $zero, -6; nop; sync 0", trips=False),
        Example("mips64r2-64le+loongson3",
                "sync 0; ll $t0, 0($a0); bne $t0, $zero, 4; nop; sc $t0, 0($a0); beq $t0, $zero, -6; nop; sll $t1, $t1, 1", trips=True),
        Example("mips3-32le+loongson2f-jump", f"{_MASK}; jr $ra; addiu $v0, $zero, 42",                         trips=True),
        Example("mips3-64le+r4000-multiply", "dmultu $t0, $t0; mflo $t0; mfhi $zero; dsll $t0, $t0, 1",         trips=False),
        Example("mips3-64le+r4000-multiply", "dmultu $t0, $t0; mflo $t0; dsll $t0, $t0, 1",                     trips=True),
        Example("mips3-64le+r4000-multiply", "dmultu $t0, $t0; mflo $t0; sll $t0, $t0, 1",                      trips=False),
        Example("mips3-64le+r4000-multiply", "multu $zero, $zero; mflo $t0; beq $zero, $sp, 2; nop; nop; srlv $t0, $zero, $t0", trips=True),
        Example("mips3-64le+r4000-daddiu", "daddu $sp, $sp, $zero; daddiu $t0, $zero, 4",                       trips=False),
        Example("mips3-64le+r4000-daddiu", "daddiu $t0, $sp, 4",                                                trips=True),
        Example("mips4-32be+r7000-hilo", "mflo $t0; nop; nop; addu $t0, $zero, $zero",                          trips=False),
        Example("mips4-32be+r7000-hilo", "mflo $t0; nop; or $t1, $t0, $zero",                                   trips=True),
        Example("mips4-32be+r7000-hilo", "mflo $t0; bne $t0, $zero, 1; nop",                                    trips=True),
        Example("mips4-64be+rm7000-dmult", "dmult $t0, $t0; nop; nop; nop; ld $t0, 0($a0)",                     trips=False),
        Example("mips4-64be+rm7000-dmult", "dmult $t0, $t0; nop; nop; ld $t0, 0($a0)",                          trips=True),
        Example("mips3-64le+vr4130", "mflo $t0; nop; nop; nop; nop; multu $zero, $zero",                        trips=False),
        Example("mips3-64le+vr4130", "mflo $t0; nop; nop; or $t1, $t0, $zero; multu $zero, $zero",              trips=False),
        Example("mips3-64le+vr4130", "mflo $t0; nop; nop; nop; multu $zero, $zero",                             trips=True),
        Example("mips3-64le+vr4130", "mflo $t0; nop; nop; nop; mtlo $zero",                                     trips=False),
        Example("mips3-64le+vr4120-multiply", "dmult $t0, $t0",                                                 trips=False),
        Example("mips3-64le+vr4120-multiply", "dmultu $t0, $t0",                                                trips=True),
        Example("mips3-64le+vr4120-divide", "divu $zero, $a1, $a1; ddivu $zero, $a1, $a1",                      trips=False),
        Example("mips3-64le+vr4120-divide", "div $zero, $a1, $a1",                                              trips=True),
        Example("mips32r2-32le+24k", "sw $t0, -4($sp); sw $t0, -12($sp); nop; sw $t0, -20($sp)",                trips=False),
        Example("mips32r2-32le+24k", "sw $t0, -4($sp); sw $t0, -8($sp); sw $t0, -12($sp)",                      trips=False),
        Example("mips32r2-32le+24k", "sw $t0, -4($sp); sw $t0, -12($sp); sw $t0, -20($sp)",                     trips=True),
        Example("mips32r2-32le+24k", "beq $zero, $zero, 1; sw $t0, -4($sp); sw $t0, -12($sp); sw $t0, -20($sp)", trips=True),
        Example("mips3-32le+nollsc+r5900", "addiu $t0, $zero, 4; addiu $t0, $t0, -1; nop; nop; nop; bne $t0, $zero, -5; nop", trips=False),
        Example("mips3-32le+nollsc+r5900",
                "addiu $t0, $zero, 4; addiu $t0, $t0, -1; nop; nop; nop; nop; bne $t0, $zero, -6; addiu $t1, $zero, 1",    trips=False),
        Example("mips3-32le+nollsc+r5900",
                "addiu $t0, $zero, 4; addiu $t0, $t0, -1; nop; nop; nop; bne $t0, $zero, -5; addiu $t1, $zero, 1",         trips=True),
    ),
)
# fmt: on
