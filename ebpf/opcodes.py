"""The eBPF instruction set: one table, a row per instruction, after RFC 9669 and its appendix.

Encoder, decoder, assembler, disassembler and validity checks derive from this table. It is syntax only: which fields an
instruction has, and how it is written. What an instruction does is said in `oracle` and, independently, in `jit`.

Columns:
    name     what the other packages call the instruction; unique
    opcode   8 bits
    dst      0: reserved, must be zero; "r": read; "w": written; "rw": both
    src      0: reserved; 1 to 6: a constant that selects the row; "r", "rw": a register
    offset   0: reserved; another integer: a constant that selects the row; "jump": slots relative to the next instruction;
             "memory": bytes relative to the base register
    imm      0: reserved; another integer: a constant that selects the row; "imm": signed 32 bits; "jump": as above;
             "helper", "btf": a function by number; "imm64", "wide": this slot's imm and the next slot's imm
    group    conformance group (RFC 9669 section 2.4), "linux" for what Linux has added since
    cpu      the first `-mcpu=vN` at which clang 22 emits it; what only a loader makes has the version at which clang emits what it is made of
    text     how LLVM writes it, where it knows the instruction (not the packet loads with an offset, calls of kernel functions, and wide loads other
             than of numbers); the placeholders are described in `ebpf.notation`
"""

from types import MappingProxyType
from typing import Literal, NamedTuple

from ebpf.instruction import Instruction

RegisterField = Literal["r", "w", "rw"]
OffsetField = Literal["jump", "memory"]
ImmField = Literal["imm", "jump", "helper", "btf", "imm64", "wide"]


class Row(NamedTuple):
    """One instruction; the columns are described at the head of this file."""

    name: str
    opcode: int
    dst: RegisterField | int
    src: RegisterField | int
    offset: OffsetField | int
    imm: ImmField | int
    group: str
    cpu: int
    text: str

    @property
    def slots(self) -> int:
        """How many 8-byte slots the instruction takes: 1 or 2."""
        return 2 if self.imm in ("imm64", "wide") else 1

    @property
    def next_imm(self) -> bool:
        """Whether the imm of the second slot is an operand; where it is not, it must be zero (RFC 9669 section 5.4)."""
        return self.imm == "imm64" or "{next}" in self.text


# fmt: off
ROWS: tuple[Row, ...] = (
    # 32-bit arithmetic (RFC 9669 section 4.1)
    Row("ADD32_IMM",              0x04, "rw", 0,    0,        "imm",    "base32",   3, "{wdst} += {imm}"),
    Row("ADD32_REG",              0x0c, "rw", "r",  0,        0,        "base32",   3, "{wdst} += {wsrc}"),
    Row("SUB32_IMM",              0x14, "rw", 0,    0,        "imm",    "base32",   3, "{wdst} -= {imm}"),
    Row("SUB32_REG",              0x1c, "rw", "r",  0,        0,        "base32",   3, "{wdst} -= {wsrc}"),
    Row("MUL32_IMM",              0x24, "rw", 0,    0,        "imm",    "divmul32", 3, "{wdst} *= {imm}"),
    Row("MUL32_REG",              0x2c, "rw", "r",  0,        0,        "divmul32", 3, "{wdst} *= {wsrc}"),
    Row("DIV32_IMM",              0x34, "rw", 0,    0,        "imm",    "divmul32", 3, "{wdst} /= {imm}"),
    Row("SDIV32_IMM",             0x34, "rw", 0,    1,        "imm",    "divmul32", 4, "{wdst} s/= {imm}"),
    Row("DIV32_REG",              0x3c, "rw", "r",  0,        0,        "divmul32", 3, "{wdst} /= {wsrc}"),
    Row("SDIV32_REG",             0x3c, "rw", "r",  1,        0,        "divmul32", 4, "{wdst} s/= {wsrc}"),
    Row("OR32_IMM",               0x44, "rw", 0,    0,        "imm",    "base32",   3, "{wdst} |= {imm}"),
    Row("OR32_REG",               0x4c, "rw", "r",  0,        0,        "base32",   3, "{wdst} |= {wsrc}"),
    Row("AND32_IMM",              0x54, "rw", 0,    0,        "imm",    "base32",   3, "{wdst} &= {imm}"),
    Row("AND32_REG",              0x5c, "rw", "r",  0,        0,        "base32",   3, "{wdst} &= {wsrc}"),
    Row("LSH32_IMM",              0x64, "rw", 0,    0,        "imm",    "base32",   3, "{wdst} <<= {imm}"),
    Row("LSH32_REG",              0x6c, "rw", "r",  0,        0,        "base32",   3, "{wdst} <<= {wsrc}"),
    Row("RSH32_IMM",              0x74, "rw", 0,    0,        "imm",    "base32",   3, "{wdst} >>= {imm}"),
    Row("RSH32_REG",              0x7c, "rw", "r",  0,        0,        "base32",   3, "{wdst} >>= {wsrc}"),
    Row("NEG32",                  0x84, "rw", 0,    0,        0,        "base32",   3, "{wdst} = -{wdst}"),
    Row("MOD32_IMM",              0x94, "rw", 0,    0,        "imm",    "divmul32", 3, "{wdst} %= {imm}"),
    Row("SMOD32_IMM",             0x94, "rw", 0,    1,        "imm",    "divmul32", 4, "{wdst} s%= {imm}"),
    Row("MOD32_REG",              0x9c, "rw", "r",  0,        0,        "divmul32", 3, "{wdst} %= {wsrc}"),
    Row("SMOD32_REG",             0x9c, "rw", "r",  1,        0,        "divmul32", 4, "{wdst} s%= {wsrc}"),
    Row("XOR32_IMM",              0xa4, "rw", 0,    0,        "imm",    "base32",   3, "{wdst} ^= {imm}"),
    Row("XOR32_REG",              0xac, "rw", "r",  0,        0,        "base32",   3, "{wdst} ^= {wsrc}"),
    Row("MOV32_IMM",              0xb4, "w",  0,    0,        "imm",    "base32",   3, "{wdst} = {imm}"),
    Row("MOV32_REG",              0xbc, "w",  "r",  0,        0,        "base32",   3, "{wdst} = {wsrc}"),
    Row("MOVSX32_8",              0xbc, "w",  "r",  8,        0,        "base32",   4, "{wdst} = (s8){wsrc}"),
    Row("MOVSX32_16",             0xbc, "w",  "r",  16,       0,        "base32",   4, "{wdst} = (s16){wsrc}"),
    Row("ZEXT",                   0xbc, "w",  "r",  0,        1,        "linux",    3, "{wdst} = zext {wsrc}"),
    Row("ARSH32_IMM",             0xc4, "rw", 0,    0,        "imm",    "base32",   3, "{wdst} s>>= {imm}"),
    Row("ARSH32_REG",             0xcc, "rw", "r",  0,        0,        "base32",   3, "{wdst} s>>= {wsrc}"),
    # 64-bit arithmetic (RFC 9669 section 4.1)
    Row("ADD64_IMM",              0x07, "rw", 0,    0,        "imm",    "base64",   1, "{rdst} += {imm}"),
    Row("ADD64_REG",              0x0f, "rw", "r",  0,        0,        "base64",   1, "{rdst} += {rsrc}"),
    Row("SUB64_IMM",              0x17, "rw", 0,    0,        "imm",    "base64",   1, "{rdst} -= {imm}"),
    Row("SUB64_REG",              0x1f, "rw", "r",  0,        0,        "base64",   1, "{rdst} -= {rsrc}"),
    Row("MUL64_IMM",              0x27, "rw", 0,    0,        "imm",    "divmul64", 1, "{rdst} *= {imm}"),
    Row("MUL64_REG",              0x2f, "rw", "r",  0,        0,        "divmul64", 1, "{rdst} *= {rsrc}"),
    Row("DIV64_IMM",              0x37, "rw", 0,    0,        "imm",    "divmul64", 1, "{rdst} /= {imm}"),
    Row("SDIV64_IMM",             0x37, "rw", 0,    1,        "imm",    "divmul64", 4, "{rdst} s/= {imm}"),
    Row("DIV64_REG",              0x3f, "rw", "r",  0,        0,        "divmul64", 1, "{rdst} /= {rsrc}"),
    Row("SDIV64_REG",             0x3f, "rw", "r",  1,        0,        "divmul64", 4, "{rdst} s/= {rsrc}"),
    Row("OR64_IMM",               0x47, "rw", 0,    0,        "imm",    "base64",   1, "{rdst} |= {imm}"),
    Row("OR64_REG",               0x4f, "rw", "r",  0,        0,        "base64",   1, "{rdst} |= {rsrc}"),
    Row("AND64_IMM",              0x57, "rw", 0,    0,        "imm",    "base64",   1, "{rdst} &= {imm}"),
    Row("AND64_REG",              0x5f, "rw", "r",  0,        0,        "base64",   1, "{rdst} &= {rsrc}"),
    Row("LSH64_IMM",              0x67, "rw", 0,    0,        "imm",    "base64",   1, "{rdst} <<= {imm}"),
    Row("LSH64_REG",              0x6f, "rw", "r",  0,        0,        "base64",   1, "{rdst} <<= {rsrc}"),
    Row("RSH64_IMM",              0x77, "rw", 0,    0,        "imm",    "base64",   1, "{rdst} >>= {imm}"),
    Row("RSH64_REG",              0x7f, "rw", "r",  0,        0,        "base64",   1, "{rdst} >>= {rsrc}"),
    Row("NEG64",                  0x87, "rw", 0,    0,        0,        "base64",   1, "{rdst} = -{rdst}"),
    Row("MOD64_IMM",              0x97, "rw", 0,    0,        "imm",    "divmul64", 1, "{rdst} %= {imm}"),
    Row("SMOD64_IMM",             0x97, "rw", 0,    1,        "imm",    "divmul64", 4, "{rdst} s%= {imm}"),
    Row("MOD64_REG",              0x9f, "rw", "r",  0,        0,        "divmul64", 1, "{rdst} %= {rsrc}"),
    Row("SMOD64_REG",             0x9f, "rw", "r",  1,        0,        "divmul64", 4, "{rdst} s%= {rsrc}"),
    Row("XOR64_IMM",              0xa7, "rw", 0,    0,        "imm",    "base64",   1, "{rdst} ^= {imm}"),
    Row("XOR64_REG",              0xaf, "rw", "r",  0,        0,        "base64",   1, "{rdst} ^= {rsrc}"),
    Row("MOV64_IMM",              0xb7, "w",  0,    0,        "imm",    "base64",   1, "{rdst} = {imm}"),
    Row("MOV64_REG",              0xbf, "w",  "r",  0,        0,        "base64",   1, "{rdst} = {rsrc}"),
    Row("MOVSX64_8",              0xbf, "w",  "r",  8,        0,        "base64",   4, "{rdst} = (s8){rsrc}"),
    Row("MOVSX64_16",             0xbf, "w",  "r",  16,       0,        "base64",   4, "{rdst} = (s16){rsrc}"),
    Row("MOVSX64_32",             0xbf, "w",  "r",  32,       0,        "base64",   4, "{rdst} = (s32){rsrc}"),
    Row("ARSH64_IMM",             0xc7, "rw", 0,    0,        "imm",    "base64",   1, "{rdst} s>>= {imm}"),
    Row("ARSH64_REG",             0xcf, "rw", "r",  0,        0,        "base64",   1, "{rdst} s>>= {rsrc}"),
    # Byte swaps (RFC 9669 section 4.2)
    Row("LE16",                   0xd4, "rw", 0,    0,        16,       "base32",   1, "{dst} = le16 {dst}"),
    Row("LE32",                   0xd4, "rw", 0,    0,        32,       "base32",   1, "{dst} = le32 {dst}"),
    Row("LE64",                   0xd4, "rw", 0,    0,        0x40,     "base64",   1, "{dst} = le64 {dst}"),
    Row("BE16",                   0xdc, "rw", 0,    0,        16,       "base32",   1, "{dst} = be16 {dst}"),
    Row("BE32",                   0xdc, "rw", 0,    0,        32,       "base32",   1, "{dst} = be32 {dst}"),
    Row("BE64",                   0xdc, "rw", 0,    0,        0x40,     "base64",   1, "{dst} = be64 {dst}"),
    Row("BSWAP16",                0xd7, "rw", 0,    0,        16,       "base32",   4, "{dst} = bswap16 {dst}"),
    Row("BSWAP32",                0xd7, "rw", 0,    0,        32,       "base32",   4, "{dst} = bswap32 {dst}"),
    Row("BSWAP64",                0xd7, "rw", 0,    0,        0x40,     "base64",   4, "{dst} = bswap64 {dst}"),
    # Jumps (RFC 9669 section 4.3)
    Row("JA",                     0x05, 0,    0,    "jump",   0,        "base32",   1, "goto {jump}"),
    Row("JA32",                   0x06, 0,    0,    0,        "jump",   "base32",   4, "gotol {jump}"),
    Row("CALL",                   0x85, 0,    0,    0,        "helper", "base32",   1, "call {imm}"),
    Row("CALL_LOCAL",             0x85, 0,    1,    0,        "jump",   "base32",   1, "call {call}"),
    Row("CALL_KERNEL",            0x85, 0,    2,    0,        "btf",    "base32",   3, "call kernel {imm}"),
    Row("CALLX",                  0x8d, "r",  0,    0,        0,        "linux",    1, "callx {dst}"),
    Row("EXIT",                   0x95, 0,    0,    0,        0,        "base32",   1, "exit"),
    Row("MAY_GOTO",               0xe5, 0,    0,    "jump",   0,        "linux",    3, "may_goto {jump}"),
    Row("JEQ64_IMM",              0x15, "r",  0,    "jump",   "imm",    "base64",   1, "if {rdst} == {imm} goto {jump}"),
    Row("JEQ64_REG",              0x1d, "r",  "r",  "jump",   0,        "base64",   1, "if {rdst} == {rsrc} goto {jump}"),
    Row("JGT64_IMM",              0x25, "r",  0,    "jump",   "imm",    "base64",   1, "if {rdst} > {imm} goto {jump}"),
    Row("JGT64_REG",              0x2d, "r",  "r",  "jump",   0,        "base64",   1, "if {rdst} > {rsrc} goto {jump}"),
    Row("JGE64_IMM",              0x35, "r",  0,    "jump",   "imm",    "base64",   1, "if {rdst} >= {imm} goto {jump}"),
    Row("JGE64_REG",              0x3d, "r",  "r",  "jump",   0,        "base64",   1, "if {rdst} >= {rsrc} goto {jump}"),
    Row("JSET64_IMM",             0x45, "r",  0,    "jump",   "imm",    "base64",   1, "if {rdst} & {imm} goto {jump}"),
    Row("JSET64_REG",             0x4d, "r",  "r",  "jump",   0,        "base64",   1, "if {rdst} & {rsrc} goto {jump}"),
    Row("JNE64_IMM",              0x55, "r",  0,    "jump",   "imm",    "base64",   1, "if {rdst} != {imm} goto {jump}"),
    Row("JNE64_REG",              0x5d, "r",  "r",  "jump",   0,        "base64",   1, "if {rdst} != {rsrc} goto {jump}"),
    Row("JSGT64_IMM",             0x65, "r",  0,    "jump",   "imm",    "base64",   1, "if {rdst} s> {imm} goto {jump}"),
    Row("JSGT64_REG",             0x6d, "r",  "r",  "jump",   0,        "base64",   1, "if {rdst} s> {rsrc} goto {jump}"),
    Row("JSGE64_IMM",             0x75, "r",  0,    "jump",   "imm",    "base64",   1, "if {rdst} s>= {imm} goto {jump}"),
    Row("JSGE64_REG",             0x7d, "r",  "r",  "jump",   0,        "base64",   1, "if {rdst} s>= {rsrc} goto {jump}"),
    Row("JLT64_IMM",              0xa5, "r",  0,    "jump",   "imm",    "base64",   2, "if {rdst} < {imm} goto {jump}"),
    Row("JLT64_REG",              0xad, "r",  "r",  "jump",   0,        "base64",   2, "if {rdst} < {rsrc} goto {jump}"),
    Row("JLE64_IMM",              0xb5, "r",  0,    "jump",   "imm",    "base64",   2, "if {rdst} <= {imm} goto {jump}"),
    Row("JLE64_REG",              0xbd, "r",  "r",  "jump",   0,        "base64",   2, "if {rdst} <= {rsrc} goto {jump}"),
    Row("JSLT64_IMM",             0xc5, "r",  0,    "jump",   "imm",    "base64",   2, "if {rdst} s< {imm} goto {jump}"),
    Row("JSLT64_REG",             0xcd, "r",  "r",  "jump",   0,        "base64",   2, "if {rdst} s< {rsrc} goto {jump}"),
    Row("JSLE64_IMM",             0xd5, "r",  0,    "jump",   "imm",    "base64",   2, "if {rdst} s<= {imm} goto {jump}"),
    Row("JSLE64_REG",             0xdd, "r",  "r",  "jump",   0,        "base64",   2, "if {rdst} s<= {rsrc} goto {jump}"),
    Row("JEQ32_IMM",              0x16, "r",  0,    "jump",   "imm",    "base32",   3, "if {wdst} == {imm} goto {jump}"),
    Row("JEQ32_REG",              0x1e, "r",  "r",  "jump",   0,        "base32",   3, "if {wdst} == {wsrc} goto {jump}"),
    Row("JGT32_IMM",              0x26, "r",  0,    "jump",   "imm",    "base32",   3, "if {wdst} > {imm} goto {jump}"),
    Row("JGT32_REG",              0x2e, "r",  "r",  "jump",   0,        "base32",   3, "if {wdst} > {wsrc} goto {jump}"),
    Row("JGE32_IMM",              0x36, "r",  0,    "jump",   "imm",    "base32",   3, "if {wdst} >= {imm} goto {jump}"),
    Row("JGE32_REG",              0x3e, "r",  "r",  "jump",   0,        "base32",   3, "if {wdst} >= {wsrc} goto {jump}"),
    Row("JSET32_IMM",             0x46, "r",  0,    "jump",   "imm",    "base32",   3, "if {wdst} & {imm} goto {jump}"),
    Row("JSET32_REG",             0x4e, "r",  "r",  "jump",   0,        "base32",   3, "if {wdst} & {wsrc} goto {jump}"),
    Row("JNE32_IMM",              0x56, "r",  0,    "jump",   "imm",    "base32",   3, "if {wdst} != {imm} goto {jump}"),
    Row("JNE32_REG",              0x5e, "r",  "r",  "jump",   0,        "base32",   3, "if {wdst} != {wsrc} goto {jump}"),
    Row("JSGT32_IMM",             0x66, "r",  0,    "jump",   "imm",    "base32",   3, "if {wdst} s> {imm} goto {jump}"),
    Row("JSGT32_REG",             0x6e, "r",  "r",  "jump",   0,        "base32",   3, "if {wdst} s> {wsrc} goto {jump}"),
    Row("JSGE32_IMM",             0x76, "r",  0,    "jump",   "imm",    "base32",   3, "if {wdst} s>= {imm} goto {jump}"),
    Row("JSGE32_REG",             0x7e, "r",  "r",  "jump",   0,        "base32",   3, "if {wdst} s>= {wsrc} goto {jump}"),
    Row("JLT32_IMM",              0xa6, "r",  0,    "jump",   "imm",    "base32",   3, "if {wdst} < {imm} goto {jump}"),
    Row("JLT32_REG",              0xae, "r",  "r",  "jump",   0,        "base32",   3, "if {wdst} < {wsrc} goto {jump}"),
    Row("JLE32_IMM",              0xb6, "r",  0,    "jump",   "imm",    "base32",   3, "if {wdst} <= {imm} goto {jump}"),
    Row("JLE32_REG",              0xbe, "r",  "r",  "jump",   0,        "base32",   3, "if {wdst} <= {wsrc} goto {jump}"),
    Row("JSLT32_IMM",             0xc6, "r",  0,    "jump",   "imm",    "base32",   3, "if {wdst} s< {imm} goto {jump}"),
    Row("JSLT32_REG",             0xce, "r",  "r",  "jump",   0,        "base32",   3, "if {wdst} s< {wsrc} goto {jump}"),
    Row("JSLE32_IMM",             0xd6, "r",  0,    "jump",   "imm",    "base32",   3, "if {wdst} s<= {imm} goto {jump}"),
    Row("JSLE32_REG",             0xde, "r",  "r",  "jump",   0,        "base32",   3, "if {wdst} s<= {wsrc} goto {jump}"),
    # Loads and stores (RFC 9669 section 5.1 and 5.2)
    Row("LDX_W",                  0x61, "w",  "r",  "memory", 0,        "base32",   1, "{wdst|rdst} = *(u32 *)({src} {memory})"),
    Row("LDX_H",                  0x69, "w",  "r",  "memory", 0,        "base32",   1, "{wdst|rdst} = *(u16 *)({src} {memory})"),
    Row("LDX_B",                  0x71, "w",  "r",  "memory", 0,        "base32",   1, "{wdst|rdst} = *(u8 *)({src} {memory})"),
    Row("LDX_DW",                 0x79, "w",  "r",  "memory", 0,        "base64",   1, "{dst} = *(u64 *)({src} {memory})"),
    Row("ST_W",                   0x62, "r",  0,    "memory", "imm",    "base32",   4, "*(u32 *)({dst} {memory}) = {imm}"),
    Row("ST_H",                   0x6a, "r",  0,    "memory", "imm",    "base32",   4, "*(u16 *)({dst} {memory}) = {imm}"),
    Row("ST_B",                   0x72, "r",  0,    "memory", "imm",    "base32",   4, "*(u8 *)({dst} {memory}) = {imm}"),
    Row("ST_DW",                  0x7a, "r",  0,    "memory", "imm",    "base64",   4, "*(u64 *)({dst} {memory}) = {imm}"),
    Row("NOSPEC",                 0xc2, 0,    0,    0,        0,        "linux",    1, "nospec"),
    Row("STX_W",                  0x63, "r",  "r",  "memory", 0,        "base32",   1, "*(u32 *)({dst} {memory}) = {wsrc|rsrc}"),
    Row("STX_H",                  0x6b, "r",  "r",  "memory", 0,        "base32",   1, "*(u16 *)({dst} {memory}) = {wsrc|rsrc}"),
    Row("STX_B",                  0x73, "r",  "r",  "memory", 0,        "base32",   1, "*(u8 *)({dst} {memory}) = {wsrc|rsrc}"),
    Row("STX_DW",                 0x7b, "r",  "r",  "memory", 0,        "base64",   1, "*(u64 *)({dst} {memory}) = {rsrc}"),
    Row("LDXSX_W",                0x81, "w",  "r",  "memory", 0,        "base64",   4, "{dst} = *(s32 *)({src} {memory})"),
    Row("LDXSX_H",                0x89, "w",  "r",  "memory", 0,        "base64",   4, "{dst} = *(s16 *)({src} {memory})"),
    Row("LDXSX_B",                0x91, "w",  "r",  "memory", 0,        "base64",   4, "{dst} = *(s8 *)({src} {memory})"),
    # Atomic operations (RFC 9669 section 5.3)
    Row("ATOMIC_ADD_W",           0xc3, "r",  "r",  "memory", 0,        "atomic32", 1, "lock *(u32 *)({dst} {memory}) += {wsrc|rsrc}"),
    Row("ATOMIC_OR_W",            0xc3, "r",  "r",  "memory", 0x40,     "atomic32", 3, "lock *(u32 *)({dst} {memory}) |= {wsrc}"),
    Row("ATOMIC_AND_W",           0xc3, "r",  "r",  "memory", 0x50,     "atomic32", 3, "lock *(u32 *)({dst} {memory}) &= {wsrc}"),
    Row("ATOMIC_XOR_W",           0xc3, "r",  "r",  "memory", 0xa0,     "atomic32", 3, "lock *(u32 *)({dst} {memory}) ^= {wsrc}"),
    Row("ATOMIC_FETCH_ADD_W",     0xc3, "r",  "rw", "memory", 1,        "atomic32", 3, "{wsrc} = atomic_fetch_add((u32 *)({dst} {memory}), {wsrc})"),
    Row("ATOMIC_FETCH_OR_W",      0xc3, "r",  "rw", "memory", 0x41,     "atomic32", 3, "{wsrc} = atomic_fetch_or((u32 *)({dst} {memory}), {wsrc})"),
    Row("ATOMIC_FETCH_AND_W",     0xc3, "r",  "rw", "memory", 0x51,     "atomic32", 3, "{wsrc} = atomic_fetch_and((u32 *)({dst} {memory}), {wsrc})"),
    Row("ATOMIC_FETCH_XOR_W",     0xc3, "r",  "rw", "memory", 0xa1,     "atomic32", 3, "{wsrc} = atomic_fetch_xor((u32 *)({dst} {memory}), {wsrc})"),
    Row("XCHG_W",                 0xc3, "r",  "rw", "memory", 0xe1,     "atomic32", 3, "{wsrc} = xchg32_32({dst} {memory}, {wsrc})"),
    Row("CMPXCHG_W",              0xc3, "r",  "r",  "memory", 0xf1,     "atomic32", 3, "w0 = cmpxchg32_32({dst} {memory}, w0, {wsrc})"),
    Row("ATOMIC_ADD_DW",          0xdb, "r",  "r",  "memory", 0,        "atomic64", 1, "lock *(u64 *)({dst} {memory}) += {rsrc}"),
    Row("ATOMIC_OR_DW",           0xdb, "r",  "r",  "memory", 0x40,     "atomic64", 3, "lock *(u64 *)({dst} {memory}) |= {rsrc}"),
    Row("ATOMIC_AND_DW",          0xdb, "r",  "r",  "memory", 0x50,     "atomic64", 3, "lock *(u64 *)({dst} {memory}) &= {rsrc}"),
    Row("ATOMIC_XOR_DW",          0xdb, "r",  "r",  "memory", 0xa0,     "atomic64", 3, "lock *(u64 *)({dst} {memory}) ^= {rsrc}"),
    Row("ATOMIC_FETCH_ADD_DW",    0xdb, "r",  "rw", "memory", 1,        "atomic64", 3, "{rsrc} = atomic_fetch_add((u64 *)({dst} {memory}), {rsrc})"),
    Row("ATOMIC_FETCH_OR_DW",     0xdb, "r",  "rw", "memory", 0x41,     "atomic64", 3, "{rsrc} = atomic_fetch_or((u64 *)({dst} {memory}), {rsrc})"),
    Row("ATOMIC_FETCH_AND_DW",    0xdb, "r",  "rw", "memory", 0x51,     "atomic64", 3, "{rsrc} = atomic_fetch_and((u64 *)({dst} {memory}), {rsrc})"),
    Row("ATOMIC_FETCH_XOR_DW",    0xdb, "r",  "rw", "memory", 0xa1,     "atomic64", 3, "{rsrc} = atomic_fetch_xor((u64 *)({dst} {memory}), {rsrc})"),
    Row("XCHG_DW",                0xdb, "r",  "rw", "memory", 0xe1,     "atomic64", 3, "{rsrc} = xchg_64({dst} {memory}, {rsrc})"),
    Row("CMPXCHG_DW",             0xdb, "r",  "r",  "memory", 0xf1,     "atomic64", 3, "r0 = cmpxchg_64({dst} {memory}, r0, {rsrc})"),
    # Ordered loads and stores (Linux 6.15, Documentation/bpf/standardization/instruction-set.rst)
    Row("LOAD_ACQUIRE_W",         0xc3, "w",  "r",  "memory", 0x100,    "linux",    4, "{wdst} = load_acquire((u32 *)({src} {memory}))"),
    Row("LOAD_ACQUIRE_H",         0xcb, "w",  "r",  "memory", 0x100,    "linux",    4, "{wdst} = load_acquire((u16 *)({src} {memory}))"),
    Row("LOAD_ACQUIRE_B",         0xd3, "w",  "r",  "memory", 0x100,    "linux",    4, "{wdst} = load_acquire((u8 *)({src} {memory}))"),
    Row("LOAD_ACQUIRE_DW",        0xdb, "w",  "r",  "memory", 0x100,    "linux",    4, "{rdst} = load_acquire((u64 *)({src} {memory}))"),
    Row("STORE_RELEASE_W",        0xc3, "r",  "r",  "memory", 0x110,    "linux",    4, "store_release((u32 *)({dst} {memory}), {wsrc})"),
    Row("STORE_RELEASE_H",        0xcb, "r",  "r",  "memory", 0x110,    "linux",    4, "store_release((u16 *)({dst} {memory}), {wsrc})"),
    Row("STORE_RELEASE_B",        0xd3, "r",  "r",  "memory", 0x110,    "linux",    4, "store_release((u8 *)({dst} {memory}), {wsrc})"),
    Row("STORE_RELEASE_DW",       0xdb, "r",  "r",  "memory", 0x110,    "linux",    4, "store_release((u64 *)({dst} {memory}), {rsrc})"),
    # Wide loads of 64-bit immediates (RFC 9669 section 5.4)
    Row("LDDW",                   0x18, "w",  0,    0,        "imm64",  "base64",   1, "{dst} = {imm64} ll"),
    Row("LDDW_MAP_FD",            0x18, "w",  1,    0,        "wide",   "base64",   1, "{dst} = map_fd {imm}"),
    Row("LDDW_MAP_VALUE",         0x18, "w",  2,    0,        "wide",   "base64",   1, "{dst} = map_value {imm} {next}"),
    Row("LDDW_VARIABLE",          0x18, "w",  3,    0,        "wide",   "base64",   1, "{dst} = variable {imm}"),
    Row("LDDW_CODE",              0x18, "w",  4,    0,        "wide",   "base64",   1, "{dst} = code {jump}"),
    Row("LDDW_MAP_INDEX",         0x18, "w",  5,    0,        "wide",   "base64",   1, "{dst} = map_index {imm}"),
    Row("LDDW_MAP_INDEX_VALUE",   0x18, "w",  6,    0,        "wide",   "base64",   1, "{dst} = map_index_value {imm} {next}"),
    # Packet access (RFC 9669 section 5.5)
    Row("LDABS_W",                0x20, 0,    0,    0,        "imm",    "packet",   1, "r0 = *(u32 *)skb[{imm}]"),
    Row("LDABS_H",                0x28, 0,    0,    0,        "imm",    "packet",   1, "r0 = *(u16 *)skb[{imm}]"),
    Row("LDABS_B",                0x30, 0,    0,    0,        "imm",    "packet",   1, "r0 = *(u8 *)skb[{imm}]"),
    Row("LDIND_W",                0x40, 0,    "r",  0,        "imm",    "packet",   1, "r0 = *(u32 *)skb[{src} {index}]"),
    Row("LDIND_H",                0x48, 0,    "r",  0,        "imm",    "packet",   1, "r0 = *(u16 *)skb[{src} {index}]"),
    Row("LDIND_B",                0x50, 0,    "r",  0,        "imm",    "packet",   1, "r0 = *(u8 *)skb[{src} {index}]"),
)
# fmt: on


def _by_opcode() -> MappingProxyType[int, tuple[Row, ...]]:
    table: dict[int, tuple[Row, ...]] = {}
    for row in ROWS:
        table[row.opcode] = (*table.get(row.opcode, ()), row)
    return MappingProxyType(table)


BY_OPCODE = _by_opcode()
"""The rows that share an opcode, in table order."""

BY_NAME = MappingProxyType({row.name: row for row in ROWS})


_CONSTANTS: MappingProxyType[int, tuple[tuple[Row, tuple[tuple[int, int], ...]], ...]] = MappingProxyType(
    {
        opcode: tuple(
            (row, tuple((at, constant) for at, constant in enumerate((row.dst, row.src, row.offset, row.imm), 1) if isinstance(constant, int)))
            for row in rows
        )
        for opcode, rows in BY_OPCODE.items()
    }
)
"""By opcode: each row with its constant fields, as (place in `Instruction`, value)."""


def lookup(instruction: Instruction) -> Row | None:
    """The row that an instruction's opcode and constant fields select, or None when no row matches.

    Reserved fields count as constants of value zero, so an instruction with a reserved field set matches no row.
    """
    for row, constants in _CONSTANTS.get(instruction.opcode, ()):
        for at, constant in constants:
            if instruction[at] != constant:
                break
        else:
            return row
    return None


def _defend() -> None:
    """Refuse to import a table in which two rows match the same instruction or a name occurs twice."""
    if len(BY_NAME) != len(ROWS):
        raise ValueError("ebpf/opcodes.py: a name occurs twice")
    for rows in BY_OPCODE.values():
        for number, first in enumerate(rows):
            for second in rows[number + 1 :]:
                pairs = zip(first[2:6], second[2:6], strict=True)
                if not any(isinstance(a, int) and isinstance(b, int) and a != b for a, b in pairs):
                    raise ValueError(f"ebpf/opcodes.py: {first.name} and {second.name} match the same instruction")


_defend()
