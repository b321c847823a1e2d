"""Packet instructions: wrong offsets and sizes, a lost context, ends of the program that do not come or return something."""

from fuzz.selftest.seeded_bug import Bug, drop, in_cells, operands
from jit.registers import A0, A1, A2, V0, V1, ZERO

ARGUMENT = "wrong argument of a runtime call"
END = "end of the program outside the packet"
N64, O32 = ("mips3-64*", "mips64r6-64*"), ("mips1-32*", "mips64r2-32*")
BOTH = (*O32, *N64)

# fmt: off
BUGS = (
    Bug("packet-goes-on", END, "Outside the packet the program goes on.",
        in_cells("LDABS_B LDIND_B", drop("beq")), ("LDABS_B", "LDIND_B"), BOTH),
    Bug("packet-result-kept", END, "Outside the packet the program returns what the routine returned.",
        in_cells("LDABS_H LDIND_H", drop("or", when=lambda rd, rs, rt: rd in (V0, V1) and rs == rt == ZERO)), ("LDABS_H", "LDIND_H"), BOTH),
    Bug("packet-sign-of-low-word", END, "Whether the access was outside is read from the low word of the result.",
        in_cells("LDABS_W", operands("bgez", lambda rs: (V0 + V1 - rs,))), ("LDABS_W",), O32),
    Bug("packet-size", ARGUMENT, "A halfword is asked for as a word.",
        in_cells("LDABS_H LDIND_H", operands("addiu daddiu ori", lambda rt, rs, imm: (rt, rs, 4), when=lambda rt, rs, imm: rt == A2)),
        ("LDABS_H", "LDIND_H"), BOTH),
    Bug("packet-context", ARGUMENT, "The context is not passed: the register holds what r1 was.",
        in_cells("LDABS_W LDIND_W", drop("or", when=lambda rd, rs, rt: rd == A0)), ("LDABS_W", "LDIND_W"), BOTH),
    Bug("packet-offset-of-16-bits", ARGUMENT, "Of the offset only 16 bits are passed, so that those that count from a header count from the start.",
        in_cells("LDABS_B LDABS_H LDABS_W", operands("lui", lambda rt, imm: (rt, 0), when=lambda rt, imm: rt == A1)), ("LDABS_*",), BOTH),
    Bug("packet-index-alone", ARGUMENT, "An indirect load leaves its constant out.",
        in_cells("LDIND_B", drop("addu daddiu", when=lambda rd, rs, rt: rd == A1 and rs == A1)), ("LDIND_B",), BOTH),
)
# fmt: on
