"""Objects from clang, and damaged ones."""

import io
import re
import struct
from pathlib import Path

import pytest
from elftools.elf.elffile import ELFFile
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from ebpf.disassembler import disassemble
from ebpf.elf import Unlinkable, load, load_each
from ebpf.elf_object import MAXIMUM_DATA, read_object
from ebpf.program import ByteOrder, DataSection, Program, ProgramError
from ebpf.tests.llvm import clang, needs_clang
from ebpf.validity import check

ORDERS: tuple[ByteOrder, ...] = ("little", "big")

SOURCE = """
typedef unsigned int u32;
static const u32 table[4] = {1, 2, 3, 0x12345678};
const u32 more[3] = {7, 8, 9};
u32 counter;
u32 start = 7;
static u32 local[10];
__attribute__((noinline)) static u32 helper(u32 x) { return x * 3 + table[x & 3]; }
__attribute__((noinline)) static u32 twice(u32 x) { return helper(x) + helper(x + 1); }
__attribute__((noinline)) u32 in_text(u32 x) { return x ^ 5; }
__attribute__((section("license"))) char terms[] = "MIT";
__attribute__((section("alone"))) u32 entry(unsigned char *context, u32 length) {
    local[length & 7]++;
    return twice(context[0]) + start + local[3] + ++counter + in_text(length);
}
__attribute__((section("pair"))) u32 left(unsigned char *context) { return helper(context[1]) + more[context[2] & 1]; }
__attribute__((section("pair"))) unsigned long right(void) { return (unsigned long)&helper; }
"""


def _compile(directory: Path, source: str, byte_order: ByteOrder = "little") -> Path:
    (directory / "prog.c").write_text(source)
    run = clang(directory / "prog.c", directory / "prog.o", byte_order, "-O2", "-g", "-c", cpu="v3")
    assert run.returncode == 0, run.stderr
    return directory / "prog.o"


@pytest.fixture(scope="module", params=["little", "big"])
def compiled(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Path:
    return _compile(tmp_path_factory.mktemp("elf"), SOURCE, request.param)


@pytest.fixture(scope="module")
def little(tmp_path_factory: pytest.TempPathFactory) -> bytes:
    return _compile(tmp_path_factory.mktemp("elf"), SOURCE).read_bytes()


@needs_clang
def test_programs_of_an_object(compiled: Path) -> None:
    with compiled.open("rb") as file:
        assert {".BTF", ".debug_info", "license"} <= {section.name for section in ELFFile(file).iter_sections()}
    programs = load(compiled)
    for program in programs:
        check(program)
        assert program.source == str(compiled)
        assert program.byte_order == ("big" if compiled.read_bytes()[5] == 2 else "little")
    assert [program.section for program in programs] == ["alone", "left", "right"]
    assert [list(program.labels.values()) for program in programs] == [
        ["entry", "twice", "in_text", "helper"],
        ["left", "helper"],
        ["right", "helper"],
    ]


@needs_clang
def test_data_sections(compiled: Path) -> None:
    order: ByteOrder = "big" if compiled.read_bytes()[5] == 2 else "little"
    alone, left, _ = load(compiled)
    sections = {section.name: section for section in alone.data}
    assert sections[".bss"] == DataSection(".bss", bytes(44), True, 8)
    assert sections[".data"] == DataSection(".data", (7).to_bytes(4, order), True, 8)
    table = next(section for name, section in sections.items() if name.startswith(".rodata"))
    assert table.contents == b"".join(number.to_bytes(4, order) for number in (1, 2, 3, 0x12345678))
    assert not table.writable
    assert b"".join(number.to_bytes(4, order) for number in (7, 8, 9)) in [section.contents for section in left.data]


@needs_clang
def test_references_are_resolved(compiled: Path) -> None:
    alone, _, right = load(compiled)
    starts = {name: at for at, name in alone.labels.items()}
    calls = [at + 1 + slot.imm for at, slot in enumerate(alone.slots) if slot.opcode == 0x85]
    assert [name for to in calls for name, at in starts.items() if at == to] == ["twice", "in_text", "helper", "helper"]
    assert disassemble(right.slots)[:3] == ("r0 = code +2", "", "exit")
    addresses = {(slot.imm, alone.slots[at + 1].imm) for at, slot in enumerate(alone.slots) if slot.opcode == 0x18}
    names = [section.name for section in alone.data]
    # counter and local share .bss: which comes first is clang's affair, that both are referred to is not.
    assert {offset for index, offset in addresses if names[index] == ".bss"} in ({0, 4}, {0, 40})
    assert (names.index(".data"), 0) in addresses


@needs_clang
def test_both_byte_orders_have_the_same_slots(tmp_path: Path) -> None:
    slots = [[program.slots for program in load(_compile(tmp_path, SOURCE, order))] for order in ORDERS]
    assert slots[0] == slots[1]


@needs_clang
def test_text_holds_programs_when_nothing_else_does(tmp_path: Path) -> None:
    programs = load(_compile(tmp_path, "int first(int *p) { return p[1]; }\nint second(int *p) { return p[2]; }\n"))
    assert [program.section for program in programs] == ["first", "second"]
    assert [program.labels for program in programs] == [{0: "first"}, {0: "second"}]


REFUSED = {
    "a map": ('__attribute__((section(".maps"))) int m; void *f(void) { return &m; }', "f: instruction 0: map m: it is no structure"),
    "an undefined function": (
        "int g(int); int f(int x) { return g(x) + 1; }",
        "f: instruction 0: function 'g' is not defined in the object, nor declared in .ksyms",
    ),
    "an undefined variable": (
        "extern int v; int f(void) { return v; }",
        "f: instruction 0: 'v' is not defined in the object, nor declared in .ksyms",
    ),
    "an odd section": (
        '__attribute__((section("odd"))) int v = 5; int f(void) { return v; }',
        "f: instruction 0: 'v' lies in section 'odd'; data must be in .rodata, .data or .bss",
    ),
    "a pointer in data": ("int v = 5; int *p = &v; int f(void) { return *p; }", ".data: pointer to 'v': pointers in data are not supported"),
    "no program": ("static int f(void) { return 1; }", "no program: no global function in an executable section"),
    "a large .bss": (f"char big[{MAXIMUM_DATA + 1}]; char f(int n) {{ return big[n]; }}", f"section '.bss' has {MAXIMUM_DATA + 1} bytes, more than"),
}


@needs_clang
@pytest.mark.parametrize(("source", "reason"), REFUSED.values(), ids=REFUSED)
def test_what_the_loader_does_not_do_is_said(source: str, reason: str, tmp_path: Path) -> None:
    path = _compile(tmp_path, source)
    with pytest.raises(ProgramError, match=f"^{re.escape(f'{path}: {reason}')}"):
        load(path)


TWO_BAD = """
int g(int);
int v = 5;
int *p = &v;
__attribute__((section("undefined"))) int f(int x) { return g(x) + 1; }
__attribute__((section("good"))) int h(int x) { return 1; }
__attribute__((section("pointer"))) int k(void) { return *p; }
"""


@needs_clang
def test_a_program_that_cannot_be_linked_leaves_the_others(tmp_path: Path) -> None:
    path = _compile(tmp_path, TWO_BAD)
    undefined, good, pointer = load_each(path)
    assert isinstance(undefined, Unlinkable)
    assert isinstance(pointer, Unlinkable)
    assert isinstance(good, Program)
    assert [one.section for one in (undefined, good, pointer)] == ["undefined", "good", "pointer"]
    assert str(undefined.error) == f"{path}: undefined: instruction 0: function 'g' is not defined in the object, nor declared in .ksyms with BTF"
    assert str(pointer.error).startswith(f"{path}: .data: pointer to 'v'")
    with pytest.raises(ProgramError, match=re.escape(str(undefined.error))):
        load(path)


@needs_clang
def test_only_version_1(little: bytes, tmp_path: Path) -> None:
    # EI_VERSION is byte 6 of the identification (System V ABI, ELF header).
    with pytest.raises(ProgramError, match=r"w.o: an ELF object of version 2, not 1$"):
        load(_write(tmp_path, little[:6] + b"\2" + little[7:]))


@needs_clang
def test_control_characters_in_an_object_are_escaped(little: bytes, tmp_path: Path) -> None:
    path = _write(tmp_path, little.replace(b"alone\0", b"al\x1bne\0"))
    assert load(path)[0].section == "al\\x1bne"


def test_an_object_for_another_machine(tmp_path: Path) -> None:
    header = bytearray(b"\x7fELF\2\1\1".ljust(16, b"\0") + struct.pack("<HHIQQQIHHHHHH", 1, 8, 1, 0, 0, 0, 0, 64, 0, 0, 64, 0, 0))
    (tmp_path / "m.o").write_bytes(header)
    with pytest.raises(ProgramError, match=r"m.o: an object for MIPS, not for eBPF$"):
        load(tmp_path / "m.o")


def test_files_that_are_no_objects(tmp_path: Path) -> None:
    (tmp_path / "empty.o").write_bytes(b"")
    (tmp_path / "text.o").write_text("r0 = 1\nexit\n")
    (tmp_path / "short.o").write_bytes(b"\x7fELF\2\1\1")
    for name, reason in (
        ("missing.o", "No such file or directory"),
        (".", "Is a directory"),
        ("empty.o", "not an ELF object"),
        ("text.o", "not an ELF object"),
        ("short.o", "truncated ELF object"),
    ):
        with pytest.raises(ProgramError, match=f"^{re.escape(str(tmp_path / name))}: {reason}$"):
            load(tmp_path / name)


@needs_clang
def test_every_truncation_is_refused(little: bytes, tmp_path: Path) -> None:
    for size in range(0, len(little), 61):
        (tmp_path / "t.o").write_bytes(little[:size])
        with pytest.raises(ProgramError, match=r"t\.o: (truncated|damaged|not an) ") as caught:
            load(tmp_path / "t.o")
        assert "\n" not in str(caught.value)


@needs_clang
@settings(max_examples=150, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(data=st.data())
def test_damaged_objects_give_one_line_or_load(little: bytes, tmp_path: Path, data: st.DataObject) -> None:
    damaged = bytearray(little)
    # The header and the section headers at the end of the file decide most.
    places = st.one_of(st.integers(0, 63), st.integers(len(damaged) - 64 * 12, len(damaged) - 1), st.integers(0, len(damaged) - 1))
    for at in data.draw(st.lists(places, min_size=1, max_size=4)):
        damaged[at] = data.draw(st.sampled_from((0, 1, 0x7F, 0x80, 0xFF, damaged[at] ^ 1)))
    (tmp_path / "d.o").write_bytes(damaged)
    message = ""
    try:
        load(tmp_path / "d.o")
    except ProgramError as error:
        message = str(error)
    assert "\n" not in message
    assert message == "" or message.startswith(str(tmp_path / "d.o"))


def _patched(contents: bytes, section: str, offset: int, value: bytes) -> bytes:
    found = ELFFile(io.BytesIO(contents)).get_section_by_name(section)
    assert found is not None
    at = found["sh_offset"] + offset
    return contents[:at] + value + contents[at + len(value) :]


@needs_clang
@pytest.mark.parametrize(
    ("section", "offset", "value", "reason"),
    [
        # A relocation record is offset (8 bytes), type (4), symbol (4).
        (".relalone", 0, struct.pack("<Q", 4), "section '.relalone': relocation at offset 4, not at an instruction"),
        (".relalone", 8, struct.pack("<I", 3), "alone: instruction"),
        (".relalone", 8, struct.pack("<I", 10), "alone: instruction"),
        (".relalone", 12, struct.pack("<I", 9999), "damaged ELF object: IndexError"),
    ],
)
def test_damaged_relocations(little: bytes, section: str, offset: int, value: bytes, reason: str, tmp_path: Path) -> None:
    (tmp_path / "r.o").write_bytes(_patched(little, section, offset, value))
    with pytest.raises(ProgramError, match=f"^{re.escape(f'{tmp_path}/r.o: {reason}')}"):
        load(tmp_path / "r.o")


@needs_clang
def test_functions_lie_inside_their_section(little: bytes, tmp_path: Path) -> None:
    symbols = ELFFile(io.BytesIO(little)).get_section_by_name(".symtab")
    assert symbols is not None
    number = next(n for n, symbol in enumerate(symbols.iter_symbols()) if symbol.name == "entry")  # type: ignore[attr-defined]
    # A symbol is name (4), info, other, section (2), value (8), size (8).
    for offset, value, reason in ((16, 0, "has no size"), (16, 1 << 20, "does not lie on whole"), (8, 4, "does not lie on whole")):
        (tmp_path / "s.o").write_bytes(_patched(little, ".symtab", 24 * number + offset, struct.pack("<Q", value)))
        with pytest.raises(ProgramError, match=f"^{re.escape(str(tmp_path))}/s.o: alone: function 'entry' {reason}"):
            load(tmp_path / "s.o")


def _section_header_offset(contents: bytes, name: str) -> int:
    elf = ELFFile(io.BytesIO(contents))
    number = elf.get_section_index(name)
    assert number is not None
    return int(elf["e_shoff"] + 64 * number)


@needs_clang
def test_a_section_past_the_end_of_the_file(little: bytes, tmp_path: Path) -> None:
    # The size is at offset 32 of a section header.
    at = _section_header_offset(little, "alone") + 32
    path = _write(tmp_path, little[:at] + struct.pack("<Q", 1 << 20) + little[at + 8 :])
    with pytest.raises(ProgramError, match=r"w.o: truncated ELF object: section 'alone' reaches past the end of the file$"):
        load(path)


@needs_clang
def test_relocations_with_addends(little: bytes, tmp_path: Path) -> None:
    # In one piece, because pyelftools refuses the type with another entry size: name (4), type (4), the rest up to the entry size.
    at = _section_header_offset(little, ".relalone")
    changed = little[: at + 4] + struct.pack("<I", 4) + little[at + 8 : at + 56] + struct.pack("<Q", 24) + little[at + 64 :]
    path = _write(tmp_path, changed)
    with pytest.raises(ProgramError, match=r"w.o: section '.relalone' has relocations with addends, which eBPF objects do not have$"):
        load(path)


@needs_clang
@pytest.mark.parametrize(("at", "value"), [(4, b"\1"), (16, b"\2\0")])
def test_only_64_bit_relocatable_objects(little: bytes, at: int, value: bytes, tmp_path: Path) -> None:
    (tmp_path / "e.o").write_bytes(little[:at] + value + little[at + len(value) :])
    with pytest.raises(ProgramError, match=r"e.o: (not a 64-bit relocatable object|damaged ELF object: .*)$"):
        load(tmp_path / "e.o")


@needs_clang
@pytest.mark.parametrize(("addend", "outcome"), [(-8, -8), (4, 4), (1 << 31, None), (-(1 << 31) - 1, None)])
def test_addends_are_signed_and_fit_32_bits(little: bytes, addend: int, outcome: int | None, tmp_path: Path) -> None:
    contents = read_object(str(_write(tmp_path, little)))
    number = next(n for n, section in contents.sections.items() if section.name == "alone")
    at = next(at for at, relocation in contents.sections[number].relocations.items() if relocation.symbol.name == "start")
    changed = _patched(little, "alone", at + 4, struct.pack("<I", addend & 0xFFFFFFFF))
    path = _write(tmp_path, _patched(changed, "alone", at + 12, struct.pack("<i", addend >> 32)))
    if outcome is None:
        with pytest.raises(ProgramError, match=rf"alone: instruction {at // 8}: offset {addend} in section '.data' does not fit 32 bits$"):
            load(path)
    else:
        assert load(path)[0].slots[at // 8 + 1].imm == outcome


@needs_clang
def test_a_call_into_the_middle_of_a_function(little: bytes, tmp_path: Path) -> None:
    contents = read_object(str(_write(tmp_path, little)))
    twice = next(function for function in contents.functions if function.name == "twice")
    code = contents.sections[twice.section].data
    call = next(at for at in range(twice.value, twice.value + twice.size, 8) if code[at] == 0x85)
    (tmp_path / "c.o").write_bytes(_patched(little, ".text", call + 4, struct.pack("<i", -1)))
    with pytest.raises(ProgramError, match=r"c.o: alone: instruction \d+: no function begins at offset \d+ of section '.text'$"):
        load(tmp_path / "c.o")


def _write(directory: Path, contents: bytes) -> Path:
    (directory / "w.o").write_bytes(contents)
    return directory / "w.o"


@pytest.mark.parametrize("alignment", [24, 1 << 17, 1 << 62])
def test_an_alignment_that_no_array_has_is_refused(alignment: int, tmp_path: Path) -> None:
    """Memory would be filled up to it."""
    contents = bytearray((Path(__file__).parents[2] / "corpus/programs/objects/global_variables.v3.el.o").read_bytes())
    elf = ELFFile(io.BytesIO(contents))
    number = elf.get_section_index(".data")
    assert number
    # ELF64: sh_addralign is at byte 48 of a section header.
    struct.pack_into("<Q", contents, elf["e_shoff"] + number * elf["e_shentsize"] + 48, alignment)
    path = tmp_path / "aligned.o"
    path.write_bytes(contents)
    with pytest.raises(ProgramError, match=rf"aligned\.o: \.data: alignment: {alignment} is no power of two from 1 to 65536$"):
        load(path)
