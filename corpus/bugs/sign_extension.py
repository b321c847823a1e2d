"""Operands of word instructions that are not sign-extended words: UNPREDICTABLE on a 64-bit CPU (MD00087), and right in an emulator.

Most of them are what happens when a 32-bit operation is lowered to the word instruction of its name without looking at the upper halves.
"""

from ebpf.instruction import Instruction
from fuzz.selftest.seeded_bug import Bug, anywhere, in_cells, rename, unextended, with_cells
from jit.bits import field
from jit.code import Emitter, instruction
from jit.compiler import Parts
from jit.constants import load
from jit.registers import AT
from jit.single import alu

MISSING = "missing sign-extension"
N64 = ("*-64*",)
FROM_R2 = ("mips64r[2356]-64*",)
WITH_HILO = ("mips64r[1235]-64*", "mips[345]-64*")


def _word_shift(e: Emitter, i: Instruction) -> None:
    d = e.registers[i.dst]
    e.op("srl", d, d, i.imm & 31)
    alu.zero_extend(e, d, d)


def _word_arithmetic_shift(e: Emitter, i: Instruction) -> None:
    d = e.registers[i.dst]
    e.op("sra", d, d, i.imm & 31)
    alu.zero_extend(e, d, d)


def _extend_byte(e: Emitter, i: Instruction) -> None:
    e.op("seb", e.registers[i.dst], e.registers[i.src])


def _extend_half(e: Emitter, i: Instruction) -> None:
    e.op("seh", e.registers[i.dst], e.registers[i.src])


def _swap_halfword(e: Emitter, i: Instruction) -> None:
    d = e.registers[i.dst]
    e.op("wsbh", d, d)
    e.op("andi", d, d, 0xFFFF)


def _swap_word(e: Emitter, i: Instruction) -> None:
    d = e.registers[i.dst]
    e.op("wsbh", d, d)
    e.op("rotr", d, d, 16)
    alu.zero_extend(e, d, d)


def _field(e: Emitter, i: Instruction) -> None:
    d = e.registers[i.dst]
    e.op("ext", d, d, i.imm & 31, 32 - (i.imm & 31))
    alu.zero_extend(e, d, d)


def _clear_field(e: Emitter, i: Instruction) -> None:
    d, hole = e.registers[i.dst], field(~i.imm)
    if hole is None:
        load(e, AT, i.imm)
        e.op("and", d, d, AT)
    else:
        e.op("ins", d, 0, *hole)
    alu.zero_extend(e, d, d)


def _product(e: Emitter, i: Instruction) -> None:
    d, s = e.registers[i.dst], e.registers[i.src]
    e.items.append(instruction(anywhere("mult"), (d, s)))
    e.op("mflo", d)
    alu.zero_extend(e, d, d)


def _words(name: str, long: str, word: str) -> Parts:
    return in_cells(name, rename({long: word}))


# fmt: off
BUGS = (
    Bug("div32-divisor", MISSING, "The divisor of a 32-bit division goes to divu as it is.",
        in_cells("DIV32_REG", unextended(0)), ("DIV32_REG",), N64),
    Bug("div32-dividend", MISSING, "The dividend of a 32-bit division goes to divu as it is.",
        in_cells("DIV32_REG", unextended(1)), ("DIV32_REG",), N64),
    Bug("sdiv32-divisor", MISSING, "The divisor of a signed 32-bit division goes to div as it is.",
        in_cells("SDIV32_REG", unextended(0)), ("SDIV32_REG",), N64),
    Bug("sdiv32-dividend", MISSING, "The dividend of a signed 32-bit division goes to div as it is.",
        in_cells("SDIV32_REG", unextended(1)), ("SDIV32_REG",), N64),
    Bug("mod32-divisor", MISSING, "The divisor of a 32-bit modulo goes to divu as it is.",
        in_cells("MOD32_REG", unextended(0)), ("MOD32_REG",), N64),
    Bug("mod32-dividend", MISSING, "The dividend of a 32-bit modulo goes to divu as it is.",
        in_cells("MOD32_REG", unextended(1)), ("MOD32_REG",), N64),
    Bug("smod32-dividend", MISSING, "The dividend of a signed 32-bit modulo goes to div as it is.",
        in_cells("SMOD32_REG", unextended(1)), ("SMOD32_REG",), N64),
    Bug("div32-imm-dividend", MISSING, "The dividend of a 32-bit division by a constant goes to divu as it is.",
        in_cells("DIV32_IMM", unextended()), ("DIV32_IMM",), N64),
    Bug("mod32-imm-dividend", MISSING, "The dividend of a 32-bit modulo by a constant goes to divu as it is.",
        in_cells("MOD32_IMM", unextended()), ("MOD32_IMM",), N64),
    Bug("rsh32-reg", MISSING, "srlv shifts a zero-extended word.",
        in_cells("RSH32_REG", unextended()), ("RSH32_REG",), N64),
    Bug("rsh32-imm", MISSING, "srl shifts a zero-extended word.",
        with_cells({"RSH32_IMM": _word_shift}), ("RSH32_IMM",), N64),
    Bug("arsh32-reg", MISSING, "srav shifts a zero-extended word.",
        in_cells("ARSH32_REG", unextended()), ("ARSH32_REG",), N64),
    Bug("arsh32-imm", MISSING, "sra shifts a zero-extended word.",
        with_cells({"ARSH32_IMM": _word_arithmetic_shift}), ("ARSH32_IMM",), N64),
    Bug("add32-reg", MISSING, "addu adds zero-extended words.",
        _words("ADD32_REG", "daddu", "addu"), ("ADD32_REG",), N64),
    Bug("add32-imm", MISSING, "addiu adds to a zero-extended word.",
        _words("ADD32_IMM", "daddiu", "addiu"), ("ADD32_IMM",), N64),
    Bug("sub32-reg", MISSING, "subu subtracts zero-extended words.",
        _words("SUB32_REG", "dsubu", "subu"), ("SUB32_REG",), N64),
    Bug("neg32", MISSING, "subu negates a zero-extended word.",
        _words("NEG32", "dsubu", "subu"), ("NEG32",), N64),
    Bug("mul32-reg", MISSING, "mult multiplies zero-extended words.",
        with_cells({"MUL32_REG": _product}), ("MUL32_REG",), WITH_HILO),
    Bug("movsx64-8", MISSING, "seb takes its byte from any register.",
        with_cells({"MOVSX64_8": _extend_byte}), ("MOVSX64_8",), FROM_R2),
    Bug("movsx64-16", MISSING, "seh takes its halfword from any register.",
        with_cells({"MOVSX64_16": _extend_half}), ("MOVSX64_16",), FROM_R2),
    Bug("bswap16", MISSING, "wsbh swaps in any register.",
        with_cells({"BSWAP16": _swap_halfword}), ("BSWAP16",), FROM_R2),
    Bug("bswap32", MISSING, "wsbh swaps in any register, rotr rotates its result.",
        with_cells({"BSWAP32": _swap_word}), ("BSWAP32",), FROM_R2),
    Bug("rsh32-imm-field", MISSING, "ext takes a field of a zero-extended word.",
        with_cells({"RSH32_IMM": _field}), ("RSH32_IMM",), FROM_R2),
    Bug("and32-imm-field", MISSING, "ins clears a field of a zero-extended word.",
        with_cells({"AND32_IMM": _clear_field}), ("AND32_IMM",), FROM_R2),
    Bug("jump32-operands", "missing sign-extension in a comparison", "A 32-bit comparison of two registers looks at all 64 bits of the first.",
        in_cells("JSGT32_REG JSLT32_REG", unextended(0)), ("JSGT32_REG", "JSLT32_REG"), N64),
    Bug("jump32-constant", "missing sign-extension in a comparison", "A 32-bit comparison with a constant looks at all 64 bits.",
        in_cells("JEQ32_IMM JLT32_IMM", unextended()), ("JEQ32_IMM", "JLT32_IMM"), N64),
    Bug("cmpxchg32-expected", "missing sign-extension in a comparison", "The expected word is compared, not sign-extended, with what ll read.",
        in_cells("CMPXCHG_W", unextended()), ("CMPXCHG_W",), N64),
    Bug("packet-offset", "missing sign-extension of an argument", "The 32-bit offset of a packet access is passed as a 64-bit sum.",
        in_cells("LDIND_W", unextended()), ("LDIND_W",), N64),
    Bug("movsx64-32", MISSING, "A move with sign extension from 32 bits is a plain move.",
        in_cells("MOVSX64_32", unextended()), ("MOVSX64_32",), N64),
)
# fmt: on
