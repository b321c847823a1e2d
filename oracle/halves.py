"""Upper halves of registers where a compiler relies on marks of zero-extension.

Linux's verifier tells some JIT compilers which results of 32-bit operations are used as 64 bits, by an instruction behind each of them that
zero-extends the register (`zext`, BPF_ZEXT_REG). Such a compiler need not zero-extend anything else: the upper half of every other 32-bit result
holds nothing that a program may rely on. In a world with marks the oracle keeps the same values as ever, but makes them `Low` where only the low
32 bits are promised, and an instruction that depends on the upper half of one ends the run: then a mark is missing.

Which results have 32 bits is said by the class of the instruction and by the size of what it loads (Linux, kernel/bpf/verifier.c, is_reg64 and
insn_def_regno). What an instruction depends on is said here after RFC 9669, so that it is no more than that.
"""

from collections.abc import Callable, Sequence
from functools import cache
from typing import NamedTuple

from ebpf.instruction import LOOP, Instruction
from ebpf.opcodes import Row
from oracle.faults import FaultError
from oracle.machine import Machine
from oracle.outcome import FaultKind, Low

Step = Callable[[Machine], int]


class Widths(NamedTuple):
    """Of an instruction: the registers of which it uses all 64 bits, and the one that it leaves with a 32-bit result, None for none.

    `arguments` is set for the call of a function: it uses all bits of as many of r1 to r5 as the function declares.
    """

    reads: tuple[int, ...]
    result: int | None
    arguments: bool


_LDX, _ST, _STX, _ALU, _JMP, _JMP32, _ALU64 = 1, 2, 3, 4, 5, 6, 7


@cache
def _fields(row: Row) -> tuple[tuple[str, ...], str | None]:
    """Which of "dst", "src", "r0", "r6" the row uses with all 64 bits, and which it leaves with a 32-bit result."""
    used = tuple(name for name, use in (("dst", row.dst), ("src", row.src)) if "r" in str(use))
    kind, doubleword = row.opcode & 7, row.name.endswith("_DW")
    if row.name in ("LE64", "BE64"):
        return ("dst",), None
    if row.name.startswith(("MOVSX64", "BSWAP16", "BSWAP32")) or row.name == "ZEXT":
        return (), None
    if kind == _ALU:
        return (), "dst"
    if kind in (_ALU64, _JMP):
        return used, None
    if row.name.startswith(("LDABS", "LDIND")):
        return ("r6",), None
    if row.name.startswith(("LDX_", "LOAD_ACQUIRE")):
        return ("src",), None if doubleword else "dst"
    if kind == _LDX:
        return ("src",), None
    if kind in (_ST, _STX):
        base: tuple[str, ...] = ("dst",) if used else ()
        if not doubleword:
            return base, "r0" if row.name.startswith("CMPXCHG") else "src" if row.src == "rw" else None
        return (*used, "r0") if row.name.startswith("CMPXCHG") else used, None
    return (), None


def widths(row: Row, instruction: Instruction) -> Widths:
    """What the instruction, which has this row, uses and leaves."""
    numbers = {"dst": instruction.dst, "src": instruction.src, "r0": 0, "r6": 6}
    used, result = _fields(row)
    arguments = row.name in ("CALL", "CALL_KERNEL")
    return Widths(tuple(numbers[name] for name in used), None if result is None else numbers[result], arguments)


def relying(step: Step, row: Row, instruction: Instruction) -> Step:
    """The step of an instruction in a world with marks. Raises FaultError, before anything is changed, where a mark is missing."""
    reads, result, arguments = widths(row, instruction)

    def marked(machine: Machine) -> int:
        used: Sequence[int] = reads
        if arguments:
            table = machine.world.helpers if row.name == "CALL" else machine.world.kernel_functions
            used = range(1, 1 + table[instruction.imm].arguments) if instruction.imm in table else ()
            if row.name == "CALL_KERNEL" and instruction.imm == machine.world.throw:
                used = (1,)
            if row.name == "CALL" and instruction.imm == LOOP:
                # Of r1 it takes the lower half.
                used = (2, 3, 4)
        for register in used:
            if isinstance(machine.registers[register], Low):
                raise FaultError(FaultKind.UPPER_HALF, detail=f"r{register}")
        following = step(machine)
        if result is not None and (value := machine.registers[result]) is not None:
            machine.registers[result] = Low(value)
        return following

    return marked
