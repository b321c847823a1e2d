"""What objects take from the kernel: functions with signatures, variables with sizes, from `.ksyms` and BTF."""

from hashlib import shake_128
from pathlib import Path

import pytest

from ebpf.elf import load
from ebpf.kernel import KernelFunction, KernelVariable
from ebpf.opcodes import BY_NAME, lookup
from ebpf.program import LDDW, VARIABLE, ByteOrder, ProgramError
from ebpf.tests.llvm import clang, needs_clang
from ebpf.validity import check

KERNEL = '__attribute__((section(".ksyms")))'


def compiled(directory: Path, source: str, order: ByteOrder = "little", *flags: str) -> Path:
    (directory / "t.c").write_text(f"#define KERNEL {KERNEL}\n{source}\n")
    run = clang(directory / "t.c", directory / "t.o", order, "-c", "-O2", *(flags or ("-g",)))
    assert run.returncode == 0, run.stderr
    return directory / "t.o"


@needs_clang
@pytest.mark.parametrize("order", ["little", "big"])
def test_signatures_and_sizes(tmp_path: Path, order: ByteOrder) -> None:
    source = """
        enum sign { MINUS = -1, PLUS = 1 };
        enum small { FEW };
        typedef const unsigned short half;
        extern long long f(signed char a, half b, void *c, enum sign d, enum small e) KERNEL;
        extern unsigned char g(_Bool a, char b) KERNEL;
        extern int h(void) KERNEL;
        extern const int v KERNEL;
        extern const struct { char a[5]; int b; } s KERNEL;
        int entry(void *p) { return f(1, 2, p, PLUS, FEW) + g(1, 2) + h() + f(2, 3, p, MINUS, FEW) + v + s.b; }
    """
    (program,) = load(compiled(tmp_path, source, order))
    assert program.kernel_functions == (
        KernelFunction("f", 1000, "s64", ("s8", "u16", "pointer", "s32", "u32")),
        KernelFunction("g", 1001, "u8", ("u8", "s8")),
        KernelFunction("h", 1002, "s32"),
    )
    assert set(program.variables) == {
        KernelVariable("v", program.variables[0].number, shake_128(b"v").digest(4)),
        KernelVariable("s", program.variables[1].number, shake_128(b"s").digest(12)),
    }
    assert {one.number for one in program.variables} == {2000, 2001}
    assert [slot.imm for slot in program.slots if lookup(slot) is BY_NAME["CALL_KERNEL"]] == [1000, 1001, 1002, 1000]
    assert {slot.imm for slot in program.slots if slot.opcode == LDDW and slot.src == VARIABLE} == {2000, 2001}
    check(program)


REFUSED = {
    "nothing": ("extern void f(int x) KERNEL; int e(void) { f(1); return 0; }", "kernel function f: its result is void"),
    "without BTF": (
        "extern int f(int x) KERNEL; int e(void) { return f(1) + 1; }",
        "function 'f' is not defined in the object, nor declared in .ksyms with BTF",
    ),
    "a variable without BTF": ("extern int v KERNEL; int e(void) { return v; }", "'v' is not defined in the object, nor declared in .ksyms with BTF"),
    "a variable without a type": ("extern const void v KERNEL; const void *e(void) { return &v; }", "variable v: there is no type 0"),
}


@needs_clang
@pytest.mark.parametrize("name", REFUSED)
def test_what_is_refused(tmp_path: Path, name: str) -> None:
    source, reason = REFUSED[name]
    flags = ("-g0",) if "without BTF" in name else ()
    path = compiled(tmp_path, source, "little", *flags)
    with pytest.raises(ProgramError, match=reason):
        load(path)
