"""Wrong values: upper halves that are not cleared, operands in the wrong order, lost carries, mixed-up widths and signs, wrong halves."""

from collections.abc import Sequence

from ebpf.instruction import Instruction
from fuzz.selftest.seeded_bug import Bug, before, drop, in_cells, operands, rename, with_cells
from jit.code import Emitter, Item
from jit.constants import load
from jit.registers import AT, O32_T6, T8, ZERO

ZERO_EXTENSION = "missing zero-extension"
CARRY = "lost carry"
ORDER = "wrong operand order"
SHIFT = "wrong-width shift"
SIGN = "signed and unsigned mixed up"
HALF = "wrong half of a pair"
N64 = ("*-64*",)
O32 = ("*-32*",)
FROM_R2 = ("mips64r[2356]-64*",)
OLD_JIT = "Linux, arch/mips/net/ebpf_jit.c, which was replaced in 5.16"


def _clears(rd: int, rs: int, rt: int) -> bool:
    return rs == ZERO and rt == ZERO and rd != AT


def _exchanged(rd: int, first: int, second: int) -> tuple[int, int, int]:
    return rd, second, first


def _borrow_late(e: Emitter, items: Sequence[Item]) -> list[Item]:
    """The comparison changes places with the subtraction behind it."""
    changed = list(items)
    if len(changed) > 1:
        changed[:2] = changed[1::-1]
    return changed


def _signed_constant(e: Emitter, i: Instruction) -> None:
    load(e, e.registers[i.dst], i.imm)


def _halves_in_place(e: Emitter, i: Instruction) -> None:
    for register in e.registers[i.dst]:
        for mnemonic, given in (("wsbh", (register, register)), ("rotr", (register, register, 16))):
            e.op(mnemonic, *given)


# fmt: off
BUGS = (
    Bug("add32-upper-half", ZERO_EXTENSION, "A 32-bit addition leaves all 64 bits of the sum.",
        in_cells("ADD32_REG ADD32_IMM", drop("dext")), ("ADD32_REG", "ADD32_IMM"), FROM_R2),
    Bug("add32-high-register", ZERO_EXTENSION, "A 32-bit addition leaves the high register as it was.",
        in_cells("ADD32_REG", drop("or", when=_clears)), ("ADD32_REG",), O32),
    Bug("rsh32-by-zero", ZERO_EXTENSION, "A 32-bit right shift by zero leaves its operand sign-extended.",
        in_cells("RSH32_REG", drop("dext dsll32 dsrl32")), ("RSH32_REG",), N64),
    Bug("mov32-copies", ZERO_EXTENSION, "A 32-bit move copies both halves.",
        in_cells("MOV32_REG", drop("or", when=_clears)), ("MOV32_REG",), O32),
    Bug("mov32-imm-negative", ZERO_EXTENSION, "A 32-bit move of a negative constant fills the upper half with ones.",
        with_cells({"MOV32_IMM": _signed_constant}), ("MOV32_IMM",), N64),
    Bug("swap16-upper-half", ZERO_EXTENSION, "A 16-bit byte swap leaves what is above its 16 bits.",
        in_cells("BSWAP16 BE16 LE16", drop("andi")), ("BSWAP16",), ("mips64r[2356]-*",),
        "Linux commit 8110ba097778 (there for the byte swaps before release 2)"),
    Bug("swap32-upper-half", ZERO_EXTENSION, "A 32-bit byte swap leaves its result sign-extended.",
        in_cells("BSWAP32 BE32 LE32", rename({"dsrl32": "dsra32"})), ("BSWAP32",), FROM_R2, "Linux commit 8110ba097778"),
    Bug("fetch-add32-upper-half", ZERO_EXTENSION, "What a 32-bit fetching addition read is left sign-extended.",
        in_cells("ATOMIC_FETCH_ADD_W", drop("dext dsrl32 dsll32")), ("ATOMIC_FETCH_ADD_W",), N64),
    Bug("fetch-or32-high-register", ZERO_EXTENSION, "A 32-bit fetching operation leaves the high register as it was.",
        in_cells("ATOMIC_FETCH_OR_W", drop("or", when=_clears)), ("ATOMIC_FETCH_OR_W",), ("mips32r*-32*",)),
    Bug("load-word-sign", ZERO_EXTENSION, "A load of an unsigned word sign-extends it.",
        in_cells("LDX_W", rename({"lwu": "lw"})), ("LDX_W",), N64),
    Bug("load-byte-sign", ZERO_EXTENSION, "A load of an unsigned byte sign-extends it.",
        in_cells("LDX_B", rename({"lbu": "lb"})), ("LDX_B",), ("mips32r1-32*", "mips3-64*")),
    Bug("load-signed-half", "missing sign-extension of a load", "A load of a signed halfword zero-extends it.",
        in_cells("LDXSX_H", rename({"lh": "lhu"})), ("LDXSX_H",), ("mips1-32*", "mips64r6-64*")),
    Bug("load-signed-high-register", "missing sign-extension of a load", "A load of a signed word clears the high register.",
        in_cells("LDXSX_W", operands("sra", lambda rd, rt, sa: (rd, ZERO, sa))), ("LDXSX_W",), O32),
    Bug("movsx-high-register", "missing sign-extension of a move", "A move with sign extension extends within the low register only.",
        in_cells("MOVSX64_8 MOVSX64_16", drop("sra", when=lambda rd, rt, sa: sa == 31)), ("MOVSX64_8", "MOVSX64_16"), O32),
    Bug("sub64-order", ORDER, "A subtraction is done the other way round.",
        in_cells("SUB64_REG", operands("dsubu", _exchanged)), ("SUB64_REG",), N64),
    Bug("sub32-order", ORDER, "A 32-bit subtraction is done the other way round.",
        in_cells("SUB32_REG", operands("subu", _exchanged)), ("SUB32_REG",), O32),
    Bug("div64-order", ORDER, "A division is done the other way round.",
        in_cells("DIV64_REG", operands("ddivu", lambda *given: (*given[:-2], given[-1], given[-2]))), ("DIV64_REG",), N64),
    Bug("lsh64-order", ORDER, "The count of a shift is shifted by the value.",
        in_cells("LSH64_REG", operands("dsllv", _exchanged)), ("LSH64_REG",), N64),
    Bug("add64-carry", CARRY, "The carry of an addition does not reach the high register.",
        in_cells("ADD64_REG", drop("addu", when=lambda rd, rs, rt: rt == AT)), ("ADD64_REG",), O32),
    Bug("add64-imm-carry", CARRY, "The carry of an addition of a constant does not reach the high register.",
        in_cells("ADD64_IMM", drop("addu", when=lambda rd, rs, rt: rt == AT and rd == rs, nth=1)), ("ADD64_IMM",), O32),
    Bug("add64-imm-negative", CARRY, "A large negative constant is added as an unsigned word.",
        in_cells("ADD64_IMM", drop("addiu", when=lambda rt, rs, imm: imm == -1 and rt == rs)), ("ADD64_IMM",), O32),
    Bug("sub64-borrow", CARRY, "The borrow is computed from the difference.",
        in_cells("SUB64_REG", _borrow_late), ("SUB64_REG",), O32),
    Bug("neg64-carry", CARRY, "A negation does not carry out of a low register of zero.",
        in_cells("NEG64", drop("addu")), ("NEG64",), O32),
    Bug("mul64-cross", CARRY, "A product lacks the low register times the high one.",
        in_cells("MUL64_REG", drop("addu", when=lambda rd, rs, rt: rt == O32_T6)), ("MUL64_REG",), O32),
    Bug("rsh64-imm-width", SHIFT, "A right shift by a constant of 32 or more shifts by 32 less.",
        in_cells("RSH64_IMM", rename({"dsrl32": "dsrl"})), ("RSH64_IMM",), N64),
    Bug("lsh64-reg-width", SHIFT, "A 64-bit left shift is one of 32 bits.",
        in_cells("LSH64_REG", rename({"dsllv": "sllv"})), ("LSH64_REG",), N64),
    Bug("rsh32-reg-width", SHIFT, "A 32-bit right shift brings in bits from above.",
        in_cells("RSH32_REG", rename({"srlv": "dsrlv"})), ("RSH32_REG",), N64),
    Bug("lsh64-big-count", SHIFT, "A left shift takes counts of 32 and more for the rest above 32 bits too late.",
        in_cells("LSH64_REG", operands("andi", lambda rt, rs, imm: (rt, rs, 16))), ("LSH64_REG",), O32),
    Bug("arsh64-imm-fill", SHIFT, "An arithmetic right shift of 32 or more fills with zeros.",
        in_cells("ARSH64_IMM", rename({"sra": "srl"})), ("ARSH64_IMM",), O32),
    Bug("arsh32-count", SHIFT, "A 32-bit arithmetic right shift forgets that its word stands in the upper half.",
        in_cells("ARSH32_IMM", rename({"dsra": "dsrl"})), ("ARSH32_IMM",), N64),
    Bug("div32-signed", SIGN, "An unsigned 32-bit division is done signed.",
        in_cells("DIV32_REG DIV32_IMM", rename({"divu": "div"})), ("DIV32_REG",), ("mips32r[1235]-32*", "mips3-64*")),
    Bug("smod64-unsigned", SIGN, "A signed modulo is done unsigned.",
        in_cells("SMOD64_REG SMOD64_IMM", rename({"ddiv": "ddivu"})), ("SMOD64_REG",), ("mips[345]-64*", "mips64r[1235]-64*")),
    Bug("mul64-signed-low", SIGN, "The words of a product are multiplied signed.",
        in_cells("MUL64_REG", rename({"multu": "mult"})), ("MUL64_REG",), ("mips32r[1235]-32*", "mips2-32*")),
    Bug("mod64-word", "wrong width", "A 64-bit modulo is one of 32 bits.",
        in_cells("MOD64_REG MOD64_IMM", rename({"dmodu": "modu"})), ("MOD64_REG",), ("mips64r6-64*",), OLD_JIT),
    Bug("mod-quotient", "wrong result register", "A modulo reads LO.",
        in_cells("MOD32_REG MOD64_REG", rename({"mfhi": "mflo"})), ("MOD32_REG",), ("mips1-32*", "mips5-64*")),
    Bug("div-by-zero", "missing special case", "A division by zero leaves whatever the CPU makes of it.",
        in_cells("DIV64_REG", drop("movz beql bne")), ("DIV64_REG",), ("mips64r[1235]-64*",)),
    Bug("mod-by-zero", "missing special case", "A modulo by zero gives what the CPU makes of it.",
        in_cells("MOD32_REG", operands("movn", lambda rd, rs, rt: (rd, rs, 29))), ("MOD32_REG",), ("mips64r[1235]-64*", "mips32r2-32*")),
    Bug("swap64-halves", HALF, "A 64-bit byte swap swaps each half in its place.",
        with_cells({"BSWAP64": _halves_in_place}), ("BSWAP64",), ("mips32r[2356]-32*",)),
    Bug("swap32-half", HALF, "A 32-bit byte swap of release 2 leaves its halfwords where they were.",
        in_cells("BSWAP32", drop("dshd")), ("BSWAP32",), FROM_R2),
    Bug("or64-high-source", HALF, "The high register is combined with the low one of the source.",
        in_cells("OR64_REG", operands("or", lambda rd, rs, rt: (rd, rs, rt ^ 1), nth=1)), ("OR64_REG",), O32),
    Bug("xor64-imm-high", HALF, "A negative constant is not combined with the high register.",
        in_cells("XOR64_IMM", drop("nor", when=lambda rd, rs, rt: rt == ZERO, nth=0)), ("XOR64_IMM",), O32),
    Bug("lddw-halves", HALF, "The halves of a 64-bit constant change places.",
        in_cells("LDDW", operands("lui", lambda rt, imm: (rt ^ 1, imm))), ("LDDW",), O32),
    Bug("mul64-clobber", "clobbered register", "A product destroys the register after the one of its result.",
        in_cells("MUL64_REG", before("dmultu dmul", ("or", (9 - 1, T8, ZERO)))), ("MUL64_REG",), N64),
    Bug("or64-imm-truncated", "truncated immediate", "A constant of more than 16 bits is cut to 16.",
        in_cells("OR64_IMM", drop("lui")), ("OR64_IMM",), ("mips64r2-*", "mips1-*")),
    Bug("lddw-truncated", "truncated immediate", "A constant loses bits 48 and up.",
        with_cells({"LDDW": lambda e, i: load(e, e.registers[i.dst], i.imm & 0xFFFF_FFFF_FFFF)}), ("LDDW",), N64),
)
# fmt: on
