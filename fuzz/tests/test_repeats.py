"""Images that have agreed on the same CPU are not run again, and what is not the same is."""

from collections.abc import Sequence
from dataclasses import replace

import pytest

from ebpf.instruction import Instruction
from fuzz.judge import judge_all
from fuzz.selftest import bugs, compiler
from fuzz.suite import Suite, suites
from fuzz.unicorn_engine import MODELS
from fuzz.unicorn_target import UnicornTarget
from fuzz.verdict import Status, Verdict
from jit.compiled import Addresses, Compiled
from jit.compiler import compile_program
from jit.config import Config

NAMES = ("mips3-64be", "mips3-64be@mips64r2", "mips3-64be@mips64r3", "mips3-64be+nollsc", "mips3-64be+r4000-multiply", "mips3-64be+zext")
CONFIGS = tuple(map(Config.parse, NAMES))


def suite(row_name: str) -> Suite:
    return next(one for one in suites() if one.row_name == row_name)


def judged(target: UnicornTarget, one: Suite, under_test: object = compile_program) -> list[Verdict]:
    def cpu(config: Config) -> str:
        return MODELS[config.cpu].name

    return list(judge_all(one.program, one.inputs("big")[:2], CONFIGS, target, under_test, cpu=cpu))  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("row_name", "expected"),
    [
        # Another CPU model is another run; a product is another image on the R4000; whether upper halves are marked is no affair of the words alone.
        ("ADD64_REG", [False, False, True, True, True, False]),
        ("MUL32_REG", [False, False, True, True, False, False]),
        ("ATOMIC_ADD_W", [False, False, True, False, True, False]),
    ],
)
def test_what_is_repeated(row_name: str, expected: list[bool], target: UnicornTarget) -> None:
    verdicts = judged(target, suite(row_name))
    assert {verdict.status for verdict in verdicts} == {Status.AGREE}
    assert [verdict.config for verdict in verdicts[::2]] == list(CONFIGS)
    assert [verdict.repeated for verdict in verdicts] == [repeated for repeated in expected for _ in range(2)]


def test_findings_are_not_repeated(target: UnicornTarget) -> None:
    bug = next(bug for bug in bugs() if bug.name == "erratum-r4000-multiply")
    for verdict in judged(target, suite("MUL32_REG"), compiler(bug)):
        assert (verdict.status is Status.AGREE) == (verdict.config.errata == ())
        assert not (verdict.repeated and verdict.config.errata)


def test_an_image_that_differs_on_one_configuration_only_is_found(target: UnicornTarget) -> None:
    def broken(slots: Sequence[Instruction], config: Config, addresses: Addresses) -> Compiled:
        compiled = compile_program(slots, config, addresses)
        return replace(compiled, registers=compiled.registers[::-1]) if str(config) == NAMES[2] else compiled

    found = {str(verdict.config) for verdict in judged(target, suite("ADD64_REG"), broken) if verdict.status is Status.DIFFER}
    assert found == {NAMES[2]}
