"""Branches on a comparison of two registers, or of a register with a constant.

Everything here compares whole registers, which serves 64-bit comparisons in 64-bit code, and 32-bit ones on sign-extended words at both
widths: sign extension keeps the order of unsigned words as well.
"""

from typing import NamedTuple

from jit.code import Emitter
from jit.constants import load, operand
from jit.registers import AT, ZERO


class Relation(NamedTuple):
    """The relation of the swapped operands, and whether they are compared as signed numbers."""

    swapped: str
    signed: bool


RELATIONS = {
    "JEQ": Relation("JEQ", False),
    "JNE": Relation("JNE", False),
    "JGT": Relation("JLT", False),
    "JGE": Relation("JLE", False),
    "JLT": Relation("JGT", False),
    "JLE": Relation("JGE", False),
    "JSGT": Relation("JSLT", True),
    "JSGE": Relation("JSLE", True),
    "JSLT": Relation("JSGT", True),
    "JSLE": Relation("JSGE", True),
}

REFLEXIVE = frozenset({"JEQ", "JGE", "JLE", "JSGE", "JSLE"})
"""The relations that hold between equal values."""

_EQUALITY = {"JEQ": "beq", "JNE": "bne"}
_SIGN = {"JSLT": "bltz", "JSGE": "bgez", "JSLE": "blez", "JSGT": "bgtz"}
# Of an unsigned value and zero.
_UNSIGNED_ZERO = {"JGT": "JNE", "JLE": "JEQ"}


def jump(emitter: Emitter, to: int) -> None:
    """Go to a label."""
    if emitter.has("bc"):
        emitter.branch("bc", to=to)
    else:
        emitter.branch("beq", ZERO, ZERO, to=to)


def equality(emitter: Emitter, relation: str, x: int, y: int, to: int) -> None:
    """Branch if registers x and y are JEQ or JNE."""
    mnemonic = _EQUALITY[relation]
    if x == y:
        if relation == "JEQ":
            jump(emitter, to)
    elif not emitter.has("beqc"):
        emitter.branch(mnemonic, x, y, to=to)
    elif ZERO in (x, y):
        emitter.branch(f"{mnemonic}zc", x or y, to=to)
    else:
        emitter.branch(f"{mnemonic}c", min(x, y), max(x, y), to=to)


def registers(emitter: Emitter, relation: str, x: int, y: int, to: int) -> None:
    """Branch if register x stands in the relation to register y; y may be zero, x may not. Destroys at."""
    if x == y:
        if relation in REFLEXIVE:
            jump(emitter, to)
    elif relation in _EQUALITY:
        equality(emitter, relation, x, y, to)
    elif y == ZERO:
        _with_zero(emitter, relation, x, to)
    else:
        if relation in ("JGT", "JLE", "JSGT", "JSLE"):
            relation, x, y = RELATIONS[relation].swapped, y, x
        _less(emitter, relation, x, y, to)


def _with_zero(emitter: Emitter, relation: str, x: int, to: int) -> None:
    if relation == "JGE":
        jump(emitter, to)
    elif relation in _UNSIGNED_ZERO:
        equality(emitter, _UNSIGNED_ZERO[relation], x, ZERO, to)
    elif relation != "JLT":
        compact = emitter.has("bltzc")
        emitter.branch(_SIGN[relation] + ("c" if compact else ""), x, to=to)


def _less(emitter: Emitter, relation: str, x: int, y: int, to: int) -> None:
    """Branch on x < y or its negation."""
    less = relation in ("JLT", "JSLT")
    suffix = "" if RELATIONS[relation].signed else "u"
    if emitter.has("bltc"):
        emitter.branch(f"b{'lt' if less else 'ge'}{suffix}c", x, y, to=to)
    else:
        emitter.op(f"slt{suffix}", AT, x, y)
        equality(emitter, "JNE" if less else "JEQ", AT, ZERO, to)


def immediate(emitter: Emitter, relation: str, x: int, value: int, to: int) -> None:
    """Branch if register x stands in the relation to a signed 32-bit constant. Destroys at."""
    if relation in _EQUALITY or value == 0 or emitter.has("bltc"):
        registers(emitter, relation, x, operand(emitter, AT, value), to)
        return
    # x <= value is x < value + 1, and x > value its negation. That fails at the end of the range only, which for an unsigned x is all ones.
    inclusive = relation in ("JGT", "JLE", "JSGT", "JSLE")
    bound = value + 1 if inclusive else value
    signed = RELATIONS[relation].signed
    if not -0x8000 <= bound < 0x8000 or (bound == 0 and not signed):
        load(emitter, AT, value)
        registers(emitter, relation, x, AT, to)
        return
    emitter.op("slti" if signed else "sltiu", AT, x, bound)
    equality(emitter, "JNE" if relation in ("JLT", "JSLT", "JLE", "JSLE") else "JEQ", AT, ZERO, to)
