"""Calls through registers, frames of nested calls, and tail calls: what a function leaves behind, what is counted, what is checked."""

from pathlib import Path

from ebpf.instruction import Instruction
from fuzz.selftest.seeded_bug import Bug, Change, before, drop, in_cells, operands, rename, rewrite, with_cells
from jit import call
from jit import frame as frames
from jit.code import Emitter, Op
from jit.compiler import Parts
from jit.frame import COUNT, Frame
from jit.lowering import LOWERING
from jit.pair import call as pair_calls
from jit.registers import FP, RA, S0, SP, T9, V0, V1, ZERO
from jit.tails import LIMIT, TAIL_ENTRY

ASSEMBLY = Path(__file__).parents[1] / "assembly"
LIMITED = (ASSEMBLY / "tail_call_limit.s").read_text()
FUNCTIONS = (ASSEMBLY / "tail_call_function.s").read_text()
FAILING = """
.map table prog_array 4 4 3
.program table 2 other
    r6 = r1
    r0 = 0x1122334455667788 ll
    r2 = map_fd 0
    r3 = 1
    call 12
    r1 = r6
    r2 = map_fd 0
    r3 = 0x80000002 ll
    call 12
    r1 = r6
    r2 = map_fd 0
    r3 = 3
    call 12
    exit
other:
    r0 = 1
    exit
"""

ARGUMENT = "argument of a kernel function"
TARGET = "wrong target of a call"
COUNTED = "tail calls are miscounted"
LEFT = "what a tail call leaves behind"
FAILED = "a tail call that fails"
SOME = ("mips2-32*", "mips32r6-32*", "mips64r2-64*")
N64 = ("mips3-64*", "mips64r6-64*")
O32 = ("mips1-32*", "mips64r2-32*")
LINUX = "Linux ebf7f6f0a6cd: the limit was one more than in the interpreter"


def _leaving(change: Change) -> Parts:
    """The code that leaves a function for another program is changed."""

    def leave(e: Emitter, frame: Frame) -> None:
        frames.leave(e, frame)
        e.items[:] = change(e, e.items)

    return Parts(leave=leave)


def _high_half(e: Emitter, i: Instruction) -> None:
    """The address is taken from the upper half."""
    call.register(e, e.registers[i.dst][1])


def _unpaired(e: Emitter, i: Instruction) -> None:
    """All arguments are passed one behind the other."""
    addresses = e.place_of_instruction.addresses
    signature = addresses.signatures.get(i.imm)
    if signature is None:
        LOWERING["CALL_KERNEL"].pair(e, i)
        return
    types = tuple("u32" for kind in signature.arguments for _ in range(2 if kind in ("u64", "s64") else 1))
    pair_calls.kernel_function(e, addresses.kernel_functions[i.imm], signature._replace(arguments=types[:5]))


def _zero_extended(e: Emitter, op: Op) -> list[Op]:
    return [e.make("dext", op.operands[0], op.operands[1], 0, 32)]


def _half_frames() -> Parts:
    """Frames of subprograms have 256 bytes."""
    change = operands("addiu daddiu", lambda rt, rs, imm: (rt, rs, imm // 2), when=lambda rt, rs, imm: rt == rs == FP)

    def prologue(e: Emitter, frame: Frame, named: frozenset[int]) -> None:
        frames.prologue(e, frame, named)
        e.items[:] = change(e, e.items)

    def epilogue(e: Emitter, frame: Frame) -> None:
        frames.epilogue(e, frame)
        e.items[:] = change(e, e.items)

    return Parts(prologue=prologue, epilogue=epilogue)


# fmt: off
BUGS = (
    Bug("callx-next-entry", TARGET, "A call through a register arrives at the entry behind the one that it names.",
        in_cells("CALLX", rewrite("jalr", lambda e, op: [e.make("addiu", T9, op.operands[1], 16), e.make("jalr", RA, T9)])), ("CALLX",), O32),
    Bug("callx-high-half", TARGET, "A call through a register takes the upper half of the address.",
        with_cells({"CALLX": _high_half}), ("CALLX",), O32),
    Bug("callx-low-half", TARGET, "A call through a register takes the address for a word.",
        in_cells("CALLX", rewrite("jalr", lambda e, op: [e.make("sll", T9, op.operands[1], 0), e.make("jalr", RA, T9)])), ("CALLX",), N64),
    Bug("kernel-function-u8", ARGUMENT, "An argument of 8 bits is passed as it is.",
        in_cells("CALL_KERNEL", drop("andi", nth=0)), ("CALL_KERNEL",), SOME),
    Bug("kernel-function-unpaired", ARGUMENT, "A 64-bit argument begins at the next word.",
        with_cells({"CALL_KERNEL": _unpaired}), ("CALL_KERNEL",), O32),
    Bug("kernel-function-u32-zero-extended", ARGUMENT, "An unsigned word is passed zero-extended.",
        in_cells("CALL_KERNEL", rewrite("sll", _zero_extended, when=lambda rd, rt, sa: rd == rt and sa == 0)), ("CALL_KERNEL",), ("mips64r6-64*",)),
    Bug("kernel-function-result", ARGUMENT, "The upper half of a signed result is zero.",
        in_cells("CALL_KERNEL", rewrite("sra", lambda e, op: [e.make("or", op.operands[0], ZERO, ZERO)], when=lambda rd, rt, sa: sa == 31)),
        ("CALL_KERNEL",), O32),
    Bug("nested-frame-256", "wrong frame size", "The frame of a nested call is 256 bytes below that of its caller.",
        _half_frames(), ("CALL_LOCAL",), SOME),
    Bug("tail-call-limit-34", COUNTED, "There may be 34 tail calls.",
        in_cells("CALL", operands("sltiu", lambda rt, rs, imm: (rt, rs, LIMIT + 1))), (), SOME, LINUX, LIMITED),
    Bug("tail-call-limit-32", COUNTED, "There may be 32 tail calls.",
        in_cells("CALL", operands("sltiu", lambda rt, rs, imm: (rt, rs, LIMIT - 1))), (), SOME, "", LIMITED),
    Bug("tail-call-count-reset", COUNTED, "A tail call enters where the count is started.",
        in_cells("CALL", drop("addiu daddiu", when=lambda rt, rs, imm: rt == T9 and imm == TAIL_ENTRY)), (), SOME, "", LIMITED),
    Bug("tail-call-not-counted", COUNTED, "The count of one function is not that of its caller.",
        in_cells("CALL_LOCAL", drop("sw", when=lambda rt, offset, base: rt == COUNT)), (), SOME,
        "Linux, arch/x86 before 6.12: tail calls of subprograms were counted apart", FUNCTIONS),
    Bug("tail-call-count-in-register", COUNTED, "The count is taken from a register that a helper has destroyed.",
        in_cells("CALL", drop("lw", when=lambda rt, offset, base: rt == COUNT)), (), SOME, "", LIMITED),
    Bug("tail-call-index-64-bits", COUNTED, "The upper half of the index is looked at.",
        in_cells("CALL", rewrite("sll", lambda e, op: [e.make("or", op.operands[0], op.operands[1], ZERO)], when=lambda rd, rt, sa: sa == 0)),
        (), N64, "", LIMITED),
    Bug("tail-call-loses-s0", LEFT, "s0 is not restored by the function that a tail call leaves.",
        _leaving(drop("ld lw", when=lambda rt, offset, base: rt == S0)), (), SOME, "", FUNCTIONS),
    Bug("tail-call-loses-ra", LEFT, "ra is not restored by the function that a tail call leaves.",
        _leaving(drop("ld lw", when=lambda rt, offset, base: rt == RA)), (), SOME, "", FUNCTIONS),
    Bug("tail-call-keeps-r10", LEFT, "r10 stays where it was.",
        _leaving(drop("addiu daddiu", when=lambda rt, rs, imm: rt == FP)), (), SOME, "", FUNCTIONS),
    Bug("tail-call-keeps-frame", LEFT, "The native frame is not taken down.",
        _leaving(rewrite("addiu daddiu", lambda e, op: [e.nop()], when=lambda rt, rs, imm: rt == SP)), (), SOME, "", LIMITED),
    Bug("tail-call-loses-r0", FAILED, "A tail call that fails destroys r0.",
        in_cells("CALL", before("sltu", ("or", (V0, ZERO, ZERO)), ("or", (V1, ZERO, ZERO)))), (), SOME, "", FAILING),
    Bug("tail-call-empty-slot", FAILED, "An empty slot is not looked for.",
        in_cells("CALL", drop("beq", nth=2)), (), SOME, "", FAILING),
    Bug("tail-call-signed-index", FAILED, "The index is compared as a signed number.",
        in_cells("CALL", rename({"sltu": "slt"})), (), SOME, "", FAILING),
    Bug("tail-call-one-too-far", FAILED, "An index that is the number of entries is let through.",
        in_cells("CALL", rewrite("sltu", lambda e, op: [e.make("addiu", op.operands[2], op.operands[2], 1), op])), (), SOME, "", FAILING),
)
# fmt: on
