"""The tripwire for word operands on a 64-bit CPU that are not sign-extended words: results are UNPREDICTABLE, though engines compute some.

The rows of the MIPS table say of which operands that holds (`word_rs`, `word_rt`). Two wires look at the same events:

    flip   an input on which there was one runs again, and for each such instruction the low 32 bits of the operand are inverted. What
           depends on it goes wrong, which is a difference; what nobody uses is forgiven. The events are told where something differs
    trap   every event is a trip
"""

from collections.abc import Iterator
from itertools import islice

from fuzz.abi import register_name
from fuzz.compare import compare
from fuzz.recording.record import Recording
from fuzz.verdict import Trip
from fuzz.wires.wire import Example, Observation, Wire, trip
from jit.mips import decode, text

NAME = "sign-extension"

_SHOWN = 8
"""So many different events of a run are shown."""


def trap(seen: Observation) -> Iterator[Trip]:
    """A trip for each instruction that was executed with such an operand, with the first value that it had."""
    compiled = seen.compiled
    first = {(event.word, event.register): event.value for event in reversed(seen.record.operands or ())}
    for (word, register), value in islice(sorted(first.items()), _SHOWN):
        decoded = decode(compiled.words[word], compiled.config.isa)
        assert decoded is not None, "only instructions of the table have restricted operands"
        written = text(*decoded, compiled.base + 4 * word, compiled.config.width)
        yield trip(NAME, compiled, word, f"{written}: {register_name(register, compiled.config)} holds {value:#018x}, no sign-extended word")


def flip(seen: Observation) -> Iterator[Trip]:
    """The same where the run with inverted operands went wrong."""
    if seen.record.operands and compare(seen.expected, seen.actual, seen.compiled, seen.placement):
        yield from trap(seen)


_RULE = "On a 64-bit CPU the operands of word arithmetic are sign-extended words"
_SOURCE = "MIPS64 volume II-A (MD00087), restrictions of each instruction, NotWordValue; MIPS IV Instruction Set, revision 3.2, A 6.1"
_STORED = "*(u8 *)(r1 + 0) = 1; r0 = 42; exit"
_WIDE, _NARROW = "ori $t0, $zero, 1; dsll32 $t0, $t0, 0; ori $t0, $t0, 1; ", "ori $t0, $zero, 1; "
# In 32-bit code on a 64-bit CPU.
_WIDE_32 = "ori $t0, $zero, 1; mips64r2: dsll32 $t0, $t0, 0; ori $t0, $t0, 1; "

# fmt: off
WIRE = Wire(
    name=f"{NAME}:flip",
    rule=f"{_RULE}, unless nothing depends on the result.",
    source=_SOURCE,
    needs=frozenset({Recording.OPERANDS, Recording.FLIPS}),
    screened=True,
    run=flip,
    examples=(
        Example("mips64r2-64le", f"{_WIDE}addu $t1, $t0, $zero; 0> sb $t1, 0($a0)",                    trips=True,  program=_STORED),
        Example("mips64r2-64le", f"{_WIDE}daddu $t1, $t0, $zero; 0> sb $t1, 0($a0)",                   trips=False, program=_STORED),
        Example("mips64r2-64le", f"{_WIDE}sll $t1, $t0, 0; addu $t1, $t1, $zero; 0> sb $t1, 0($a0)",   trips=False, program=_STORED),
        Example("mips64r2-64le", f"{_NARROW}addu $t1, $t0, $zero; 0> sb $t1, 0($a0)",                  trips=False, program=_STORED),
        # The operand itself is as it was, before and after.
        Example("mips64r2-64le", f"{_WIDE}addu $t1, $t0, $zero; 0> sb $t0, 0($a0)",                    trips=False, program=_STORED),
        Example("mips3-64be",    f"{_WIDE}srl $t0, $t0, 0; 0> sb $t0, 0($a0)",                         trips=True,  program=_STORED),
        # In a delay slot, and in one of a return.
        Example("mips4-64be",    f"{_WIDE}beq $zero, $zero, 1; addu $t1, $t0, $zero; 0> sb $t1, 0($a0)", trips=True, program=_STORED),
        Example("mips4-64be",    f"{_WIDE}beq $zero, $zero, 1; addu $t1, $t0, $zero; 0> sb $t0, 0($a0)", trips=False, program=_STORED),
        Example("mips64r2-64be", f"{_WIDE}mult $t0, $t0; mflo $t1; 0> sb $t1, 0($a0)",                 trips=True,  program=_STORED),
        Example("mips64r6-64le", f"{_WIDE}mul $t1, $t0, $t0; 0> sb $t1, 0($a0)",                       trips=True,  program=_STORED),
        Example("mips64r2-32le", f"{_WIDE_32}addu $t1, $t0, $zero; 0> sb $t1, 0($a0)",                 trips=True,  program=_STORED),
    ),
)

TRAP = Wire(
    name=f"{NAME}:trap",
    rule=f"{_RULE}.",
    source=_SOURCE,
    needs=frozenset({Recording.OPERANDS}),
    screened=True,
    run=trap,
    examples=(
        Example("mips64r2-64le", f"{_WIDE}addu $t1, $t0, $zero",    trips=True),
        Example("mips64r2-64le", f"{_WIDE}addu $t1, $zero, $t0",    trips=True),
        Example("mips64r2-64le", f"{_WIDE}sll $t1, $t0, 3",         trips=False),
        Example("mips64r2-64le", f"{_WIDE}sllv $t1, $t0, $t0",      trips=False),
        Example("mips64r2-64le", f"{_WIDE}srlv $t1, $zero, $t0",    trips=False),
        Example("mips64r2-64le", f"{_WIDE}srlv $t1, $t0, $zero",    trips=True),
        Example("mips64r2-64le", f"{_WIDE}and $t1, $t0, $t0",       trips=False),
        Example("mips64r2-64le", f"{_WIDE}slt $t1, $t0, $t0",       trips=False),
        Example("mips64r2-64le", f"{_WIDE}seb $t1, $t0",            trips=True),
        Example("mips64r2-64le", f"{_WIDE}wsbh $t1, $t0",           trips=True),
        Example("mips64r2-64le", f"{_WIDE}ext $t1, $t0, 0, 8",      trips=True),
        Example("mips64r2-64le", f"{_WIDE}ins $t0, $zero, 0, 8",    trips=True),
        Example("mips64r2-64le", f"{_WIDE}dext $t1, $t0, 0, 8",     trips=False),
        Example("mips64r2-64le", f"{_WIDE}rotr $t1, $t0, 8",        trips=True),
        Example("mips64r2-64le", f"{_WIDE}clz $t1, $t0",            trips=True),
        Example("mips64r2-64le", f"{_WIDE}dclz $t1, $t0",           trips=False),
        Example("mips64r2-64le", f"{_WIDE}movz $t1, $t0, $zero",    trips=False),
        Example("mips3-64be",    f"{_WIDE}div $zero, $t0, $t0",     trips=True),
        Example("mips3-64be",    f"{_WIDE}ddiv $zero, $t0, $t0",    trips=False),
        Example("mips64r6-64le", f"{_WIDE}modu $t1, $t0, $t0",      trips=True),
        Example("mips64r6-64le", f"{_WIDE}seleqz $t1, $t0, $t0",    trips=False),
        Example("mips64r2-32be", f"{_WIDE_32}addu $t1, $t0, $zero", trips=True),
        Example("mips64r2-32be", f"{_NARROW}addu $t1, $t0, $zero",  trips=False),
    ),
)
# fmt: on
