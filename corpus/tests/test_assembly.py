"""The programs in assembly come to the answers in their first lines, on all configurations and with the options that concern them."""

import ast
import re
from math import prod
from pathlib import Path

import pytest

from ebpf.assembler import assemble
from ebpf.program import Program
from ebpf.validity import check
from fuzz.case import Case, Input
from fuzz.judge import interpret, judge_all
from fuzz.layout import place
from fuzz.unicorn.target import UnicornTarget
from fuzz.verdict import Status
from jit.compiler import compile_program
from jit.config import BASE_CONFIGS, Config

DIRECTORY = Path(__file__).parent.parent / "assembly"
NAMES = sorted(path.name for path in DIRECTORY.glob("*.s"))
OPTIONS = tuple(map(Config.parse, ("mips2-32be+nospec+zext", "mips64r6-64le+nospec+zext", "mips32r2-32le+blind", "mips3-64be+blind+zext")))
INPUT = Input(bytes(range(64)), seed=3)


def answer(name: str) -> int:
    """A sum of integers and products."""
    line = (DIRECTORY / name).read_text().splitlines()[0]
    assert re.fullmatch(r"# r0 = [0-9a-fx+* ]+", line)
    return sum(prod(ast.literal_eval(factor.strip()) for factor in part.split("*")) for part in line.split("=")[1].split("+"))


def program(name: str) -> Program:
    made = assemble((DIRECTORY / name).read_text(), name)
    check(made)
    return made


@pytest.fixture(scope="module")
def target() -> UnicornTarget:
    return UnicornTarget()


@pytest.mark.parametrize("name", NAMES)
def test_the_oracle_comes_to_the_answer(name: str) -> None:
    for config in (BASE_CONFIGS[0], BASE_CONFIGS[-1]):
        outcome = interpret(place(Case(program(name), INPUT), config)).outcome
        assert (outcome.fault, outcome.registers[0]) == (None, answer(name))


@pytest.mark.parametrize("name", NAMES)
def test_images_agree_with_the_oracle(name: str, target: UnicornTarget) -> None:
    count = 0
    for verdict in judge_all(program(name), (INPUT,), (*BASE_CONFIGS, *OPTIONS), target, compile_program):
        assert verdict.status is Status.AGREE, str(verdict)
        count += 1
    assert count == len(BASE_CONFIGS) + len(OPTIONS)


def test_the_readme_describes_every_program() -> None:
    assert re.findall(r"^\| `(\w+\.s)` \|", (DIRECTORY / "README.md").read_text(), re.MULTILINE) == NAMES
