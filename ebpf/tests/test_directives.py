"""The assembler's directives: maps, and the programs that prog arrays hold."""

from dataclasses import replace

import pytest

from ebpf.assembler import assemble
from ebpf.insertion import insert_behind
from ebpf.instruction import Instruction
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
        (".map a prog_array 4 4 2\n.program a 0 y\nx: exit", "line 2: not a program of a prog array: .program NAME INDEX LABEL"),
        (".map a hash 4 4 2\n.program a 0 x\nx: exit", "line 2: map a: hash with 2 entries and a program at 0"),
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
