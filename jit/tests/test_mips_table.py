"""The MIPS table by itself: encoding and decoding are inverse, nothing is masked, and a wrong table is refused at import."""

import re
from collections.abc import Callable, Sequence
from functools import cache

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from jit.config import BASE_CONFIGS, ISAS, ISAS_32, Config, ancestry
from jit.mips import FACTS, HI, LO, REGISTER_OPERANDS, ROWS, Row, decode, defend, isa_set, parse, rows, text
from jit.mips_rows import Line

R5 = rows(Config.parse("mips64r5-64be"))
R6 = rows(Config.parse("mips64r6-64be"))


@st.composite
def instructions(draw: st.DrawFn) -> tuple[Row, str, tuple[int, ...]]:
    """A row, an ISA on which it is legal, and operands."""
    row = draw(st.sampled_from(ROWS))
    operands = st.tuples(*(st.integers(*row.operand_range(name)) for name in row.operands))
    condition = row.condition
    return row, draw(st.sampled_from(sorted(row.isas))), draw(operands if condition is None else operands.filter(condition.satisfied))


# ------------------------------------------------------------------------------------- encode and decode


@settings(max_examples=400, deadline=None)
@given(instructions())
def test_what_is_encoded_decodes_to_the_same(instruction: tuple[Row, str, tuple[int, ...]]) -> None:
    row, isa, operands = instruction
    assert decode(row.encode(*operands), isa) == (row, operands)


@settings(max_examples=400, deadline=None)
@given(instructions(), st.integers(0, 31), st.sampled_from(ISAS))
def test_what_is_decoded_encodes_to_the_same(instruction: tuple[Row, str, tuple[int, ...]], bit: int, isa: str) -> None:
    row, _, operands = instruction
    word = row.encode(*operands) ^ 1 << bit
    decoded = decode(word, isa)
    assert decoded is None or (isa in decoded[0].isas and decoded[0].encode(*decoded[1]) == word)


@pytest.mark.parametrize("isa", ISAS)
def test_every_row_decodes_where_it_is_legal_and_only_there(isa: str) -> None:
    for row in ROWS:
        operands = _some_operands(row)
        decoded = decode(row.encode(*operands), isa)
        if isa in row.isas:
            assert decoded == (row, operands)
        else:
            assert decoded is None or decoded[0] is not row


def _some_operands(row: Row) -> tuple[int, ...]:
    operands = tuple(5 + at if name in REGISTER_OPERANDS else max(1, row.operand_range(name)[0]) for at, name in enumerate(row.operands))
    if row.condition is not None and not row.condition.satisfied(operands):
        first = row.operand_range("pos")[0] if "pos" in row.operands else 0
        operands = {"stype==0": (0,), "rs>=rt": (6, 5, 1), "32<pos+size<=64": (5, 6, first, max(1, 33 - first))}[row.condition.text]
    return operands


@settings(max_examples=400, deadline=None)
@given(instructions(), st.data())
def test_a_value_that_does_not_fit_is_refused(instruction: tuple[Row, str, tuple[int, ...]], data: st.DataObject) -> None:
    row, _, operands = instruction
    at = data.draw(st.integers(0, len(operands) - 1))
    low, high = row.operand_range(row.operands[at])
    value = data.draw(st.one_of(st.integers(max_value=low - 1), st.integers(min_value=high + 1)))
    with pytest.raises(ValueError, match=f"^{row.mnemonic}: {row.operands[at]} is {value}, not in {low}..{high}$"):
        row.encode(*operands[:at], value, *operands[at + 1 :])


@pytest.mark.parametrize(
    ("name", "operands", "message"),
    [
        ("addu", (1, 2), "addu: 2 operands given; it takes 3: rd, rs, rt"),
        ("ext", (4, 5, 30, 3), r"ext: pos\+size<=32 does not hold for rt = 4, rs = 5, pos = 30, size = 3"),
        ("dinsu", (4, 5, 33, 32), "dinsu: 32<pos"),
        ("dinsm", (4, 5, 0, 32), "dinsm: 32<pos"),
        ("jalr", (4, 4), "jalr: rd!=rs"),
        ("bgezal", (31, 0), "bgezal: 0!=rs!=31"),
        ("bgezal", (0, 0), "bgezal: 0!=rs!=31"),
    ],
)
def test_refused_before_release_6(name: str, operands: Sequence[int], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        R5[name].encode(*operands)


@pytest.mark.parametrize(
    ("name", "operands"),
    [
        ("beqc", (4, 4, 0)),
        ("beqc", (5, 4, 0)),
        ("beqc", (0, 4, 0)),
        ("bovc", (4, 5, 0)),
        ("bgec", (4, 4, 0)),
        ("bltuc", (0, 4, 0)),
        ("bltuc", (4, 0, 0)),
        ("bgezc", (0, 0)),
        ("beqzc", (0, 0)),
        ("aui", (4, 0, 1)),
        ("daui", (4, 0, 1)),
        ("jalr", (0, 4)),
    ],
)
def test_refused_on_release_6(name: str, operands: Sequence[int]) -> None:
    with pytest.raises(ValueError, match=f"{name}: .* does not hold"):
        R6[name].encode(*operands)


BIT_FIELDS: dict[str, Callable[[int, int], tuple[int, int] | None]] = {
    # (pos, size) to the fields in bits 15..11 and 10..6, None where the manual (MD00087, under each name) excludes them
    "ext": lambda pos, size: (size - 1, pos) if 0 <= pos < 32 and 0 < size <= 32 and 0 < pos + size <= 32 else None,
    "ins": lambda pos, size: (pos + size - 1, pos) if 0 <= pos < 32 and 0 < size <= 32 and 0 < pos + size <= 32 else None,
    "dext": lambda pos, size: (size - 1, pos) if 0 <= pos < 32 and 0 < size <= 32 and 0 < pos + size <= 63 else None,
    "dextm": lambda pos, size: (size - 33, pos) if 0 <= pos < 32 < size <= 64 and 32 < pos + size <= 64 else None,
    "dextu": lambda pos, size: (size - 1, pos - 32) if 32 <= pos < 64 and 0 < size <= 32 < pos + size <= 64 else None,
    "dins": lambda pos, size: (pos + size - 1, pos) if 0 <= pos < 32 and 0 < size <= 32 and 0 < pos + size <= 32 else None,
    "dinsm": lambda pos, size: (pos + size - 33, pos) if 0 <= pos < 32 and 2 <= size <= 64 and 32 < pos + size <= 64 else None,
    "dinsu": lambda pos, size: (pos + size - 33, pos - 32) if 32 <= pos < 64 and 1 <= size <= 32 < pos + size <= 64 else None,
}


@pytest.mark.parametrize("name", BIT_FIELDS)
def test_every_pos_and_size(name: str) -> None:
    row = R5[name]
    for pos in range(-1, 66):
        for size in range(-1, 66):
            fields = BIT_FIELDS[name](pos, size)
            try:
                word = row.encode(4, 5, pos, size)
            except ValueError:
                assert fields is None, (pos, size)
            else:
                assert fields == (word >> 11 & 31, word >> 6 & 31), (pos, size)
                assert decode(word, "mips64r5") == (row, (4, 5, pos, size))


@pytest.mark.parametrize("name", BIT_FIELDS)
def test_every_msb_and_lsb(name: str) -> None:
    row = R5[name]
    meaning = {BIT_FIELDS[name](pos, size): (pos, size) for pos, size in _positions(name)}
    for fields in range(1 << 10):
        word = row.encode(4, 5, *_positions(name)[0]) & ~(0x3FF << 6) | fields << 6
        legal = meaning.get((fields >> 5, fields & 31))
        assert decode(word, "mips64r5") == (legal and (row, (4, 5, *legal)))


@cache
def _positions(name: str) -> Sequence[tuple[int, int]]:
    return [(pos, size) for pos in range(64) for size in range(65) if BIT_FIELDS[name](pos, size) is not None]


# ------------------------------------------------------------------------------------------ configurations


@pytest.mark.parametrize("config", BASE_CONFIGS, ids=str)
def test_32_bit_code_uses_only_what_some_32_bit_isa_has(config: Config) -> None:
    allowed = rows(config)
    for row in ROWS:
        fits = config.isa in row.isas and (config.width == 64 or any(isa in row.isas for isa in ISAS_32))
        assert (allowed.get(row.mnemonic) is row) == fits, row


def test_an_isa_loses_only_what_release_6_removes() -> None:
    for isa in ISAS:
        for parent in ancestry(isa):
            lost = {row.mnemonic for row in ROWS if parent in row.isas} - {row.mnemonic for row in ROWS if isa in row.isas}
            assert not lost or (isa.endswith("r6") and lost <= REMOVED), (isa, parent)


# MD00087 revision 6.06, chapter 5: instructions that release 6 removes, of those that have rows.
REMOVED = frozenset(
    re.findall(
        r"\w+",
        """addi daddi beql bnel blezl bgtzl bltzl bgezl bltzall bgezall bltzal bgezal lwl lwr swl swr ldl ldr sdl sdr movz movn
        mult multu dmult dmultu mfhi mflo mthi mtlo madd maddu msub msubu tgei tgeiu tlti tltiu teqi tnei""",
    )
)


def test_release_6_removes_what_the_manual_says() -> None:
    assert {row.mnemonic for row in ROWS} - set(R6) == REMOVED


@pytest.mark.parametrize(
    ("expression", "isas"),
    [
        ("mips64r2", {"mips64r2", "mips64r3", "mips64r5", "mips64r6"}),
        ("mips64r2 !r6", {"mips64r2", "mips64r3", "mips64r5"}),
        ("mips5|mips32r5 !r6", {"mips5", "mips64r1", "mips64r2", "mips64r3", "mips64r5", "mips32r5"}),
        ("mips2 !mips32r1", {"mips2", "mips3", "mips4", "mips5"}),
        ("mips1", set(ISAS)),
    ],
)
def test_sets_of_isas(expression: str, isas: set[str]) -> None:
    assert isa_set(expression) == isas


# ------------------------------------------------------------------------------------ registers and text


@pytest.mark.parametrize(
    ("config", "name", "operands", "reads", "writes"),
    [
        ("mips64r5-64be", "addu", (2, 4, 5), {4, 5}, {2}),
        ("mips64r5-64be", "sll", (0, 0, 0), set(), set()),
        ("mips64r5-64be", "addiu", (2, 0, 1), set(), {2}),
        ("mips64r5-64be", "lw", (2, 0, 29), {29}, {2}),
        ("mips64r5-64be", "lwl", (2, 0, 29), {2, 29}, {2}),
        ("mips64r5-64be", "sw", (2, 0, 29), {2, 29}, set()),
        ("mips64r5-64be", "sc", (2, 0, 29), {2, 29}, {2}),
        ("mips64r5-64be", "movz", (2, 4, 5), {2, 4, 5}, {2}),
        ("mips64r5-64be", "ins", (2, 4, 0, 8), {2, 4}, {2}),
        ("mips64r5-64be", "ext", (2, 4, 0, 8), {4}, {2}),
        ("mips64r5-64be", "multu", (4, 5), {4, 5}, {HI, LO}),
        ("mips64r5-64be", "div", (4, 5), {4, 5}, {HI, LO}),
        ("mips64r5-64be", "maddu", (4, 5), {4, 5, HI, LO}, {HI, LO}),
        ("mips64r5-64be", "mul", (2, 4, 5), {4, 5}, {2, HI, LO}),
        ("mips64r6-64be", "mul", (2, 4, 5), {4, 5}, {2}),
        ("mips64r5-64be", "mfhi", (2,), {HI}, {2}),
        ("mips64r5-64be", "mflo", (2,), {LO}, {2}),
        ("mips64r5-64be", "mthi", (2,), {2}, {HI}),
        ("mips64r5-64be", "mtlo", (2,), {2}, {LO}),
        ("mips64r5-64be", "clz", (2, 4), {4}, {2}),
        ("mips64r5-64be", "beq", (4, 5, 0), {4, 5}, set()),
        ("mips64r5-64be", "jal", (0,), set(), {31}),
        ("mips64r5-64be", "bal", (0,), set(), {31}),
        ("mips64r5-64be", "jalr", (31, 25), {25}, {31}),
        ("mips64r5-64be", "jr", (31,), {31}, set()),
        ("mips64r5-64be", "teq", (4, 5, 0), {4, 5}, set()),
        ("mips64r6-64be", "dahi", (4, 0), {4}, {4}),
        ("mips64r6-64be", "balc", (0,), set(), {31}),
        ("mips64r6-64be", "beqzalc", (4, 0), {4}, {31}),
        ("mips64r6-64be", "bgezc", (4, 0), {4}, set()),
        ("mips64r6-64be", "jialc", (25, 0), {25}, {31}),
        ("mips64r6-64be", "lwpc", (4, 0), set(), {4}),
    ],
)
def test_registers_read_and_written(config: str, name: str, operands: Sequence[int], reads: set[int], writes: set[int]) -> None:
    row = rows(Config.parse(config))[name]
    assert (set(row.reads(operands)), set(row.writes(operands))) == (reads, writes)


@pytest.mark.parametrize(
    ("width", "word", "isa", "expected"),
    [
        (32, 0x00851021, "mips1", "addu $v0, $a0, $a1"),
        (32, 0x00000000, "mips1", "nop"),
        (32, 0x8FBFFFFC, "mips1", "lw $ra, -4($sp)"),
        (32, 0x01095021, "mips64r2", "addu $t2, $t0, $t1"),
        (64, 0x01095021, "mips64r2", "addu $a6, $a4, $a5"),
        (32, 0x0085001B, "mips1", "divu $zero, $a0, $a1"),
        (32, 0x1000FFFF, "mips1", "beq $zero, $zero, 0x80001000"),
        (64, 0x1000FFFF, "mips3", "beq $zero, $zero, 0xffffffff80001000"),
        (32, 0x0C000400, "mips1", "jal 0x80001000"),
        (64, 0x0C000400, "mips3", "jal 0xffffffff80001000"),
        (64, 0xEC480002, "mips64r6", "lwpc $v0, 8"),
        (64, 0xEC580002, "mips64r6", "ldpc $v0, 16"),
        (64, 0x04C60001, "mips64r6", "dahi $a2, $a2, 1"),
        (64, 0x7CA4FFC5, "mips64r2", "dinsm $a0, $a1, 31, 33"),
    ],
)
def test_text(width: int, word: int, isa: str, expected: str) -> None:
    decoded = decode(word, isa)
    assert decoded is not None
    assert text(*decoded, 0x80001000 if width == 32 else 0xFFFFFFFF80001000, width) == expected


@pytest.mark.parametrize(
    ("width", "address", "word", "expected"),
    [
        (32, 0x00000000, 0x1000FFFE, "beq $zero, $zero, 0xfffffffc"),
        (64, 0x00000000, 0x1000FFFE, "beq $zero, $zero, 0xfffffffffffffffc"),
        (32, 0xFFFFFFF8, 0x10000001, "beq $zero, $zero, 0x0"),
        (32, 0x8FFFFFF8, 0x08000001, "j 0x80000004"),
        (32, 0x8FFFFFFC, 0x08000001, "j 0x90000004"),
        (32, 0x88000000, 0x08000001, "j 0x80000004"),
    ],
)
def test_targets(width: int, address: int, word: int, expected: str) -> None:
    decoded = decode(word, "mips3")
    assert decoded is not None
    assert text(*decoded, address, width) == expected


# ------------------------------------------------------------------------------ the table defends itself

ADDU = Line("addu", "=rd, rs, rt", "000000 sssss ttttt ddddd 00000 100001", "mips1", "word_rs word_rt")


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"figure": "000000 sssss ttttt ddddd 00000 10000"}, "addu: the figure has 31 characters"),
        ({"figure": "000000 sssss ttttt ddddd 0000? 100001"}, r"addu: the figure has unknown letters \?"),
        ({"figure": "000000 sssss ttttt 00000 00000 100001"}, "addu: the operands of .* are not the fields"),
        ({"syntax": "=rd, rs"}, "addu: the operands of .* are not the fields"),
        ({"figure": "000000 sssss tttt0 ddddd 00000 100001"}, "addu: the field of rt has a wrong width"),
        ({"figure": "000000 sssss ttttt ddddd ddd00 100001"}, "addu: the field of rd has a wrong width"),
        ({"syntax": "=rd, rs, immediate", "figure": "000000 sssss iiiii ddddd uuuuu 100001", "facts": ""}, "addu: operand immediate has 2 fields"),
        ({"isas": "mips6"}, "'mips6' is not a set of ISAs"),
        ({"isas": "mips1 until r5"}, "is not a set of ISAs"),
        ({"facts": "word_rs words"}, "addu: unknown facts words"),
        ({"facts": "word_rs", "syntax": "=rd, base, rt", "figure": "000000 bbbbb ttttt ddddd 00000 100001"}, "addu: word_rs without that operand"),
        ({"facts": "branch"}, "addu: a transfer of control, and nothing else"),
        ({"facts": "delay"}, "addu: a transfer of control, and nothing else"),
        ({"facts": "branch compact likely"}, "addu: likely without delay"),
        ({"facts": "call"}, "addu: call without delay compact"),
        ({"facts": "branch delay forbidden"}, "addu: forbidden without compact"),
        ({"condition": "rs<base"}, "addu: condition 'rs<base' names what is not an operand"),
        ({"condition": "rs"}, "addu: condition 'rs' compares nothing"),
        ({"syntax": "=rd, rs, rt; =mid"}, "addu: unknown register mid"),
        ({"syntax": "+rt, rs, pos, size", "figure": "011111 sssss ttttt mmmmm lllll 000100"}, "without the condition pos.size<=32"),
        ({"syntax": "+rt, rs, pos, size", "figure": "011111 sssss ttttt MMMMM lllll 000101"}, "without the condition 32<pos.size<=64"),
    ],
)
def test_a_wrong_row_is_refused(change: dict[str, str], message: str) -> None:
    parse(ADDU)
    with pytest.raises(ValueError, match=message):
        parse(ADDU._replace(**change))


@pytest.mark.parametrize(
    ("first", "second", "message"),
    [
        ({}, {}, "addu: two rows on mips1"),
        ({}, {"figure": "000000 sssss ttttt ddddd 00000 100011", "isas": "mips64r6"}, "addu: two rows on mips64r6"),
        ({}, {"mnemonic": "sum"}, "addu and sum match the same word on mips1"),
        ({}, {"mnemonic": "sum", "syntax": "rs, rt", "figure": "000000 sssss ttttt 00000 00000 100001"}, "addu and sum match"),
        ({"condition": "rs<rt"}, {"mnemonic": "sum", "condition": "rs<=rt"}, "addu and sum match"),
        ({"condition": "rs!=0"}, {"mnemonic": "sum", "condition": "rs!=31"}, "addu and sum match"),
        ({"condition": "rs!=0"}, {"mnemonic": "sum", "syntax": "=rd, rt", "figure": "000000 ttttt ttttt ddddd 00000 100001", "facts": ""}, "match"),
        (
            {},
            {"mnemonic": "sum", "syntax": "=rd, rs, rt, stype", "figure": "00000y sssss ttttt ddddd 00000 100001"},
            "sum: more than one major opcode",
        ),
    ],
)
def test_a_wrong_table_is_refused(first: dict[str, str], second: dict[str, str], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        defend([parse(ADDU._replace(**first)), parse(ADDU._replace(**second))])


@pytest.mark.parametrize(
    ("first", "second"),
    [
        ({"isas": "mips1 !r6"}, {"isas": "mips32r6"}),
        ({"condition": "rs<rt"}, {"mnemonic": "sum", "condition": "rs>=rt"}),
        ({"condition": "0!=rs!=rt!=0"}, {"mnemonic": "sum", "syntax": "=rd, rt", "figure": "000000 ttttt ttttt ddddd 00000 100001", "facts": ""}),
    ],
)
def test_rows_that_share_bits_but_no_word_are_allowed(first: dict[str, str], second: dict[str, str]) -> None:
    defend([parse(ADDU._replace(**first)), parse(ADDU._replace(**second))])


WORD_OPERANDS = {
    # MD00087, under "Restrictions" of each; for mul to modu of release 6 see the head of the table.
    ("word_rs", "word_rt"): "add addu sub subu mult multu div divu madd maddu msub msubu mul muh mulu muhu mod modu ins",
    ("word_rs",): "addi addiu clz clo ext",
    ("word_rt",): "srl sra srlv srav rotr rotrv seb seh wsbh",
}


def test_operands_that_must_be_words() -> None:
    restricted = {row.mnemonic: tuple(sorted(row.facts & {"word_rs", "word_rt"})) for row in ROWS if row.facts & {"word_rs", "word_rt"}}
    assert restricted == {mnemonic: facts for facts, mnemonics in WORD_OPERANDS.items() for mnemonic in mnemonics.split()}


@pytest.mark.parametrize(("fact", "mnemonics"), [("ll", "ll lld"), ("sc", "sc scd"), ("sync", "sync")])
def test_facts_of_a_few(fact: str, mnemonics: str) -> None:
    assert {row.mnemonic for row in ROWS if fact in row.facts} == set(mnemonics.split())


def test_pc_relative_rows_write_a_register_and_read_none() -> None:
    for row in ROWS:
        if row.figure.startswith("111011"):
            assert (row.reads((4, 1)), row.writes((4, 1))) == ((), (4,)), row
            assert ("load" in row.facts, "word_result" in row.facts) == (row.mnemonic.startswith("l"), row.mnemonic == "lwpc"), row


def test_every_fact_is_used() -> None:
    assert {fact for row in ROWS for fact in row.facts} == set(FACTS)


@given(st.sampled_from(ROWS), st.integers(0, 0xFFFFFFFF), st.booleans())
def test_operands_are_what_their_fields_hold(row: Row, word: int, fixed: bool) -> None:
    if fixed:
        word = word & ~row.mask | row.bits
    values: list[int] | None = [] if word & row.mask == row.bits else None
    for field in row.fields:
        value = None if values is None else field.extract(word, values)
        values = None if values is None or value is None else [*values, value]
    legal = values is not None and (row.condition is None or row.condition.satisfied(values))
    assert row.extract(word) == (tuple(values) if values is not None and legal else None)
