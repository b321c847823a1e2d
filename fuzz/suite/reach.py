"""Programs in which jumps and calls reach exactly as far as a MIPS branch of 16 bits does, a word less and a word more, forwards and backwards.

    near i:  r0 += r3; goto far i
             filler that never runs
    far i:   a store; r0 += r3; goto near i + 1

The store is one word on every configuration, so that from one i to the next the distance of both jumps changes by one word. The filler takes two
words on every one. 32-bit code takes more words for the rest, so there is a program for each width.

    main:    call far leaf k …; call far                 calls, k = i % 4
    near leaves, filler, far leaves
    far:     call near leaf k …

A call takes two words and the leaves lie some words apart, so that there are most distances, the others with an odd word of filler.
`fuzz/tests/test_reach.py` says that the reach is among the distances, on every kind of configuration, blinded or not.

The long form of a conditional jump takes more words than the short one, so that of many jumps with nearly the same distance all would become
long with the first. `conditional` therefore makes a program with a single pair of them.
"""

from collections.abc import Sequence
from functools import cache

from ebpf.instruction import FRAME_POINTER, Instruction
from fuzz.suite.program import Assembly, Suite, instruction, make_suite

UNITS = 40
_LEAVES = 4
_WORD = instruction("STX_B", FRAME_POINTER, FRAME_POINTER, -1)
_TWO_WORDS = instruction("LSH32_IMM", 4, imm=3)
_OPERANDS = ((7, 7), (7, 8), (0, 0))

# Filler: of jumps in slots, by width of the code; of calls in words.
_UNCONDITIONAL = {64: 16330, 32: 16272}
_CALLS = (32684, 32685)


def _start(assembly: Assembly) -> None:
    assembly.emit("LDX_DW", 3, 1, 0)
    assembly.emit("LDX_DW", 4, 1, 8)
    assembly.emit("MOV64_IMM", 0)
    # The frame is there in all of them, whether the filler has an odd word or not.
    assembly.slots.append(_WORD)


def _jumps(name: str, filler: int, part: int) -> Suite:
    assembly = Assembly()
    _start(assembly)
    for unit in range(UNITS):
        assembly.place(f"near {unit}")
        assembly.emit("ADD64_REG", 0, 3)
        assembly.jump(name, f"far {unit}")
    assembly.place(f"near {UNITS}")
    assembly.emit("EXIT")
    assembly.slots += [_TWO_WORDS] * filler
    assembly.emit("EXIT")
    for unit in range(UNITS):
        assembly.place(f"far {unit}")
        assembly.slots.append(_WORD)
        assembly.emit("ADD64_REG", 0, 3)
        assembly.jump(name, f"near {unit + 1}")
    assembly.emit("EXIT")
    return make_suite(name, assembly, _OPERANDS, part=part)


def conditional(name: str, forwards: bool, words: int) -> tuple[Suite, int]:
    """A program with a conditional jump of two registers over so many words of filler, and the slot of the jump."""
    filler = [_TWO_WORDS] * (words // 2) + [_WORD] * (words % 2)
    assembly = Assembly()
    _start(assembly)
    jump = jump_over(assembly, forwards, filler, name, 3, 4)
    return make_suite(name, assembly, _OPERANDS), jump


def jump_over(assembly: Assembly, forwards: bool, filler: Sequence[Instruction], name: str, dst: int, src: int = 0) -> int:
    """Add a conditional jump of two registers, or of one and 0, and filler that never runs. Tells the slot of the jump.

    Forwards it skips the filler, backwards it goes to what lies before it. The result of the program tells whether it was taken.
    """
    if not forwards:
        assembly.jump("JA32", "jump")
        assembly.place("target")
        assembly.emit("MOV64_IMM", 0, imm=2)
        assembly.emit("EXIT")
        assembly.slots += filler
        assembly.place("jump")
    assembly.jump(name, "target", dst, src)
    slot = len(assembly.slots) - 1
    if forwards:
        assembly.emit("EXIT")
        assembly.slots += filler
        assembly.place("target")
    assembly.emit("ADD64_IMM", 0, imm=1)
    assembly.emit("EXIT")
    return slot


def _leaves(assembly: Assembly, where: str) -> None:
    for leaf in range(_LEAVES):
        assembly.place(f"{where} leaf {leaf}")
        assembly.emit("LDX_B", 0, FRAME_POINTER, -1)
        assembly.emit("EXIT")


def _calls(words: int, part: int) -> Suite:
    name = "CALL_LOCAL"
    assembly = Assembly()
    _start(assembly)
    for unit in range(UNITS):
        assembly.jump(name, f"far leaf {unit % _LEAVES}")
    assembly.jump(name, "far")
    assembly.emit("EXIT")
    _leaves(assembly, "near")
    assembly.place("filler")
    assembly.slots += [_TWO_WORDS] * (words // 2) + [_WORD] * (words % 2)
    assembly.emit("EXIT")
    _leaves(assembly, "far")
    assembly.place("far")
    for unit in range(UNITS):
        assembly.jump(name, f"near leaf {unit % _LEAVES}")
    assembly.emit("EXIT")
    return make_suite(name, assembly, _OPERANDS, part=part)


@cache
def reach_suites() -> tuple[Suite, ...]:
    """JA for 64-bit code, JA for 32-bit code, CALL_LOCAL with an even and with an odd number of words of filler."""
    jumps = (_jumps("JA", filler, part) for part, filler in enumerate(_UNCONDITIONAL.values(), 1))
    return (*jumps, *(_calls(words, part) for part, words in enumerate(_CALLS, 1)))
