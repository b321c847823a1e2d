"""Programs that name few registers: for each row one, with a single instruction of that row and nothing around it that could be left out.

What a compiler saves, moves and reserves at entry and exit depends on the registers that occur, and the programs of the other suites name all of
them. Here r1, the context, and r10, the frame, are named only where the row cannot do without, and the pair of registers changes from row to row.
"""

from collections.abc import Callable
from functools import cache

from ebpf.instruction import FRAME_POINTER
from ebpf.opcodes import ROWS, Row
from fuzz.environment.functions import KERNEL_FUNCTIONS, WITHOUT_ARGUMENTS
from fuzz.suite.jumps import is_conditional
from fuzz.suite.program import Assembly, Suite, make_suite

_PAIRS = ((0, 3), (6, 9), (4, 0), (7, 8), (2, 5), (3, 6), (5, 4), (8, 2), (9, 7))
_DIVIDEND = 0xFEDCBA9876543210
_DIVISOR = 0x0000000712345678
_CONTEXT = ((_DIVIDEND, _DIVISOR),)


def _arithmetic(assembly: Assembly, row: Row, dst: int, src: int) -> None:
    if row.dst == "rw":
        assembly.constant(dst, _DIVIDEND)
    if row.src == "r":
        assembly.constant(src, _DIVISOR)
    assembly.emit(row.name, dst, src if row.src == "r" else 0, imm=77 if row.imm == "imm" else 0)


def _jump(assembly: Assembly, row: Row, dst: int, src: int) -> None:
    if row.dst == "r":
        assembly.constant(dst, _DIVIDEND)
    if row.src == "r":
        assembly.constant(src, _DIVISOR)
    assembly.jump(row.name, "end", dst if row.dst == "r" else 0, src if row.src == "r" else 0)
    assembly.emit("MOV64_IMM", 0, imm=1)
    assembly.emit("EXIT")
    assembly.place("end")


def _memory(assembly: Assembly, row: Row, dst: int, src: int) -> None:
    """In the frame, whose bytes are stored first."""
    assembly.emit("ST_DW", FRAME_POINTER, 0, -16, -77)
    if row.name.startswith("CMPXCHG"):
        assembly.emit("MOV64_IMM", 0, imm=-77)
    if row.dst == "w":
        assembly.emit(row.name, dst, FRAME_POINTER, -16)
        return
    if row.src != 0:
        assembly.constant(src, _DIVISOR)
    assembly.emit(row.name, FRAME_POINTER, src if row.src != 0 else 0, -16)


def _packet(assembly: Assembly, row: Row, _dst: int, src: int) -> None:
    assembly.emit("MOV64_REG", 6, 1)
    if row.src == "r":
        assembly.emit("MOV64_IMM", src, imm=3)
    assembly.emit(row.name, src=src if row.src == "r" else 0, imm=4)


def _call(assembly: Assembly, row: Row, dst: int, _src: int) -> None:
    """A local function is one that does nothing; it lies behind the exit of the main program."""
    if row.name in ("CALL_LOCAL", "CALLX"):
        if row.name == "CALLX":
            assembly.function(dst, "leaf")
            assembly.emit(row.name, dst)
        else:
            assembly.jump(row.name, "leaf")
        assembly.emit("EXIT")
        assembly.place("leaf")
        return
    if row.name == "CALL_KERNEL":
        for argument in range(1, 6):
            assembly.emit("MOV64_IMM", argument, imm=argument * dst)
    assembly.emit(row.name, imm=WITHOUT_ARGUMENTS[0] if row.name == "CALL" else KERNEL_FUNCTIONS[0])


def _barrier(assembly: Assembly, row: Row, _dst: int, _src: int) -> None:
    assembly.emit(row.name)


def _body(row: Row) -> Callable[[Assembly, Row, int, int], None] | None:
    if row.offset == "memory":
        return _memory
    if is_conditional(row) or row.name in ("JA", "JA32", "MAY_GOTO"):
        return _jump
    if row.group == "packet":
        return _packet
    if row.name.startswith("CALL"):
        return _call
    if row.name == "NOSPEC":
        return _barrier
    return _arithmetic if row.opcode & 7 in (4, 7) else None


def _suite(row: Row, number: int, body: Callable[[Assembly, Row, int, int], None]) -> Suite:
    dst, src = _PAIRS[number % len(_PAIRS)]
    assembly = Assembly()
    if body is _packet and src == 6:
        src = 9
    body(assembly, row, dst, src)
    # A result that is in r0 stays there; other programs need one.
    if not (body is _packet or row.name in ("CALL", "CALL_KERNEL") or row.name.startswith("CMPXCHG") or (dst == 0 and "w" in str(row.dst))):
        assembly.emit("MOV64_IMM", 0, imm=-5)
    assembly.emit("EXIT")
    return make_suite(row.name, assembly, _CONTEXT, packets=(bytes(range(16)),))


@cache
def bare_suites() -> tuple[Suite, ...]:
    """One program and one run for every row but EXIT, which all of them have, and the wide loads, which name one register anyway."""
    chosen = [(row, body) for row in ROWS if (body := _body(row)) is not None]
    return tuple(_suite(row, number, body) for number, (row, body) in enumerate(chosen))
