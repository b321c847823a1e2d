"""The tripwire for words that are no instruction of the configuration: engines execute some that the CPU lacks.

A word that is not in the MIPS table may still be legal MIPS; no compiler judged here has a reason to emit it. The table has a second opinion on every
word in `fuzz/tests/test_legality.py`, where Capstone decodes what the shipped programs and the instruction suite are compiled to.
"""

from collections.abc import Iterator
from functools import cache

import numpy as np
from numpy.typing import NDArray

from fuzz.layout import Placement
from fuzz.recording.decoded import decoded
from fuzz.recording.native_text import LEGALITY
from fuzz.verdict import Trip
from fuzz.wires.wire import Example, Wire, trip
from jit.compiled import Compiled
from jit.config import Config
from jit.mips import ROWS, Row, decode, rows


def code(compiled: Compiled, placement: Placement) -> Iterator[Trip]:
    """A trip for each word of the image that is not legal on its configuration."""
    # Index -1, of no row, is that of the last number.
    for at in np.flatnonzero(illegal(compiled)[decoded(compiled).rows]).tolist():
        yield trip(WIRE.name, compiled, at, _reason(compiled.words[at], compiled.config))


def illegal(compiled: Compiled) -> NDArray[np.bool_]:
    """Of each row of the table whether it is illegal in this image, and whether it is to be no row at all."""
    config = compiled.config
    # An image without LL and SC does not ask whether they are there.
    linked = not decoded(compiled).have("ll", "sc").any() or "nollsc" not in config.options
    return _illegal(config.isa, config.width, linked)


@cache
def _illegal(isa: str, width: int, linked: bool) -> NDArray[np.bool_]:
    config = Config(isa, width, False, "", () if linked else ("nollsc",))
    return np.array([*(bool(_row_reason(row, config)) for row in ROWS), True])


def _reason(word: int, config: Config) -> str:
    """Why the word is illegal; empty when it is not."""
    found = decode(word, config.isa)
    if found is None:
        return f"{word:#010x} is no instruction of {config.isa}"
    return _row_reason(found[0], config)


def _row_reason(row: Row, config: Config) -> str:
    if row.facts & {"ll", "sc"} and "nollsc" in config.options:
        return f"{row.mnemonic} in code that does without LL and SC"
    return "" if rows(config).get(row.mnemonic) is row else f"{row.mnemonic} is not for code of width {config.width}"


WIRE = Wire(
    name="legality",
    rule="Each word is an instruction that the ISA has; 32-bit code uses only what 32-bit CPUs have as well, and code without LL and SC has neither.",
    source="MIPS Architecture For Programmers, volume II-A (MD00086, MD00087); MIPS IV Instruction Set, revision 3.2",
    code=code,
    doubt=LEGALITY,
    examples=(
        Example("mips32r1-32le", "mul $v0, $v0, $v0", trips=False),
        Example("mips2-32be", "mips32r1: mul $v0, $v0, $v0", trips=True),
        Example("mips4-64le", "movz $t0, $t0, $t0", trips=False),
        Example("mips3-64be", "mips4: movz $t0, $t0, $t0", trips=True),
        Example("mips64r2-64le", "daddiu $t0, $t0, 0", trips=False),
        Example("mips64r2-32le", "mips64r2: daddiu $t0, $t0, 0", trips=True),
        Example("mips32r6-32be", "seleqz $t0, $t0, $t0", trips=False),
        Example("mips32r6-32be", "mips32r5: movz $t0, $t0, $t0", trips=True),
        Example("mips1-32le", ".word 0xffffffff", trips=True),
        Example("mips32r1-32be@mips32r2", "mips32r2: seb $t0, $t0", trips=True),
        Example("mips64r2-64le+nollsc", "mips64r2: ll $t0, 0($a0); or $t0, $t0, $zero", trips=True),
    ),
)
