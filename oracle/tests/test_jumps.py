"""Known answers of jumps, and of how control moves."""

import pytest

from oracle.outcome import FaultKind
from oracle.tests.building import EXIT, as_imm, constant, execute, slot

CONDITIONS = ("JEQ", "JGT", "JGE", "JSET", "JNE", "JSGT", "JSGE", "JLT", "JLE", "JSLT", "JSLE")

# For each pair of operands the conditions that hold, by hand; the others do not. JSET stands where the operands have a bit in common.
# fmt: off
EQUAL, ABOVE, BELOW = "JEQ JGE JLE JSGE JSLE", "JNE JGT JGE", "JNE JLT JLE"
GREATER, LESS = " JSGT JSGE", " JSLT JSLE"
HOLDS_32 = (
    (0x00000000, 0x00000000, EQUAL),                                    (0x00000000, 0x00000001, BELOW + LESS),
    (0x00000001, 0x00000000, ABOVE + GREATER),                          (0xffffffff, 0x00000000, ABOVE + LESS),
    (0x00000000, 0xffffffff, BELOW + GREATER),                          (0xffffffff, 0xffffffff, EQUAL + " JSET"),
    (0xffffffff, 0x00000001, ABOVE + LESS + " JSET"),                   (0x00000001, 0xffffffff, BELOW + GREATER + " JSET"),
    (0x80000000, 0x7fffffff, ABOVE + LESS),                             (0x7fffffff, 0x80000000, BELOW + GREATER),
    (0x80000000, 0x80000001, BELOW + LESS + " JSET"),                   (0x80000001, 0x80000000, ABOVE + GREATER + " JSET"),
    (0x80000000, 0xffffffff, BELOW + LESS + " JSET"),                   (0x7fffffff, 0xffffffff, BELOW + GREATER + " JSET"),
    (0x80000000, 0x80000000, EQUAL + " JSET"),                          (0x0000000c, 0x00000003, ABOVE + GREATER),
    (0x0000000c, 0x00000006, ABOVE + GREATER + " JSET"),                (0x00000006, 0x0000000c, BELOW + LESS + " JSET"),
)
HOLDS_64 = (
    (0x0000000000000000, 0x0000000000000000, EQUAL),                    (0x0000000000000000, 0x0000000000000001, BELOW + LESS),
    (0x0000000000000001, 0x0000000000000000, ABOVE + GREATER),          (0xffffffffffffffff, 0x0000000000000000, ABOVE + LESS),
    (0x0000000000000000, 0xffffffffffffffff, BELOW + GREATER),          (0xffffffffffffffff, 0xffffffffffffffff, EQUAL + " JSET"),
    (0x8000000000000000, 0x7fffffffffffffff, ABOVE + LESS),             (0x7fffffffffffffff, 0x8000000000000000, BELOW + GREATER),
    (0x8000000000000000, 0xffffffffffffffff, BELOW + LESS + " JSET"),   (0x7fffffffffffffff, 0xffffffffffffffff, BELOW + GREATER + " JSET"),
    (0x0000000080000000, 0x000000007fffffff, ABOVE + GREATER),          (0x0000000080000000, 0xffffffff80000000, BELOW + GREATER + " JSET"),
    (0xffffffff80000000, 0xffffffff80000000, EQUAL + " JSET"),          (0xffffffff7fffffff, 0xffffffff80000000, BELOW + LESS + " JSET"),
    (0x0000000100000000, 0x00000000ffffffff, ABOVE + GREATER),          (0x0000000100000000, 0x0000000000000000, ABOVE + GREATER),
    (0x0000000100000001, 0x0000000000000001, ABOVE + GREATER + " JSET"), (0x0000000100000000, 0x0000000100000001, BELOW + LESS + " JSET"),
    (0xffffffff00000000, 0x00000000ffffffff, ABOVE + LESS),             (0x0000000200000001, 0x0000000100000002, ABOVE + GREATER),
    (0x8000000000000001, 0x0000000000000001, ABOVE + LESS + " JSET"),   (0xffffffff00000000, 0xffffffff80000000, BELOW + LESS + " JSET"),
)
# fmt: on
CASES = [
    (f"{condition}{width}", dst, src, condition in holds.split())
    for width, table in ((32, HOLDS_32), (64, HOLDS_64))
    for dst, src, holds in table
    for condition in CONDITIONS
]
IMMEDIATE_CASES = [(name, dst, imm, taken) for name, dst, src, taken in CASES if (imm := as_imm(src, int(name[-2:]))) is not None]
UPPER_HALVES = ((0, 0), (0xFFFF_FFFF, 0), (0, 0xFFFF_FFFF), (1, 0x8000_0000))


def upper_halves(name: str) -> tuple[tuple[int, int], ...]:
    return UPPER_HALVES if name.endswith("32") else ((0, 0),)


@pytest.mark.parametrize(("name", "dst", "src", "taken"), CASES)
def test_register_form(name: str, dst: int, src: int, taken: bool) -> None:
    for high_dst, high_src in upper_halves(name):
        operands = constant(3, dst | high_dst << 32), constant(8, src | high_src << 32)
        outcome = execute(slot("MOV64_IMM", 0, imm=1), *operands, slot(f"{name}_REG", 3, 8, 1), slot("MOV64_IMM", 0), EXIT)
        assert (outcome.return_value, outcome.executed) == (int(taken), 5 if taken else 6)


@pytest.mark.parametrize(("name", "dst", "imm", "taken"), IMMEDIATE_CASES)
def test_immediate_form(name: str, dst: int, imm: int, taken: bool) -> None:
    for high, _ in upper_halves(name):
        outcome = execute(slot("MOV64_IMM", 0, imm=1), constant(3, dst | high << 32), slot(f"{name}_IMM", 3, 0, 1, imm), slot("MOV64_IMM", 0), EXIT)
        assert outcome.return_value == int(taken)


@pytest.mark.parametrize("name", CONDITIONS)
@pytest.mark.parametrize("width", [32, 64])
def test_register_with_itself(name: str, width: int) -> None:
    for value in (0, 1, 0x8000_0000_8000_0000):
        outcome = execute(slot("MOV64_IMM", 0, imm=1), constant(5, value), slot(f"{name}{width}_REG", 5, 5, 1), slot("MOV64_IMM", 0), EXIT)
        assert outcome.return_value == int(name in ("JEQ", "JGE", "JLE", "JSGE", "JSLE") or (name == "JSET" and value != 0))


@pytest.mark.parametrize("name", ["JA", "JA32"])
def test_jumps_count_slots_from_the_next_instruction(name: str) -> None:
    field = "offset" if name == "JA" else "imm"
    forwards = execute(slot("MOV64_IMM", 0, imm=1), slot(name, **{field: 2}), constant(0, 2), EXIT)
    assert (forwards.return_value, forwards.executed) == (1, 3)
    backwards = execute(slot(name, **{field: 2}), slot("MOV64_IMM", 0, imm=7), EXIT, slot(name, **{field: -3}))
    assert (backwards.return_value, backwards.executed) == (7, 4)


def test_a_loop() -> None:
    """The sum of 1 to 10, counted down."""
    loop = slot("ADD64_REG", 0, 3), slot("ADD64_IMM", 3, imm=-1), slot("JNE64_IMM", 3, 0, -3, 0)
    outcome = execute(slot("MOV64_IMM", 0), slot("MOV64_IMM", 3, imm=10), loop, EXIT)
    assert (outcome.registers[0], outcome.executed) == (55, 2 + 3 * 10 + 1)


@pytest.mark.parametrize("offset", [-3, 1, 2, 1000])
def test_jump_out_of_the_program(offset: int) -> None:
    outcome = execute(slot("MOV64_IMM", 0), slot("JEQ64_IMM", 0, 0, offset, 1), EXIT)
    assert outcome.fault is not None
    assert (outcome.fault.kind, outcome.fault.slot) == (FaultKind.INVALID, 1)
    assert outcome.fault.detail == f"jump to {2 + offset}, outside the program"


def test_jump_into_a_wide_instruction() -> None:
    outcome = execute(slot("JA", offset=1), constant(0, 0), EXIT)
    assert outcome.fault is not None
    assert (outcome.fault.kind, outcome.fault.slot) == (FaultKind.INVALID, 2)


def test_running_past_the_end() -> None:
    outcome = execute(slot("MOV64_IMM", 0))
    assert outcome.fault is not None
    assert (outcome.fault.kind, outcome.fault.slot, outcome.executed) == (FaultKind.INVALID, 1, 2)
