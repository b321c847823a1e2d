"""A process of QEMU in user mode, as a machine with memory, registers and stops.

    Memory    one file that has everything: what images run on, the images, and for each process its control area
    Machine   a process: `resume` with registers and a program counter, and be told why, where and with which registers it stopped

What is mapped in the process is a list of `Mapping`s; what is not listed is unmapped. Code is mapped anew whenever it has changed, which is what
makes QEMU forget its translation; it cannot see us writing.
"""

import contextlib
import mmap
import os
import select
import signal as signals
import struct
import subprocess
from collections.abc import Sequence
from time import monotonic
from typing import NamedTuple

from fuzz.processor_time import ASLEEP, processor_time
from fuzz.qemu.agent import (
    ABIS,
    AGENT,
    CALL_WORDS,
    FAILED,
    READ_ONLY_CODE,
    READ_WRITE,
    RESULT,
    SHARED,
    SIGTRAP,
    TABLE,
    SystemCall,
    agent,
    map_shared,
    table,
)
from fuzz.qemu.elf import Segment, executable
from fuzz.qemu.models import Model

_GRACE = 5.0
"""Seconds that a process may take to answer a signal."""


class MachineError(Exception):
    """The process has died, or does not answer; the message says which, with what it printed."""


class Stop(NamedTuple):
    """Why a machine stopped: number of the signal, program counter, register values as in `fuzz.abi`, unsigned 64-bit integers."""

    signal: int
    pc: int
    registers: tuple[int, ...]


class Mapping(NamedTuple):
    """Pages of the process: their address, bytes, whether they are code, where in the file they are, and which edition of it they show."""

    address: int
    size: int
    code: bool
    offset: int
    edition: int = 0


class Memory:
    """A file in memory, of which processes map parts, and all of which is mapped here."""

    def __init__(self, size: int) -> None:
        self.descriptor = os.memfd_create("bpfmips")
        os.ftruncate(self.descriptor, size)
        self.bytes = mmap.mmap(self.descriptor, size)

    def close(self) -> None:
        """Give it up."""
        self.bytes.close()
        os.close(self.descriptor)


class Machine:
    """A process of QEMU; started when it is made, ended by `close`."""

    def __init__(self, model: Model, memory: Memory, control: int) -> None:
        """`control` is where in the memory SHARED_SIZE bytes are its own. Raises MachineError when it does not start."""
        self._abi = ABIS[64 if model.wide else 32]
        self._order = ">" if model.big_endian else "<"
        self._memory, self._control = memory, control
        self._mapped: dict[int, Mapping] = {}
        self._calls: list[SystemCall] = []
        code = agent(64 if model.wide else 32, self._order, memory.descriptor, control)
        program = os.memfd_create("agent")
        try:
            with os.fdopen(os.dup(program), "wb") as file:
                file.write(executable([Segment(AGENT, code, writable=True)], AGENT, model.flags, big_endian=model.big_endian, wide=model.wide))
            self._process = subprocess.Popen(
                [model.program, "-cpu", model.cpu, f"/proc/self/fd/{program}"],
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=subprocess.PIPE,
                pass_fds=(memory.descriptor, program),
            )
        finally:
            os.close(program)
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        self._input, self._output = self._process.stdin.fileno(), self._process.stdout.fileno()
        stop = self._wait(_GRACE)
        if stop.signal != SIGTRAP:
            raise MachineError(f"{model.program}: the agent did not start: signal {stop.signal} at {stop.pc:#x}")

    @property
    def pid(self) -> int:
        """Of the process."""
        return self._process.pid

    def close(self) -> None:
        """End it."""
        if self._process.poll() is None:
            self._process.kill()
        self._process.communicate()

    def map(self, wanted: Sequence[Mapping]) -> None:
        """What is mapped from the next `resume` on."""
        new = {one.address: one for one in wanted}
        for address, old in self._mapped.items():
            if address not in new or new[address].size < old.size:
                self._calls.append((self._abi.munmap, address, old.size))
        for address, one in new.items():
            if self._mapped.get(address) != one:
                protection = READ_ONLY_CODE if one.code else READ_WRITE
                self._calls.append(map_shared(self._abi, address, one.size, protection, self._memory.descriptor, one.offset))
        self._mapped = new

    def resume(self, registers: Sequence[int], pc: int, seconds: float) -> Stop:
        """Go on there with these registers, for so many seconds of its own time; one that runs on is stopped with SIGALRM. Raises MachineError."""
        calls, self._calls = self._calls, []
        self._write(TABLE, table(self._abi, calls, self._order))
        at = self._frame()
        struct.pack_into(f"{self._order}32Q", self._memory.bytes, at + self._abi.registers, *registers[:32])
        for offset, value in ((self._abi.hi, registers[32]), (self._abi.lo, registers[33]), (self._abi.pc, pc)):
            struct.pack_into(f"{self._order}Q", self._memory.bytes, at + offset, value)
        try:
            os.write(self._input, b"\0")
        except BrokenPipeError:
            raise MachineError(self._obituary()) from None
        stop = self._wait(seconds)
        self._check(calls)
        return stop

    def _check(self, calls: Sequence[SystemCall]) -> None:
        size = CALL_WORDS * self._abi.word
        for number, call in enumerate(calls):
            entry = self._words(TABLE + number * size, CALL_WORDS)
            if entry[FAILED]:
                raise MachineError(f"system call {call[0]}{tuple(map(hex, call[1:]))} failed: {os.strerror(entry[RESULT] & 0xFFFF)}")

    def _words(self, offset: int, count: int) -> tuple[int, ...]:
        return struct.unpack_from(f"{self._order}{count}{'I' if self._abi.word == 4 else 'Q'}", self._memory.bytes, self._control + offset)

    def _write(self, offset: int, contents: bytes) -> None:
        self._memory.bytes[self._control + offset : self._control + offset + len(contents)] = contents

    def _frame(self) -> int:
        """Where the signal frame is in the memory."""
        return self._control + self._words(0, 2)[1] - SHARED

    def _wait(self, seconds: float) -> Stop:
        if not self._answers(seconds):
            self._process.send_signal(signals.SIGALRM)
            if not select.select([self._output], [], [], _GRACE)[0]:
                self.close()
                raise MachineError("the process does not answer")
        if not os.read(self._output, 1):
            raise MachineError(self._obituary())
        signal, at = self._words(0, 1)[0], self._frame()
        values = struct.unpack_from(f"{self._order}32Q", self._memory.bytes, at + self._abi.registers)
        hi, lo, pc = (
            struct.unpack_from(f"{self._order}Q", self._memory.bytes, at + offset)[0] for offset in (self._abi.hi, self._abi.lo, self._abi.pc)
        )
        return Stop(signal, pc, (*values, hi, lo))

    def _answers(self, seconds: float) -> bool:
        """Whether the process stops within so many seconds of its own time."""
        begun, spent = monotonic(), processor_time(self.pid)
        while not select.select([self._output], [], [], seconds)[0]:
            if processor_time(self.pid) - spent >= seconds or monotonic() - begun >= ASLEEP * seconds:
                return False
        return True

    def _obituary(self) -> str:
        self._process.stdin = None
        with contextlib.suppress(subprocess.TimeoutExpired):
            _, printed = self._process.communicate(timeout=_GRACE)
            text = " ".join(printed.decode("utf-8", "replace").split())
            return f"the process died with status {self._process.returncode}{': ' + text if text else ''}"
        return "the process has closed its output"
