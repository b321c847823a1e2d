import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from ebpf.assembler import assemble
from ebpf.codec import decode
from ebpf.instruction import Instruction
from ebpf.opcodes import lookup
from ebpf.program import Program, ProgramError
from ebpf.tests.strategies import programs
from ebpf.validity import MAXIMUM_SLOTS, check, defect

EXIT = Instruction(0x95)


def _program(*slots: Instruction) -> Program:
    return Program("prog.o", "xdp", slots)


@given(programs())
def test_well_formed_programs_pass(program: Program) -> None:
    check(program)


@given(st.binary(max_size=80).filter(lambda data: len(data) % 8 == 0))
def test_any_bytes_give_one_line_or_pass(data: bytes) -> None:
    message = ""
    try:
        check(Program("f", "s", decode(data, "little", "f", "s")))
    except ProgramError as error:
        message = str(error)
    assert message == "" or message.startswith("f: s: ")
    assert "\n" not in message


@given(programs(), st.data())
def test_no_reserved_field_may_be_set(program: Program, data: st.DataObject) -> None:
    at = data.draw(st.integers(0, len(program.slots) - 1))
    row = lookup(program.slots[at])
    assume(row is not None)
    reserved = [field for field in ("dst", "src", "offset", "imm") if getattr(row, field) == 0]
    assume(reserved)
    field = data.draw(st.sampled_from(reserved))
    slot = program.slots[at]._replace(**{field: data.draw(st.integers(1, 15))})
    assume(lookup(slot) is None)
    with pytest.raises(ProgramError, match=f"^<generated>: .text: instruction {at}: opcode 0x.*: .*{field} is "):
        check(Program(program.source, program.section, (*program.slots[:at], slot, *program.slots[at + 1 :])))


LDDW = Instruction(0x18, 1, imm=5)
SECOND = Instruction(0)


@pytest.mark.parametrize(
    ("slots", "reason"),
    [
        ((), "the program is empty"),
        ((Instruction(0xFF), EXIT), "instruction 0: unknown opcode 0xff"),
        # Known to LLVM or Linux, not to the table: gotox, may_goto.
        ((Instruction(0x8D, 3, 1), EXIT), "instruction 0: opcode 0x8d: reserved field src is 1, must be 0"),
        ((Instruction(0x0D, 3), EXIT), "instruction 0: unknown opcode 0x0d"),
        ((Instruction(0xF5), EXIT), "instruction 0: unknown opcode 0xf5"),
        ((SECOND, EXIT), "instruction 0: unknown opcode 0x00"),
        ((Instruction(0xB7, 0, 1), EXIT), "instruction 0: opcode 0xb7: reserved field src is 1, must be 0"),
        ((Instruction(0x95, 1),), "instruction 0: opcode 0x95: reserved field dst is 1, must be 0"),
        ((Instruction(0x95, imm=7),), "instruction 0: opcode 0x95: reserved field imm is 7, must be 0"),
        ((Instruction(0xB7, offset=1), EXIT), "instruction 0: opcode 0xb7: reserved field offset is 1, must be 0"),
        ((Instruction(0x37, offset=2), EXIT), "instruction 0: opcode 0x37: offset is 2, must be 0 or 1"),
        ((Instruction(0xBF, offset=9), EXIT), "instruction 0: opcode 0xbf: offset is 9, must be 0 or 8 or 16 or 32"),
        ((Instruction(0xD4, imm=8), EXIT), "instruction 0: opcode 0xd4: imm is 8, must be 16 or 32 or 64"),
        ((Instruction(0x85, 0, 3), EXIT), "instruction 0: opcode 0x85: src is 3, must be 0 or 1 or 2"),
        ((LDDW._replace(src=7), SECOND, EXIT), "instruction 0: opcode 0x18: src is 7, must be 0 or 1 or 2 or 3 or 4 or 5 or 6"),
        ((Instruction(0xDB, 1, 2, 0, 0x30), EXIT), "instruction 0: opcode 0xdb: imm is 48, must be "),
        ((Instruction(0xBF, 11), EXIT), "instruction 0: register r11 does not exist"),
        ((Instruction(0xBF, 0, 15), EXIT), "instruction 0: register r15 does not exist"),
        ((Instruction(0xB7, 10), EXIT), "instruction 0: write to the frame pointer r10"),
        ((Instruction(0x07, 10), EXIT), "instruction 0: write to the frame pointer r10"),
        ((Instruction(0xDB, 1, 10, 0, 1), EXIT), "instruction 0: write to the frame pointer r10"),
        ((LDDW._replace(dst=10), SECOND, EXIT), "instruction 0: write to the frame pointer r10"),
        ((EXIT, LDDW), "instruction 1: lddw without its second slot"),
        ((LDDW, Instruction(0x95), EXIT), "instruction 0: second slot of lddw: reserved field opcode is 149, must be 0"),
        ((LDDW, Instruction(0, 1), EXIT), "instruction 0: second slot of lddw: reserved field dst is 1, must be 0"),
        ((LDDW, Instruction(0, 0, 1), EXIT), "instruction 0: second slot of lddw: reserved field src is 1, must be 0"),
        ((LDDW, Instruction(0, offset=1), EXIT), "instruction 0: second slot of lddw: reserved field offset is 1, must be 0"),
        ((LDDW._replace(src=1), Instruction(0, imm=1), EXIT), "instruction 0: second slot of lddw: reserved field imm is 1, must be 0"),
        ((Instruction(0x05, offset=1), EXIT), "instruction 0: jump to slot 2, outside the program, which has slots 0 to 1"),
        ((Instruction(0x05, offset=-2), EXIT), "instruction 0: jump to slot -1, outside the program"),
        ((Instruction(0x06, imm=1 << 30), EXIT), "instruction 0: jump to slot 1073741825, outside the program"),
        ((Instruction(0x15, offset=4), EXIT), "instruction 0: jump to slot 5, outside the program"),
        ((Instruction(0x05, offset=1), LDDW, SECOND, EXIT), "instruction 0: jump to slot 2, in the middle of lddw"),
        ((Instruction(0x85, 0, 1, 0, 1), EXIT), "instruction 0: function at slot 2, outside the program"),
        ((Instruction(0x85, 0, 1, 0, 1), LDDW, SECOND, EXIT), "instruction 0: function at slot 2, in the middle of lddw"),
        ((LDDW._replace(src=4, imm=9), SECOND, EXIT), "instruction 0: function at slot 10, outside the program"),
        ((EXIT, Instruction(0xB7)), "instruction 1: control falls off the end of the program"),
        ((EXIT, Instruction(0x15, offset=-2)), "instruction 1: control falls off the end of the program"),
        ((EXIT, Instruction(0x85, imm=1)), "instruction 1: control falls off the end of the program"),
        ((EXIT, LDDW, SECOND), "instruction 1: control falls off the end of the program"),
        ((Instruction(0x05, offset=-1),), "the program has no exit"),
    ],
)
def test_defects_are_named(slots: tuple[Instruction, ...], reason: str) -> None:
    with pytest.raises(ProgramError) as caught:
        check(_program(*slots))
    assert str(caught.value).startswith(f"prog.o: xdp: {reason}")
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("call f\nr0 = 1\nf: exit", "instruction 1: control falls off the end of the function"),
        ("r1 = code f\nr0 = 1\nf: exit", "instruction 2: control falls off the end of the function"),
        ("call f\nif r1 == 1 goto g\nexit\nf: r0 = 1\ng: exit", "instruction 1: jump to slot 4, in another function"),
        ("call f\ngoto f\nf: exit", "instruction 1: jump to slot 2, in another function"),
        ("call f\nexit\nf: r0 = 1\ngoto -4", "instruction 3: jump to slot 0, in another function"),
    ],
)
def test_functions_are_entered_by_calls_only(text: str, reason: str) -> None:
    with pytest.raises(ProgramError, match=f"^<text>: .text: {reason}$"):
        check(assemble(text))


@pytest.mark.parametrize(
    "text",
    [
        "exit",
        "goto +1\nexit\ngoto -2",
        "gotol +1\nexit\ngotol -2",
        "call f\nexit\nf: r0 = 1\nif r1 == 1 goto f\nexit",
        "r0 = 1\ncall pc-2\nexit",
        # Masked, and defined to give zero: RFC 9669 section 4.1.
        "r0 = 1\nr0 <<= 64\nw0 >>= 32\nr0 /= 0\nw0 s%= 0\nexit",
    ],
)
def test_unusual_but_well_formed(text: str) -> None:
    check(assemble(text))


def test_length_limit() -> None:
    with pytest.raises(ProgramError, match=r"1000001 slots, more than 1000000$"):
        check(_program(*[EXIT] * (MAXIMUM_SLOTS + 1)))


def test_defect_looks_at_one_instruction() -> None:
    assert defect((LDDW, SECOND), 0) is None
    assert defect((Instruction(0x05, offset=99),), 0) is None
    assert defect((Instruction(0xFF),), 0) == "unknown opcode 0xff"


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("exception_callback:\nr0 = 0\nexit", "instruction 0: the exception callback is the main program"),
        ("call exception_callback\nexit\nexception_callback:\nr0 = 0\nexit", "instruction 0: the exception callback is entered by exceptions only"),
        (
            "r1 = code exception_callback\nr0 = 0\nexit\nexception_callback:\nexit",
            "instruction 0: the exception callback is entered by exceptions only",
        ),
        ("r0 = 0\ngoto over\nexception_callback:\nr0 = 0\nover:\nexit", "instruction 1: jump to slot 3, in another function"),
        ("r0 = 0\nexception_callback:\nr0 = 0\nexit", "instruction 0: control falls off the end of the function"),
        ("r0 = 0\nexit\nexception_callback:", "instruction 0: the exception callback is slot 2, no instruction of the program"),
    ],
)
def test_the_exception_callback_is_a_function_of_its_own(text: str, reason: str) -> None:
    with pytest.raises(ProgramError) as caught:
        check(assemble(text, "throws.s"))
    assert str(caught.value) == f"throws.s: .text: {reason}"


def test_an_exception_callback_needs_no_call() -> None:
    check(assemble("r1 = 0\ncall kernel 64\nexit\nexception_callback:\nr0 = 0\nexit"))


@pytest.mark.parametrize("callback", ["r2 = map_fd 0; r3 = 0; call 12; r0 = 0; exit", "call f; exit; f: r6 = code g; exit; g: call 12; exit"])
def test_the_exception_callback_makes_no_tail_calls(callback: str) -> None:
    program = assemble(f".map t prog_array 4 4 1\nr1 = 5; call kernel 64; exit\nexception_callback: {callback}", "t.s")
    with pytest.raises(ProgramError, match=r"a tail call in the exception callback, or in a function that it calls$"):
        check(program)
    check(assemble("r1 = 5; call 12; call kernel 64; exit; exception_callback: call f; exit; f: r0 = 0; exit"))
