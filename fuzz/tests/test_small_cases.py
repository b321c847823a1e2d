"""What a small case and its condition say is true of it: a compiler that adds wrong constants, others in each class of configurations."""

from collections.abc import Sequence
from dataclasses import dataclass, replace

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from ebpf.assembler import assemble
from ebpf.instruction import Instruction
from ebpf.opcodes import BY_NAME
from ebpf.program import Program
from fuzz.campaign.reduce import Bench, _condition, _Witnesses, reduce
from fuzz.case import Input
from fuzz.findings.diagnosis import Symptom
from fuzz.findings.finding import Finding, text
from fuzz.findings.replay import judge_again
from fuzz.reduction.reducer import Reducer
from fuzz.unicorn.target import UnicornTarget
from fuzz.wires import WIRES
from jit.compiled import Addresses, Compiled
from jit.compiler import compile_program
from jit.config import BASE_CONFIGS, Config

ADD = BY_NAME["ADD64_IMM"].opcode
CLASSES = ((32, False), (32, True), (64, False), (64, True))


@dataclass(frozen=True)
class WrongConstants:
    """Adds a positive constant that has the bit of the class, width and byte order, as one that lacks it."""

    bits: tuple[int, int, int, int]

    def __call__(self, slots: Sequence[Instruction], config: Config, addresses: Addresses) -> Compiled:
        bit = self.bits[CLASSES.index((config.width, config.big_endian))]
        return compile_program(
            [slot._replace(imm=slot.imm & ~bit) if slot.opcode == ADD and slot.imm > 0 else slot for slot in slots], config, addresses
        )


def _reduced(source: str, config: str, compiler: WrongConstants, target: UnicornTarget, configs: tuple[str, ...] = ()) -> Finding:
    program = assemble(source, "made")
    shown = Bench(target, compiler, WIRES, 1 << 16).shown(program, Input(b""), Config.parse(config))
    assert shown is not None
    symptom = str(shown.diagnosis.symptom)
    return reduce(Finding(symptom, symptom, "DIFFER", program, (Input(b""),), config, (config, *configs), ()), target, compiler, WIRES)


def _failing(finding: Finding, compiler: WrongConstants, target: UnicornTarget) -> set[str]:
    bench = Bench(target, compiler, WIRES)
    return {str(config) for config in BASE_CONFIGS if bench.shown(finding.program, finding.inputs[0], config) is not None}


@settings(max_examples=4, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    bits=st.tuples(*[st.sampled_from((0, 1, 0x100))] * 4),
    constants=st.lists(st.sampled_from((1, 0x100, 0x101)), min_size=1, max_size=3),
    start=st.sampled_from(BASE_CONFIGS),
)
def test_the_configurations_are_those_on_which_the_small_case_fails(
    bits: tuple[int, int, int, int], constants: list[int], start: Config, target: UnicornTarget
) -> None:
    at = CLASSES.index((start.width, start.big_endian))
    compiler = WrongConstants((*bits[:at], constants[0], *bits[at + 1 :]))  # type: ignore[arg-type]
    source = "; ".join(("r0 = 0", *(f"r0 += {constant}" for constant in constants), "exit"))
    # What was seen of other cases with the symptom is nothing to go by.
    small = _reduced(source, str(start), compiler, target, tuple(map(str, BASE_CONFIGS)))
    assert set(small.configs) == _failing(small, compiler, target)


def test_a_case_is_not_so_small_that_it_passes_where_the_first_one_fails(target: UnicornTarget) -> None:
    """The constant 1 would be smaller, and fails in 32-bit code alone."""
    compiler = WrongConstants((1, 1, 0x100, 0x100))
    small = _reduced("r0 = 7; r2 = 1; r0 += 0x101; r2 += 5; exit", "mips32r2-32le", compiler, target)
    assert (small.wrong, small.condition, len(small.configs)) == ("1: r0 += 257", "everywhere", len(BASE_CONFIGS))
    assert _failing(small, compiler, target) == set(small.configs)
    assert len(small.program.slots) == 3


def test_another_instruction_that_fails_elsewhere_is_not_kept(target: UnicornTarget) -> None:
    """It may be another bug."""
    compiler = WrongConstants((1, 1, 0x100, 0x100))
    small = _reduced("r0 = 7; r0 += 1; r0 += 0x100; exit", "mips32r2-32le", compiler, target)
    assert (small.wrong, small.condition) == ("1: r0 += 1", "o32")
    assert _failing(small, compiler, target) == set(small.configs)


def test_a_case_that_runs_for_long_is_made_small_as_well(target: UnicornTarget) -> None:
    source = "r6 = 2000; loop: r6 -= 1; r7 = r6; if r6 != 0 goto loop; r0 = 7; r0 += 1; exit"
    small = _reduced(source, "mips64r2-64le", WrongConstants((0, 0, 1, 1)), target)
    assert len(small.program.slots) == 3


@pytest.mark.parametrize(("first", "text"), [(False, "n64"), (None, "everywhere")])
def test_where_the_small_case_cannot_be_judged_the_first_one_says_whether_it_passes(first: bool | None, text: str, target: UnicornTarget) -> None:
    class Told(_Witnesses):
        """What judging comes to."""

        def fails(self, program: Program, given: Input, config: Config) -> bool | None:
            return True if config.width == 64 else None

        def at_first(self, config: Config) -> bool | None:
            return True if config.width == 64 else first

    program, given = assemble("r0 = 7; exit", "made"), Input(b"")
    reducer = Reducer(program, given, Config.parse("mips64r2-64le"), lambda program, given: True)
    told = Told(Bench(target, compile_program, WIRES), Symptom("value", "", "ADD64_IMM", 64), program, given)
    condition, missing = _condition(reducer, told)
    assert (condition.text, missing) == (text, [])
    assert all(Config.parse(name).width == 64 for name in condition.failing)


def test_what_cannot_be_made_small_names_where_it_fails(target: UnicornTarget) -> None:
    """Its symptom is another one now."""
    compiler, program = WrongConstants((1, 1, 0, 0)), assemble("r0 = 7; r0 += 1; exit", "made")
    finding = Finding("another", "another", "DIFFER", program, (Input(b""),), "mips1-32be", ("mips1-32be", "mips3-64be", "mips2-32le"), ())
    assert reduce(finding, target, compiler, WIRES) == replace(finding, configs=("mips1-32be", "mips2-32le"), reduced=True)


@pytest.mark.parametrize("bits", [(1, 1, 0x100, 0x100), (1, 0, 1, 0)])
def test_replay_fails_on_each_configuration_that_a_finding_names(bits: tuple[int, int, int, int], target: UnicornTarget, tmp_path: object) -> None:
    from pathlib import Path

    compiler = WrongConstants(bits)
    small = _reduced("r0 = 7; r0 += 1; r0 += 0x101; exit", "mips32r2-32le", compiler, target)
    path = Path(str(tmp_path)) / small.file_name
    path.write_text(text(small))
    again = judge_again(str(path), None, False, compiler)
    assert again.lines[-1].endswith(f"{len(small.configs)} of {len(small.configs)} judged on {len(small.configs)} configurations failed")
