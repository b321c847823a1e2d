"""Conditions: the smallest text that says where a case fails, from any set of failing configurations."""

import re

import pytest

from fuzz.findings.condition import RELEASES, examine, release
from jit.config import Config


def _wide(config: Config) -> bool:
    return config.width == 64


@pytest.mark.parametrize(
    ("start", "fails", "text", "kind"),
    [
        ("mips32r2-32be", lambda config: True, "everywhere", ""),
        ("mips32r2-32be", lambda config: config.width == 32, "o32", "o32"),
        ("mips64r2-64be", lambda config: _wide(config) and config.big_endian, "n64, big-endian", "n64"),
        ("mips1-32le", lambda config: config.isa == "mips1", "release I", "o32"),
        ("mips64r1-64le", lambda config: _wide(config) and RELEASES.index(release(config)) < RELEASES.index("r2"), "n64, release < r2", "n64"),
        ("mips64r2-64le", lambda config: RELEASES.index(release(config)) >= RELEASES.index("r2"), "release >= r2", ""),
        ("mips64r2-32le", lambda config: config.width == 32 and config.cpu_64, "o32, 64-bit CPU", "o32"),
        ("mips2-32le", lambda config: release(config) in ("II", "IV"), "release II, IV", ""),
        ("mips32r2-32le+blind", lambda config: "blind" in config.options, "with blind", "+blind"),
        ("mips32r2-32le+blind", lambda config: True, "everywhere", ""),
        ("mips32r2-32le", lambda config: "nollsc" not in config.options, "without nollsc", ""),
        (
            "mips1-32be+blind",
            lambda config: "blind" in config.options and config.width == 32 and config.big_endian and release(config) < "r2",
            "o32, release < r2, big-endian, with blind",
            "o32 +blind",
        ),
        ("mips1-32be", lambda config: config.big_endian if _wide(config) else release(config) == "I", "o32, release I; or n64, big-endian", ""),
    ],
)
def test_the_condition_is_the_smallest_one(start: str, fails: object, text: str, kind: str) -> None:
    assert callable(fails)
    found = examine(Config.parse(start), fails)
    assert (found.text, found.kind) == (text, kind)


def test_what_cannot_be_judged_says_nothing() -> None:
    found = examine(Config.parse("mips32r2-32be"), lambda config: config.width == 32 if config.big_endian else None)
    assert found.text == "o32"
    assert all(re.search("be$", name) for name in (*found.failing, *found.passing))


@pytest.mark.parametrize(
    ("start", "text", "failing"),
    [
        ("mips1-32le@mips32r2", "mips1-32le@mips32r2", []),
        # Without either of the two, but not without both.
        ("mips32r2-32le+nollsc+zext", "mips32r2-32le+nollsc+zext", []),
    ],
)
def test_where_no_axis_says_why_the_configuration_is_named(start: str, text: str, failing: list[str]) -> None:
    config = Config.parse(start)
    found = examine(config, lambda other: other == config or (len(other.options) == 1 and len(config.options) == 2))
    assert (found.text, found.kind, [*found.failing]) == (text, "o32", failing)
    assert str(Config(config.isa, 32, False)) in found.passing
