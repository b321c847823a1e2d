"""What the loader needs of an ELF object, read with pyelftools and checked against the file's length.

pyelftools trusts the file: it may raise nearly anything on a damaged one, and it returns short data without a word when a section reaches
past the end. So all contact with it is in this file, sizes are checked before data is taken, and any exception of it becomes a
ProgramError. It is imported when there is an object: that takes longer than to assemble a program.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from io import BytesIO
from typing import Any, NamedTuple

from ebpf.files import read_bytes
from ebpf.instruction import SLOT_SIZE
from ebpf.program import ByteOrder, ProgramError, printable

MAXIMUM_DATA = 1 << 24
"""The largest data section that is accepted, in bytes: a `.bss` takes no room in the file, so that its size may be anything."""

_EXECUTABLE = 4


class Symbol(NamedTuple):
    """A symbol: offset and size in bytes, and the number of its section (0 or another that no section has: undefined, absolute, common)."""

    name: str
    section: int
    value: int
    size: int
    is_function: bool
    is_global: bool


class Relocation(NamedTuple):
    """The type of a relocation (Linux, Documentation/bpf/llvm_reloc.rst) and the symbol that it refers to."""

    kind: int
    symbol: Symbol


@dataclass(frozen=True, slots=True)
class Section:
    """A section with contents, and its relocations by offset in bytes."""

    name: str
    executable: bool
    alignment: int
    data: bytes
    relocations: Mapping[int, Relocation]


@dataclass(frozen=True, slots=True)
class Object:
    """An eBPF object: sections by number, and the functions in file order."""

    path: str
    byte_order: ByteOrder
    sections: Mapping[int, Section]
    functions: tuple[Symbol, ...]


def read_object(path: str, contents: bytes | None = None) -> Object:
    """Read an object file, or such contents of one. Raises ProgramError when there is no such file or it is no sound relocatable object for eBPF."""
    contents = read_bytes(path) if contents is None else contents
    if contents[:4] != b"\x7fELF":
        raise ProgramError(f"{path}: not an ELF object")
    try:
        return _read(path, contents)
    except ProgramError:
        raise
    except Exception as error:
        # See the head of this file; the set of exceptions is not documented.
        reason = " ".join(str(error).split())
        raise ProgramError(f"{path}: damaged ELF object: {type(error).__name__}{': ' + reason if reason else ''}") from None


def _read(path: str, contents: bytes) -> Object:
    from elftools.elf.elffile import ELFFile
    from elftools.elf.sections import SymbolTableSection

    if len(contents) < 64:
        raise ProgramError(f"{path}: truncated ELF object")
    elf = ELFFile(BytesIO(contents))
    if elf["e_machine"] != "EM_BPF":
        machine = elf["e_machine"]
        raise ProgramError(f"{path}: an object for {f'machine {machine}' if isinstance(machine, int) else elf.get_machine_arch()}, not for eBPF")
    if elf["e_ident"]["EI_VERSION"] != "EV_CURRENT":
        raise ProgramError(f"{path}: an ELF object of version {contents[6]}, not 1")
    if elf.elfclass != 64 or elf["e_type"] != "ET_REL":
        raise ProgramError(f"{path}: not a 64-bit relocatable object")
    if elf["e_shoff"] + elf.num_sections() * elf["e_shentsize"] > len(contents):
        raise ProgramError(f"{path}: truncated ELF object: the section headers are missing")
    sections = list(elf.iter_sections())
    for section in sections:
        if section["sh_type"] not in ("SHT_NOBITS", "SHT_NULL") and section["sh_offset"] + section["sh_size"] > len(contents):
            raise ProgramError(f"{path}: truncated ELF object: section {section.name!r} reaches past the end of the file")
    tables = [section for section in sections if isinstance(section, SymbolTableSection) and section["sh_type"] == "SHT_SYMTAB"]
    symbols = _symbols(tables[0], sections) if tables else []
    relocations = _relocations(path, sections, symbols)
    wanted = {
        number: Section(
            printable(section.name),
            bool(section["sh_flags"] & _EXECUTABLE),
            section["sh_addralign"],
            _data(path, section),
            relocations.get(number, {}),
        )
        for number, section in enumerate(sections)
        if section["sh_type"] in ("SHT_PROGBITS", "SHT_NOBITS")
    }
    byte_order: ByteOrder = "little" if elf.little_endian else "big"
    return Object(printable(path), byte_order, wanted, _functions(path, symbols, wanted))


def _data(path: str, section: Any) -> bytes:
    if section["sh_type"] == "SHT_NOBITS":
        if section["sh_size"] > MAXIMUM_DATA:
            raise ProgramError(f"{path}: section {section.name!r} has {section['sh_size']} bytes, more than {MAXIMUM_DATA}")
        return bytes(section["sh_size"])
    return bytes(section.data())


def _symbols(table: Any, sections: list[Any]) -> list[Symbol]:
    symbols = []
    for symbol in table.iter_symbols():
        number = symbol["st_shndx"]
        section = number if isinstance(number, int) else 0
        is_section = symbol["st_info"]["type"] == "STT_SECTION"
        symbols.append(
            Symbol(
                printable(sections[section].name if is_section else symbol.name),
                section,
                symbol["st_value"],
                symbol["st_size"],
                symbol["st_info"]["type"] == "STT_FUNC",
                symbol["st_info"]["bind"] in ("STB_GLOBAL", "STB_WEAK"),
            )
        )
    return symbols


def _relocations(path: str, sections: list[Any], symbols: list[Symbol]) -> dict[int, dict[int, Relocation]]:
    """Relocations by number of the section that they apply to, then by offset."""
    from elftools.elf.relocation import RelocationSection

    found: dict[int, dict[int, Relocation]] = {}
    for section in sections:
        if not isinstance(section, RelocationSection) or sections[section["sh_info"]]["sh_type"] not in ("SHT_PROGBITS", "SHT_NOBITS"):
            continue
        if section.is_RELA():
            raise ProgramError(f"{path}: section {section.name!r} has relocations with addends, which eBPF objects do not have")
        places = found.setdefault(section["sh_info"], {})
        code = sections[section["sh_info"]]["sh_flags"] & _EXECUTABLE
        for relocation in section.iter_relocations():
            if code and relocation["r_offset"] % SLOT_SIZE:
                raise ProgramError(f"{path}: section {section.name!r}: relocation at offset {relocation['r_offset']}, not at an instruction")
            places[relocation["r_offset"]] = Relocation(relocation["r_info_type"], symbols[relocation["r_info_sym"]])
    return found


def _functions(path: str, symbols: list[Symbol], sections: Mapping[int, Section]) -> tuple[Symbol, ...]:
    """The functions of executable sections in file order, each checked to be whole slots inside its section."""
    functions = []
    for symbol in sorted((s for s in symbols if s.is_function and s.section in sections), key=lambda s: (s.section, s.value)):
        section = sections[symbol.section]
        if not section.executable:
            continue
        if symbol.size == 0:
            raise ProgramError(f"{path}: {section.name}: function {symbol.name!r} has no size")
        if symbol.value % SLOT_SIZE or symbol.size % SLOT_SIZE or symbol.value + symbol.size > len(section.data):
            raise ProgramError(f"{path}: {section.name}: function {symbol.name!r} does not lie on whole instructions inside the section")
        functions.append(symbol)
    return tuple(functions)
