"""The programs of `fuzz.suite.reach` have branches at exactly their reach, and long forms beyond it, and images do what they say."""

import bisect
from collections.abc import Iterator

import pytest

from fuzz.case import Case
from fuzz.judge import judge_all
from fuzz.layout import LAYOUTS, before_border, place
from fuzz.suite.program import Suite
from fuzz.suite.reach import conditional, reach_suites
from fuzz.unicorn.target import UnicornTarget
from fuzz.verdict import Status
from fuzz.wires import WIRES
from jit.compiled import Compiled
from jit.compiler import compile_program
from jit.config import Config, ancestry
from jit.mips import decode

REACH = 1 << 15
CLASSES = (
    "mips1-32be",
    "mips2-32le",
    "mips32r1-32be",
    "mips32r2-32le",
    "mips32r6-32be",
    "mips3-64be",
    "mips4-64le",
    "mips64r1-64be",
    "mips64r2-64le",
)
CONFIGS = tuple(f"{name}{blind}" for name in (*CLASSES, "mips64r6-64le") for blind in ("", "+blind"))


def distances(compiled: Compiled) -> Iterator[tuple[str, int]]:
    """Mnemonic and distance in words of every branch of the image."""
    for word in compiled.words:
        decoded = decode(word, compiled.config.isa)
        if decoded and "branch" in decoded[0].facts:
            yield decoded[0].mnemonic, decoded[1][-1]


def image(suite: Suite, config: Config) -> Compiled:
    placement = place(Case(suite.program, suite.inputs("big" if config.big_endian else "little")[0]), config)
    return compile_program(placement.slots, config, placement.addresses)


def judged(suite: Suite, config: Config, target: UnicornTarget) -> None:
    for verdict in judge_all(suite.program, suite.inputs("big" if config.big_endian else "little"), (config,), target, compile_program, wires=WIRES):
        assert verdict.status is Status.AGREE, str(verdict)


@pytest.mark.parametrize("name", CONFIGS[::4])
def test_jumps_and_calls_at_their_reach(name: str) -> None:
    """Of release 6 the unconditional jump has 26 bits."""
    config = Config.parse(name)
    wide, narrow, *calls = (image(suite, config) for suite in reach_suites())
    found = [{distance for _, distance in distances(compiled)} for compiled in (narrow if config.width == 32 else wide, *calls)]
    kinds = [(calls, found[1] | found[2], "jal")]
    if "mips32r6" not in ancestry(config.isa):
        kinds.append(([narrow if config.width == 32 else wide], found[0], "j"))
    for images, reached, long in kinds:
        assert max(reached) == REACH - 1
        assert min(reached) == -REACH
        assert {REACH - 2, 1 - REACH} <= reached or long == "jal"
        # The next one is long.
        words = {word for compiled in images for word in compiled.words}
        assert long in {decoded[0].mnemonic for word in words if (decoded := decode(word, config.isa))}


@pytest.mark.parametrize("name", ["mips1-32be+blind", "mips64r6-64le"])
def test_programs_of_the_suite_agree(name: str, target: UnicornTarget) -> None:
    """On a few; `bpfmips suite` judges all."""
    for suite in reach_suites():
        judged(suite, Config.parse(name), target)


def short(compiled: Compiled, jump: int) -> bool:
    """Whether the jump has a conditional branch that goes far."""
    words = (word for word, slot in zip(compiled.words, compiled.slot_of, strict=True) if slot == jump)
    found = (decoded for word in words if (decoded := decode(word, compiled.config.isa)) and "branch" in decoded[0].facts)
    return any(row.mnemonic != "bc" and abs(operands[-1]) > REACH // 2 for row, operands in found)


@pytest.mark.parametrize("forwards", [True, False])
@pytest.mark.parametrize("name", ["mips1-32be", "mips32r6-32le", "mips64r2-64be+blind"])
def test_conditional_jumps_at_their_reach(name: str, forwards: bool, target: UnicornTarget) -> None:
    """The last filler with which it is short, by bisection, and the first with which it is long: the distance is the reach, and both agree."""
    config = Config.parse(name)

    def is_short(words: int) -> bool:
        suite, jump = conditional("JEQ64_REG", forwards, words)
        return short(image(suite, config), jump)

    last = bisect.bisect_left(range(REACH + 8), True, lo=REACH - 24, key=lambda words: not is_short(words)) - 1
    found = {distance for _, distance in distances(image(conditional("JEQ64_REG", forwards, last)[0], config))}
    assert (REACH - 1 if forwards else -REACH) in found
    assert is_short(last)
    assert not is_short(last + 1)
    for words in (last, last + 1):
        judged(conditional("JEQ64_REG", forwards, words)[0], config, target)


@pytest.mark.parametrize("name", ["mips2-32be", "mips64r2-64le"])
def test_calls_at_their_reach_across_a_border(name: str, target: UnicornTarget) -> None:
    config, suite = Config.parse(name), reach_suites()[2]
    layouts = {config.width: before_border(LAYOUTS[config.width], 4 * 20_000)}
    for verdict in judge_all(
        suite.program, suite.inputs("little" if not config.big_endian else "big"), (config,), target, compile_program, layouts, ()
    ):
        assert verdict.status is Status.AGREE, str(verdict)
