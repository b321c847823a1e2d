import pytest
from hypothesis import given
from hypothesis import strategies as st

from ebpf.instruction import Instruction
from ebpf.opcodes import BY_NAME, BY_OPCODE, ROWS, Row, lookup
from ebpf.tests.strategies import instructions

GROUPS = {"base32", "base64", "divmul32", "divmul64", "atomic32", "atomic64", "packet", "linux"}


@given(st.data())
def test_lookup_finds_the_row_of_every_instruction(data: st.DataObject) -> None:
    row = data.draw(st.sampled_from(ROWS))
    assert lookup(data.draw(instructions(row))[0]) is row


@pytest.mark.parametrize("row", ROWS, ids=lambda row: row.name)
def test_columns(row: Row) -> None:
    assert row.group in GROUPS
    assert row.cpu in (1, 2, 3, 4)
    assert 0 <= row.opcode <= 255
    assert row.next_imm <= (row.slots == 2)


@pytest.mark.parametrize(
    ("group", "count"),
    # RFC 9669 sections 4.1 (MUL, DIV, SDIV, MOD, SMOD by K and X), 5.3 (four operations with and without fetch, XCHG, CMPXCHG) and
    # 5.5 (ABS and IND in three sizes).
    [("divmul32", 10), ("divmul64", 10), ("atomic32", 10), ("atomic64", 10), ("packet", 6)],
)
def test_conformance_groups(group: str, count: int) -> None:
    assert sum(row.group == group for row in ROWS) == count


def test_unknown_opcodes_have_no_row() -> None:
    for opcode in set(range(256)) - set(BY_OPCODE):
        assert lookup(Instruction(opcode)) is None


def test_names_are_unique() -> None:
    assert len(BY_NAME) == len(ROWS)
