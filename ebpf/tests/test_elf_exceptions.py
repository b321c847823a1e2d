"""Objects that throw: kernel functions by name, and the exception callback that a declaration tag names."""

from pathlib import Path

import pytest

from ebpf.elf import load
from ebpf.instruction import KERNEL_FUNCTIONS
from ebpf.opcodes import lookup
from ebpf.program import Program, ProgramError
from ebpf.tests.llvm import clang, needs_clang
from ebpf.validity import check

THROWS = 'extern void bpf_throw(unsigned long long) __attribute__((section(".ksyms")));'
CAUGHT = "static __attribute__((used, noinline)) unsigned long long caught(unsigned long long cookie) { return ~cookie; }"
TAG = '__attribute__((btf_decl_tag("exception_callback:%s")))'
ENTRY = "int f(int *p) { if (*p) bpf_throw(5); return 1; }"


def compiled(directory: Path, source: str, *flags: str) -> Path:
    (directory / "t.c").write_text(source)
    run = clang(directory / "t.c", directory / "t.o", "little", "-c", "-O2", *flags)
    assert run.returncode == 0, run.stderr
    return directory / "t.o"


def names(program: Program) -> list[str]:
    return [row.name for slot in program.slots if (row := lookup(slot)) is not None]


@needs_clang
def test_a_kernel_function_is_called_by_its_name(tmp_path: Path) -> None:
    (program,) = load(compiled(tmp_path, f"{THROWS}\n{ENTRY}"))
    (call,) = (slot for slot in program.slots if slot.src == 2 and slot.opcode == 0x85)
    assert call.imm == KERNEL_FUNCTIONS["bpf_throw"]
    assert program.exception_callback is None
    check(program)


@needs_clang
def test_the_tag_of_the_program_names_its_callback(tmp_path: Path) -> None:
    (program,) = load(compiled(tmp_path, f"{THROWS}\n{CAUGHT}\n{TAG % 'caught'} {ENTRY}", "-g"))
    assert program.exception_callback is not None
    assert program.labels == {0: "f", program.exception_callback: "caught"}
    assert names(program).count("EXIT") == 2
    check(program)


@needs_clang
def test_a_callback_that_there_is_not(tmp_path: Path) -> None:
    path = compiled(tmp_path, f"{THROWS}\n{CAUGHT}\n{TAG % 'missing'} {ENTRY}", "-g")
    with pytest.raises(ProgramError) as caught:
        load(path)
    assert str(caught.value) == f"{path}: f: instruction 0: the exception callback 'missing' is no function of the object"


@needs_clang
def test_two_callbacks(tmp_path: Path) -> None:
    path = compiled(tmp_path, f"{THROWS}\n{CAUGHT}\n{TAG % 'caught'} {TAG % 'other'} {ENTRY}", "-g")
    with pytest.raises(ProgramError, match="several exception callbacks: "):
        load(path)


@needs_clang
def test_damaged_btf_does_not_lose_a_callback(tmp_path: Path) -> None:
    path = compiled(tmp_path, f"{THROWS}\n{CAUGHT}\n{TAG % 'caught'} {ENTRY}", "-g")
    contents = path.read_bytes()
    at = contents.index(b"\x9f\xeb\x01\x00\x18\x00\x00\x00")
    path.write_bytes(contents[:at] + b"\x00" + contents[at + 1 :])
    with pytest.raises(ProgramError, match=r"f: instruction 0: damaged BTF: magic number 0xeb00$"):
        load(path)


@needs_clang
def test_other_functions_that_are_not_defined_are_refused_as_ever(tmp_path: Path) -> None:
    with pytest.raises(ProgramError, match="function 'bpf_catch' is not defined in the object"):
        load(compiled(tmp_path, "void bpf_catch(int);\nint f(int *p) { bpf_catch(*p); return 1; }"))
