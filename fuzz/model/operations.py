"""Operations by number: from the number of a decoded instruction to its meaning.

Compiled, a chain of comparisons with constants becomes one jump through a table. `x` and `y` are the operands that were read, `old` is what the
written register held before, `i` and `j` are the immediates of the row (`fuzz.model.rows`).
"""

from fuzz.model import meanings
from fuzz.model import rows as number
from fuzz.model.bits import below, is_word, low, minus, native, plus, word


@native
def compute(operation: int, x: int, y: int, old: int, i: int, j: int) -> int:
    """The result of an operation of COMPUTE or OVERFLOW; a divisor is not 0."""
    if operation == number.ADDU:
        return meanings.addu(x, y)
    if operation == number.SUBU:
        return meanings.subu(x, y)
    if operation == number.DADDU:
        return meanings.daddu(x, y)
    if operation == number.DSUBU:
        return meanings.dsubu(x, y)
    if operation == number.AND:
        return meanings.and_(x, y)
    if operation == number.OR:
        return meanings.or_(x, y)
    if operation == number.XOR:
        return meanings.xor(x, y)
    if operation == number.NOR:
        return meanings.nor(x, y)
    if operation == number.SLT:
        return meanings.slt(x, y)
    if operation == number.SLTU:
        return meanings.sltu(x, y)
    if operation == number.AUI:
        return meanings.aui(x, y)
    if operation == number.DAUI:
        return meanings.daui(x, y)
    if operation == number.DAHI:
        return meanings.dahi(x, y)
    if operation == number.DATI:
        return meanings.dati(x, y)
    if operation == number.LSA:
        return meanings.lsa(x, y, i)
    if operation == number.DLSA:
        return meanings.dlsa(x, y, i)
    if operation == number.SLL:
        return meanings.sll(x, y)
    if operation == number.SRL:
        return meanings.srl(x, y)
    if operation == number.SRA:
        return meanings.sra(x, y)
    if operation == number.ROTR:
        return meanings.rotr(x, y)
    if operation == number.DSLL:
        return meanings.dsll(x, y)
    if operation == number.DSRL:
        return meanings.dsrl(x, y)
    if operation == number.DSRA:
        return meanings.dsra(x, y)
    if operation == number.DROTR:
        return meanings.drotr(x, y)
    if operation == number.MUL:
        return meanings.mul(x, y)
    if operation == number.MUH:
        return meanings.muh(x, y)
    if operation == number.MUHU:
        return meanings.muhu(x, y)
    if operation == number.DIV:
        return meanings.div(x, y)
    if operation == number.MOD:
        return meanings.mod(x, y)
    if operation == number.DIVU:
        return meanings.divu(x, y)
    if operation == number.MODU:
        return meanings.modu(x, y)
    if operation == number.DMUL:
        return meanings.dmul(x, y)
    if operation == number.DMUH:
        return meanings.dmuh(x, y)
    if operation == number.DMUHU:
        return meanings.dmuhu(x, y)
    if operation == number.DDIV:
        return meanings.ddiv(x, y)
    if operation == number.DMOD:
        return meanings.dmod(x, y)
    if operation == number.DDIVU:
        return meanings.ddivu(x, y)
    if operation == number.DMODU:
        return meanings.dmodu(x, y)
    if operation == number.MOVZ:
        return meanings.movz(x, y, old)
    if operation == number.MOVN:
        return meanings.movn(x, y, old)
    if operation == number.SELEQZ:
        return meanings.seleqz(x, y)
    if operation == number.SELNEZ:
        return meanings.selnez(x, y)
    if operation == number.CLZ:
        return meanings.clz(x)
    if operation == number.CLO:
        return meanings.clo(x)
    if operation == number.DCLZ:
        return meanings.dclz(x)
    if operation == number.DCLO:
        return meanings.dclo(x)
    if operation == number.SEB:
        return meanings.seb(x)
    if operation == number.SEH:
        return meanings.seh(x)
    if operation == number.WSBH:
        return meanings.wsbh(x)
    if operation == number.DSBH:
        return meanings.dsbh(x)
    if operation == number.DSHD:
        return meanings.dshd(x)
    if operation == number.BITSWAP:
        return meanings.bitswap(x)
    if operation == number.DBITSWAP:
        return meanings.dbitswap(x)
    if operation == number.ALIGN:
        return meanings.align(x, y, i)
    if operation == number.DALIGN:
        return meanings.dalign(x, y, i)
    if operation == number.EXT:
        return meanings.ext(x, i, j)
    if operation == number.DEXT:
        return meanings.dext(x, i, j)
    if operation == number.INS:
        return meanings.ins(x, y, i, j)
    if operation == number.DINS:
        return meanings.dins(x, y, i, j)
    if operation == number.ADDIUPC:
        return meanings.addiupc(x, i)
    if operation == number.AUIPC:
        return meanings.auipc(x, i)
    if operation == number.ALUIPC:
        return meanings.aluipc(x, i)
    return 0


@native
def overflows(operation: int, x: int, y: int) -> bool:
    """Whether an operation of OVERFLOW traps instead of writing its result."""
    if operation == number.ADDU:
        return meanings.add_overflows(x, y)
    if operation == number.SUBU:
        return meanings.sub_overflows(x, y)
    if operation == number.DADDU:
        return meanings.dadd_overflows(x, y)
    return meanings.dsub_overflows(x, y)


@native
def multiply(operation: int, x: int, y: int, high: int, lower: int) -> tuple[int, int]:
    """HI and LO after an operation of MULTIPLY, given what they held; a divisor is not 0."""
    if operation == number.MULT:
        return meanings.muh(x, y), meanings.mul(x, y)
    if operation == number.MULTU:
        return meanings.muhu(x, y), meanings.mul(x, y)
    if operation == number.DIV_HILO:
        return meanings.mod(x, y), meanings.div(x, y)
    if operation == number.DIVU_HILO:
        return meanings.modu(x, y), meanings.divu(x, y)
    if operation == number.DMULT:
        return meanings.dmuh(x, y), meanings.dmul(x, y)
    if operation == number.DMULTU:
        return meanings.dmuhu(x, y), meanings.dmul(x, y)
    if operation == number.DDIV_HILO:
        return meanings.dmod(x, y), meanings.ddiv(x, y)
    if operation == number.DDIVU_HILO:
        return meanings.dmodu(x, y), meanings.ddivu(x, y)
    accumulator = meanings.accumulator(high, lower)
    if operation == number.MADD:
        accumulator = plus(accumulator, meanings.product(x, y))
    if operation == number.MADDU:
        accumulator = plus(accumulator, meanings.unsigned_product(x, y))
    if operation == number.MSUB:
        accumulator = minus(accumulator, meanings.product(x, y))
    if operation == number.MSUBU:
        accumulator = minus(accumulator, meanings.unsigned_product(x, y))
    return meanings.high_word(accumulator), word(accumulator)


@native
def divides(kind: int, operation: int) -> bool:
    """Whether the operation divides by `y`, so that its result is UNPREDICTABLE where that is 0."""
    if kind == number.COMPUTE:
        return number.DIV <= operation <= number.MODU or number.DDIV <= operation <= number.DMODU
    if kind == number.MULTIPLY:
        return operation in (number.DIV_HILO, number.DIVU_HILO, number.DDIV_HILO, number.DDIVU_HILO)
    return False


@native
def divisor(operation: int, kind: int, y: int) -> int:
    """What such an operation divides by: words have 32 bits."""
    if kind == number.COMPUTE:
        return low(y) if operation <= number.MODU else y
    return low(y) if operation in (number.DIV_HILO, number.DIVU_HILO) else y


@native
def holds(condition: int, x: int, y: int) -> bool:
    """Whether a branch is taken, or a trap: the pages of BEQ to BNEZALC and of TEQ to TNEI.

    BOVC and BNVC look for overflow of the 32-bit sum, and on 64-bit CPUs of the operands as well.
    """
    if condition == number.EQ:
        return x == y
    if condition == number.NE:
        return x != y
    if condition == number.LT:
        return x < y
    if condition == number.GE:
        return x >= y
    if condition == number.LE:
        return x <= y
    if condition == number.GT:
        return x > y
    if condition == number.LTU:
        return below(x, y)
    if condition == number.GEU:
        return not below(x, y)
    if condition == number.OVERFLOWS:
        return not is_word(x) or not is_word(y) or meanings.add_overflows(x, y)
    if condition == number.NO_OVERFLOW:
        return is_word(x) and is_word(y) and not meanings.add_overflows(x, y)
    return True


@native
def address(x: int, offset: int, wide: bool) -> int:
    """Base plus offset: of 64 bits on a 64-bit CPU, otherwise of 32, kept as a sign-extended word."""
    return plus(x, offset) if wide else word(plus(x, offset))
