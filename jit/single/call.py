"""Calls where one 64-bit register holds an eBPF register: eBPF and n64 agree on where arguments and results are."""

from collections.abc import Sequence

from jit import call
from jit.code import Emitter
from jit.constants import load
from jit.moves import Source, move_all
from jit.registers import A0, A1, A2, S0, SINGLES, SP, V0, ZERO
from jit.runtime import Routine
from jit.single import alu


def helper(e: Emitter, address: int) -> None:
    call.function(e, address)


def kernel_function(e: Emitter, address: int, signature: Routine) -> None:
    """Arguments are extended to 64 bits by their types, 32-bit ones by their sign whatever their type; r0 gets the result extended by its type."""
    for register, kind in zip(SINGLES[1:], signature.arguments, strict=False):
        if kind == "u32":
            alu.sign_extend(e, register, register)
        else:
            _extend(e, register, kind)
    call.function(e, address)
    _extend(e, V0, signature.result)


def _extend(e: Emitter, register: int, kind: str) -> None:
    match kind:
        case "u8":
            e.op("andi", register, register, 0xFF)
        case "u16":
            e.op("andi", register, register, 0xFFFF)
        case "u32":
            alu.zero_extend(e, register, register)
        case "s8" | "s16" | "s32":
            alu.movsx(e, register, register, int(kind[1:]))


def routine(e: Emitter, name: str, arguments: Sequence[Source], words: Sequence[int], result: int | None) -> None:
    """Call a runtime routine with these arguments; `result` gets its value.

    words  the positions of the arguments of 32 bits, which n64 passes sign-extended

    A runtime routine stands for one eBPF instruction, so r0 to r5 survive it: those that the function mentions are saved on the stack around the
    call, except where the result goes.
    """
    mentioned = e.ask(call.mentioned)
    keep = [(SINGLES[number], 8 * number) for number in range(6) if number in mentioned and SINGLES[number] != result]
    e.spills = True
    for register, offset in keep:
        e.op("sd", register, offset, SP)
    move_all(e, {A0 + number: source for number, source in enumerate(arguments)})
    for number in words:
        alu.sign_extend(e, A0 + number, A0 + number)
    call.routine(e, name)
    if result is not None:
        e.move(result, V0)
    for register, offset in keep:
        e.op("ld", register, offset, SP)


def packet_load(e: Emitter, source: int | None, imm: int, size: int) -> None:
    """r0 = the bytes at offset `source` + `imm` of the packet, or 0 and exit. r1 to r5 are lost by definition of the instruction."""
    if source is None:
        load(e, A1, imm)
    else:
        # a1 first: the source may be a0 or a2. It is a C `u32`, which n64 passes sign-extended.
        e.move(A1, source)
        alu.add_imm(e, A1, imm)
        alu.sign_extend(e, A1, A1)
    e.move(A0, S0)
    load(e, A2, size)
    call.routine(e, "packet_load")
    inside = e.local()
    e.branch("bgez", V0, to=inside)
    e.move(V0, ZERO)
    e.branch("beq", ZERO, ZERO, to=e.place_of_instruction.function.exit)
    e.place(inside)
