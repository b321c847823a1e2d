"""From classic BPF to eBPF, as Linux converts filters (net/core/filter.c, bpf_convert_filter): the same shapes, of our own making.

    classic   eBPF
    A         r0, of which the upper half is always zero
    X         r7, likewise
    M[k]      the word at r10 - 4 * (k + 1)
    context   r6, a `struct __sk_buff`: the length of the packet, and what ancillary loads load (Linux has no need of it, and loads from its own
              structures; here `fuzz.environment.contexts` makes such loads of these)

There are two ways to load from the packet (`Loads`):

    legacy    the packet instructions of RFC 9669 section 5.5, which end the program with 0 outside the packet, as classic BPF does; Linux before 4.18
    direct    r8 is the first byte of the packet and r9 their number. A load at a fixed offset compares it with r9 and goes through r8; the packet
              instructions take the rest: other offsets, and those that are not aligned where the packet begins 2 bytes behind an aligned address.
              Linux from 4.18 on, which calls a function in their place

Three shapes deserve a word. A and X start as zero, by moves, where Linux takes the exclusive or of each with itself: a verifier refuses that, and so
does the oracle, because a register is read that was never written; Linux converts filters behind its verifier. A comparison of A with a constant
above 2^31 - 1 goes by way of r2, because an eBPF immediate is signed. A division by X first looks whether X is zero and then ends with 0, because
eBPF goes on.
"""

from collections.abc import Iterator, Mapping, Sequence
from typing import Literal, NamedTuple

from ebpf import opcodes
from ebpf.classic import BY_CODE, ClassicInstruction, ClassicRow, ancillary
from ebpf.context import FIELDS
from ebpf.instruction import FRAME_POINTER, Instruction
from ebpf.program import Program

Loads = Literal["legacy", "direct"]

A, X, TEMPORARY, CONTEXT = 0, 7, 2, 6
_DATA, _LENGTH = 8, 9
_SKB = FIELDS["skb"]

_ALIGN = 2
"""From an aligned address to the packet (Linux: NET_IP_ALIGN)."""

_FARTHEST = 0x7FFF
"""The largest offset of a load."""

HELPERS: Mapping[str, int] = {"processor": 8, "random": 7}
"""Ancillary loads that are calls of helpers, with the numbers of Linux's enum bpf_func_id: get_smp_processor_id, get_prandom_u32."""

_FIELD_OF: Mapping[str, str] = {
    "protocol": "protocol",
    "packet type": "pkt_type",
    "interface index": "ifindex",
    "mark": "mark",
    "queue": "queue_mapping",
    "hardware type": "hardware_type",
    "hash": "hash",
    "vlan tag": "vlan_tci",
    "vlan present": "vlan_present",
    "vlan protocol": "vlan_proto",
}
"""Ancillary loads that are fields of the context."""

_OPPOSITE = {"JEQ": "JNE", "JGT": "JLE", "JGE": "JLT"}
"""Conditions whose opposite eBPF has."""


class _Emitted(NamedTuple):
    """An eBPF instruction; `target` is the classic instruction that it jumps to, where it does."""

    instruction: Instruction
    target: int | None = None


def convert(instructions: Sequence[ClassicInstruction], source: str, loads: Loads = "legacy") -> Program:
    """The eBPF program of a well-formed filter. Its section is called as the way of its loads, its lines are those of the filter."""
    entry = [_make("MOV32_IMM", A), _make("MOV32_IMM", X), _make("MOV64_REG", CONTEXT, 1)]
    if loads == "direct" and any(_reads_packet(BY_CODE[one.code], one.k) for one in instructions):
        entry += (_make("LDX_W", _DATA, CONTEXT, _SKB["data"].offset), _make("LDX_W", _LENGTH, CONTEXT, _SKB["data_end"].offset))
        entry.append(_make("SUB64_REG", _LENGTH, _DATA))
    bodies = [tuple(_body(at, instruction, loads)) for at, instruction in enumerate(instructions)]
    starts = [len(entry)]
    for body in bodies:
        starts.append(starts[-1] + len(body))
    slots = list(entry)
    lines = {}
    for instruction, body in zip(instructions, bodies, strict=True):
        for emitted in body:
            lines[len(slots)] = instruction.line
            offset = 0 if emitted.target is None else starts[emitted.target] - len(slots) - 1
            slots.append(emitted.instruction._replace(offset=offset) if emitted.target is not None else emitted.instruction)
    return Program(source, loads, tuple(slots), lines=lines, context="skb")


def _make(name: str, dst: int = 0, src: int = 0, offset: int = 0, imm: int = 0) -> Instruction:
    """An instruction of the row `name`; `imm` signed, or unsigned 32 bits."""
    row = opcodes.BY_NAME[name]
    fixed = row.imm if isinstance(row.imm, int) else imm - (1 << 32) if imm >> 31 == 1 else imm
    return Instruction(row.opcode, dst, src, offset, fixed)


def _reads_packet(row: ClassicRow, k: int) -> bool:
    return row.name == "LDX_MSH" or row.name.endswith("_IND") or (row.use == "packet" and ancillary(row, k) is None)


def _body(at: int, instruction: ClassicInstruction, loads: Loads) -> Iterator[_Emitted]:
    row, k = BY_CODE[instruction.code], instruction.k
    if row.use in ("jump", "test"):
        yield from _jumps(at, row, instruction)
        return
    loaded = ancillary(row, k)
    if loaded is not None:
        made = _ancillary(loaded)
    elif row.name.startswith(("LD_", "LDX_")):
        made = _load(row.name, k, loads)
    elif row.code & 7 == 4:
        made = _arithmetic(row, k)
    else:
        made = _other(row.name, k)
    for one in made:
        yield _Emitted(one)


def _packet(size: str, k: int, loads: Loads) -> Iterator[Instruction]:
    """A = the bytes at offset k; `size` is B, H or W."""
    length = {"B": 1, "H": 2, "W": 4}[size]
    if loads == "direct" and k >> 31 == 0 and (k + _ALIGN) % length == 0:
        through = [_make(f"LDX_{size}", A, _DATA, k)]
        if k > _FARTHEST:
            through = [_make("MOV64_REG", TEMPORARY, _DATA), _make("ADD64_IMM", TEMPORARY, imm=k), _make(f"LDX_{size}", A, TEMPORARY)]
        if length > 1:
            through.append(_make(f"BE{8 * length}", A))
        yield _make("MOV64_REG", TEMPORARY, _LENGTH)
        if k:
            yield _make("SUB64_IMM", TEMPORARY, imm=k)
        yield _make("JSLT64_IMM", TEMPORARY, offset=len(through) + 1, imm=length)
        yield from through
        yield _make("JA", offset=1)
    yield _make(f"LDABS_{size}", imm=k)


def _load(name: str, k: int, loads: Loads) -> Iterator[Instruction]:
    register = X if name.startswith("LDX") else A
    what = name.split("_")[-1]
    if what == "ABS":
        yield from _packet(name[3], k, loads)
    elif what == "IND":
        yield _make(f"LDIND_{name[3]}", 0, X, imm=k)
    elif what == "IMM":
        yield _make("MOV32_IMM", register, imm=k)
    elif what == "LEN":
        yield _make("LDX_W", register, CONTEXT, _SKB["len"].offset)
    elif what == "MEM":
        yield _make("LDX_W", register, FRAME_POINTER, _word(k))
    else:
        # The load changes A, which waits in X, and r1 to r5.
        yield _make("MOV64_REG", X, A)
        yield from _packet("B", k, loads)
        yield _make("AND32_IMM", A, imm=15)
        yield _make("LSH32_IMM", A, imm=2)
        yield _make("MOV64_REG", TEMPORARY, X)
        yield _make("MOV64_REG", X, A)
        yield _make("MOV64_REG", A, TEMPORARY)


def _word(k: int) -> int:
    """Where M[k] is, relative to r10."""
    return -4 * (k + 1)


def _arithmetic(row: ClassicRow, k: int) -> Iterator[Instruction]:
    operation, _, operand = row.name.partition("_")
    if operation == "NEG":
        yield _make("NEG32", A)
        return
    if row.name in ("DIV_X", "MOD_X"):
        yield _make("MOV32_REG", X, X)
        yield _make("JNE64_IMM", X, offset=2)
        yield _make("XOR32_REG", A, A)
        yield _make("EXIT")
    yield _make(f"{operation}32_REG", A, X) if operand == "X" else _make(f"{operation}32_IMM", A, imm=k)


def _other(name: str, k: int) -> Iterator[Instruction]:
    if name in ("ST", "STX"):
        yield _make("STX_W", FRAME_POINTER, X if name == "STX" else A, _word(k))
    elif name in ("TAX", "TXA"):
        yield _make("MOV64_REG", *((X, A) if name == "TAX" else (A, X)))
    else:
        if name == "RET_K":
            yield _make("MOV32_IMM", A, imm=k)
        yield _make("EXIT")


def _ancillary(loaded: str) -> Iterator[Instruction]:
    if loaded == "exclusive or":
        yield _make("XOR32_REG", A, X)
    elif loaded in HELPERS:
        yield _make("MOV64_REG", 1, CONTEXT)
        yield _make("MOV64_REG", 2, A)
        yield _make("MOV64_REG", 3, X)
        yield _make("CALL", imm=HELPERS[loaded])
    else:
        yield _make("LDX_W", A, CONTEXT, _SKB[_FIELD_OF[loaded]].offset)
        if loaded in ("protocol", "vlan protocol"):
            yield _make("BE16", A)


def _jumps(at: int, row: ClassicRow, instruction: ClassicInstruction) -> Iterator[_Emitted]:
    if row.use == "jump":
        yield _Emitted(_make("JA"), at + 1 + instruction.k)
        return
    operation, _, operand = row.name.partition("_")
    true, false = at + 1 + instruction.jt, at + 1 + instruction.jf
    source, kind, imm = X, "REG", 0
    if operand == "K" and instruction.k >> 31:
        yield _Emitted(_make("MOV32_IMM", TEMPORARY, imm=instruction.k))
        source = TEMPORARY
    elif operand == "K":
        source, kind, imm = 0, "IMM", instruction.k

    def jump(condition: str, target: int) -> _Emitted:
        return _Emitted(_make(f"{condition}64_{kind}", A, source, imm=imm), target)

    if instruction.jf == 0:
        yield jump(operation, true)
    elif instruction.jt == 0 and operation in _OPPOSITE:
        yield jump(_OPPOSITE[operation], false)
    else:
        yield jump(operation, true)
        yield _Emitted(_make("JA"), false)
