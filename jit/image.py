"""An image as an ELF executable for MIPS, so that debuggers, disassemblers and simulators can take it.

    ELF header | program header | .text | .symtab | .strtab | .MIPS.abiflags | .shstrtab | section headers

The file is not for an operating system to run: it holds the code at the address for which it was compiled, a global symbol `bpf_program`
at its entry and a local symbol `bpf_0017` where the code of slot 17 begins. Machine, ABI and ISA level are in e_flags (System V ABI, MIPS
processor supplement, and its n64 sequel); releases 3 and 5, for which e_flags have no value, are told from 2 in `.MIPS.abiflags` (MIPS
O32 ABI: FR0 and FR1 interlinking, section 10.2).
"""

import struct
from dataclasses import dataclass

from jit.compiled import Compiled
from jit.config import Config

_EXECUTABLE, _MIPS = 2, 8
_LOAD, _READ_EXECUTE = 1, 5
_PROGBITS, _SYMTAB, _STRTAB, _ABIFLAGS = 1, 2, 3, 0x7000002A
_ALLOCATED, _EXECINSTR = 2, 4
_LOCAL, _GLOBAL = 0, 1
_NO_TYPE, _FUNCTION = 0, 2

_NOREORDER, _O32, _32BIT_MODE, _NAN2008 = 0x1, 0x1000, 0x100, 0x400

# fmt: off
# ISA: e_flags EF_MIPS_ARCH, then level and release in .MIPS.abiflags.
_ISAS = {
    "mips1":    (0x00000000,  1, 0),
    "mips2":    (0x10000000,  2, 0),
    "mips3":    (0x20000000,  3, 0),
    "mips4":    (0x30000000,  4, 0),
    "mips5":    (0x40000000,  5, 0),
    "mips32r1": (0x50000000, 32, 1),
    "mips32r2": (0x70000000, 32, 2),
    "mips32r3": (0x70000000, 32, 3),
    "mips32r5": (0x70000000, 32, 5),
    "mips32r6": (0x90000000, 32, 6),
    "mips64r1": (0x60000000, 64, 1),
    "mips64r2": (0x80000000, 64, 2),
    "mips64r3": (0x80000000, 64, 3),
    "mips64r5": (0x80000000, 64, 5),
    "mips64r6": (0xA0000000, 64, 6),
}
# fmt: on


@dataclass(frozen=True, slots=True)
class _Format:
    """The layouts of ELF structures that differ with class and byte order."""

    order: str
    wide: bool

    def pack(self, narrow: str, wide: str, *fields: int) -> bytes:
        return struct.pack(self.order + (wide if self.wide else narrow), *fields)

    def header(self, entry: int, program_headers: int, section_headers: int, flags: int, sections: int) -> bytes:
        identification = bytes((0x7F, *b"ELF", 2 if self.wide else 1, 2 if self.order == ">" else 1, 1)).ljust(16, b"\0")
        sizes = (64, 56, 1, 64) if self.wide else (52, 32, 1, 40)
        fields = (_EXECUTABLE, _MIPS, 1, entry, program_headers, section_headers, flags, *sizes, sections, sections - 1)
        return identification + self.pack("HHIIIIIHHHHHH", "HHIQQQIHHHHHH", *fields)

    def program_header(self, offset: int, address: int, size: int) -> bytes:
        if self.wide:
            return struct.pack(self.order + "IIQQQQQQ", _LOAD, _READ_EXECUTE, offset, address, address, size, size, 4)
        return struct.pack(self.order + "IIIIIIII", _LOAD, offset, address, address, size, size, _READ_EXECUTE, 4)

    def section_header(self, name: int, kind: int, flags: int, address: int, offset: int, size: int, *rest: int) -> bytes:
        return self.pack("IIIIIIIIII", "IIQQQQIIQQ", name, kind, flags, address, offset, size, *rest)

    def symbol(self, name: int, value: int, size: int, binding: int, kind: int) -> bytes:
        info, text = binding << 4 | kind, 1
        if self.wide:
            return struct.pack(self.order + "IBBHQQ", name, info, 0, text, value, size)
        return struct.pack(self.order + "IIIBBH", name, value, size, info, 0, text)


def elf_flags(config: Config) -> int:
    """e_flags of code for that configuration: ISA level, ABI, and that no assembler may reorder it."""
    flags = _ISAS[config.isa][0] | _NOREORDER
    if config.width == 32:
        flags |= _O32 | (_32BIT_MODE if config.cpu_64 else 0)
    return flags | (_NAN2008 if config.isa.endswith("r6") else 0)


def elf_image(compiled: Compiled) -> bytes:
    """The contents of an ELF executable: ELFCLASS32 for width 32, ELFCLASS64 for width 64, in the configuration's byte order."""
    config = compiled.config
    layout = _Format(">" if config.big_endian else "<", config.width == 64)
    text = compiled.image()
    symbols, local, names = _symbols(compiled, layout)
    sections: list[tuple[str, int, int, int, bytes, int, int, int, int]] = [
        (".text", _PROGBITS, _ALLOCATED | _EXECINSTR, compiled.base, text, 0, 0, 4, 0),
        (".symtab", _SYMTAB, 0, 0, symbols, 3, local, 8, 24 if layout.wide else 16),
        (".strtab", _STRTAB, 0, 0, names, 0, 0, 1, 0),
        (".MIPS.abiflags", _ABIFLAGS, 0, 0, _abi_flags(config, layout), 0, 0, 8, 24),
    ]
    section_names = b"\0" + b"".join(section[0].encode() + b"\0" for section in sections) + b".shstrtab\0"
    sections.append((".shstrtab", _STRTAB, 0, 0, section_names, 0, 0, 1, 0))
    start = 128
    body = bytearray()
    headers = bytearray(64 if layout.wide else 40)
    for name, kind, flags, address, contents, link, info, alignment, entry_size in sections:
        body += bytes(-len(body) % 16)
        headers += layout.section_header(
            section_names.index(name.encode() + b"\0"),
            *(kind, flags, address, start + len(body), len(contents), link, info, alignment, entry_size),
        )
        body += contents
    body += bytes(-len(body) % 16)
    header = layout.header(compiled.base, 64 if layout.wide else 52, start + len(body), elf_flags(config), len(sections) + 1)
    return (header + layout.program_header(start, compiled.base, len(text))).ljust(start, b"\0") + bytes(body) + bytes(headers)


def _symbols(compiled: Compiled, layout: _Format) -> tuple[bytes, int, bytes]:
    """The symbol table, the number of its first global symbol, and the names. A slot without code of its own shares the address of the next."""
    names = bytearray(b"\0")
    table = bytearray(24 if layout.wide else 16)
    count = 1
    starts = [(slot, index) for slot, index in enumerate(compiled.bpf_at) if index is not None]
    ends = [index for _, index in starts[1:]] + [len(compiled.words)]
    for (slot, index), end in zip(starts, ends, strict=True):
        table += layout.symbol(len(names), compiled.base + 4 * index, 4 * (end - index), _LOCAL, _NO_TYPE)
        names += f"bpf_{slot:04}\0".encode()
        count += 1
    table += layout.symbol(len(names), compiled.base, 4 * len(compiled.words), _GLOBAL, _FUNCTION)
    names += b"bpf_program\0"
    return bytes(table), count, bytes(names)


def _abi_flags(config: Config, layout: _Format) -> bytes:
    """Elf_Internal_ABIFlags_v0: no coprocessor registers, floating point of any kind, no extensions."""
    _, level, release = _ISAS[config.isa]
    gpr_size = 2 if config.width == 64 else 1
    return struct.pack(layout.order + "HBBBBBBIIII", 0, level, release, gpr_size, 0, 0, 0, 0, 0, 0, 0)
