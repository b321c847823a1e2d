"""Arguments of any type by o32 and n64: where they are, that they are taken from where they are put, and that a wrong extension is told."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ebpf.trampoline import MAXIMUM_ARGUMENTS, SIZES
from fuzz.abi import A0
from fuzz.trampoline.abi import Mismatch, area, pass_arguments, result_registers, take_arguments, take_result
from jit.config import Config
from oracle.trampoline import extended

CONFIGS = tuple(map(Config.parse, ("mips32r2-32be", "mips64r2-32le", "mips32r6-32le", "mips64r2-64le", "mips3-64be")))
LITTLE, BIG, N64 = CONFIGS[2], CONFIGS[0], CONFIGS[3]

values = st.integers(0, (1 << 64) - 1) | st.sampled_from((0, 0xFFFF_FFFF_FFFF_FFFF, 0x8000_0000, 0xFFFF_FFFF_8000_0000, 0x80, 0x8000))
kinds = st.sampled_from(sorted(SIZES))


@given(st.lists(st.tuples(kinds, values), max_size=MAXIMUM_ARGUMENTS), st.sampled_from(CONFIGS))
def test_what_is_passed_is_taken(given: list[tuple[str, int]], config: Config) -> None:
    types = [kind for kind, _ in given]
    wanted = tuple(extended(kind, value, config.width) for kind, value in given)
    passed = pass_arguments(types, wanted, config)
    registers = [passed.registers.get(number, 0x5A5A_5A5A) for number in range(34)]

    def read(offset: int, size: int) -> bytes:
        assert offset + size <= area(types, config)
        return passed.stack[offset]

    assert take_arguments(types, registers, read, config) == wanted


@given(kinds, values, st.sampled_from(CONFIGS))
def test_a_result_is_taken_from_where_it_is(kind: str, value: int, config: Config) -> None:
    wanted = extended(kind, value, config.width)
    registers = [0] * 34
    for number, held in result_registers(kind, wanted, config).items():
        registers[number] = held
    assert take_result(kind, registers, config) == wanted


def test_a_pair_begins_at_an_even_word() -> None:
    passed = pass_arguments(("u32", "u64", "u32", "u64"), (1, 0x2_0000_0003, 4, 0x5_0000_0006), LITTLE)
    assert passed.registers == {A0: 1, A0 + 2: 3, A0 + 3: 2}
    assert passed.stack == {16: b"\4\0\0\0", 24: b"\6\0\0\0", 28: b"\5\0\0\0"}
    passed = pass_arguments(("u64",), (0x2_0000_0003,), BIG)
    assert passed.registers == {A0: 2, A0 + 1: 3}


def test_the_ninth_argument_of_n64_is_on_the_stack() -> None:
    passed = pass_arguments(("u32",) * 9, (0x8000_0000,) * 9, N64)
    assert passed.registers == {A0 + number: 0xFFFF_FFFF_8000_0000 for number in range(8)}
    assert passed.stack == {0: 0xFFFF_FFFF_8000_0000.to_bytes(8, "little")}
    assert (area(("u32",) * 9, N64), area(("u32",) * 8, N64), area((), BIG), area(("u64",) * 3, BIG)) == (8, 0, 16, 24)


@pytest.mark.parametrize(
    ("kind", "held", "config"),
    [
        ("u8", 0x100, BIG),
        ("s8", 0x80, BIG),
        ("s16", 0xFFFF, N64),
        ("u32", 0x8000_0000, N64),
        ("s32", 0x8000_0000, N64),
        ("u16", 0xFFFF_FFFF_FFFF_FFFF, N64),
        ("u32", 0x8000_0000, Config.parse("mips64r2-32le")),
    ],
)
def test_a_value_that_is_not_extended_as_its_type_says_is_told(kind: str, held: int, config: Config) -> None:
    registers = [0] * 34
    registers[A0] = registers[2] = held
    with pytest.raises(Mismatch):
        take_arguments((kind,), registers, lambda offset, size: bytes(size), config)
    with pytest.raises(Mismatch):
        take_result(kind, registers, config)
