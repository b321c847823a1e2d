"""Constant blinding: which rows, which keys, and that nothing of the code that does not depend on the key depends on the constant."""

from collections.abc import Sequence
from itertools import pairwise

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ebpf.instruction import Instruction
from ebpf.opcodes import BY_NAME, ROWS
from ebpf.program import wide_slots
from jit.blinding import AX, FORMS, keys
from jit.compiled import Addresses, Compiled
from jit.compiler import compile_program
from jit.config import BASE_CONFIGS, Config, all_configs
from jit.lowering import LOWERING
from jit.mips import decode
from jit.runtime import ROUTINES

ADDRESSES = Addresses(0x1000_0000, {name: 0x1081_0000 + 16 * number for number, name in enumerate(ROUTINES)})
EXIT = Instruction(BY_NAME["EXIT"].opcode)
BLIND = [config for config in all_configs() if "blind" in config.options and config.cpu == config.isa and not config.errata]
SHIFTS = {f"{name}{bits}_IMM" for name in ("LSH", "RSH", "ARSH") for bits in (32, 64)}


def slots_of(name: str, value: int) -> tuple[Instruction, ...]:
    """A program with one instruction of that row; of a constant of 32 bits the lower half of the value is taken."""
    row = BY_NAME[name]
    if row.slots == 2:
        return (*wide_slots(3, value), EXIT)
    low = value & 0xFFFFFFFF
    dst, src, offset = (given if isinstance(column, str) else column for column, given in ((row.dst, 3), (row.src, 7), (row.offset, 0)))
    return (Instruction(row.opcode, dst, src, offset, low - (low >> 31 << 32)), EXIT)


def image(slots: Sequence[Instruction], config: Config, seed: int = 0) -> Compiled:
    return compile_program(slots, config, Addresses(ADDRESSES.base, ADDRESSES.routines, seed=seed))


def test_every_row_with_an_immediate_is_blinded_but_shifts() -> None:
    assert set(FORMS) == {row.name for row in ROWS if row.imm in ("imm", "imm64") and row.name in LOWERING} - SHIFTS
    for name, form in FORMS.items():
        assert BY_NAME[form].src == "r", name
        assert BY_NAME[form].offset == BY_NAME[name].offset, name


def test_every_base_configuration_can_be_blinded() -> None:
    assert {(config.isa, config.width, config.big_endian) for config in BLIND} == {(c.isa, c.width, c.big_endian) for c in BASE_CONFIGS}


@settings(max_examples=300)
@given(st.sampled_from(BLIND), st.sampled_from(sorted(FORMS)), st.integers(0, (1 << 64) - 1), st.integers(0, (1 << 64) - 1), st.integers(0, 1000))
def test_what_does_not_depend_on_the_key_does_not_depend_on_the_constant(config: Config, name: str, value: int, other: int, seed: int) -> None:
    # Three keys: that 16 bits of two of them are equal by chance happens.
    first, second = ([image(slots_of(name, constant), config, seed + number).words for number in range(3)] for constant in (value, other))
    assert len({len(words) for words in first + second}) == 1, "the length shows something"
    for with_value, with_other in zip(zip(*first, strict=True), zip(*second, strict=True), strict=True):
        assert len(set(with_value)) > 1 or set(with_value) == set(with_other)


@given(st.sampled_from(BLIND), st.sampled_from(sorted(FORMS)), st.integers(0, (1 << 64) - 1), st.integers(0, 1000))
def test_neither_half_stands_in_the_words_that_load_it(config: Config, name: str, value: int, seed: int) -> None:
    decoded = [decode(word, config.isa) or (None, ()) for word in image(slots_of(name, value), config, seed).words]
    pairs = [
        (first[1][2], second[1][2])
        for first, second in pairwise(decoded)
        if first[0] and second[0] and (first[0].mnemonic, second[0].mnemonic) == ("ori", "xori") and first[1][0] == second[1][0]
    ]
    halves = [value >> shift & 0xFFFF for shift in ((48, 32, 16, 0) if BY_NAME[name].slots == 2 else (16, 0))]
    if len(halves) == 4 and config.width == 32:
        halves = halves[2:] + halves[:2]
    assert [first ^ second for first, second in pairs] == halves
    assert all(half not in pair for half, pair in zip(halves, pairs, strict=True))


@given(st.integers(0, (1 << 32) - 1), st.integers(0, 1 << 20), st.integers(0, 1 << 20))
def test_keys_come_from_the_program_the_seed_and_the_slot(value: int, slot: int, seed: int) -> None:
    program = slots_of("MOV64_IMM", value)
    key = keys(program, seed)(slot)
    assert key == keys(tuple(program), seed)(slot)
    assert key not in (keys(program, seed + 1)(slot), keys(program, seed)(slot + 1), keys(slots_of("MOV64_IMM", value ^ 1), seed)(slot))


@pytest.mark.parametrize("config", BLIND[::7], ids=str)
def test_the_same_program_and_seed_give_the_same_image(config: Config) -> None:
    slots = slots_of("ADD64_IMM", 0x12345678)
    assert image(slots, config, 3).words == image(slots, config, 3).words
    assert image(slots, config, 3).words != image(slots, config, 4).words
    assert AX not in {number for number, places in enumerate(image(slots, config).registers) if places is not None}
