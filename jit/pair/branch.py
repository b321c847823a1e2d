"""Conditional jumps where two 32-bit registers hold an eBPF register.

64-bit order: where the high words differ, they decide; otherwise the low words, unsigned. 32-bit comparisons look at the low words only.
"""

from jit import compare
from jit.code import Emitter
from jit.compare import REFLEXIVE, RELATIONS
from jit.constants import load, operand
from jit.pair.alu import Pair
from jit.registers import AT, O32_T6, T8, ZERO


def jump64(e: Emitter, relation: str, d: Pair, s: Pair, to: int) -> None:
    if d == s:
        if relation in REFLEXIVE:
            compare.jump(e, to)
    elif relation in ("JEQ", "JNE"):
        _equality(e, relation, d, s, to)
    else:
        _order(e, relation, d, s, to)


def jump64_imm(e: Emitter, relation: str, d: Pair, imm: int, to: int) -> None:
    signed = RELATIONS.get(relation, RELATIONS["JEQ"]).signed
    if imm == 0 and relation in ("JSLT", "JSGE"):
        compare.registers(e, relation, d[1], ZERO, to)
    elif imm == 0 and relation in ("JEQ", "JNE", "JGT", "JLE"):
        e.op("or", AT, d[0], d[1])
        compare.equality(e, "JEQ" if relation in ("JEQ", "JLE") else "JNE", AT, ZERO, to)
    elif imm == 0 and relation in ("JGE", "JLT"):
        if relation == "JGE":
            compare.jump(e, to)
    elif imm > 0 and not signed and relation not in ("JEQ", "JNE"):
        _unsigned_word(e, relation, d, imm, to)
    else:
        low = operand(e, AT, imm)
        high = ZERO
        if imm < 0:
            high = T8 if imm != -1 else AT
            if high == T8:
                load(e, T8, -1)
        jump64(e, relation, d, (low, high), to)


def _equality(e: Emitter, relation: str, d: Pair, s: Pair, to: int) -> None:
    if relation == "JNE":
        compare.equality(e, "JNE", d[0], s[0], to)
        compare.equality(e, "JNE", d[1], s[1], to)
    else:
        differ = e.local()
        compare.equality(e, "JNE", d[0], s[0], differ)
        compare.equality(e, "JEQ", d[1], s[1], to)
        e.place(differ)


def _order(e: Emitter, relation: str, d: Pair, s: Pair, to: int) -> None:
    if relation in ("JGT", "JLE", "JSGT", "JSLE"):
        relation, d, s = RELATIONS[relation].swapped, s, d
    high = e.local()
    slot = e.make("slt" if RELATIONS[relation].signed else "sltu", O32_T6, d[1], s[1])
    e.branch("bne", d[1], s[1], to=high, slot=slot)
    e.op("sltu", O32_T6, d[0], s[0])
    e.place(high)
    compare.equality(e, "JNE" if relation in ("JLT", "JSLT") else "JEQ", O32_T6, ZERO, to)


def _unsigned_word(e: Emitter, relation: str, d: Pair, imm: int, to: int) -> None:
    """With a positive constant: a high word that is not zero makes d the greater one."""
    if relation in ("JGT", "JGE"):
        compare.equality(e, "JNE", d[1], ZERO, to)
        compare.immediate(e, relation, d[0], imm, to)
    else:
        greater = e.local()
        compare.equality(e, "JNE", d[1], ZERO, greater)
        compare.immediate(e, relation, d[0], imm, to)
        e.place(greater)


def jump32(e: Emitter, relation: str, d: Pair, s: Pair, to: int) -> None:
    compare.registers(e, relation, d[0], s[0], to)


def jump32_imm(e: Emitter, relation: str, d: Pair, imm: int, to: int) -> None:
    compare.immediate(e, relation, d[0], imm, to)


def set64(e: Emitter, d: Pair, s: Pair, to: int) -> None:
    e.op("and", AT, d[0], s[0])
    if s[1] != ZERO and d[1] != ZERO:
        e.op("and", T8, d[1], s[1])
        e.op("or", AT, AT, T8)
    compare.equality(e, "JNE", AT, ZERO, to)


def set64_imm(e: Emitter, d: Pair, imm: int, to: int) -> None:
    if imm == 0:
        return
    _and(e, d[0], imm)
    if imm < 0:
        e.op("or", AT, AT, d[1])
    compare.equality(e, "JNE", AT, ZERO, to)


def set32(e: Emitter, d: Pair, s: Pair, to: int) -> None:
    e.op("and", AT, d[0], s[0])
    compare.equality(e, "JNE", AT, ZERO, to)


def set32_imm(e: Emitter, d: Pair, imm: int, to: int) -> None:
    if imm:
        _and(e, d[0], imm)
        compare.equality(e, "JNE", AT, ZERO, to)


def _and(e: Emitter, r: int, imm: int) -> None:
    if 0 <= imm < 0x10000:
        e.op("andi", AT, r, imm)
    else:
        load(e, AT, imm)
        e.op("and", AT, AT, r)
