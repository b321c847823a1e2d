"""The calling conventions, against tables written by hand from the ABI documents, and by putting arguments in place and reading them again."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from fuzz import abi
from fuzz.abi import AbiError, Caller
from jit.config import Config

O32_BE, O32_LE, N64, O32_64 = (Config.parse(name) for name in ("mips32r2-32be", "mips32r2-32le", "mips64r2-64be", "mips64r2-32le"))
SP = 0x7000

# fmt: off
# Types, and where the words of the arguments are: 4 to 7 for a0 to a3, higher numbers for offsets from sp.
O32_PLACES = (
    (("u32", "u32"),                         (4, 5)),
    (("u64",),                               (4, 5)),
    (("u64", "u64"),                         (4, 5, 6, 7)),
    (("pointer", "u64"),                     (4, 6, 7)),
    (("pointer", "u32", "u32"),              (4, 5, 6)),
    (("pointer", "u64", "u64"),              (4, 6, 7, 16, 20)),
    (("u64", "u32", "u64"),                  (4, 5, 6, 16, 20)),
    (("u64", "u64", "u64", "u64", "u64"),    (4, 5, 6, 7, 16, 20, 24, 28, 32, 36)),
    (("u32", "u32", "u32", "u32", "u32"),    (4, 5, 6, 7, 16)),
    (("u32", "u32", "u32", "u32", "u32", "u64"), (4, 5, 6, 7, 16, 24, 28)),
)
# fmt: on


def _caller(config: Config, words: dict[int, int]) -> Caller:
    """Registers by number, and memory by offset from sp from 16 on."""
    registers = [0xDEADBEEF if not config.cpu_64 else 0xDEADBEEFDEADBEEF] * abi.REGISTERS
    registers[abi.SP] = SP
    for place, word in words.items():
        if place < 16:
            registers[place] = word

    def read(address: int, size: int) -> bytes:
        assert size == 4
        return words[address - SP].to_bytes(4, "big" if config.big_endian else "little")

    return Caller(config, registers, read)


@pytest.mark.parametrize(("types", "places"), O32_PLACES)
@pytest.mark.parametrize("config", [O32_BE, O32_LE, O32_64], ids=str)
@given(data=st.data())
def test_o32_arguments(config: Config, types: tuple[str, ...], places: tuple[int, ...], data: st.DataObject) -> None:
    values = [data.draw(st.integers(0, (1 << (64 if kind == "u64" else 32)) - 1)) for kind in types]
    words = []
    for kind, value in zip(types, values, strict=True):
        halves = [value] if kind != "u64" else [value >> 32, value & 0xFFFFFFFF]
        words += halves if config.big_endian else halves[::-1]
    sign = 0xFFFFFFFF00000000 if config.cpu_64 else 0
    placed = {place: word | (sign if place < 16 and word >> 31 else 0) for place, word in zip(places, words, strict=True)}
    assert _caller(config, placed).arguments(types) == tuple(values)


@given(st.lists(st.tuples(st.sampled_from(["u32", "u64", "pointer"]), st.integers(0, (1 << 64) - 1)), max_size=8))
def test_n64_arguments(arguments: list[tuple[str, int]]) -> None:
    registers, expected = {}, []
    for number, (kind, value) in enumerate(arguments, 4):
        word = value & 0xFFFFFFFF
        registers[number] = abi.sign_extended(word) if kind == "u32" else value
        expected.append(word if kind == "u32" else value)
    assert _caller(N64, registers).arguments([kind for kind, _ in arguments]) == tuple(expected)


@pytest.mark.parametrize(("config", "kind"), [(N64, "u32"), (O32_64, "u32"), (O32_64, "u64"), (O32_64, "pointer")], ids=str)
@pytest.mark.parametrize("value", [0x80000000, 0x1_0000_0000, 0xFFFFFFFF_7FFFFFFF])
def test_words_must_be_sign_extended_on_a_64_bit_cpu(config: Config, kind: str, value: int) -> None:
    with pytest.raises(AbiError, match=rf"\$a0: expected a sign-extended word, got {value:#x}"):
        _caller(config, {4: value, 5: 0}).arguments([kind])


# fmt: off
RESULTS: tuple[tuple[str, int, Config, dict[int, int]], ...] = (
    ("u32",  0x80000001,          N64,    {2: 0xFFFFFFFF80000001}),
    ("u32",  0x7FFFFFFF,          N64,    {2: 0x7FFFFFFF}),
    ("u64",  0x80000000_00000001, N64,    {2: 0x80000000_00000001}),
    ("u32",  0x80000001,          O32_BE, {2: 0xFFFFFFFF80000001}),
    ("u64",  0x80000000_00000001, O32_BE, {2: 0xFFFFFFFF80000000, 3: 1}),
    ("u64",  0x80000000_00000001, O32_LE, {2: 1, 3: 0xFFFFFFFF80000000}),
    ("void", 0,                   O32_LE, {}),
)
# fmt: on


@pytest.mark.parametrize(("kind", "value", "config", "registers"), RESULTS)
def test_results(kind: str, value: int, config: Config, registers: dict[int, int]) -> None:
    assert abi.result(kind, value, config) == registers


@pytest.mark.parametrize(("kind", "value"), [("u32", 1 << 32), ("u32", -1), ("u64", 1 << 64)])
def test_results_that_do_not_fit_are_refused(kind: str, value: int) -> None:
    with pytest.raises(ValueError, match="is no"):
        abi.result(kind, value, N64)


@pytest.mark.parametrize(("types", "places"), O32_PLACES)
def test_argument_area(types: tuple[str, ...], places: tuple[int, ...]) -> None:
    assert abi.argument_area(types, 32) == max(16, places[-1] + 4)
    assert abi.argument_area(types, 64) == 0


@given(st.integers(0, (1 << 64) - 1))
def test_words(value: int) -> None:
    assert abi.is_word(value) == (value == abi.sign_extended(value & 0xFFFFFFFF))
