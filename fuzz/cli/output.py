"""Standard output that tells of its own errors.

An OSError says nothing of where it comes from, and click and rich end a command with status 1 for a broken pipe, which here means that something
differs. So standard output is opened a second time, with errors of a type that nobody else catches.

    full, or unwritable otherwise   one line on standard error, exit status 2
    closed before the start         the same
    a pipe that nobody reads        no word, exit status 141, as a shell shows a process that SIGPIPE has ended
"""

import errno
import io
import os
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

UNWRITABLE = 2
BROKEN_PIPE = 141


class OutputError(Exception):
    """What could not be written, and why: an error number of the operating system."""

    def __init__(self, number: int) -> None:
        super().__init__(f"bpfmips: standard output: {os.strerror(number)}")
        self.number = number


class _Output(io.FileIO):
    """A file descriptor whose errors are of a type of their own."""

    def write(self, data: Any, /) -> int:
        try:
            return super().write(data)
        except OSError as error:
            raise OutputError(error.errno or errno.EIO) from None


@contextmanager
def checked_output() -> Iterator[None]:
    """End the process as this file's head says when standard output fails, at the latest when what is inside has ended."""
    try:
        if sys.stdout is None:
            raise OutputError(errno.EBADF)
        # Where standard output is not that of the process, as in tests, whoever put it there has to look after it.
        if sys.stdout is sys.__stdout__:
            sys.stdout = _reopened(sys.__stdout__)
        try:
            yield
        finally:
            sys.stdout.flush()
    except OutputError as error:
        _discard()
        if error.number == errno.EPIPE:
            sys.exit(BROKEN_PIPE)
        print(error, file=sys.stderr)
        sys.exit(UNWRITABLE)


def _reopened(stream: Any) -> io.TextIOWrapper:
    raw = _Output(stream.fileno(), "wb", closefd=False)
    return io.TextIOWrapper(
        io.BufferedWriter(raw), stream.encoding, stream.errors, line_buffering=stream.line_buffering, write_through=stream.write_through
    )


def _discard() -> None:
    """Let what is still buffered go nowhere: the interpreter writes it when it ends, and would complain."""
    if sys.stdout is not None:
        nowhere = os.open(os.devnull, os.O_WRONLY)
        os.dup2(nowhere, sys.stdout.fileno())
        os.close(nowhere)
