"""Calls where one 64-bit register holds an eBPF register: eBPF and n64 agree on where arguments and results are."""

from jit import call
from jit.code import Emitter
from jit.constants import load
from jit.registers import A0, A1, A2, S0, V0, ZERO
from jit.single import alu


def helper(e: Emitter, address: int) -> None:
    call.function(e, address)


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
