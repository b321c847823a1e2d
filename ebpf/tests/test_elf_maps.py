"""Maps that objects declare, as clang makes them, and declarations that are none."""

from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from ebpf import btf
from ebpf.elf import load
from ebpf.elf_object import read_object
from ebpf.opcodes import BY_NAME, lookup
from ebpf.program import ByteOrder, Map, MapKind, ProgramError
from ebpf.tests.llvm import clang, needs_clang

ORDERS: tuple[ByteOrder, ...] = ("little", "big")

PRELUDE = """
typedef unsigned int u32;
typedef struct { char letters[3][5]; const volatile u32 *pointer; union { u32 a; unsigned long long b; }; } record;
enum choice { FIRST, SECOND };
#define BTF __attribute__((section(".maps"), used))
#define OLD __attribute__((section("maps"), used))
struct bpf_map_def { u32 type, key_size, value_size, max_entries, map_flags; };
u32 global;
"""
BOTH = """
struct { int (*type)[1]; int (*max_entries)[300]; enum choice *key; record *value; int (*map_flags)[1]; } described BTF;
struct { int (*type)[9]; int (*max_entries)[7]; int (*key_size)[16]; int (*value_size)[3]; int (*pinning)[1]; } sized BTF;
struct bpf_map_def old OLD = {2, 4, 24, 9, 0};
void *entry(u32 which) { global++; return which == 0 ? (void *)&described : which == 1 ? (void *)&sized : (void *)&old; }
"""
MAPS = (Map("described", MapKind.HASH, 4, 32, 300), Map("sized", MapKind.LRU_HASH, 16, 3, 7), Map("old", MapKind.ARRAY, 4, 24, 9))


def _compile(directory: Path, source: str, byte_order: ByteOrder, *flags: str) -> Path:
    (directory / "maps.c").write_text(PRELUDE + source)
    run = clang(directory / "maps.c", directory / "maps.o", byte_order, "-O2", *flags, "-c", cpu="v3")
    assert run.returncode == 0, run.stderr
    return directory / "maps.o"


@needs_clang
@pytest.mark.parametrize("byte_order", ORDERS)
def test_declarations_of_both_kinds(tmp_path: Path, byte_order: ByteOrder) -> None:
    (program,) = load(_compile(tmp_path, BOTH, byte_order, "-g"))
    assert set(program.maps) == set(MAPS)
    assert len(program.data) == 1
    references = {slot.imm for slot in program.slots if lookup(slot) is BY_NAME["LDDW_MAP_FD"]}
    assert references == {1, 2, 3}


PROGRAMS = """
static int other(void *context) { return 1; }
__attribute__((section("main"))) int again(void *context);
struct { int (*type)[3]; int (*max_entries)[4]; int (*key_size)[4]; int (*values[4])(void *); } table BTF = {.values = {[1] = other, [3] = again}};
__attribute__((section("main"))) int again(void *context) { return ((int (*)(void *, void *, int))12)(context, &table, 1); }
"""


@needs_clang
@pytest.mark.parametrize("byte_order", ORDERS)
def test_programs_of_a_prog_array(tmp_path: Path, byte_order: ByteOrder) -> None:
    (program,) = load(_compile(tmp_path, PROGRAMS, byte_order, "-g"))
    (array,) = program.maps
    assert (array.kind, array.key_size, array.value_size, array.entries) == (MapKind.PROG_ARRAY, 4, 4, 4)
    assert {index: program.labels[slot] for index, slot in array.programs} == {1: "other", 3: "again"}


REFUSED = {
    "another kind": ("struct { int (*type)[27]; int (*max_entries)[8]; } m BTF;", "map m: maps of type 27 are not supported; there are hash (1), "),
    "flags": ("struct { int (*type)[1]; int (*max_entries)[8]; u32 *key; u32 *value; int (*map_flags)[128]; } m BTF;", "map m: map_flags 128 is"),
    "a field": ("struct { int (*type)[1]; int (*map_extra)[8]; } m BTF;", "map m: map_extra 8 is not supported"),
    "no number": ("struct { int (*type)[1]; int *max_entries; } m BTF;", "map m: its field 'max_entries' is no number"),
    "no pointer": ("struct { int (*type)[1]; int max_entries; } m BTF;", "map m: its field 'max_entries' is no pointer"),
    "a type without size": ("struct { int (*type)[1]; int (*max_entries)[8]; void *key; u32 *value; } m BTF;", "map m: there is no type 0"),
    "no entries": ("struct { int (*type)[1]; u32 *key; u32 *value; } m BTF;", "map m: hash with 0 entries"),
    "values of a hash": (
        "u32 v; struct { int (*type)[1]; int (*max_entries)[8]; u32 *key; u32 *value; u32 *values[1]; } m BTF = {.values = {&v}};",
        "map m: values at the start, which only a prog array may have",
    ),
    "no program": (
        "u32 v; struct { int (*type)[3]; int (*max_entries)[8]; u32 *key; u32 *values[1]; } m BTF = {.values = {&v}};",
        "map m: relocation of type 2 to 'v', which is no function of the object",
    ),
    "an index": (
        "int f(void) { return 1; } struct { int (*type)[3]; int (*max_entries)[1]; u32 *key; int (*values[2])(void); } m BTF = {.values = {0, f}};",
        "map m: program 'f' at index 1 of 1",
    ),
    "too short": ("struct { u32 a, b, c; } m OLD = {1, 4, 4};", "map m: a bpf_map_def of 12 bytes"),
    "old flags": ("struct bpf_map_def m OLD = {1, 4, 4, 8, 128};", "map m: map_flags 128 is not supported"),
}


@needs_clang
@pytest.mark.parametrize("what", list(REFUSED))
def test_what_is_refused(tmp_path: Path, what: str) -> None:
    source, reason = REFUSED[what]
    path = _compile(tmp_path, source + '__attribute__((section("main"))) void *entry(void) { return &m; }', "little", "-g")
    with pytest.raises(ProgramError) as error:
        load(path)
    assert f": main: instruction 0: {reason}" in str(error.value)


@needs_clang
def test_without_btf(tmp_path: Path) -> None:
    path = _compile(tmp_path, BOTH, "little")
    with pytest.raises(ProgramError, match=r"map \w+: the object has no BTF that describes it; compile with -g"):
        load(path)


@pytest.fixture(scope="module")
def object_file(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return _compile(tmp_path_factory.mktemp("maps"), BOTH, "little", "-g")


@needs_clang
@given(data=st.data())
@settings(suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_damaged_btf_is_refused_in_one_line(object_file: Path, data: st.DataObject) -> None:
    contents = bytearray(object_file.read_bytes())
    (section,) = (one.data for one in read_object(str(object_file)).sections.values() if one.name == ".BTF")
    start = contents.index(section)
    for _ in range(data.draw(st.integers(1, 4))):
        contents[start + data.draw(st.integers(0, len(section) - 1))] = data.draw(st.integers(0, 255))
    damaged = object_file.with_name("damaged.o")
    damaged.write_bytes(contents)
    message = ""
    try:
        load(damaged)
    except ProgramError as error:
        message = str(error)
    assert "\n" not in message


def test_a_circle_of_types_ends() -> None:
    strings = b"\0name\0"
    types = b"".join(number.to_bytes(4, "little") for number in (1, 14 << 24, 2, 0, 0, 8 << 24, 3, 0, 10 << 24, 2))
    header = (0xEB9F).to_bytes(2, "little") + bytes((1, 0)) + b"".join(n.to_bytes(4, "little") for n in (24, 0, len(types), len(types), len(strings)))
    with pytest.raises(ValueError, match="leads to itself"):
        btf.read(header + types + strings, "little").declaration("name")
