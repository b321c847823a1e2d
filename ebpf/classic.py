"""Classic BPF: its instructions, and whether a program of them is well-formed. Syntax only.

A classic instruction has four fields: `code` 16 bits, the jump distances `jt` and `jf` 8 bits each, and `k`, unsigned 32 bits (Linux:
struct sock_filter; Documentation/networking/filter.rst). There are an accumulator A, an index register X, both of 32 bits, and 16 words of memory M.
Jumps go forward only, and count from the next instruction.

`check` asks what Linux asks before it accepts a filter (net/core/filter.c: bpf_check_classic, chk_code_allowed, check_load_and_stores).
"""

from collections.abc import Sequence
from types import MappingProxyType
from typing import Literal, NamedTuple

from ebpf.program import ProgramError

MAXIMUM_LENGTH = 4096
"""Instructions that a filter may have (Linux: BPF_MAXINSNS)."""

MEMORY_WORDS = 16
"""Words of M (Linux: BPF_MEMWORDS)."""

Use = Literal["", "k", "count", "divisor", "word", "packet", "jump", "test"]
"""What k and the distances are: nothing, a number, a shift count, a divisor, a word of M, a place in the packet, one jump, or two."""


class ClassicInstruction(NamedTuple):
    """One instruction; `line` says where it came from."""

    code: int
    jt: int
    jf: int
    k: int
    line: int = 0


class ClassicRow(NamedTuple):
    """An instruction of the language."""

    name: str
    code: int
    use: Use


# fmt: off
ROWS: tuple[ClassicRow, ...] = (
    # A from the packet, from a constant, from M, the length of the packet
    ClassicRow("LD_W_ABS", 0x20, "packet"),  ClassicRow("LD_H_ABS", 0x28, "packet"),  ClassicRow("LD_B_ABS", 0x30, "packet"),
    ClassicRow("LD_W_IND", 0x40, "k"),       ClassicRow("LD_H_IND", 0x48, "k"),       ClassicRow("LD_B_IND", 0x50, "k"),
    ClassicRow("LD_IMM",   0x00, "k"),       ClassicRow("LD_MEM",   0x60, "word"),    ClassicRow("LD_LEN",   0x80, ""),
    # X likewise, and the length of an IPv4 header: 4 * (byte k & 15)
    ClassicRow("LDX_IMM",  0x01, "k"),       ClassicRow("LDX_MEM",  0x61, "word"),    ClassicRow("LDX_LEN",  0x81, ""),
    ClassicRow("LDX_MSH",  0xb1, "k"),
    # M from A and from X
    ClassicRow("ST",       0x02, "word"),    ClassicRow("STX",      0x03, "word"),
    # A = A operation k, and A operation X
    ClassicRow("ADD_K",    0x04, "k"),       ClassicRow("ADD_X",    0x0c, ""),
    ClassicRow("SUB_K",    0x14, "k"),       ClassicRow("SUB_X",    0x1c, ""),
    ClassicRow("MUL_K",    0x24, "k"),       ClassicRow("MUL_X",    0x2c, ""),
    ClassicRow("DIV_K",    0x34, "divisor"), ClassicRow("DIV_X",    0x3c, ""),
    ClassicRow("MOD_K",    0x94, "divisor"), ClassicRow("MOD_X",    0x9c, ""),
    ClassicRow("OR_K",     0x44, "k"),       ClassicRow("OR_X",     0x4c, ""),
    ClassicRow("AND_K",    0x54, "k"),       ClassicRow("AND_X",    0x5c, ""),
    ClassicRow("XOR_K",    0xa4, "k"),       ClassicRow("XOR_X",    0xac, ""),
    ClassicRow("LSH_K",    0x64, "count"),   ClassicRow("LSH_X",    0x6c, ""),
    ClassicRow("RSH_K",    0x74, "count"),   ClassicRow("RSH_X",    0x7c, ""),
    ClassicRow("NEG",      0x84, ""),
    # Jumps, on A compared with k and with X
    ClassicRow("JA",       0x05, "jump"),
    ClassicRow("JEQ_K",    0x15, "test"),    ClassicRow("JEQ_X",    0x1d, "test"),
    ClassicRow("JGT_K",    0x25, "test"),    ClassicRow("JGT_X",    0x2d, "test"),
    ClassicRow("JGE_K",    0x35, "test"),    ClassicRow("JGE_X",    0x3d, "test"),
    ClassicRow("JSET_K",   0x45, "test"),    ClassicRow("JSET_X",   0x4d, "test"),
    # The end, and copies
    ClassicRow("RET_K",    0x06, "k"),       ClassicRow("RET_A",    0x16, ""),
    ClassicRow("TAX",      0x07, ""),        ClassicRow("TXA",      0x87, ""),
)
# fmt: on

BY_CODE = MappingProxyType({row.code: row for row in ROWS})
BY_NAME = MappingProxyType({row.name: row for row in ROWS})
if not len(BY_CODE) == len(BY_NAME) == len(ROWS):
    raise ValueError("ebpf/classic.py: a name or a code occurs twice")

ANCILLARY_BASE = 0xFFFF_F000
"""From here on an absolute load is no load from the packet but one of something else (Linux: SKF_AD_OFF)."""

# fmt: off
ANCILLARY = MappingProxyType({
    ANCILLARY_BASE + 0:  "protocol",     ANCILLARY_BASE + 4:  "packet type",   ANCILLARY_BASE + 8:  "interface index",
    ANCILLARY_BASE + 20: "mark",         ANCILLARY_BASE + 24: "queue",         ANCILLARY_BASE + 28: "hardware type",
    ANCILLARY_BASE + 32: "hash",         ANCILLARY_BASE + 36: "processor",     ANCILLARY_BASE + 40: "exclusive or",
    ANCILLARY_BASE + 44: "vlan tag",     ANCILLARY_BASE + 48: "vlan present",  ANCILLARY_BASE + 56: "random",
    ANCILLARY_BASE + 60: "vlan protocol",
})
"""What is loaded instead, by k (Linux: SKF_AD_PROTOCOL to SKF_AD_VLAN_TPID). "exclusive or" is A ^= X."""

_REFUSED = MappingProxyType({
    ANCILLARY_BASE + 12: "loads a netlink attribute, which packets do not have",
    ANCILLARY_BASE + 16: "loads a nested netlink attribute, which packets do not have",
    ANCILLARY_BASE + 52: "loads the payload offset, for which Linux's flow dissector would be needed",
})
# fmt: on


def ancillary(row: ClassicRow, k: int) -> str | None:
    """What an absolute load of k loads instead of the packet, None for everything else."""
    return ANCILLARY.get(k) if row.use == "packet" else None


def check(instructions: Sequence[ClassicInstruction], source: str) -> None:
    """Raise ProgramError for the first defect: one line `source: line N: reason`."""
    if not instructions:
        raise ProgramError(f"{source}: the filter has no instructions")
    if len(instructions) > MAXIMUM_LENGTH:
        raise ProgramError(f"{source}: {len(instructions)} instructions; a filter has at most {MAXIMUM_LENGTH}")
    for at, instruction in enumerate(instructions):
        reason = _defect(instruction, len(instructions) - at - 1)
        if reason:
            raise ProgramError(f"{source}: line {instruction.line}: {reason}")
    if not BY_CODE[instructions[-1].code].name.startswith("RET"):
        raise ProgramError(f"{source}: line {instructions[-1].line}: the last instruction is no return")
    for instruction in _reads_of_unwritten_words(instructions):
        raise ProgramError(f"{source}: line {instruction.line}: M[{instruction.k}] is read where it need not have been written")


def _defect(instruction: ClassicInstruction, behind: int) -> str:
    """What is wrong with an instruction that has so many others behind it; empty where nothing is."""
    row = BY_CODE.get(instruction.code)
    if row is None:
        return f"{instruction.code:#x} is no code of classic BPF"
    for field, value, limit in (("jt", instruction.jt, 8), ("jf", instruction.jf, 8), ("k", instruction.k, 32)):
        if not 0 <= value < 1 << limit:
            return f"{field} is {value}: not an unsigned {limit}-bit number"
    k = instruction.k
    if row.use == "divisor" and k == 0:
        return "division by zero"
    if row.use == "count" and k >= 32:
        return f"shift by {k} bits; there are 32"
    if row.use == "word" and k >= MEMORY_WORDS:
        return f"M[{k}] does not exist; there are M[0] to M[{MEMORY_WORDS - 1}]"
    if row.use == "packet" and k >= ANCILLARY_BASE and k not in ANCILLARY:
        return f"k = {k:#x} {_REFUSED.get(k, 'is no ancillary load that is known')}"
    distances = (k,) if row.use == "jump" else (instruction.jt, instruction.jf) if row.use == "test" else ()
    if distances and max(distances) >= behind:
        return f"jump over {max(distances)} instructions; there are {behind} behind this one"
    return ""


def _reads_of_unwritten_words(instructions: Sequence[ClassicInstruction]) -> list[ClassicInstruction]:
    """Reads of words of M that are not written on every way that leads to them. Jumps only go forward, so that one pass sees all ways."""
    everything = (1 << MEMORY_WORDS) - 1
    known = [everything] * (len(instructions) + 1)
    known[0] = 0
    found = []
    for at, instruction in enumerate(instructions):
        row, written = BY_CODE[instruction.code], known[at]
        if row.name in ("LD_MEM", "LDX_MEM") and not written >> instruction.k & 1:
            found.append(instruction)
        if row.name in ("ST", "STX"):
            written |= 1 << instruction.k
        for distance in following(row, instruction):
            known[at + 1 + distance] &= written
    return found


def following(row: ClassicRow, instruction: ClassicInstruction) -> tuple[int, ...]:
    """How many instructions each way that goes on from here skips."""
    if row.name.startswith("RET"):
        return ()
    if row.use == "test":
        return (instruction.jt, instruction.jf)
    return (instruction.k,) if row.use == "jump" else (0,)
