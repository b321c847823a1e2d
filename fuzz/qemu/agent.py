"""The program of the process that runs images: a signal handler.

Everything by which an image stops is a signal: `break` where it returns, where it calls a function, and where it is about to leave the main program;
and what goes wrong. The handler tells us and waits. We look at the registers in the signal frame, change them, and the process goes on where the
program counter in the frame then says.

    start    system calls of the first table: the shared memory, signal handlers and their stack; then `break`
    handler  number of the signal and address of its frame to the shared memory
             write one byte to standard output, read one from standard input: end of file ends the process
             system calls of the table in the shared memory
             return from the signal

A table has ten words for each system call: number, six arguments, one unused, room for the result and for whether it failed. A number of zero is
its end.

    4000 0000  the agent, from its executable
    4100 0000  shared memory: signal and frame; the byte; table of system calls; at the end the stack of the handler

Numbers and structures are Linux's for MIPS: arch/mips/include/uapi/asm (unistd.h, signal.h, sigcontext.h, ucontext.h).
"""

import struct
from collections.abc import Iterable, Mapping, Sequence
from types import MappingProxyType
from typing import NamedTuple

from jit.config import Config
from jit.mips import rows

AGENT, SHARED = 0x4000_0000, 0x4100_0000
SHARED_SIZE = 0x2_0000
BYTE, TABLE, STACK = 0x40, 0x100, 0x1_0000
"""Offsets in the shared memory. The stack takes the rest of it."""

CALL_WORDS = 10
RESULT, FAILED = 8, 9

SIGILL, SIGTRAP, SIGFPE, SIGBUS, SIGSEGV, SIGSYS, SIGALRM = 4, 5, 8, 10, 11, 12, 14
_SIGNALS = (SIGILL, SIGTRAP, SIGFPE, SIGBUS, SIGSEGV, SIGSYS, SIGALRM)
_FLAGS = 0x8 | 0x0800_0000 | 0x4000_0000
"""SA_SIGINFO, SA_ONSTACK, SA_NODEFER."""

READ_ONLY_CODE, READ_WRITE = 5, 3
_SHARED_FIXED = 0x1 | 0x10

_V0, _A0, _A1, _A2, _A3, _T0, _S0, _S1, _S7, _SP = 2, 4, 5, 6, 7, 8, 16, 17, 23, 29


class Abi(NamedTuple):
    """What differs between o32 and n64: bytes of a word, numbers of system calls, and in a signal frame the offsets of what is in it."""

    word: int
    exit: int
    read: int
    write: int
    mmap: int
    munmap: int
    sigaction: int
    sigaltstack: int
    sigreturn: int
    registers: int
    hi: int
    lo: int
    pc: int


# fmt: off
_CONTEXT = {32: 152 + 24, 64: 152 + 40}
ABIS: Mapping[int, Abi] = MappingProxyType({
    32: Abi(4, 4001, 4003, 4004, 4210, 4091, 4194, 4206, 4193, _CONTEXT[32] + 16, _CONTEXT[32] + 552, _CONTEXT[32] + 560, _CONTEXT[32] + 8),
    64: Abi(8, 5058, 5000, 5001, 5009, 5011, 5013, 5129, 5211, _CONTEXT[64],      _CONTEXT[64] + 512, _CONTEXT[64] + 544, _CONTEXT[64] + 576),
})
"""By the width of the CPU, as which the process runs."""
# fmt: on

SystemCall = tuple[int, ...]
"""Number and up to six arguments."""


def map_shared(abi: Abi, address: int, size: int, protection: int, descriptor: int, offset: int) -> SystemCall:
    """Map a part of a file; all in bytes, multiples of a page. mmap2 of o32 counts pages."""
    return abi.mmap, address, size, protection, _SHARED_FIXED, descriptor, offset // 0x1000 if abi.word == 4 else offset


def table(abi: Abi, calls: Iterable[SystemCall], order: str) -> bytes:
    """A table of system calls, `order` being that of `struct`."""
    words = [word for call in calls for word in (*call, *[0] * (CALL_WORDS - len(call)))]
    return struct.pack(f"{order}{len(words) + 1}{'I' if abi.word == 4 else 'Q'}", *words, 0)


class _Code:
    """Words, and the places of labels."""

    def __init__(self, wide: bool) -> None:
        self._rows = rows(Config("mips3" if wide else "mips1", 64 if wide else 32, False))
        self._load, self._store, self._word = ("ld", "sd", 8) if wide else ("lw", "sw", 4)
        self.labels: dict[str, int] = {}
        self._words: list[tuple[str, tuple[int, ...], str]] = []

    def label(self, name: str) -> None:
        self.labels[name] = len(self._words)

    def emit(self, mnemonic: str, *operands: int, to: str = "") -> None:
        """One word; a branch `to` a label gets an empty delay slot."""
        self._words.append((mnemonic, operands, to))
        if to:
            self._words.append(("addu", (0, 0, 0), ""))

    def load(self, register: int, number: int, base: int) -> None:
        self.emit(self._load, register, number * self._word, base)

    def store(self, register: int, number: int, base: int) -> None:
        self.emit(self._store, register, number * self._word, base)

    def call(self, number: int, *arguments: int) -> None:
        for register, argument in enumerate(arguments, _A0):
            self.emit("addiu", register, 0, argument)
        self.emit("addiu", _V0, 0, number)
        self.emit("syscall", 0)

    def finish(self) -> list[int]:
        found = []
        for at, (mnemonic, operands, to) in enumerate(self._words):
            distance = (self.labels[to] - at - 1,) if to else ()
            found.append(self._rows[mnemonic].encode(*operands, *distance))
        return found


def _program(abi: Abi) -> tuple[list[int], int]:
    """The words, and the index at which the handler begins. They are followed by the first table."""
    code = _Code(abi.word == 8)
    code.emit("lui", _S0, AGENT >> 16)
    code.emit("ori", _S0, _S0, _TABLE)
    code.emit("addiu", _S7, 0, 1)
    code.emit("beq", 0, 0, to="next")
    code.label("handler")
    code.emit("lui", _S1, SHARED >> 16)
    code.store(_A0, 0, _S1)
    code.store(_SP, 1, _S1)
    code.emit("addu", _S7, 0, 0)
    code.emit("addiu", _A1, _S1, BYTE)
    code.emit("addiu", _A2, 0, 1)
    code.call(abi.write, 1)
    code.emit("addiu", _A1, _S1, BYTE)
    code.emit("addiu", _A2, 0, 1)
    code.call(abi.read, 0)
    code.emit("addiu", _T0, 0, 1)
    code.emit("bne", _V0, _T0, to="leave")
    code.emit("addiu", _S0, _S1, TABLE)
    code.label("next")
    code.load(_V0, 0, _S0)
    code.emit("beq", _V0, 0, to="done")
    for number in range(6):
        # The fifth argument and the sixth are in registers in n64, and on the stack in o32, for which the frame leaves room.
        code.load(_A0 + number, number + 1, _S0)
    if abi.word == 4:
        code.store(_A0 + 4, 4, _SP)
        code.store(_A0 + 5, 5, _SP)
    code.emit("syscall", 0)
    code.store(_V0, RESULT, _S0)
    code.store(_A3, FAILED, _S0)
    code.emit("addiu", _S0, _S0, CALL_WORDS * abi.word)
    code.emit("beq", 0, 0, to="next")
    code.label("done")
    code.emit("bne", _S7, 0, to="first")
    code.call(abi.sigreturn)
    code.label("first")
    code.emit("break", 0)
    code.label("leave")
    code.call(abi.exit, 0)
    return code.finish(), code.labels["handler"]


_TABLE = 0x400
"""Where the first table begins in the agent; what signal handlers and their stack are described by comes behind it."""

_ACTION, _ALTSTACK = 0x800, 0x880


def agent(width: int, order: str, descriptor: int, offset: int) -> bytes:
    """The program for a CPU of that width, whose shared memory is in the file with that descriptor from the offset on; the bytes at AGENT."""
    abi = ABIS[width]
    words, handler = _program(abi)
    pointer = "I" if abi.word == 4 else "Q"
    handler_address = AGENT + 4 * handler
    action = struct.pack(f"{order}I{'' if abi.word == 4 else '4x'}{pointer}16x", _FLAGS, handler_address)
    size = SHARED_SIZE - STACK
    altstack = struct.pack(f"{order}{pointer}{pointer}I", SHARED + STACK, size, 0)
    calls: list[Sequence[int]] = [
        map_shared(abi, SHARED, SHARED_SIZE, READ_WRITE, descriptor, offset),
        (abi.sigaltstack, AGENT + _ALTSTACK, 0),
        *((abi.sigaction, signal, AGENT + _ACTION, 0, 16) for signal in _SIGNALS),
    ]
    contents = struct.pack(f"{order}{len(words)}I", *words).ljust(_TABLE, b"\0") + table(abi, map(tuple, calls), order)
    return contents.ljust(_ACTION, b"\0") + action.ljust(_ALTSTACK - _ACTION, b"\0") + altstack
