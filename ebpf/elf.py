"""Programs from the relocatable objects that clang makes with `-target bpfel` or `-target bpfeb`.

In two steps: pyelftools reads the file into a small model of it (`ebpf.elf_object`), and here each global function is linked with what it reaches, as
libbpf does it:

    entry function         a global function of an executable section; those of `.text` only when no other section has one, because there
                           `.text` holds functions that are called by the others
    + functions reached    by call (R_BPF_64_32, or already resolved inside the section) or by address (R_BPF_64_64), in order of discovery
    + data sections        `.rodata*`, `.data*`, `.bss*` that the functions refer to (R_BPF_64_64), in order of discovery

A reference to data becomes `lddw` with src 2 (imm is the index in `Program.data`, the next imm the offset); one to a function becomes `lddw` with
src 4, and one to a map `lddw` with src 1 and the number of the map, which follow the data sections. Relocation types and where their addends lie:
Linux, Documentation/bpf/llvm_reloc.rst. Maps are declared in `.maps` by BTF or in `maps` (`ebpf.elf_maps`). What is not defined is of the kernel
(`ebpf.elf_kernel`). Pointers inside data are refused by name; debug information and the licence are not looked at.
"""

from dataclasses import replace
from pathlib import Path
from typing import NamedTuple

from ebpf.codec import decode
from ebpf.elf_kernel import FIRST_FUNCTION, FIRST_VARIABLE, kernel_function, kernel_variable
from ebpf.elf_maps import MAP_SECTIONS, DeclaredMap, declared_map, tags
from ebpf.elf_object import Object, Section, Symbol, read_object
from ebpf.instruction import KERNEL_FUNCTIONS, SLOT_SIZE, Instruction
from ebpf.kernel import KernelFunction, KernelVariable
from ebpf.opcodes import BY_NAME
from ebpf.program import CODE, LDDW, MAP_FD, MAP_VALUE, VARIABLE, DataSection, Program, ProgramError, wide_immediate

R_BPF_64_64 = 1
R_BPF_64_32 = 10

_CALL = BY_NAME["CALL_LOCAL"].opcode
_LOCAL, _KERNEL = 1, 2
_DATA = (".rodata", ".data", ".bss")


class Unlinkable(NamedTuple):
    """A program that cannot be linked: its name, as `Program.section` would be, and why not."""

    section: str
    error: ProgramError


def load(path: str | Path, contents: bytes | None = None) -> tuple[Program, ...]:
    """The programs of an object, in file order; with `contents` no file is read. Raises ProgramError, one line, for anything else.

    `Program.section` is the name of the section when it holds one program only and is not `.text`, else the name of the function.
    The programs are linked but not checked: see `ebpf.validity.check`. All must be linkable; `load_each` returns those that are.
    """
    programs = []
    for one in load_each(path, contents):
        if isinstance(one, Unlinkable):
            raise one.error
        programs.append(one)
    return tuple(programs)


def load_each(path: str | Path, contents: bytes | None = None) -> tuple[Program | Unlinkable, ...]:
    """The same, with what cannot be linked in its place. Raises ProgramError when the object as a whole is not sound."""
    found = read_object(str(path), contents)
    entries = [symbol for symbol in found.functions if symbol.is_global]
    outside_text = [symbol for symbol in entries if found.sections[symbol.section].name != ".text"]
    entries = outside_text or entries
    if not entries:
        raise ProgramError(f"{path}: no program: no global function in an executable section")
    in_section = [entry.section for entry in entries]
    programs: list[Program | Unlinkable] = []
    for entry in entries:
        section = found.sections[entry.section].name
        name = section if section != ".text" and in_section.count(entry.section) == 1 else entry.name
        try:
            programs.append(_Linker(found, name).program(entry))
        except ProgramError as error:
            programs.append(Unlinkable(name, error))
    return tuple(programs)


class _Linker:
    """Builds one program. `functions`, `data`, `maps` and what is the kernel's grow while code is added that refers to new ones."""

    def __init__(self, contents: Object, section: str) -> None:
        self.contents = contents
        self.section = section
        self.functions: list[Symbol] = []
        self.starts: list[int] = []
        self.data: list[int] = []
        self.slots: list[Instruction] = []
        self.references: list[tuple[int, Symbol]] = []
        self.maps: list[DeclaredMap] = []
        self.map_references: list[int] = []
        self.kernel_functions: dict[str, KernelFunction] = {}
        self.variables: dict[str, KernelVariable] = {}

    def program(self, entry: Symbol) -> Program:
        self.functions.append(entry)
        callback = self._exception_callback(entry)
        if callback is not None and callback is not entry:
            self.functions.append(callback)
        for function in self.functions:
            self.starts.append(len(self.slots))
            self._append(function)
        start_of = dict(zip(self.functions, self.starts, strict=True))
        for function in {function for one in self.maps for _, function in one.programs} - {entry}:
            if self._exception_callback(function) is not None:
                raise self.fail(
                    start_of[function], f"program {function.name!r} of a prog array has an exception callback: only the main program may have one"
                )
        for at, function in self.references:
            self.slots[at] = self.slots[at]._replace(imm=start_of[function] - at - 1)
        for at in self.map_references:
            # Maps are counted behind the data sections, of which there may have been fewer.
            self.slots[at] = self.slots[at]._replace(imm=len(self.data) + self.slots[at].imm)
        maps = tuple(replace(one.map, programs=tuple((index, start_of[function]) for index, function in one.programs)) for one in self.maps)
        labels = {start: function.name for function, start in start_of.items()}
        data = tuple(self._data_section(self.contents.sections[index]) for index in self.data)
        caught = None if callback is None else start_of[callback]
        slots, order = tuple(self.slots), self.contents.byte_order
        return Program(
            self.contents.path,
            self.section,
            slots,
            data,
            order,
            labels=labels,
            maps=maps,
            exception_callback=caught,
            kernel_functions=tuple(self.kernel_functions.values()),
            variables=tuple(self.variables.values()),
        )

    def fail(self, at: int, reason: str) -> ProgramError:
        return ProgramError(f"{self.contents.path}: {self.section}: instruction {at}: {reason}")

    def _append(self, function: Symbol) -> None:
        """Add the slots of a function, with its references resolved or, where they are to functions, noted."""
        section = self.contents.sections[function.section]
        code = section.data[function.value : function.value + function.size]
        base = len(self.slots)
        self.slots += decode(code, self.contents.byte_order, self.contents.path, self.section)
        for at in range(base, len(self.slots)):
            offset = function.value + (at - base) * SLOT_SIZE
            slot = self.slots[at]
            relocation = section.relocations.get(offset)
            if relocation is not None:
                kind, symbol = relocation
                if kind == R_BPF_64_32 and slot.opcode == _CALL and self._is_undefined(symbol):
                    self.slots[at] = slot._replace(src=_KERNEL, imm=self._kernel_function(at, symbol.name))
                elif kind == R_BPF_64_32 and slot.opcode == _CALL:
                    self._refer(at, symbol, symbol.value + (slot.imm + 1) * SLOT_SIZE)
                elif kind == R_BPF_64_64 and slot.opcode == LDDW and at + 1 < len(self.slots):
                    self._load_address(at, symbol)
                else:
                    raise self.fail(at, f"relocation of type {kind} to {symbol.name!r}, which opcode {slot.opcode:#04x} cannot have")
            elif slot.opcode == _CALL and slot.src == _LOCAL:
                self._refer(at, function, offset + (1 + slot.imm) * SLOT_SIZE)

    def _kernel_function(self, at: int, name: str) -> int:
        """The BTF id of a function that is not defined here."""
        if name in KERNEL_FUNCTIONS:
            return KERNEL_FUNCTIONS[name]
        if name not in self.kernel_functions:
            try:
                self.kernel_functions[name] = kernel_function(self.contents, name, FIRST_FUNCTION + len(self.kernel_functions))
            except ValueError as error:
                raise self.fail(at, str(error)) from None
        return self.kernel_functions[name].number

    def _variable(self, at: int, name: str) -> int:
        """The BTF id of a variable that is not defined here."""
        if name not in self.variables:
            try:
                self.variables[name] = kernel_variable(self.contents, name, FIRST_VARIABLE + len(self.variables))
            except ValueError as error:
                raise self.fail(at, str(error)) from None
        return self.variables[name].number

    def _is_undefined(self, symbol: Symbol) -> bool:
        return symbol.section not in self.contents.sections

    def _exception_callback(self, entry: Symbol) -> Symbol | None:
        """The function that takes the cookies of exceptions, which the program's declaration names (Linux: __exception_cb)."""
        try:
            names = tags(self.contents, entry, "exception_callback:")
        except ValueError as error:
            raise self.fail(0, str(error)) from None
        if not names:
            return None
        if len(names) > 1:
            raise self.fail(0, f"several exception callbacks: {', '.join(names)}")
        found = next((function for function in self.contents.functions if function.name == names[0]), None)
        if found is None:
            raise self.fail(0, f"the exception callback {names[0]!r} is no function of the object")
        return found

    def _refer(self, at: int, symbol: Symbol, value: int) -> None:
        """Note that slot `at` refers to the function at offset `value` of the symbol's section."""
        name = self.contents.sections[symbol.section].name
        function = next((f for f in self.contents.functions if f.section == symbol.section and f.value == value), None)
        if function is None:
            raise self.fail(at, f"no function begins at offset {value} of section {name!r}")
        if function not in self.functions:
            self.functions.append(function)
        self.references.append((at, function))

    def _load_address(self, at: int, symbol: Symbol) -> None:
        """Resolve the `lddw` in slot `at`: its immediate is the addend."""
        low, high = self.slots[at], self.slots[at + 1]
        addend = wide_immediate(low, high)
        addend -= (addend >> 63) << 64
        section = self.contents.sections.get(symbol.section)
        if section is None:
            if addend:
                raise self.fail(at, f"refers to {addend} bytes behind the beginning of {symbol.name!r}, which is not defined in the object")
            self.slots[at] = Instruction(LDDW, low.dst, VARIABLE, 0, self._variable(at, symbol.name))
            self.slots[at + 1] = Instruction(0)
            return
        if section.name in MAP_SECTIONS:
            self._load_map(at, symbol, addend)
            return
        value = symbol.value + addend
        if section.executable:
            self.slots[at] = Instruction(LDDW, low.dst, CODE)
            self.slots[at + 1] = Instruction(0)
            self._refer(at, symbol, value)
            return
        if not section.name.startswith(_DATA):
            raise self.fail(at, f"{symbol.name!r} lies in section {section.name!r}; data must be in .rodata, .data or .bss")
        if not -(1 << 31) <= value < 1 << 31:
            raise self.fail(at, f"offset {value} in section {section.name!r} does not fit 32 bits")
        if symbol.section not in self.data:
            self.data.append(symbol.section)
        self.slots[at] = Instruction(LDDW, low.dst, MAP_VALUE, 0, self.data.index(symbol.section))
        self.slots[at + 1] = Instruction(0, imm=value)

    def _load_map(self, at: int, symbol: Symbol, addend: int) -> None:
        if addend:
            raise self.fail(at, f"refers to {addend} bytes behind the beginning of map {symbol.name!r}")
        try:
            declared = declared_map(self.contents, symbol)
        except ValueError as error:
            raise self.fail(at, str(error)) from None
        if declared not in self.maps:
            self.maps.append(declared)
            for _, function in declared.programs:
                if function not in self.functions:
                    self.functions.append(function)
        self.slots[at] = Instruction(LDDW, self.slots[at].dst, MAP_FD, 0, self.maps.index(declared))
        self.slots[at + 1] = Instruction(0)
        self.map_references.append(at)

    def _data_section(self, section: Section) -> DataSection:
        if section.relocations:
            _, symbol = next(iter(section.relocations.values()))
            raise ProgramError(f"{self.contents.path}: {section.name}: pointer to {symbol.name!r}: pointers in data are not supported")
        try:
            return DataSection(section.name, section.data, not section.name.startswith(".rodata"), max(8, section.alignment))
        except ValueError as error:
            raise ProgramError(f"{self.contents.path}: {section.name}: {error}") from None
