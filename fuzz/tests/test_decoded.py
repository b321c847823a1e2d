"""The arrays say of each word what the MIPS table says of it."""

from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from fuzz.recording.decoded import FACT, decoded
from fuzz.recording.kept import kept
from fuzz.recording.native_text import NO_ROW
from fuzz.tests.images import CONFIGS, image
from jit.compiled import Compiled
from jit.config import BASE_CONFIGS, ISAS, Config
from jit.mips import ROWS, decode

_ROWS = st.sampled_from(ROWS)


@st.composite
def words(draw: st.DrawFn) -> int:
    """Words of the table with any operands, some with a bit changed, and any word at all."""
    word = draw(st.integers(0, 0xFFFFFFFF))
    kind = draw(st.integers(0, 3))
    if kind:
        row = draw(_ROWS)
        word = word & ~row.mask | row.bits
    return word ^ 1 << draw(st.integers(0, 31)) if kind == 3 else word


def arrays(config: Config, given_words: list[int]) -> Compiled:
    return replace(image(config, []), words=tuple(given_words))


@given(st.lists(words(), min_size=1, max_size=40), st.sampled_from(BASE_CONFIGS))
def test_arrays(given_words: list[int], config: Config) -> None:
    found = decoded(arrays(config, given_words))
    for at, word in enumerate(given_words):
        expected = decode(word, config.isa)
        if expected is None:
            assert (found.rows[at], found.reads[at], found.writes[at], found.facts[at]) == (NO_ROW, 0, 0, 0)
            continue
        row, operands = expected
        assert ROWS[found.rows[at]] is row
        assert found.reads[at] == sum(1 << number for number in set(row.reads(operands)))
        assert found.writes[at] == sum(1 << number for number in set(row.writes(operands)))
        assert found.facts[at] == sum(FACT[fact] for fact in row.facts)


@pytest.mark.parametrize("isa", ISAS)
def test_every_row(isa: str) -> None:
    """Each row of each ISA with operands that differ, so that every place of a register is seen."""
    config = next(config for config in BASE_CONFIGS if config.isa == isa)
    legal = [row for row in ROWS if isa in row.isas]
    encoded = [word for row in legal for word in (row.bits | 0x00A6_3864 & ~row.mask, row.bits | 0x0329_5FFF & ~row.mask) if decode(word, isa)]
    assert len(encoded) >= len(legal)
    found = decoded(arrays(config, encoded))
    for at, word in enumerate(encoded):
        expected = decode(word, isa)
        assert expected is not None
        row, operands = expected
        assert ROWS[found.rows[at]] is row
        assert (found.reads[at], found.writes[at]) == tuple(sum(1 << n for n in set(numbers(operands))) for numbers in (row.reads, row.writes))


def test_results_are_kept_by_identity() -> None:
    asked: list[object] = []

    @kept(2)
    def one(first: list[int]) -> int:
        asked.append(first)
        return len(first)

    @kept(2)
    def two(first: list[int], second: list[int]) -> int:
        asked.append((first, second))
        return len(first) + len(second)

    a, b, c = [1], [1], [1, 2]
    assert [one(a), one(a), one(b), one(a)] == [1, 1, 1, 1]
    assert len(asked) == 2, "equal is not the same"
    assert [one(c), one(b), one(a)] == [2, 1, 1]
    assert len(asked) == 4, "the oldest goes first"
    asked.clear()
    assert [two(a, b), two(b, a), two(a, b), two(a, c), two(a, b)] == [2, 2, 2, 3, 2]
    assert len(asked) == 4


@pytest.mark.parametrize("config", CONFIGS, ids=str)
def test_words_by_facts(config: Config) -> None:
    found = decoded(image(config, []))
    assert found.have("jump").astype(bool).tolist() == [True, False]
    assert found.have("branch", "jump").astype(bool).tolist() == [True, False]
    assert not found.have("load", "store").any()
