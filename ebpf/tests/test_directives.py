"""The assembler's directives: maps, and the programs that prog arrays hold."""

from dataclasses import replace

import pytest

from ebpf.assembler import assemble
from ebpf.insertion import insert_behind
from ebpf.instruction import Instruction
from ebpf.kernel import KernelFunction, KernelVariable
from ebpf.opcodes import BY_NAME
from ebpf.program import Map, MapKind, ProgramError
from ebpf.validity import check

TEXT = """
.map counts hash 4 8 16
.map table prog_array 4 4 3   # what follows may come later
.program table 2 second
    r1 = map_fd 1
    r0 = 0
    exit
.program table 0 start; second: r0 = 1
    exit
start: goto +0
    r0 = 2
    exit
"""


def test_maps_and_programs() -> None:
    program = assemble(TEXT)
    assert program.maps == (Map("counts", MapKind.HASH, 4, 8, 16), Map("table", MapKind.PROG_ARRAY, 4, 4, 3, ((2, 4), (0, 6))))
    assert program.programs == {4, 6}
    assert len(program.slots) == 9
    check(program)


def test_what_is_the_kernels() -> None:
    program = assemble(".kernel_function f 100 s8 u16 pointer  # of two\n.variable v 101 0102 03\nr1 = variable 101\ncall kernel 100\nexit")
    assert program.kernel_functions == (KernelFunction("f", 100, "s8", ("u16", "pointer")),)
    assert program.variables == (KernelVariable("v", 101, bytes((1, 2, 3))),)
    check(program)


def test_programs_move_with_what_is_put_in() -> None:
    moved = insert_behind(assemble(TEXT), {0: (Instruction(BY_NAME["MOV64_IMM"].opcode, 3),), 6: (Instruction(BY_NAME["MOV64_IMM"].opcode, 4),)})
    assert moved.maps[1].programs == ((2, 5), (0, 7))


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        (".map a hash 4 8", "line 1: not a map: .map NAME KIND KEY VALUE ENTRIES, where KIND is hash, array, prog_array, percpu_array, lru_hash"),
        (".map a heap 4 8 1", "line 1: not a map"),
        (".map", "line 1: not a map"),
        (".map a hash 4 8 -1", "line 1: not a map"),
        (".map a hash 4 8 0", "line 1: map a: hash with 0 entries"),
        (".map a hash 4 8 1\n.map a hash 4 8 1", "line 2: map a is declared twice"),
        (".program a 0 x\nx: exit", "line 1: map a is not declared"),
        (".map a prog_array 4 4 2\n.program a 2 x\nx: exit", "line 2: map a: prog_array with 2 entries and a program at 2"),
        (".map a prog_array 4 4 2\n.program a 0 x\n.program a 0 x\nx: exit", "line 3: map a: prog_array with two programs at 0"),
        (".map a prog_array 4 4 2\n.program a 0 y\nx: exit", "line 2: not a program of a prog array: .program NAME INDEX LABEL"),
        (".map a hash 4 4 2\n.program a 0 x\nx: exit", "line 2: map a: hash with 2 entries and a program at 0"),
        (".kernel_function f 100", "line 1: not a declaration: .kernel_function NAME BTF_ID RESULT ARGUMENT..."),
        (".kernel_function f x u8", "line 1: not a declaration: .kernel_function"),
        (".kernel_function f 100 u9", "line 1: kernel function f: result of type 'u9'; there is u8, s8, u16, s16, u32, s32, u64, s64"),
        (".kernel_function f 100 pointer", "line 1: kernel function f: result of type 'pointer'"),
        (
            ".kernel_function f 100 u8 void",
            "line 1: kernel function f: argument of type 'void'; there is u8, s8, u16, s16, u32, s32, u64, s64, pointer",
        ),
        (".kernel_function f 100 u8 u8 u8 u8 u8 u8 u8", "line 1: kernel function f: 6 arguments, more than 5"),
        (".kernel_function f 64 u8", "line 1: BTF id 64 is taken: 1 is mix, 2 is mix_small, 3 is mix_wide, 4 is mix_signed, 64 is bpf_throw"),
        (".kernel_function f 2147483648 u8", "line 1: kernel function f: 2147483648 is no BTF id: 1 to 2^31 - 1"),
        (".kernel_function f 9 u8\n.variable v 9 00", "line 2: BTF id 9 is declared twice"),
        (".variable v 9", "line 1: not a declaration: .variable NAME BTF_ID HEX..."),
        (".variable v 9 0", "line 1: not bytes in hexadecimal: 0"),
        (".variable v 9 xx", "line 1: not bytes in hexadecimal: xx"),
    ],
)
def test_what_is_refused(text: str, reason: str) -> None:
    with pytest.raises(ProgramError) as error:
        assemble(text, "maps.s")
    assert str(error.value).startswith(f"maps.s: {reason}")


def test_control_does_not_run_from_one_program_into_another() -> None:
    with pytest.raises(ProgramError, match="instruction 0: control falls off the end of the function"):
        check(assemble(".map a prog_array 4 4 2\n.program a 0 x\nr0 = 1\nx: exit"))
    with pytest.raises(ProgramError, match="instruction 0: jump to slot 2, in another function"):
        check(assemble(".map a prog_array 4 4 2\n.program a 0 x\ngoto x\nexit\nx: exit"))
    with pytest.raises(ProgramError, match="a prog array holds a program at slot 1, which is no instruction"):
        check(replace(assemble("r0 = 1 ll\nexit"), maps=(Map("a", MapKind.PROG_ARRAY, 4, 4, 2, ((0, 1),)),)))
