"""The system call bpf(2), as far as it takes to load a program, run it once, and look at its maps. Nothing but ctypes.

Numbers and the layout of the attributes are those of include/uapi/linux/bpf.h, which never change; see also bpf(2) and the kernel's
Documentation/bpf/bpf_prog_run.rst.
"""

import ctypes
import errno
import os
import platform
import struct
import sys
from collections.abc import Iterator
from enum import IntEnum
from typing import NamedTuple

_MAP_CREATE, _MAP_LOOKUP, _MAP_UPDATE, _MAP_DELETE, _MAP_NEXT_KEY, _PROG_LOAD, _PROG_RUN = 0, 1, 2, 3, 4, 5, 10
_LOG_SIZE = 1 << 16
_STATISTICS = 4
"""Level of a verifier's log that has reasons and statistics, and not each instruction."""

_NUMBERS = {"x86_64": 321, "aarch64": 280, "riscv64": 280, "loongarch64": 280, "ppc64le": 361, "s390x": 351}
"""The number of the system call, by machine."""

READ_ONLY = 1 << 7
"""Flag of a map: programs cannot write to it (BPF_F_RDONLY_PROG)."""


class ProgramType(IntEnum):
    """What a program is for (enum bpf_prog_type)."""

    SOCKET_FILTER = 1
    SCHED_CLS = 3
    XDP = 6


class VerifierError(Exception):
    """The kernel did not load a program: the message is the last line of its verifier's log that gives a reason, or the name of the error."""


class Ran(NamedTuple):
    """What a run came to: the value that the program returned as an unsigned 32-bit integer, and the packet afterwards."""

    value: int
    packet: bytes


def _call(command: int, attributes: ctypes.Array[ctypes.c_char]) -> int:
    """Raises OSError."""
    number = _NUMBERS.get(platform.machine())
    if number is None or sys.platform != "linux":
        raise OSError(errno.ENOSYS, "bpf(2) is not known on this machine")
    libc = ctypes.CDLL(None, use_errno=True)
    result = libc.syscall(ctypes.c_long(number), ctypes.c_long(command), ctypes.byref(attributes), ctypes.c_ulong(len(attributes)))
    if result < 0:
        number = ctypes.get_errno()
        raise OSError(number, os.strerror(number))
    return int(result)


def _attributes(layout: str, *values: int) -> ctypes.Array[ctypes.c_char]:
    packed = struct.pack(f"={layout}", *values)
    return ctypes.create_string_buffer(packed, len(packed))


def _address(buffer: ctypes.Array[ctypes.c_char]) -> int:
    return ctypes.addressof(buffer)


class KernelMap:
    """A map of the kernel, until it is closed."""

    def __init__(self, kind: int, key_size: int, value_size: int, entries: int, flags: int = 0) -> None:
        """Sizes in bytes. Raises OSError."""
        self.key_size, self.value_size = key_size, value_size
        self.descriptor = _call(_MAP_CREATE, _attributes("IIIII", kind, key_size, value_size, entries, flags))

    def close(self) -> None:
        """Give it up."""
        os.close(self.descriptor)

    def update(self, key: bytes, value: bytes) -> None:
        """Put in a value. Raises OSError."""
        first, second = ctypes.create_string_buffer(key, len(key)), ctypes.create_string_buffer(value, len(value))
        _call(_MAP_UPDATE, _attributes("IIQQQ", self.descriptor, 0, _address(first), _address(second), 0))

    def lookup(self, key: bytes, copies: int = 1) -> bytes:
        """The value, of a per-CPU map so many of them, each padded to a multiple of 8 bytes. Raises OSError."""
        size = self.value_size if copies == 1 else -(-self.value_size // 8) * 8 * copies
        first, found = ctypes.create_string_buffer(key, len(key)), ctypes.create_string_buffer(size)
        _call(_MAP_LOOKUP, _attributes("IIQQQ", self.descriptor, 0, _address(first), _address(found), 0))
        return found.raw

    def delete(self, key: bytes) -> None:
        """Delete an entry. Raises OSError."""
        given = ctypes.create_string_buffer(key, len(key))
        _call(_MAP_DELETE, _attributes("IIQQQ", self.descriptor, 0, _address(given), 0, 0))

    def entries(self) -> Iterator[bytes]:
        """The keys of a map that nobody changes."""
        key: bytes | None = None
        while True:
            after = ctypes.create_string_buffer(self.key_size)
            before = None if key is None else ctypes.create_string_buffer(key, len(key))
            try:
                _call(_MAP_NEXT_KEY, _attributes("IIQQQ", self.descriptor, 0, 0 if before is None else _address(before), _address(after), 0))
            except OSError as error:
                if error.errno != errno.ENOENT:
                    raise
                return
            yield (key := after.raw)


class KernelProgram:
    """A loaded program, until it is closed."""

    def __init__(self, code: bytes, kind: ProgramType) -> None:
        """Load little- or big-endian code as this machine has it. Raises VerifierError when it is refused, OSError when nothing can be loaded."""
        self._code = ctypes.create_string_buffer(code, len(code))
        self._license = ctypes.create_string_buffer(b"GPL")
        log = ctypes.create_string_buffer(_LOG_SIZE)
        attributes = _attributes("IIQQIIQ", kind, len(code) // 8, _address(self._code), _address(self._license), _STATISTICS, len(log), _address(log))
        try:
            self.descriptor = _call(_PROG_LOAD, attributes)
        except OSError as error:
            # EPERM without a log is what the caller may not do; a verifier that refuses a program says why.
            if error.errno == errno.EPERM and not log.value:
                raise
            raise VerifierError(_reason(log.value.decode("utf-8", "replace")) or errno.errorcode.get(error.errno or 0, "unknown error")) from None

    def close(self) -> None:
        """Give it up."""
        os.close(self.descriptor)

    def run(self, packet: bytes) -> Ran:
        """Run it once on a packet, which must have at least 14 bytes. Raises OSError."""
        given, after = ctypes.create_string_buffer(packet, len(packet)), ctypes.create_string_buffer(len(packet) + 4096)
        attributes = _attributes("IIIIQQIIIIQQ", self.descriptor, 0, len(packet), len(after), _address(given), _address(after), 1, 0, 0, 0, 0, 0)
        _call(_PROG_RUN, attributes)
        _, value, _, size = struct.unpack_from("=IIII", attributes.raw)
        return Ran(value, after.raw[:size])


_NOISE = ("processed ", "verification time", "stack depth", "max_states", "mark_precise", "from ", "arg#", "func#", "Live regs", "insns ")


def _reason(log: str) -> str:
    """The last line of a verifier's log that is neither a statistic nor an instruction."""
    for line in reversed(log.splitlines()):
        line = line.strip()
        if line and not line.startswith(_NOISE) and not line[0].isdigit() and not line.startswith(";"):
            return line
    return ""


def permitted() -> str:
    """Why programs cannot be loaded and run here; empty when they can."""
    try:
        program = KernelProgram(bytes.fromhex("b7000000070000009500000000000000"), ProgramType.SOCKET_FILTER)
    except (OSError, VerifierError) as error:
        return f"bpf(2): {error}"
    try:
        return "" if program.run(bytes(14)).value == 7 else "bpf(2): a program that returns 7 did not"
    except OSError as error:
        return f"bpf(2): {error}"
    finally:
        program.close()
