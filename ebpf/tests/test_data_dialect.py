import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ebpf.assembler import assemble
from ebpf.data_dialect import DATA, read
from ebpf.instruction import Instruction
from ebpf.notation import write
from ebpf.opcodes import BY_NAME, ROWS, lookup
from ebpf.program import Program, ProgramError
from ebpf.tests.strategies import instructions, programs
from ebpf.validity import check


def _file(asm: str) -> str:
    return f"# A comment\n-- asm\n{asm}\n-- result\n0x1\n"


@given(programs())
def test_programs_survive_the_dialect(program: Program) -> None:
    lines = []
    for at, slot in enumerate(program.slots):
        row = lookup(slot)
        if row is not None and row.name not in DATA.templates:
            return
        lines += [write(DATA, row, program.slots, at)] if row else []
    assert read(_file("\n".join(lines)), "t.data").program.slots == program.slots


ABSENT = {row.name for row in ROWS if row.group == "linux" and row.name != "CALLX"} | {row.name for row in ROWS if row.name.startswith("LDDW_")}


def test_rows_that_the_dialect_lacks_are_known() -> None:
    assert {row.name for row in ROWS} - set(DATA.templates) == ABSENT


@pytest.mark.parametrize("row", [row for row in ROWS if row.name not in ABSENT], ids=lambda row: row.name)
@settings(max_examples=5)
@given(data=st.data())
def test_every_row_survives_the_dialect(row: object, data: st.DataObject) -> None:
    slots = data.draw(instructions(row))  # type: ignore[arg-type]
    found = lookup(slots[0])
    assert found is row
    assert found is not None
    assert read(_file(write(DATA, found, slots, 0)), "t.data").program.slots == slots


@pytest.mark.parametrize(
    ("dialect", "llvm"),
    [
        ("add32 %r0, %r1", "w0 += w1"),
        ("add r0, -1", "r0 += -1"),
        ("jne %r1, 0xfffffffffffffffc, +0", "if r1 != -4 goto +0"),
        ("jslt32 r1, r2, -1", "if w1 s< w2 goto -1"),
        ("ldxdw %r0, [%r1+8]", "r0 = *(u64 *)(r1 + 8)"),
        ("ldxb %r0, [%r1]", "w0 = *(u8 *)(r1 + 0)"),
        ("ldxsh %r0, [%r1-2]", "r0 = *(s16 *)(r1 - 2)"),
        ("stdw [r10-8], 0xccbbaa99", "*(u64 *)(r10 - 8) = -860116327"),
        ("stxw [%r10-4], %r2", "*(u32 *)(r10 - 4) = w2"),
        ("neg32 %r3", "w3 = -w3"),
        ("be64 %r3", "r3 = be64 r3"),
        ("le16 %r3", "r3 = le16 r3"),
        ("bswap32 %r3", "r3 = bswap32 r3"),
        ("swap64 %r3", "r3 = bswap64 r3"),
        ("movsx832 %r1, %r2", "w1 = (s8)w2"),
        ("movsx3264 %r1, %r2", "r1 = (s32)r2"),
        ("sdiv %r1, 3", "r1 s/= 3"),
        ("smod32 %r1, %r2", "w1 s%= w2"),
        ("lock add [%r1+4], %r2", "lock *(u64 *)(r1 + 4) += r2"),
        ("lock xor32 [%r1], %r2", "lock *(u32 *)(r1 + 0) ^= w2"),
        ("lock fetch or32 [%r1-8], %r2", "w2 = atomic_fetch_or((u32 *)(r1 - 8), w2)"),
        ("lock xchg [%r1-8], %r2", "r2 = xchg_64(r1 - 8, r2)"),
        ("lock cmpxchg32 [%r1-8], %r2", "w0 = cmpxchg32_32(r1 - 8, w0, w2)"),
        ("lddw %r1, 0xffffffffffffffff", "r1 = -1 ll"),
        ("call 5", "call 5"),
        ("call local -1", "call pc-1"),
        ("call runtime 0x2a", "call kernel 42"),
        ("ja32 +3", "gotol +3"),
        ("ldindh %r3, 5", "r0 = *(u16 *)skb[r3 + 5]"),
    ],
)
def test_mnemonics(dialect: str, llvm: str) -> None:
    assert read(_file(dialect), "t.data").program.slots == assemble(llvm).slots


def test_sections() -> None:
    test = read(
        "# A comment\n-- c\nint f(void);\n-- asm\n  mov %r0, 1 # one\n\n  exit\n-- raw\n0x00000001000000b7\n0x0000000000000095 # exit\n"
        "-- mem\n01 02  0a\nff # end\n-- result\n-1\n-- error\n\n-- no register offset\ncall instruction\n",
        "t.data",
    )
    assert test.program.slots == assemble("r0 = 1\nexit").slots
    assert test.program.lines == {0: 5, 1: 7}
    assert (test.memory, test.result, test.error) == (b"\x01\x02\x0a\xff", 0xFFFFFFFFFFFFFFFF, True)
    assert test.program.byte_order == "little"


def test_what_is_not_stated() -> None:
    test = read("-- raw\n0x95\n", "t.data")
    assert (test.program.slots, test.memory, test.result, test.error) == ((Instruction(0x95),), b"", None, False)
    assert test.program.section == "raw"


def test_the_implicit_exit_label() -> None:
    program = read(_file("ja exit\njeq %r0, 1, exit\nmov %r0, 2\nexit"), "t.data").program
    assert [slot.offset for slot in program.slots] == [2, 1, 0, 0]
    check(program)
    program = read(_file("ja exit\nmov %r0, 2\nexit\nja -2\nexit"), "t.data").program
    assert program.slots[0].offset == 1
    assert read(_file("ja exit\nexit\nexit:\nexit"), "t.data").program.slots[0].offset == 1


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("-- asm\nmov %r0, 1\nfrob %r1\n", "line 3: not an instruction: frob r1"),
        ("-- asm\ncall %r2\nexit", "line 2: not an instruction: call r2"),
        ("-- asm\nmov32 %r1, 0x876543210\nexit", "line 2: 0x876543210 does not fit 32 bits"),
        ("-- asm\nja exit", "line 2: label exit is not defined"),
        ("-- asm\nexit\n-- raw\n0x96\n", "asm and raw are different programs"),
        ("-- asm\n# nothing\n-- result\n0", "no instructions"),
        ("-- raw\n0x10000000000000000", "line 2: not a 64-bit hexadecimal number: 0x10000000000000000"),
        ("-- raw\n-0x95", "line 2: not a 64-bit hexadecimal number"),
        ("-- raw\nmov", "line 2: not a 64-bit hexadecimal number: mov"),
        ("-- asm\nexit\n-- mem\n0 1 2\n", "line 4: not hexadecimal bytes: 0 1 2"),
        ("-- asm\nexit\n-- result\nfoo\n", "line 4: not a number: foo"),
        ("-- asm\nexit\n-- result\n0x10000000000000000\n", "line 4: the result must be one 64-bit number"),
        ("-- asm\nexit\n-- result\n1\n2\n", "line 4: the result must be one 64-bit number"),
        ("-- map\nm 1 2 3", "line 1: unknown section 'map'"),
        ("-- asm\nexit\n-- asm\nexit", "line 3: second section 'asm'"),
        ("mov %r0, 1\n-- asm\nexit", "line 1: text before the first section"),
    ],
)
def test_bad_files_are_refused_by_name(text: str, reason: str) -> None:
    with pytest.raises(ProgramError) as caught:
        read(text, "t.data")
    assert str(caught.value).startswith(f"t.data: {reason}")
    assert "\n" not in str(caught.value)


def test_operand_order_is_by_rule() -> None:
    assert "".join(DATA.templates[BY_NAME["STX_W"].name]) == "stxw [dst displacement], src"
