"""Of configurations that nothing tells apart one is judged for all; what is different is judged on its own."""

import random
from collections.abc import Sequence
from dataclasses import replace

import pytest

from ebpf.assembler import assemble
from ebpf.instruction import Instruction
from ebpf.program import Program
from fuzz import groups
from fuzz.case import Input
from fuzz.cpu.machine import machine
from fuzz.engine.target import Target
from fuzz.groups import Grouped, SharedImageError
from fuzz.judge import judge_all
from fuzz.selftest.selftest import bugs, compiler
from fuzz.suite.suites import Suite, suites
from fuzz.tally import Images
from fuzz.unicorn.target import UnicornTarget
from fuzz.verdict import Status, Verdict
from fuzz.wires import WIRES
from jit.compiled import Addresses, Compiled
from jit.compiler import compile_program
from jit.config import Config, all_configs
from jit.mips import ROWS, _both_match
from jit.shared import Shared

BIG = tuple(config for config in all_configs() if config.big_endian)
SOME = BIG[::3]


def suite(row_name: str) -> Suite:
    return next(one for one in suites() if one.row_name == row_name)


def judged(one: Suite, configs: Sequence[Config], target: Target, images: Images | None = None, **named: object) -> dict[Config, list[Verdict]]:
    """The verdicts by configuration, also where they were taken over."""
    found: dict[Config, list[Verdict]] = {}
    grouped = Grouped(one.program, one.inputs("big")[:2], target, WIRES, images=images or Images(), **named)  # type: ignore[arg-type]
    for verdict, others in grouped.judge(configs):
        for config in (verdict.config, *others):
            found.setdefault(config, []).append(replace(verdict, config=config))
    return found


@pytest.mark.parametrize("row_name", ["ADD64_REG", "MUL32_IMM", "ATOMIC_FETCH_ADD_W", "JSLT32_IMM", "DIV64_REG"])
def test_taken_over_is_what_each_would_have_got(row_name: str, target: UnicornTarget) -> None:
    """All configurations in groups; a sample of those that were not run, on its own, compiled by the compiler itself."""
    images = Images()
    found = judged(suite(row_name), SOME, target, images)
    assert list(map(len, found.values())) == [2] * len(SOME)
    assert images.run < images.wanted / 2
    for config in random.Random(row_name).sample(SOME, 6):
        one = suite(row_name)
        alone = list(judge_all(one.program, one.inputs("big")[:2], (config,), target, compile_program))
        assert [(v.status, v.config, v.input, v.outcome) for v in alone] == [(v.status, v.config, v.input, v.outcome) for v in found[config]]


@pytest.mark.parametrize(("name", "row_name"), [("erratum-r4000-multiply", "MUL32_REG"), ("erratum-r10000", "ATOMIC_ADD_DW")])
def test_findings_are_found_on_the_same_configurations(name: str, row_name: str, target: UnicornTarget) -> None:
    """The image with a bug is the same on CPUs with the erratum and without it."""
    bug = next(bug for bug in bugs() if bug.name == name)
    configs = [config for config in BIG if config.isa == "mips3" and config.width == 64 and not {"blind", "zext", "nospec"} & {*config.options}]
    one, under_test = suite(row_name), compiler(bug)
    verdicts = judge_all(one.program, one.inputs("big")[:1], configs, target, under_test)
    alone = {verdict.config for verdict in verdicts if verdict.status is not Status.AGREE}
    found = judged(one, configs, target, compiler=Shared(bug.parts))
    assert {config for config, verdicts in found.items() if verdicts[0].status is not Status.AGREE} == alone
    assert 0 < len(alone) < len(configs)


def test_an_image_that_differs_on_one_configuration_only_is_found(target: UnicornTarget) -> None:
    def broken(slots: Sequence[Instruction], config: Config, addresses: Addresses) -> Compiled:
        compiled = compile_program(slots, config, addresses)
        return replace(compiled, registers=compiled.registers[::-1]) if config == BIG[700] else compiled

    found = judged(suite("ADD64_REG"), BIG[650:750], target, compiler=broken)
    assert {config for config, verdicts in found.items() if verdicts[0].status is Status.DIFFER} == {BIG[700]}


def test_a_shared_image_that_is_not_its_own_is_noticed(target: UnicornTarget, monkeypatch: pytest.MonkeyPatch) -> None:
    class Careless(Shared):
        """Takes the first image for that of everybody of the same width."""

        def __call__(self, slots: Sequence[Instruction], config: Config, addresses: Addresses) -> Compiled:
            return replace(super().__call__(slots, Config("mips3", config.width, config.big_endian), addresses), config=config)

    monkeypatch.setattr(groups, "EVERY", 1)
    configs = [config for config in BIG if config.isa in ("mips3", "mips4") and "zext" not in config.options]
    with pytest.raises(SharedImageError, match=r"mips[34]-.*: .* is not that of the image"):
        judged(suite("DIV32_REG"), configs, target, compiler=Careless())


def test_what_the_oracle_promises_nothing_about_is_told_of_all(target: UnicornTarget) -> None:
    program = Program("test", "test", assemble("r0 = *(u64 *)(r1 + 4096); exit").slots)
    found = list(Grouped(program, (Input(b""),), target, WIRES).judge(BIG[:60]))
    assert sum(1 + len(others) for _, others in found) == 60
    assert {verdict.status for verdict, _ in found} == {Status.INCONCLUSIVE}


def test_machines() -> None:
    """Configurations that engines and tripwires tell apart."""
    for first, second in (
        ("mips1-32le", "mips1-32le@mips2"),
        ("mips2-32le", "mips2-32le@mips32r2"),
        ("mips3-64le", "mips4-64le"),
        ("mips3-64le@mips64r2", "mips4-64le@mips64r2"),
        ("mips64r2-64le", "mips64r2-32le"),
        ("mips64r2-64le", "mips64r6-64le"),
        ("mips64r2-64le", "mips64r2-64be"),
        ("mips32r2-32le", "mips64r2-32le"),
        ("mips64r2-64le", "mips64r2-64le+blind"),
        ("mips64r2-64le", "mips64r2-64le+zext"),
    ):
        assert machine(Config.parse(first)) != machine(Config.parse(second)), (first, second)
    for first, second in (
        ("mips64r2-64le", "mips64r3-64le"),
        ("mips64r2-64le", "mips64r2-64le+nospec"),
        ("mips32r2-32le", "mips32r2-32le+24k"),
    ):
        assert machine(Config.parse(first)) == machine(Config.parse(second)), (first, second)


def test_a_word_is_the_same_instruction_on_all_isas_of_a_kind() -> None:
    """Why the ISA is no part of a machine: release 6 and what is before it apart, no word is one instruction on one ISA and another one on another.

    `sync` has two rows, without its operand and with it.
    """
    for release_6 in (False, True):
        kind = [row for row in ROWS if any(isa.endswith("r6") == release_6 for isa in row.isas)]
        for number, first in enumerate(kind):
            for second in kind[number + 1 :]:
                if _both_match(first, second):
                    assert (first.mnemonic, first.facts) == (second.mnemonic, second.facts) == ("sync", frozenset({"sync"}))
