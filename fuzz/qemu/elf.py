"""A static executable as Linux for MIPS starts it: ELF header, one program header, code (System V ABI, chapters 4 and 5; MIPS supplement)."""

import struct

_EXECUTABLE, _MIPS, _LOAD, _ALL_RIGHTS, _VERSION = 2, 8, 1, 7, 1
PAGE = 0x1000


def executable(code: bytes, address: int, flags: int, *, big_endian: bool, wide: bool) -> bytes:
    """The file: `code` at a multiple of the page size, where it begins; class 64 when `wide`; `flags` are e_flags. Raises ValueError for an address
    that is no multiple."""
    if address % PAGE:
        raise ValueError(f"{address:#x} is no multiple of the page size")
    order = ">" if big_endian else "<"
    identification = bytes((0x7F, *b"ELF", 2 if wide else 1, 2 if big_endian else 1, _VERSION)).ljust(16, b"\0")
    header_size, segment_size = (64, 56) if wide else (52, 32)
    word = "Q" if wide else "I"
    header = struct.pack(
        f"{order}HHI{word}{word}{word}IHHHHHH", _EXECUTABLE, _MIPS, _VERSION, address, header_size, 0, flags, header_size, segment_size, 1, 0, 0, 0
    )
    if wide:
        segment = struct.pack(f"{order}IIQQQQQQ", _LOAD, _ALL_RIGHTS, PAGE, address, address, len(code), len(code), PAGE)
    else:
        segment = struct.pack(f"{order}IIIIIIII", _LOAD, PAGE, address, address, len(code), len(code), _ALL_RIGHTS, PAGE)
    return (identification + header + segment).ljust(PAGE, b"\0") + code
