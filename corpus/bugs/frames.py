"""Entry, exit, calls, and the registers and memory that belong to the caller."""

from collections.abc import Callable, Sequence

from ebpf.instruction import Instruction
from fuzz.selftest.seeded_bug import Bug, Change, Rewrite, before, drop, in_cells, operands, rename, rewrite, with_cells
from jit import frame as frames
from jit.code import Emitter, Item, Op
from jit.compiler import Parts
from jit.constants import load
from jit.frame import Frame
from jit.lowering import LOWERING
from jit.registers import A0, AT, FP, RA, S0, SP, T8, T9, V0, ZERO, pairs

SAVED = "unsaved register"
CLOBBERED = "clobbered register"
FRAME = "wrong frame size"
ARGUMENT = "argument at the wrong place"
N64 = ("*-64*",)
O32 = ("*-32*",)
SOME = ("mips32r2-32*", "mips64r2-64*")
CALLING = ("mips2-32*", "mips32r2-32*", "mips64r2-64*")
OLD_JIT = "Linux, arch/mips/net/ebpf_jit.c, which was replaced in 5.16"
GP, K0 = 28, 26


def _entry(change: Change) -> Parts:
    """The entry is changed."""

    def prologue(e: Emitter, frame: Frame, named: frozenset[int]) -> None:
        frames.prologue(e, frame, named)
        e.items[:] = change(e, e.items)

    return Parts(prologue=prologue)


def _exit(change: Change) -> Parts:
    """The exit is changed."""

    def epilogue(e: Emitter, frame: Frame) -> None:
        frames.epilogue(e, frame)
        e.items[:] = change(e, e.items)

    return Parts(epilogue=epilogue)


def _sized(change: Callable[[Frame], Frame]) -> Parts:
    return Parts(frame=lambda e, main, written, stack: change(frames.layout(e, main, written, stack)))


def _unsaved(frame: Frame) -> Frame:
    """s0 is neither saved nor restored; its place stays."""
    return frame._replace(saved=tuple(register if register != S0 else ZERO for register in frame.saved))


def _signed_arguments(e: Emitter, frame: Frame, named: frozenset[int]) -> None:
    """The high half of r1 is the sign of the low one."""
    frames.prologue(e, frame, named)
    if frame.main and e.config.width == 32:
        low, high = pairs(e.config)[1]
        e.op("sra", high, low, 31)


def _signed_address(e: Emitter, i: Instruction) -> None:
    """A 32-bit address is extended to 64 bits by its sign."""
    if e.config.width == 64:
        LOWERING["LDDW"].single(e, i)
        return
    low, high = e.registers[i.dst]
    load(e, low, i.imm & 0xFFFFFFFF)
    e.op("sra", high, low, 31)


def _short_address(e: Emitter, i: Instruction) -> None:
    """An address is taken to have 48 bits."""
    load(e, e.registers[i.dst], i.imm & 0xFFFF_FFFF_FFFF)


def _moved(e: Emitter, items: Sequence[Item]) -> list[Item]:
    """The stack pointer is somewhere else for a while."""
    add = "daddiu" if e.config.width == 64 else "addiu"
    away = [e.make(add, T8, SP, -28672), e.make("or", T9, SP, ZERO), e.make("or", SP, T8, ZERO), e.make("or", SP, T9, ZERO)]
    return [*away, *items]


def _raised_early(e: Emitter, items: Sequence[Item]) -> list[Item]:
    """The frame is given up before the registers are restored."""
    *others, leaving = items
    assert isinstance(leaving, Op)
    if leaving.slot is None or leaving.slot.operands[:2] != (SP, SP):
        return list(items)
    restored = operands("lw ld", lambda rt, offset, base: (rt, offset, T8))(e, others)
    return [e.make("or", T8, SP, ZERO), leaving.slot, *restored, leaving._replace(slot=e.nop())]


def _clobbering(register: int) -> Rewrite:
    return lambda e, op: [op, e.make("or", register, op.operands[0], ZERO)]


def _uninitialised(e: Emitter, i: Instruction) -> None:
    """The upper bits of the result come from a register that nobody has written."""
    d, s = e.registers[i.dst], e.registers[i.src]
    e.op("daddu", d, d, s)
    e.op("dsll32", d, d, 0)
    e.op("dsrl32", d, d, 0)
    e.op("dsrl32", AT, T9, 31)
    e.op("dsll32", AT, AT, 31)
    e.op("or", d, d, AT)


def _zero_by_chance(e: Emitter, i: Instruction) -> None:
    """One is added where a register that nobody has written is zero."""
    d = e.registers[i.dst]
    e.op("daddu", d, d, e.registers[i.src])
    e.op("sltiu", AT, T9, 1)
    e.op("daddu", d, d, AT)


def _from_spill(e: Emitter, i: Instruction) -> None:
    """The high half is cleared with a word of the frame that is taken to be zero."""
    LOWERING["ADD32_REG"].pair(e, i)
    e.op("lw", e.registers[i.dst][1], -4 - 0x100, SP)


# fmt: off
BUGS = (
    Bug("s0-not-saved", SAVED, "s0, which holds r6, is neither saved nor restored.",
        _sized(_unsaved), ("CALL", "ADD64_REG"), CALLING),
    Bug("s0-not-restored", SAVED, "s0, which holds r6, is not restored.",
        _exit(drop("ld lw", when=lambda rt, offset, base: rt == S0)), ("ADD64_REG",), CALLING),
    Bug("fp-not-saved", SAVED, "fp is not saved before it becomes r10.",
        _entry(drop("sd sw", when=lambda rt, offset, base: rt == FP)), ("ADD64_REG",), SOME),
    Bug("fp-not-restored", SAVED, "fp is not restored.",
        _exit(drop("ld lw", when=lambda rt, offset, base: rt == FP)), ("MOV64_REG",), SOME),
    Bug("ra-not-saved", SAVED, "ra is not saved in a program that calls.",
        _entry(drop("sd sw", when=lambda rt, offset, base: rt == RA)), ("CALL",), CALLING),
    Bug("sp-not-restored", SAVED, "The stack pointer is left where it was.",
        _exit(rewrite("daddiu addiu", lambda e, op: [e.make("sll", 0, 0, 0)], when=lambda rt, rs, imm: rt == SP)),
        ("ADD64_REG",), SOME),
    Bug("gp-clobbered", CLOBBERED, "gp serves as a temporary register.",
        in_cells("SUB64_REG", rewrite("dsubu subu", _clobbering(GP))), ("SUB64_REG",), SOME),
    Bug("k0-clobbered", CLOBBERED, "k0, which exception handlers use at any time, serves as a temporary register.",
        in_cells("SUB64_REG", rewrite("dsubu subu", _clobbering(K0))), ("SUB64_REG",), SOME),
    Bug("s7-clobbered", CLOBBERED, "s7 serves as a temporary register and is not saved.",
        in_cells("MUL64_REG", rewrite("dmultu multu dmul mul", lambda e, op: [op, e.make("or", 23, 0, 0)])), ("MUL64_REG",), N64),
    Bug("v1-clobbered", CLOBBERED, "The high half of r0 serves as a temporary register.",
        in_cells("XOR64_REG", rewrite("xor", _clobbering(3), nth=0)), ("XOR64_REG",), ("*-32le",)),
    Bug("result-not-a-word", "missing sign-extension of the result", "The 32-bit result of the program is returned as it is in r0.",
        _exit(drop("sll")), ("ADD32_REG", "SUB32_REG"), N64, OLD_JIT),
    Bug("frame-too-small", FRAME, "The frame is 16 bytes smaller than what is in it.",
        _sized(lambda frame: frame._replace(size=frame.size - 16) if frame.stack else frame), ("LDX_DW", "CALL"), SOME),
    Bug("frame-misaligned", "stack misaligned at calls", "The frame is not a multiple of what the ABI wants.",
        _sized(lambda frame: frame._replace(size=frame.size + 4)),
        ("CALL",), ("mips32r2-32*",)),
    Bug("frame-misaligned-64", "stack misaligned at calls", "The frame is a multiple of 8 bytes only.",
        _sized(lambda frame: frame._replace(size=frame.size + 8)), ("CALL",), N64),
    Bug("saved-above-frame", "memory outside the frame", "Registers are saved in the frame of the caller.",
        _entry(operands("sd sw", lambda rt, offset, base: (rt, offset + 32, base))), ("CALL",), SOME),
    Bug("frame-too-deep", FRAME, "The frame is 16 KiB larger than the program needs.",
        _sized(lambda frame: frame._replace(size=frame.size + 0x4000)), ("ADD64_REG", "MOV64_REG"), SOME),
    Bug("no-home-area", FRAME, "o32 calls get no argument area, and the called function writes to the stack of the program.",
        _sized(lambda frame: frame._replace(size=frame.size - 40) if frame.stack else frame), ("CALL",), O32, OLD_JIT),
    Bug("argument-in-register", ARGUMENT, "The third argument of a helper stays in registers.",
        in_cells("CALL_KERNEL", drop("sw", when=lambda rt, offset, base: offset < 24)), ("CALL_KERNEL",), O32, OLD_JIT),
    Bug("argument-one-word-late", ARGUMENT, "Arguments on the stack lie four bytes too high.",
        in_cells("CALL_KERNEL", operands("sw", lambda rt, offset, base: (rt, offset + 4, base))), ("CALL_KERNEL",), O32),
    Bug("argument-half", ARGUMENT, "Only one register of a 64-bit argument is passed.",
        in_cells("CALL_KERNEL", drop("sw", when=lambda rt, offset, base: offset % 8 == 4)), ("CALL_KERNEL",), O32, OLD_JIT),
    Bug("routine-result-halves", "wrong half of a pair", "The halves of the result of a routine change places.",
        in_cells("MOD64_REG", operands("or", lambda rd, rs, rt: (rd, 5 - rs if rs in (2, 3) and rt == 0 and rd not in (2, 3) else rs, rt))),
        ("MOD64_REG",), O32),
    Bug("call-clobbers-r2", "clobbered register", "r2 is not kept while a routine runs.",
        in_cells("DIV64_REG", drop("lw", when=lambda rt, offset, base: rt in (6, 7))), ("DIV64_REG",), O32),
    Bug("r1-sign-extended", "wrong extension of a pointer", "The high half of r1 is the sign of the low half.",
        Parts(prologue=_signed_arguments), ("JEQ64_REG",), O32),
    Bug("address-sign-extended", "wrong extension of a pointer", "The address of a data section is sign-extended.",
        with_cells({"LDDW": _signed_address}), ("LDDW_MAP_VALUE",), O32),
    Bug("address-48-bits", "truncated pointer", "The address of a data section loses bits 48 and up.",
        with_cells({"LDDW": _short_address}), ("LDDW_MAP_VALUE",), N64),
    Bug("address-32-bits", "truncated pointer", "r1 is copied as a word.",
        in_cells("MOV64_REG", rewrite("or", lambda e, op: [e.make("sll", op.operands[0], op.operands[1], 0)])), ("MOV64_REG", "LDX_DW"), N64),
    Bug("stack-address-32-bits", "truncated pointer", "The sum of a pointer and a constant is computed in 32 bits.",
        in_cells("ADD64_IMM", rename({"daddiu": "addiu"})), ("ADD64_IMM", "LDX_W"), N64),
    Bug("uninitialised-register", "uninitialised register", "The upper bit of a 32-bit sum comes from t9.",
        with_cells({"ADD32_REG": _uninitialised}), ("ADD32_REG",), N64),
    Bug("uninitialised-zero", "uninitialised register", "A 64-bit sum is one too large where t9 is zero.",
        with_cells({"ADD64_REG": _zero_by_chance}), ("ADD64_REG",), N64),
    Bug("uninitialised-hi", "uninitialised HI", "The high word of a product is read before there is one.",
        in_cells("MUL64_REG", lambda e, items: [*(i for i in items if i[0] is e.rows["mfhi"]), *(i for i in items if i[0] is not e.rows["mfhi"])]),
        ("MUL64_REG",), ("mips32r[1235]-32*",)),
    Bug("uninitialised-stack", "uninitialised memory", "The high half of a 32-bit sum is loaded from the frame, where nobody has put a zero.",
        with_cells({"ADD32_REG": _from_spill}), ("ADD32_REG",), ("mips32r2-32*",)),
    Bug("exit-keeps-frame-pointer", CLOBBERED, "A subprogram does not give its caller r10 back.",
        _exit(drop("daddiu addiu", when=lambda rt, rs, imm: rt == FP)), ("CALL_LOCAL",), SOME),
    Bug("r0-lost-at-exit", CLOBBERED, "The exit destroys the low half of r0.",
        _exit(before("jr", ("or", (V0, A0, ZERO)))), ("MOV64_REG",), SOME),
    Bug("stack-pointer-elsewhere", FRAME, "The stack pointer is somewhere else for three instructions.",
        in_cells("ADD64_REG", _moved), ("ADD64_REG",), ("mips1-32*", "mips32r2-32*", "mips64r2-64*")),
    Bug("stack-pointer-misaligned", FRAME, "The frame of a subprogram is no multiple of the alignment of the stack.",
        _sized(lambda frame: frame if frame.main else frame._replace(size=frame.size + 8)), ("CALL_LOCAL",), N64),
    Bug("frame-given-up-early", FRAME, "The frame is given up before the registers are restored from it.",
        _exit(_raised_early), ("CALL_LOCAL",), ("mips1-32*", "mips3-64*", "mips32r6-32*", "mips64r6-64*")),
)
# fmt: on
