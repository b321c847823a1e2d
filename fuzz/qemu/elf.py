"""A static executable as Linux for MIPS starts it: ELF header, program headers, memory (System V ABI, chapters 4 and 5; MIPS supplement)."""

import struct
from collections.abc import Sequence
from typing import NamedTuple

_EXECUTABLE, _MIPS, _LOAD, _VERSION = 2, 8, 1, 1
_WRITE, _READ_EXECUTE = 2, 5
PAGE = 0x1000


class Segment(NamedTuple):
    """Memory of the process: its address, a multiple of the page size, what is there, and whether the process may write to it."""

    address: int
    contents: bytes
    writable: bool = False


def executable(segments: Sequence[Segment], entry: int, flags: int, *, big_endian: bool, wide: bool) -> bytes:
    """The file, of class 64 when `wide`; segments in ascending order; `flags` are e_flags. Raises ValueError for a segment amid a page."""
    order, word, sizes = ">" if big_endian else "<", "Q" if wide else "I", (64, 56) if wide else (52, 32)
    identification = bytes((0x7F, *b"ELF", 2 if wide else 1, 2 if big_endian else 1, _VERSION)).ljust(16, b"\0")
    rest = *sizes, len(segments), 0, 0, 0
    headers = identification + struct.pack(f"{order}HHI{word}{word}{word}IHHHHHH", _EXECUTABLE, _MIPS, _VERSION, entry, sizes[0], 0, flags, *rest)
    body = b""
    for address, contents, writable in segments:
        if address % PAGE:
            raise ValueError(f"{address:#x} is no multiple of the page size")
        rights = _READ_EXECUTE | (_WRITE if writable else 0)
        offset, size = PAGE + len(body), len(contents)
        if wide:
            headers += struct.pack(f"{order}IIQQQQQQ", _LOAD, rights, offset, address, address, size, size, PAGE)
        else:
            headers += struct.pack(f"{order}IIIIIIII", _LOAD, offset, address, address, size, size, rights, PAGE)
        body += contents + bytes(-size % PAGE)
    return headers.ljust(PAGE, b"\0") + body
