"""Runs without a transfer of control, against the facts of the MIPS table."""

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from fuzz.unicorn.blocks import LONGEST, is_transfer, straight_runs
from jit.config import BASE_CONFIGS, ISAS, Config
from jit.mips import ROWS, decode

ADDU, BRANCH = 0x00000021, 0x10000001
CONFIG = Config("mips1", 32, False)


@pytest.mark.parametrize("isa", ISAS)
def test_what_is_called_a_transfer_is_one(isa: str) -> None:
    """Every row of the ISA, with all its operands at the lowest and at the highest value that is allowed."""
    config = next(config for config in BASE_CONFIGS if config.isa == isa)
    missed = set()
    for row in ROWS:
        if isa not in row.isas:
            continue
        transfer = bool(row.facts & {"delay", "compact"})
        for word in (row.bits, row.bits | ~row.mask & 0xFFFFFFFF):
            if (decoded := decode(word, isa)) is None or decoded[0] is not row:
                continue
            assert not is_transfer(word, config) or transfer, row
            if transfer and not is_transfer(word, config):
                missed.add(row.mnemonic)
    # `bgezal` and the like with operands that make another instruction are not words of these rows; nothing else may be missed.
    assert missed <= {"bgezal", "bltzal"}


@given(st.lists(st.integers(1, 3 * LONGEST), max_size=5), st.booleans())
@settings(max_examples=60)
def test_runs_are_the_long_stretches(lengths: list[int], ends: bool) -> None:
    words: list[int] = []
    expected = []
    for number, length in enumerate(lengths):
        if length > LONGEST:
            expected.append((len(words), len(words) + length))
        words += [ADDU] * length
        if ends or number < len(lengths) - 1:
            words.append(BRANCH)
    assert list(straight_runs(tuple(words), CONFIG)) == expected
