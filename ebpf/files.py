"""Reading of input files: only regular ones, and only up to a size, so that no name that is given makes a command wait or fill the memory.

A pipe is read as standard input where a command takes `-`, up to the same size.
"""

import os
import stat
from collections.abc import Iterator
from pathlib import Path
from typing import BinaryIO, NoReturn

from ebpf.program import ProgramError

MAXIMUM_FILE = 64 << 20
"""Bytes that an input file may have."""


def read_bytes(path: str) -> bytes:
    """The contents of a regular file. Raises ProgramError, also for one of more than MAXIMUM_FILE bytes."""
    try:
        # Opening a FIFO would wait for a writer.
        with open(path, "rb", buffering=0, opener=lambda name, flags: os.open(name, flags | os.O_NONBLOCK)) as file:
            if not stat.S_ISREG(os.fstat(file.fileno()).st_mode):
                raise ProgramError(f"{path}: not a regular file")
            return read_stream(file, path)
    except OSError as error:
        raise ProgramError(f"{path}: {error.strerror}") from None


def read_stream(stream: BinaryIO, name: str) -> bytes:
    """What a stream holds up to its end. Raises ProgramError, with this name, when it is more than MAXIMUM_FILE bytes."""
    parts, size = [], 0
    while part := stream.read(min(1 << 20, MAXIMUM_FILE + 1 - size)):
        parts.append(part)
        size += len(part)
        if size > MAXIMUM_FILE:
            raise ProgramError(f"{name}: more than {MAXIMUM_FILE} bytes")
    return b"".join(parts)


def files_below(directory: str) -> Iterator[Path]:
    """What is no directory, in a directory and those in it; links to directories are not followed. Raises ProgramError where one cannot be read."""

    def refuse(error: OSError) -> NoReturn:
        raise ProgramError(f"{error.filename}: {error.strerror}")

    for parent, _, names in os.walk(directory, onerror=refuse):
        yield from (Path(parent) / name for name in names)


def read_text(path: str) -> str:
    """The text of a regular file. Raises ProgramError, also where it is not UTF-8."""
    return decode_text(read_bytes(path), path)


def decode_text(data: bytes, name: str) -> str:
    """The text that the bytes encode. Raises ProgramError, with this name, where they are not UTF-8."""
    try:
        return data.decode("utf-8")
    except UnicodeDecodeError as error:
        raise ProgramError(f"{name}: not text: byte {error.start} is not UTF-8") from None
