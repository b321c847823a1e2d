"""A program as a relocatable ELF object such as clang makes: one section with the code, and a global symbol for its function.

    ELF header | code | .symtab | .strtab | .shstrtab | section headers

Fields after the System V gABI, chapter 4; EM_BPF is 247. Maps and data sections would need relocations and are refused.
"""

import struct
from typing import NamedTuple

from ebpf.codec import encode
from ebpf.program import ByteOrder, Program, ProgramError

_EM_BPF = 247
_ET_REL = 1
_PROGBITS, _SYMTAB, _STRTAB = 1, 2, 3
_ALLOC_AND_EXECUTE = 0x6
_GLOBAL_FUNCTION = 0x12
_HEADER, _SECTION, _SYMBOL = 64, 64, 24


class _Section(NamedTuple):
    name: str
    kind: int
    flags: int
    contents: bytes
    link: int = 0
    info: int = 0
    alignment: int = 1
    entry: int = 0


def write_object(program: Program, byte_order: ByteOrder, section: str = ".text", name: str = "program") -> bytes:
    """The object. Raises ProgramError for a program with maps or data sections."""
    if program.maps or program.data:
        raise ProgramError(f"{program.source}: {program.section}: an object of a program with maps or data sections cannot be written")
    order = "<" if byte_order == "little" else ">"
    code = encode(program.slots, byte_order)
    strings = b"\0" + name.encode() + b"\0"
    symbols = bytes(_SYMBOL) + struct.pack(f"{order}IBBHQQ", 1, _GLOBAL_FUNCTION, 0, 1, 0, len(code))
    sections = [
        _Section(section, _PROGBITS, _ALLOC_AND_EXECUTE, code, alignment=8),
        _Section(".symtab", _SYMTAB, 0, symbols, link=3, info=1, alignment=8, entry=_SYMBOL),
        _Section(".strtab", _STRTAB, 0, strings),
    ]
    names = b"\0" + b"".join(each.name.encode() + b"\0" for each in sections) + b".shstrtab\0"
    sections.append(_Section(".shstrtab", _STRTAB, 0, names))
    body, headers, name_at = b"", [bytes(_SECTION)], 1
    for each in sections:
        body += bytes(-(_HEADER + len(body)) % each.alignment)
        fields = (name_at, each.kind, each.flags, 0, _HEADER + len(body), len(each.contents), each.link, each.info, each.alignment, each.entry)
        headers.append(struct.pack(f"{order}IIQQQQIIQQ", *fields))
        body += each.contents
        name_at += len(each.name) + 1
    body += bytes(-len(body) % 8)
    identification = b"\x7fELF" + bytes((2, 1 if byte_order == "little" else 2, 1)) + bytes(9)
    rest = (_ET_REL, _EM_BPF, 1, 0, 0, _HEADER + len(body), 0, _HEADER, 0, 0, _SECTION, len(headers), len(headers) - 1)
    return identification + struct.pack(f"{order}HHIQQQIHHHHHH", *rest) + body + b"".join(headers)
