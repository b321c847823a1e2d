"""Classic BPF: both forms of text, and what makes a filter unusable, in one line each."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ebpf.classic import ANCILLARY_BASE, BY_NAME, ROWS, ClassicInstruction
from ebpf.classic_convert import convert
from ebpf.classic_text import is_classic, read_classic
from ebpf.program import ProgramError
from ebpf.validity import check

RETURN = (BY_NAME["RET_K"].code, 0, 0, 0)
Fields = tuple[int, int, int, int]


def make(name: str, k: int = 0, jt: int = 0, jf: int = 0) -> Fields:
    return BY_NAME[name].code, jt, jf, k


def decimal(*instructions: Fields) -> str:
    return "\n".join([str(len(instructions)), *(" ".join(map(str, fields)) for fields in instructions)]) + "\n"


def array(*instructions: Fields) -> str:
    return "".join(f"{{ {code:#x}, {jt}, {jf}, 0x{k:08x} }},\n" for code, jt, jf, k in instructions)


FIELDS = st.tuples(st.sampled_from([make("LD_IMM")[0], make("ADD_K")[0], make("TAX")[0]]), *[st.integers(0, 255)] * 2, st.integers(0, (1 << 32) - 1))


@given(st.lists(FIELDS, max_size=5))
def test_both_forms_say_the_same(instructions: list[Fields]) -> None:
    wanted = [*instructions, RETURN]
    for text in (decimal(*wanted), array(*wanted)):
        assert is_classic(text)
        assert [tuple(instruction[:4]) for instruction in read_classic(text, "f.txt")] == wanted


def test_an_array_as_c_has_it() -> None:
    text = """
/* one line */
static const struct sock_filter code[2] = {
    { 0x00, 0, 0, 10 }, // ten, no octal
    /* and
       more */
    { 0x6, 0, 0, 0x0000ffff }
};
"""
    assert read_classic(text, "f.txt") == (ClassicInstruction(0, 0, 0, 10, 4), ClassicInstruction(6, 0, 0, 0xFFFF, 7))


@pytest.mark.parametrize("text", ["", "int main(void) { return 0; }\n", "r0 = 1\nexit\n", "12\n", "1\nhello\n"])
def test_what_is_no_filter(text: str) -> None:
    assert not is_classic(text)


# fmt: off
DEFECTS = (
    ("",                                              "f.txt: the filter has no instructions"),
    ("\n2\n6 0 0 0\n",                                "f.txt: line 3: 1 instructions; the first line announces 2"),
    ("1\n6 0 0 0\n\n6 0 0 0\n",                       "f.txt: line 4: more than the 1 instructions that the first line announces"),
    ("4097\n",                                        "f.txt: line 1: 4097 instructions; a filter has at most 4096"),
    ("1\n6 0 0\n",                                    "f.txt: line 2: expected code, jt, jf and k in decimal, not '6 0 0'"),
    ("1\n6 0 0 -1\n",                                 "f.txt: line 2: expected code, jt, jf and k in decimal, not '6 0 0 -1'"),
    ("6 0 0 0\n",                                     "f.txt: line 1: expected the number of instructions, not '6 0 0 0'"),
    ("{ 6, 0, 0 },\n",                                "f.txt: line 1: expected an element of an array, { code, jt, jf, k }, not '{ 6, 0, 0 },'"),
    (array(RETURN) * 4097,                            "f.txt: 4097 instructions; a filter has at most 4096"),
    (decimal((0x3F, 0, 0, 0), RETURN),                "f.txt: line 2: 0x3f is no code of classic BPF"),
    (decimal((0, 256, 0, 0), RETURN),                 "f.txt: line 2: jt is 256: not an unsigned 8-bit number"),
    (decimal((0, 0, 0, 1 << 32), RETURN),             "f.txt: line 2: k is 4294967296: not an unsigned 32-bit number"),
    (decimal(make("DIV_K"), RETURN),                  "f.txt: line 2: division by zero"),
    (decimal(make("MOD_K"), RETURN),                  "f.txt: line 2: division by zero"),
    (decimal(make("RSH_K", 32), RETURN),              "f.txt: line 2: shift by 32 bits; there are 32"),
    (decimal(make("STX", 16), RETURN),                "f.txt: line 2: M[16] does not exist; there are M[0] to M[15]"),
    (decimal(make("JA", 1), RETURN),                  "f.txt: line 2: jump over 1 instructions; there are 1 behind this one"),
    (decimal(make("JEQ_K", 0, 0, 1), RETURN),         "f.txt: line 2: jump over 1 instructions; there are 1 behind this one"),
    (decimal(make("LD_IMM")),                         "f.txt: line 2: the last instruction is no return"),
    (decimal(make("LD_MEM", 3), RETURN),              "f.txt: line 2: M[3] is read where it need not have been written"),
    (decimal(make("JEQ_X", 0, 1), make("ST", 3), make("LDX_MEM", 3), RETURN), "f.txt: line 4: M[3] is read where it need not have been written"),
    (decimal(make("LD_H_ABS", ANCILLARY_BASE + 1), RETURN),  "f.txt: line 2: k = 0xfffff001 is no ancillary load that is known"),
    (decimal(make("LD_W_ABS", ANCILLARY_BASE + 12), RETURN), "f.txt: line 2: k = 0xfffff00c loads a netlink attribute, which packets do not have"),
)
# fmt: on


@pytest.mark.parametrize(("text", "message"), DEFECTS)
def test_defects(text: str, message: str) -> None:
    with pytest.raises(ProgramError) as caught:
        read_classic(text, "f.txt")
    assert str(caught.value) == message


def test_what_is_no_defect() -> None:
    written = (make("JEQ_X", 0, 0, 2), make("ST", 3), make("JA", 1), make("STX", 3), make("LD_MEM", 3), make("RSH_K", 31), RETURN)
    assert len(read_classic(decimal(*written), "f.txt")) == 7
    # Only an absolute load is ancillary; an indirect one with the same k is an offset.
    assert read_classic(decimal(make("LD_W_IND", ANCILLARY_BASE + 1), RETURN), "f.txt")


@pytest.mark.parametrize("row", ROWS, ids=lambda row: row.name)
@pytest.mark.parametrize("k", [1, 15, 0x7FFFFFFF, 0x80000000, 0xFFFFFFFF])
def test_every_instruction_converts_to_a_valid_program(row: object, k: int) -> None:
    name = row.name  # type: ignore[attr-defined]
    use = BY_NAME[name].use
    k = {"word": k % 16, "count": k % 32, "jump": 1, "packet": k % ANCILLARY_BASE}.get(use, k)
    before = [make("ST", k)] if use == "word" else []
    for jt, jf in ((0, 0), (1, 0), (0, 1), (1, 1)):
        text = decimal(*before, make(name, k, jt, jf), RETURN, RETURN)
        check(convert(read_classic(text, "f.txt"), "f.txt"))
