"""Names of configurations, and which combinations are legal."""

from contextlib import suppress
from itertools import product

import pytest
from hypothesis import given
from hypothesis import strategies as st

from jit import options
from jit.config import BASE_CONFIGS, ISAS, Config, all_configs

ALL = all_configs()
NAMES = [option.name for option in options.OPTIONS]


def test_names_round_trip_and_are_unique() -> None:
    assert [Config.parse(str(config)) for config in ALL] == list(ALL)
    assert len({str(config) for config in ALL}) == len(ALL) > 150


def test_the_base_configurations_are_46_and_legal() -> None:
    assert len(BASE_CONFIGS) == 46
    assert set(BASE_CONFIGS) <= set(ALL)
    assert not any(config.options or config.cpu != config.isa for config in BASE_CONFIGS)


@given(
    st.sampled_from(ISAS),
    st.sampled_from((32, 64)),
    st.booleans(),
    st.sampled_from(("", *ISAS)),
    st.lists(st.sampled_from(NAMES), max_size=3, unique=True),
)
def test_what_is_not_refused_is_listed(isa: str, width: int, big_endian: bool, cpu: str, names: list[str]) -> None:
    with suppress(ValueError):
        config = Config(isa, width, big_endian, cpu, tuple(names))
        assert config in ALL
        assert Config.parse(str(config)) == config


def test_options_have_one_order() -> None:
    for config in ALL:
        assert Config(config.isa, config.width, config.big_endian, config.cpu, config.options[::-1]) == config


@pytest.mark.parametrize(
    ("name", "reason"),
    [
        ("mips32r2", "see `bpfmips configs`"),
        ("mips9-32le", "unknown ISA 'mips9'"),
        ("mips2-64be", "mips2 has no 64-bit registers"),
        ("mips32r2-32le@mips32r1", "a CPU of mips32r1 does not execute code for mips32r2"),
        ("mips32r5-32le@mips32r6", "a CPU of mips32r6 does not execute code for mips32r5"),
        ("mips2-32le@mips3", "registers of another width; 32-bit code on a 64-bit CPU is width 32 of a 64-bit ISA"),
        ("mips2-32le@r4000", "unknown ISA of a CPU 'r4000'"),
        ("mips2-32le+nothing", "unknown option 'nothing'"),
        ("mips2-32le+nollsc+nollsc", "option nollsc is given twice"),
        ("mips1-32le+nollsc", "nollsc means nothing for mips1: it has no LL and SC anyway"),
    ],
)
def test_what_is_not_legal_is_refused_with_the_reason(name: str, reason: str) -> None:
    with pytest.raises(ValueError, match="unknown configuration") as refusal:
        Config.parse(name)
    assert reason in str(refusal.value)


def test_older_code_on_each_newer_cpu() -> None:
    names = {str(config) for config in ALL}
    for older, newer in product(("mips3", "mips4", "mips64r1", "mips64r2"), ("mips64r2", "mips64r3", "mips64r5")):
        assert (f"{older}-64be@{newer}" in names) == (older != newer)
    assert not any("@mips64r6" in name or "@mips32r6" in name for name in names)
