"""Whether a sibling of the wrong operation goes wrong in the same way, found by judging the case with the sibling in its place.

    if r1 == 5 goto    and    if r1 != 5 goto          one comparison, and both ways
    r1 s/= r2          and    r1 s%= r2, w1 s/= w2     one division, of which a part is kept
    r1 = (s8)r2        and    r1 = (s16)r2             one extension, from several sizes

Compilers have one piece of code for these, or one for each. Where it is one, which of them a case has is chance, and the fingerprint names the
family. Operands stay as they are, or, for extensions, whose operands for one size may be plain for another, are -1; a small case may have lost what
r0 holds on the other way. Where nothing is wrong with the sibling then, the operation keeps its own name.
"""

import re
from collections.abc import Callable, Iterator
from dataclasses import replace

from ebpf.instruction import Instruction
from ebpf.opcodes import BY_NAME, ROWS, lookup
from ebpf.program import Program
from ebpf.shape import inserted

_NEGATED = (("JEQ", "JNE"), ("JGT", "JLE"), ("JGE", "JLT"), ("JSGT", "JSLE"), ("JSGE", "JSLT"))
_DIVISIONS = (("DIV", "MOD"), ("SDIV", "SMOD"))
_NAME = re.compile(r"(?P<operation>[A-Z]+)(?P<width>32|64)(?P<rest>_\w+)")
_SIZES = ("_8", "_16", "_32")
_WIDTHS = ("32", "64")
_EXTENSIONS = tuple(row for row in ROWS if row.name.startswith("MOVSX"))
_MOVE = Instruction(BY_NAME["MOV64_IMM"].opcode, 0, 0, 0, -1)


def siblings(row: str) -> tuple[str, tuple[str, ...]]:
    """The name of the family of an operation, and the names of the rows that are in it besides; nothing where there is none."""
    name, others = "", list(_others(row))
    if others:
        name = others[0][0]
    return name, tuple(sibling for _, sibling in others if sibling != row and sibling in BY_NAME)


def _others(row: str) -> Iterator[tuple[str, str]]:
    """The family's name and a member, for each member."""
    if (found := _NAME.fullmatch(row)) is None:
        return
    operation, width, rest = found.groups()
    for pair in _NEGATED:
        if operation in pair:
            yield from ((f"{'/'.join(pair)}{width}", f"{each}{width}{rest}") for each in pair)
    for pair in _DIVISIONS:
        if operation in pair:
            yield from (("/".join(pair), f"{each}{other}{rest}") for other in _WIDTHS for each in pair)
    if operation == "MOVSX":
        yield from ((f"MOVSX{width}", f"MOVSX{width}{size}") for size in _SIZES)


def family(program: Program, slot: int | None, fails: Callable[[Program, str], bool | None]) -> str:
    """The family of the operation in this slot, where a sibling goes wrong there as well; else empty.

    `fails` says whether a program fails in the same way at the row of this name, None where it cannot be judged.
    """
    row = lookup(program.slots[slot]) if slot is not None and slot < len(program.slots) else None
    if row is None or slot is None:
        return ""
    name, others = siblings(row.name)
    programs = ((_with(start, at, other), other) for start, at in _with_operands(program, slot) for other in others)
    return name if any(fails(changed, other) for changed, other in programs) else ""


def _with_operands(program: Program, slot: int) -> Iterator[tuple[Program, int]]:
    """The program, and where the instruction is in it: as it is; of an extension with -1 as its operand, of others with something in r0."""
    yield program, slot
    found, before = program.slots[slot], _MOVE
    row = lookup(found)
    if row in _EXTENSIONS:
        before = _MOVE._replace(dst=found.src)
    elif row is None or found.dst == 0 or (row.src == "r" and found.src == 0):
        return
    if (changed := inserted(program, slot, (before,))) is not None:
        yield changed, slot + 1


def _with(program: Program, slot: int, name: str) -> Program:
    row, found = BY_NAME[name], program.slots[slot]
    offset = row.offset if isinstance(row.offset, int) else found.offset
    return replace(program, slots=(*program.slots[:slot], found._replace(opcode=row.opcode, offset=offset), *program.slots[slot + 1 :]))
