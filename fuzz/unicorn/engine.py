"""One Unicorn instance, held in the way in which its traps do not bite.

* Memory is host memory that all engines share. Code is written without the engine's knowledge, so `install` drops all translated code.
* A run ends by returning to a page of its own, never at an address inside the image.
* Every page with code is filled with `break`.
* After an exception or a stop the engine may remember that it is in a delay slot, and would take the first instruction of its next run for one: it is
  for the caller to throw an engine away after each of them (`UnicornTarget` does).
* Addresses above 4 GiB need TLB entries, which nothing but guest code can write: each 64-bit engine executes some at its start.
* CPU models are supersets in places, and none models the MIPS I load delay slot or the HI/LO hazard: agreement in value does not prove legality.
"""

import ctypes
import mmap
import struct
from collections.abc import Iterable, Mapping, Sequence
from typing import Any, NamedTuple

from unicorn import UC_ARCH_MIPS, UC_HOOK_INTR, UC_MODE_BIG_ENDIAN, UC_MODE_LITTLE_ENDIAN, UC_MODE_MIPS32, UC_MODE_MIPS64, mips_const
from unicorn.unicorn_const import UC_CTL_IO_WRITE, UC_CTL_TB_FLUSH, UC_PROT_EXEC, UC_PROT_READ, UC_PROT_WRITE
from unicorn.unicorn_py3.unicorn import Uc, UcError, uclib

from fuzz.abi import REGISTERS
from fuzz.layout import AREA_SIZE, BEFORE_BORDER, BORDER, FAR_LAYOUTS, FUNCTION_SIZE, FUNCTIONS, IMAGE_SIZE, LAYOUTS, PAGE, Segment, physical
from fuzz.recording import native_screen
from fuzz.unicorn.models import MODELS
from jit.config import Config

BREAK = 0x0000000D
_RETURN = (0x03E00009, 0x00000000, BREAK, BREAK)
"""`jalr zero, ra` is `jr ra` on every ISA, before and after release 6; then its delay slot."""

_CODE = physical(LAYOUTS[32].image) - BEFORE_BORDER
_BORDER_CODE = BORDER - BEFORE_BORDER
_RETURN_PAGE = physical(LAYOUTS[32].return_page)
_FUNCTION_PAGE = physical(LAYOUTS[32].functions)
_FAR_FUNCTION_PAGE = physical(FAR_LAYOUTS[32].functions)
_BOOT = _RETURN_PAGE + PAGE // 2
_LARGEST_CODE = BEFORE_BORDER + IMAGE_SIZE + PAGE
_FIRST_CODE, _MORE_CODE = BEFORE_BORDER + (1 << 20), 16 << 20
"""Bytes of code area that an engine has at first, and how many it gets at a time where an image needs more."""

_FLUSH = UC_CTL_TB_FLUSH | UC_CTL_IO_WRITE << 30
"""The request to drop all translated code, as `uc_ctl` takes it: without arguments."""

_REGISTER_IDS = (*(mips_const.UC_MIPS_REG_0 + number for number in range(32)), mips_const.UC_MIPS_REG_HI, mips_const.UC_MIPS_REG_LO)

HOOK = ctypes.CFUNCTYPE(None, ctypes.c_void_p, ctypes.c_uint64, ctypes.c_uint32, ctypes.c_void_p)
"""The type of a hook on code or blocks: engine, address, size, user data."""

INTERRUPT_HOOK = ctypes.CFUNCTYPE(None, ctypes.c_void_p, ctypes.c_uint32, ctypes.c_void_p)
"""The type of a hook on exceptions: engine, QEMU's number of the exception, user data."""


class Hook(NamedTuple):
    """A hook on the addresses from `first` to `last`, on all where last < first.

    `kind` is the engine's number, `function` the address of a native function, and `data` the address that this gets as its user data.
    """

    kind: int
    function: int
    first: int
    last: int
    data: int = 0


def function_address(callback: Any) -> int:
    """The native address of a ctypes callback."""
    return ctypes.cast(callback, ctypes.c_void_p).value or 0


def _check(status: int) -> None:
    if status:
        raise UcError(status)


class HostMemory:
    """The memory of all engines: one code area for each byte order, and one data area."""

    def __init__(self) -> None:
        self.code = {big_endian: self._code_area(big_endian) for big_endian in (False, True)}
        self.data = mmap.mmap(-1, AREA_SIZE)
        self.address = _host_address(self.data)
        self.code_size = {False: _FIRST_CODE, True: _FIRST_CODE}
        self._written = {False: (0, 0), True: (0, 0)}

    @staticmethod
    def _code_area(big_endian: bool) -> mmap.mmap:
        area = mmap.mmap(-1, _FUNCTION_PAGE + PAGE - _CODE)
        order = ">" if big_endian else "<"
        filler = struct.pack(f"{order}I", BREAK)
        area[:_FIRST_CODE] = filler * (_FIRST_CODE // 4)
        boot = struct.pack(f"{order}{len(_BOOT_WORDS)}I", *_BOOT_WORDS)
        functions = struct.pack(f"{order}4I", *_RETURN) * len(FUNCTIONS)
        for page, offset, contents in ((_RETURN_PAGE, _BOOT - _RETURN_PAGE, boot), (_FUNCTION_PAGE, 0, functions)):
            at = page - _CODE
            area[at : at + PAGE] = filler * (PAGE // 4)
            area[at + offset : at + offset + len(contents)] = contents
        return area

    def add_functions(self, count: int) -> None:
        """Make room for so many functions in all."""
        for big_endian, area in self.code.items():
            functions = struct.pack(f"{'>' if big_endian else '<'}4I", *_RETURN) * count
            area[_FUNCTION_PAGE - _CODE : _FUNCTION_PAGE - _CODE + len(functions)] = functions

    def write_image(self, image: bytes, address: int, big_endian: bool) -> None:
        """Put an image into the code area, and `break` over the rest of the one before. There is a page of them behind every image."""
        area, filler = self.code[big_endian], struct.pack(">I" if big_endian else "<I", BREAK)
        at = physical(address) - (_BORDER_CODE if physical(address) >= _BORDER_CODE else _CODE)
        known, needed = self.code_size[big_endian], at + len(image) + PAGE
        if needed > known:
            self.code_size[big_endian] = min(_LARGEST_CODE, known + -(-(needed - known) // _MORE_CODE) * _MORE_CODE)
            area[known : self.code_size[big_endian]] = filler * ((self.code_size[big_endian] - known) // 4)
        start, end = self._written[big_endian]
        if start == at:
            start = min(end, at + len(image))
        area[start:end] = filler * ((end - start) // 4)
        area[at : at + len(image)] = image
        self._written[big_endian] = at, at + len(image)

    def write(self, segment: Segment) -> None:
        """Put the initial contents of a segment in place."""
        at = segment.address % AREA_SIZE
        self.data[at : at + len(segment.initial)] = segment.initial

    def read(self, segment: Segment) -> bytes:
        """What a segment holds now."""
        at = segment.address % AREA_SIZE
        return self.data[at : at + len(segment.initial)]

    def load(self, address: int, size: int) -> bytes:
        """Bytes of the data area."""
        at = address % AREA_SIZE
        return self.data[at : at + size]

    def store(self, address: int, contents: bytes) -> None:
        """Change bytes of the data area."""
        at = address % AREA_SIZE
        self.data[at : at + len(contents)] = contents


def _host_address(area: mmap.mmap) -> int:
    return ctypes.addressof(ctypes.c_char.from_buffer(area))


def _mtc0(register: int, cp0: int, wide: bool = False) -> int:
    return (0x40A00000 if wide else 0x40800000) | register << 16 | cp0 << 11


# Move t0 to t5 to Index, EntryHi, EntryLo0, EntryLo1, PageMask and Status; write the TLB entry between the last two; return to ra.
# (MIPS64 privileged resource architecture, MD00091, chapters 4 and 9.)
_BOOT_WORDS = (
    _mtc0(8, 0),
    _mtc0(9, 10, wide=True),
    _mtc0(10, 2, wide=True),
    _mtc0(11, 3, wide=True),
    _mtc0(12, 5),
    0x42000002,  # tlbwi
    _mtc0(13, 12),
    *_RETURN[:2],
)
_CODE_PAGE, _DATA_PAGE = 256 << 20, 16 << 20
"""Sizes of TLB pages, of which there are pairs. Code is in one pair on both sides of a multiple of 256 MiB."""
_ENTRY_FLAGS = 3 << 3 | 7  # cacheable; dirty, valid, global
_STATUS_64 = 0xE0  # KX, SX, UX: 64-bit addresses in all modes


class Engine:
    """One instance of a CPU model in one byte order; it may be used for code of both widths."""

    def __init__(self, config: Config, host: HostMemory, on_interrupt: Any) -> None:
        model = MODELS[config.cpu]
        mode = UC_MODE_MIPS64 if model.bits == 64 else UC_MODE_MIPS32
        self._uc = Uc(UC_ARCH_MIPS, mode | (UC_MODE_BIG_ENDIAN if config.big_endian else UC_MODE_LITTLE_ENDIAN))
        self._uc.ctl_set_cpu_model(getattr(mips_const, f"UC_CPU_{model.name}"))
        self._handle = self._uc._uch
        self._data = host.address
        self._mapped: tuple[tuple[int, int], ...] = ()
        self._hooks: list[ctypes.c_size_t] = []
        self._lasting: list[Hook] = []
        self._lasting_handles: list[ctypes.c_size_t] = []
        self._make_registers()
        self._code, self._code_size = _host_address(host.code[config.big_endian]), 0
        self.map_code(_FIRST_CODE)
        for address, size, at in (
            (_RETURN_PAGE, PAGE, _RETURN_PAGE - _CODE),
            (_FUNCTION_PAGE, PAGE, _FUNCTION_PAGE - _CODE),
            (_FAR_FUNCTION_PAGE, PAGE, _FUNCTION_PAGE - _CODE),
        ):
            self._map_host_code(address, size, at)
        if model.bits == 64:
            self._map_areas()
        self._add(Hook(UC_HOOK_INTR, function_address(on_interrupt), 1, 0))

    def _map_host_code(self, address: int, size: int, at: int) -> None:
        place = ctypes.c_void_p(self._code + at)
        _check(uclib.uc_mem_map_ptr(self._handle, address, size, UC_PROT_READ | UC_PROT_EXEC, place))

    def map_code(self, size: int) -> None:
        """Have so many bytes of the code area, at its usual place and at the border; no more, for zeros would be executed as many `nop`."""
        if size == self._code_size:
            return
        for address in (_CODE, _BORDER_CODE):
            if self._code_size:
                _check(uclib.uc_mem_unmap(self._handle, address, self._code_size))
            self._map_host_code(address, size, 0)
        self._code_size = size

    def _make_registers(self) -> None:
        self._ids = (ctypes.c_int * REGISTERS)(*_REGISTER_IDS)
        # Separate arrays, because reading a 32-bit register leaves the upper half of its place alone.
        self._read, self._write = (ctypes.c_uint64 * REGISTERS)(), (ctypes.c_uint64 * REGISTERS)()
        self._read_places, self._write_places = (
            (ctypes.c_void_p * REGISTERS)(*(ctypes.addressof(array) + 8 * number for number in range(REGISTERS)))
            for array in (self._read, self._write)
        )

    def _map_areas(self) -> None:
        status = self._uc.reg_read(mips_const.UC_MIPS_REG_CP0_STATUS)
        layout = LAYOUTS[64]
        for index, (address, page) in enumerate(((layout.image, _CODE_PAGE), (layout.context, _DATA_PAGE))):
            area = address & -2 * page
            entries = [(physical(area) + half) >> 12 << 6 | _ENTRY_FLAGS for half in (0, page)]
            values = [0] * REGISTERS
            values[8:14] = [index, area, *entries, 2 * page - 1 & ~0x1FFF, status | _STATUS_64]
            values[31] = _RETURN_PAGE
            self.write_registers(values)
            _check(self.start(_BOOT, _RETURN_PAGE))

    def map(self, segments: Iterable[Segment]) -> None:
        """Map the pages of these segments and no others of the data area."""
        wanted = tuple((physical(segment.address), len(segment.initial)) for segment in segments)
        if wanted == self._mapped:
            return
        for address, size in set(self._mapped) - set(wanted):
            _check(uclib.uc_mem_unmap(self._handle, address, size))
        for address, size in set(wanted) - set(self._mapped):
            place = ctypes.c_void_p(self._data + address % AREA_SIZE)
            _check(uclib.uc_mem_map_ptr(self._handle, address, size, UC_PROT_READ | UC_PROT_WRITE, place))
        self._mapped = wanted

    def install(self, hooks: Iterable[Hook], lasting: Sequence[Hook] = ()) -> None:
        """Replace all hooks by these, and drop all translated code. Those on the same address run in this order, those of `lasting` first.

        What is given as `lasting` each time need not be replaced.
        """
        # Without translated code there is none for the engine to look for when a hook goes.
        _check(uclib.uc_ctl(self._handle, _FLUSH))
        stale = self._hooks
        if list(lasting) != self._lasting:
            stale = self._lasting_handles + stale
            self._lasting, self._lasting_handles = list(lasting), []
        for handle in stale:
            _check(uclib.uc_hook_del(self._handle, handle))
        if not self._lasting_handles:
            self._lasting_handles = [self._add(hook) for hook in self._lasting]
        self._hooks = [self._add(hook) for hook in hooks]

    def _add(self, hook: Hook) -> ctypes.c_size_t:
        handle = ctypes.c_size_t()
        data, first, last = ctypes.c_void_p(hook.data), ctypes.c_uint64(hook.first), ctypes.c_uint64(hook.last)
        _check(uclib.uc_hook_add(self._handle, ctypes.byref(handle), hook.kind, ctypes.c_void_p(hook.function), data, first, last))
        return handle

    def start(self, address: int, until: int) -> int:
        """Run from an address until the other one is reached; returns the engine's error number, 0 for none or after a stop."""
        return int(uclib.uc_emu_start(self._handle, address, until, 0, 0))

    def stop(self) -> None:
        """End the run, from a hook."""
        uclib.uc_emu_stop(self._handle)

    def addresses(self) -> Mapping[int, int]:
        """Where native code finds the engine, and how it reads and writes registers, by the names of `fuzz.recording.native_screen`."""
        return {
            native_screen.ENGINE: self._handle.value or 0,
            native_screen.IDS: ctypes.addressof(self._ids),
            native_screen.READ_PLACES: ctypes.addressof(self._read_places),
            native_screen.WRITE_PLACES: ctypes.addressof(self._write_places),
            native_screen.READ: ctypes.addressof(self._read),
            native_screen.WRITE: ctypes.addressof(self._write),
        }

    def registers(self) -> list[int]:
        """The general registers, HI and LO: unsigned, of 64 bits on a 64-bit CPU and 32 bits otherwise."""
        uclib.uc_reg_read_batch(self._handle, self._ids, self._read_places, REGISTERS)
        return list(self._read)

    def write_registers(self, values: Sequence[int]) -> None:
        """Write them all; of 64-bit values a 32-bit CPU takes the low halves."""
        self._write[:] = [*values]
        uclib.uc_reg_write_batch(self._handle, self._ids, self._write_places, REGISTERS)


if 4 * len(_RETURN) != FUNCTION_SIZE:
    raise ValueError("the functions do not lie where the layout says")
