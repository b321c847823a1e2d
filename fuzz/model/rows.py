"""Which meaning each row of the MIPS table has, and where its operands come from.

A row of the MIPS table says how an instruction is written, not what it does. Here it gets a kind, which says which part of the engine
executes it, an operation of that kind, and its operands by their names: `x` and `y` are read, `d` is written, `i` and `j` are immediates. "hi",
"lo", "ra" are registers that have no field; "zero" or nothing is register 0. `y` may be an immediate as well. A row of the MIPS table without a
meaning here, or one here without a row, is an error at import.
"""

from collections.abc import Mapping
from types import MappingProxyType
from typing import NamedTuple

from jit.mips import ROWS, Row

# Kinds.
(RESERVED, COMPUTE, OVERFLOW, MULTIPLY, LOAD, STORE, LINKED, CONDITIONAL, BRANCH, JUMP, JUMP_REGISTER, TRAP, EXCEPTION, NOTHING) = range(14)

# Operations of COMPUTE, OVERFLOW: one register from registers and immediates.
# fmt: off
(
    ADDU, SUBU, DADDU, DSUBU, AND, OR, XOR, NOR, SLT, SLTU, AUI, DAUI, DAHI, DATI, LSA, DLSA,
    SLL, SRL, SRA, ROTR, DSLL, DSRL, DSRA, DROTR,
    MUL, MUH, MUHU, DIV, MOD, DIVU, MODU, DMUL, DMUH, DMUHU, DDIV, DMOD, DDIVU, DMODU,
    MOVZ, MOVN, SELEQZ, SELNEZ,
    CLZ, CLO, DCLZ, DCLO, SEB, SEH, WSBH, DSBH, DSHD, BITSWAP, DBITSWAP, ALIGN, DALIGN, EXT, DEXT, INS, DINS,
    ADDIUPC, AUIPC, ALUIPC,
) = range(62)
# fmt: on

# Operations of MULTIPLY: HI and LO from two registers, and from what they held.
(MULT, MULTU, DIV_HILO, DIVU_HILO, DMULT, DMULTU, DDIV_HILO, DDIVU_HILO, MADD, MADDU, MSUB, MSUBU) = range(12)

# Operations of LOAD and STORE. The size in bytes is `j`.
(WHOLE, UNSIGNED, LEFT, RIGHT) = range(4)

# Conditions of BRANCH and TRAP.
(ALWAYS, EQ, NE, LT, GE, LE, GT, LTU, GEU, OVERFLOWS, NO_OVERFLOW) = range(11)

# Of EXCEPTION: QEMU's numbers, as all targets report them.
SYSCALL, BREAK = 17, 18


class Meaning(NamedTuple):
    """What a row does."""

    kind: int
    operation: int
    x: str = ""
    y: str = ""
    d: str = ""
    i: str = ""
    j: str = ""


def _three(operation: int) -> Meaning:
    return Meaning(COMPUTE, operation, "rs", "rt", "rd")


def _immediate(operation: int, x: str = "rs", d: str = "rt") -> Meaning:
    return Meaning(COMPUTE, operation, x, "immediate", d)


def _shift(operation: int) -> Meaning:
    return Meaning(COMPUTE, operation, "rt", "sa", "rd")


def _variable(operation: int) -> Meaning:
    return Meaning(COMPUTE, operation, "rt", "rs", "rd")


def _one(operation: int, x: str = "rs") -> Meaning:
    return Meaning(COMPUTE, operation, x, "", "rd")


def _load(operation: int, size: int) -> Meaning:
    return Meaning(LOAD, operation, "base", "", "rt", "offset", str(size))


def _store(operation: int, size: int) -> Meaning:
    return Meaning(STORE, operation, "base", "rt", "", "offset", str(size))


def _branch(condition: int, x: str = "rs", y: str = "") -> Meaning:
    return Meaning(BRANCH, condition, x, y, "", "offset")


def _trap(condition: int, y: str = "rt") -> Meaning:
    return Meaning(TRAP, condition, "rs", y)


_MEANINGS: Mapping[str, Meaning] = MappingProxyType(
    {
        "addi": Meaning(OVERFLOW, ADDU, "rs", "immediate", "rt"),
        "addiu": _immediate(ADDU),
        "slti": _immediate(SLT),
        "sltiu": _immediate(SLTU),
        "andi": _immediate(AND),
        "ori": _immediate(OR),
        "xori": _immediate(XOR),
        "lui": _immediate(AUI, x="zero"),
        "daddi": Meaning(OVERFLOW, DADDU, "rs", "immediate", "rt"),
        "daddiu": _immediate(DADDU),
        "aui": _immediate(AUI),
        "daui": _immediate(DAUI),
        "dahi": _immediate(DAHI, d="rs"),
        "dati": _immediate(DATI, d="rs"),
        "add": Meaning(OVERFLOW, ADDU, "rs", "rt", "rd"),
        "addu": _three(ADDU),
        "sub": Meaning(OVERFLOW, SUBU, "rs", "rt", "rd"),
        "subu": _three(SUBU),
        "and": _three(AND),
        "or": _three(OR),
        "xor": _three(XOR),
        "nor": _three(NOR),
        "slt": _three(SLT),
        "sltu": _three(SLTU),
        "dadd": Meaning(OVERFLOW, DADDU, "rs", "rt", "rd"),
        "daddu": _three(DADDU),
        "dsub": Meaning(OVERFLOW, DSUBU, "rs", "rt", "rd"),
        "dsubu": _three(DSUBU),
        "lsa": Meaning(COMPUTE, LSA, "rs", "rt", "rd", "sa"),
        "dlsa": Meaning(COMPUTE, DLSA, "rs", "rt", "rd", "sa"),
        "sll": _shift(SLL),
        "srl": _shift(SRL),
        "sra": _shift(SRA),
        "rotr": _shift(ROTR),
        "sllv": _variable(SLL),
        "srlv": _variable(SRL),
        "srav": _variable(SRA),
        "rotrv": _variable(ROTR),
        "dsll": _shift(DSLL),
        "dsrl": _shift(DSRL),
        "dsra": _shift(DSRA),
        "drotr": _shift(DROTR),
        "dsll32": Meaning(COMPUTE, DSLL, "rt", "sa+32", "rd"),
        "dsrl32": Meaning(COMPUTE, DSRL, "rt", "sa+32", "rd"),
        "dsra32": Meaning(COMPUTE, DSRA, "rt", "sa+32", "rd"),
        "drotr32": Meaning(COMPUTE, DROTR, "rt", "sa+32", "rd"),
        "dsllv": _variable(DSLL),
        "dsrlv": _variable(DSRL),
        "dsrav": _variable(DSRA),
        "drotrv": _variable(DROTR),
        "mult": Meaning(MULTIPLY, MULT, "rs", "rt"),
        "multu": Meaning(MULTIPLY, MULTU, "rs", "rt"),
        "div $0": Meaning(MULTIPLY, DIV_HILO, "rs", "rt"),
        "divu $0": Meaning(MULTIPLY, DIVU_HILO, "rs", "rt"),
        "dmult": Meaning(MULTIPLY, DMULT, "rs", "rt"),
        "dmultu": Meaning(MULTIPLY, DMULTU, "rs", "rt"),
        "ddiv $0": Meaning(MULTIPLY, DDIV_HILO, "rs", "rt"),
        "ddivu $0": Meaning(MULTIPLY, DDIVU_HILO, "rs", "rt"),
        "madd": Meaning(MULTIPLY, MADD, "rs", "rt"),
        "maddu": Meaning(MULTIPLY, MADDU, "rs", "rt"),
        "msub": Meaning(MULTIPLY, MSUB, "rs", "rt"),
        "msubu": Meaning(MULTIPLY, MSUBU, "rs", "rt"),
        "mfhi": Meaning(COMPUTE, OR, "hi", "", "rd"),
        "mthi": Meaning(COMPUTE, OR, "rs", "", "hi"),
        "mflo": Meaning(COMPUTE, OR, "lo", "", "rd"),
        "mtlo": Meaning(COMPUTE, OR, "rs", "", "lo"),
        "mul": _three(MUL),
        "muh": _three(MUH),
        "mulu": _three(MUL),
        "muhu": _three(MUHU),
        "div": _three(DIV),
        "mod": _three(MOD),
        "divu": _three(DIVU),
        "modu": _three(MODU),
        "dmul": _three(DMUL),
        "dmuh": _three(DMUH),
        "dmulu": _three(DMUL),
        "dmuhu": _three(DMUHU),
        "ddiv": _three(DDIV),
        "dmod": _three(DMOD),
        "ddivu": _three(DDIVU),
        "dmodu": _three(DMODU),
        "movz": _three(MOVZ),
        "movn": _three(MOVN),
        "seleqz": _three(SELEQZ),
        "selnez": _three(SELNEZ),
        "clz": _one(CLZ),
        "clo": _one(CLO),
        "dclz": _one(DCLZ),
        "dclo": _one(DCLO),
        "seb": _one(SEB, "rt"),
        "seh": _one(SEH, "rt"),
        "wsbh": _one(WSBH, "rt"),
        "dsbh": _one(DSBH, "rt"),
        "dshd": _one(DSHD, "rt"),
        "bitswap": _one(BITSWAP, "rt"),
        "dbitswap": _one(DBITSWAP, "rt"),
        "align": Meaning(COMPUTE, ALIGN, "rs", "rt", "rd", "bp"),
        "dalign": Meaning(COMPUTE, DALIGN, "rs", "rt", "rd", "bp"),
        "ext": Meaning(COMPUTE, EXT, "rs", "", "rt", "pos", "size"),
        "dextm": Meaning(COMPUTE, DEXT, "rs", "", "rt", "pos", "size"),
        "dextu": Meaning(COMPUTE, DEXT, "rs", "", "rt", "pos", "size"),
        "dext": Meaning(COMPUTE, DEXT, "rs", "", "rt", "pos", "size"),
        "ins": Meaning(COMPUTE, INS, "rs", "rt", "rt", "pos", "size"),
        "dinsm": Meaning(COMPUTE, DINS, "rs", "rt", "rt", "pos", "size"),
        "dinsu": Meaning(COMPUTE, DINS, "rs", "rt", "rt", "pos", "size"),
        "dins": Meaning(COMPUTE, DINS, "rs", "rt", "rt", "pos", "size"),
        "lb": _load(WHOLE, 1),
        "lh": _load(WHOLE, 2),
        "lwl": _load(LEFT, 4),
        "lw": _load(WHOLE, 4),
        "lbu": _load(UNSIGNED, 1),
        "lhu": _load(UNSIGNED, 2),
        "lwr": _load(RIGHT, 4),
        "lwu": _load(UNSIGNED, 4),
        "ldl": _load(LEFT, 8),
        "ldr": _load(RIGHT, 8),
        "ld": _load(WHOLE, 8),
        "sb": _store(WHOLE, 1),
        "sh": _store(WHOLE, 2),
        "swl": _store(LEFT, 4),
        "sw": _store(WHOLE, 4),
        "sdl": _store(LEFT, 8),
        "sdr": _store(RIGHT, 8),
        "swr": _store(RIGHT, 4),
        "sd": _store(WHOLE, 8),
        "ll": Meaning(LINKED, WHOLE, "base", "", "rt", "offset", "4"),
        "lld": Meaning(LINKED, WHOLE, "base", "", "rt", "offset", "8"),
        "sc": Meaning(CONDITIONAL, WHOLE, "base", "rt", "rt", "offset", "4"),
        "scd": Meaning(CONDITIONAL, WHOLE, "base", "rt", "rt", "offset", "8"),
        "sync": Meaning(NOTHING, 0),
        "beq": _branch(EQ, "rs", "rt"),
        "bne": _branch(NE, "rs", "rt"),
        "blez": _branch(LE),
        "bgtz": _branch(GT),
        "bltz": _branch(LT),
        "bgez": _branch(GE),
        "bltzal": _branch(LT),
        "bgezal": _branch(GE),
        "bal": _branch(ALWAYS, ""),
        "beql": _branch(EQ, "rs", "rt"),
        "bnel": _branch(NE, "rs", "rt"),
        "blezl": _branch(LE),
        "bgtzl": _branch(GT),
        "bltzl": _branch(LT),
        "bgezl": _branch(GE),
        "bltzall": _branch(LT),
        "bgezall": _branch(GE),
        "bc": _branch(ALWAYS, ""),
        "balc": _branch(ALWAYS, ""),
        "beqzc": _branch(EQ),
        "bnezc": _branch(NE),
        "bgeuc": _branch(GEU, "rs", "rt"),
        "blezalc": _branch(LE, "rt"),
        "bgezalc": _branch(GE, "rt"),
        "bltuc": _branch(LTU, "rs", "rt"),
        "bgtzalc": _branch(GT, "rt"),
        "bltzalc": _branch(LT, "rt"),
        "bgec": _branch(GE, "rs", "rt"),
        "blezc": _branch(LE, "rt"),
        "bgezc": _branch(GE, "rt"),
        "bltc": _branch(LT, "rs", "rt"),
        "bgtzc": _branch(GT, "rt"),
        "bltzc": _branch(LT, "rt"),
        "beqc": _branch(EQ, "rs", "rt"),
        "beqzalc": _branch(EQ, "rt"),
        "bovc": _branch(OVERFLOWS, "rs", "rt"),
        "bnec": _branch(NE, "rs", "rt"),
        "bnezalc": _branch(NE, "rt"),
        "bnvc": _branch(NO_OVERFLOW, "rs", "rt"),
        "j": Meaning(JUMP, 0, i="instr_index"),
        "jal": Meaning(JUMP, 0, i="instr_index"),
        "jr": Meaning(JUMP_REGISTER, 0, "rs"),
        "jalr": Meaning(JUMP_REGISTER, 0, "rs", d="rd"),
        "jic": Meaning(JUMP_REGISTER, 0, "rt", i="offset"),
        "jialc": Meaning(JUMP_REGISTER, 0, "rt", i="offset"),
        "addiupc": Meaning(COMPUTE, ADDIUPC, "", "", "rs", "immediate"),
        "auipc": Meaning(COMPUTE, AUIPC, "", "", "rs", "immediate"),
        "aluipc": Meaning(COMPUTE, ALUIPC, "", "", "rs", "immediate"),
        "lwpc": Meaning(LOAD, WHOLE, "", "", "rs", "offset", "4"),
        "lwupc": Meaning(LOAD, UNSIGNED, "", "", "rs", "offset", "4"),
        "ldpc": Meaning(LOAD, WHOLE, "", "", "rs", "offset", "8"),
        "syscall": Meaning(EXCEPTION, SYSCALL),
        "break": Meaning(EXCEPTION, BREAK),
        "tge": _trap(GE),
        "tgeu": _trap(GEU),
        "tlt": _trap(LT),
        "tltu": _trap(LTU),
        "teq": _trap(EQ),
        "tne": _trap(NE),
        "tgei": _trap(GE, "immediate"),
        "tgeiu": _trap(GEU, "immediate"),
        "tlti": _trap(LT, "immediate"),
        "tltiu": _trap(LTU, "immediate"),
        "teqi": _trap(EQ, "immediate"),
        "tnei": _trap(NE, "immediate"),
    }
)


def _key(row: Row) -> str:
    """The division instructions that release 6 has made others of are written with register 0."""
    return f"{row.mnemonic} $0" if row.syntax.startswith("$0") else row.mnemonic


def meaning(row: Row) -> Meaning:
    """What a row of the MIPS table does."""
    return _MEANINGS[_key(row)]


if (_unmatched := _MEANINGS.keys() ^ {_key(row) for row in ROWS}) != set():
    raise ValueError(f"rows of the MIPS table without a meaning, or the other way round: {' '.join(sorted(_unmatched))}")
