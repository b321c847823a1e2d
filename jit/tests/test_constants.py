"""The plans for constants, carried out by an interpreter of their few instructions that knows nothing of how they were found."""

from collections.abc import Callable

import pytest
from hypothesis import given
from hypothesis import strategies as st

from jit.config import BASE_CONFIGS, Config
from jit.constants import Plan, plan
from jit.mips import rows

# fmt: off
STEPS: dict[str, Callable[[int, int], int]] = {
    "addiu":  lambda r, n: _signed(r + n, 32),
    "daddiu": lambda r, n: _signed(r + n, 64),
    "ori":    lambda r, n: r | n,
    "lui":    lambda r, n: _signed(n << 16, 32),
    "dsll":   lambda r, n: _signed(r << n, 64),
    "dsll32": lambda r, n: _signed(r << n + 32, 64),
    "dsrl":   lambda r, n: _signed((r % 2**64) >> n, 64),
    "dsrl32": lambda r, n: _signed((r % 2**64) >> n + 32, 64),
    "dext":   lambda r, n: r % 2**32,
    "dinsu":  lambda r, n: _signed(r % 2**32 + (r % 2**32 << 32), 64),
    "dahi":   lambda r, n: _signed(r + (_signed(n, 16) << 32), 64),
    "dati":   lambda r, n: _signed(r + (_signed(n, 16) << 48), 64),
}
# The longest plan that each kind of CPU needs for any constant.
LONGEST = {"mips1-32le": 2, "mips3-64be": 6, "mips64r2-64le": 6, "mips64r6-64be": 4}
EXAMPLES = [
    # constant             configuration    instructions
    (0,                    "mips3-64le",    1),
    (-1,                   "mips3-64le",    1),
    (0x8000,               "mips3-64le",    1),
    (-0x8001,              "mips3-64le",    2),
    (0x7FFF0000,           "mips3-64le",    1),
    (0xFFFFFFFF,           "mips3-64le",    2),
    (0x80000000,           "mips3-64le",    2),
    (1 << 63,              "mips3-64le",    2),
    (0xFFFF00000000,       "mips3-64le",    2),
    (0x7FFFFFFFFFFFFFFF,   "mips3-64le",    2),
    (0x00FF00FF00FF00FF,   "mips3-64le",    6),
    (0x00FF00FF00FF00FF,   "mips64r2-64le", 3),
    (0x123456789ABCDEF0,   "mips64r6-64le", 4),
    (0x123456789ABCDEF0,   "mips64r2-32le", 2),
]
# fmt: on


def _signed(value: int, bits: int) -> int:
    value %= 1 << bits
    return value - (1 << bits) if value >> bits - 1 else value


def _result(steps: Plan) -> int:
    register = 0
    for mnemonic, operand in steps:
        if mnemonic == "addiu":
            assert register == _signed(register, 32), "addiu of a value that is not a sign-extended word"
        register = STEPS[mnemonic](register, operand)
    return register


def interesting(bits: int) -> st.SearchStrategy[int]:
    shifted = st.builds(lambda v, k: v << k, st.integers(-(1 << 17), 1 << 17), st.integers(0, bits - 1))
    repeated = st.builds(lambda v: v * 0x100000001, st.integers(0, (1 << 32) - 1))
    return st.one_of(st.integers(-(1 << bits - 1), (1 << bits) - 1), shifted, repeated).map(lambda v: v % (1 << bits))


@pytest.mark.parametrize("name", LONGEST)
def test_plan_gives_the_constant(name: str) -> None:
    config = Config.parse(name)

    @given(interesting(config.width))
    def check(value: int) -> None:
        steps = plan(value, config)
        assert _result(steps) == _signed(value, config.width)
        assert len(steps) <= LONGEST[name]

    check()


@pytest.mark.parametrize(("value", "name", "length"), EXAMPLES)
def test_plan_is_short(value: int, name: str, length: int) -> None:
    assert len(plan(value, Config.parse(name))) == length


@pytest.mark.parametrize("config", BASE_CONFIGS, ids=str)
def test_every_configuration_has_what_its_plans_use(config: Config) -> None:
    for exponent in range(config.width):
        for value in ((1 << exponent) - 1, (1 << exponent) + 0x5A5A5A5A5A5A5A5A, -(1 << exponent)):
            assert {mnemonic for mnemonic, _ in plan(value, config)} <= set(rows(config))
