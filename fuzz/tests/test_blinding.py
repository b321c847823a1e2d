"""Constant blinding end to end: programs do what they did, no constant shows, and without blinding the tripwire says so."""

from dataclasses import replace
from functools import partial

import pytest

from ebpf.assembler import assemble
from ebpf.program import Program
from fuzz.case import Case, Input
from fuzz.judge import judge_all
from fuzz.layout import LAYOUTS, place
from fuzz.suite.long import long_suite
from fuzz.suite.suites import Suite, suites
from fuzz.unicorn.target import UnicornTarget
from fuzz.verdict import Status, Verdict
from fuzz.wires import WIRES, blinding
from jit.blinding import FORMS, Blinding
from jit.compiler import PARTS, Parts, compile_program
from jit.config import Config

# By ISA and width those whose code differs; the byte order goes with the number of the suite.
NAMES = ("mips1-32", "mips2-32", "mips32r1-32", "mips32r2-32", "mips32r6-32", "mips3-64", "mips4-64", "mips64r1-64", "mips64r2-64", "mips64r6-64")
CHOSEN = tuple(suite for suite in suites() if suite.row_name in FORMS)


def config(number: int) -> Config:
    return Config.parse(f"{NAMES[number % len(NAMES)]}{'le' if number // len(NAMES) % 2 else 'be'}+blind")


def judged(suite: Suite, number: int, target: UnicornTarget, parts: Parts, every: int = 1) -> list[Verdict]:
    one = config(number)
    inputs = suite.inputs("big" if one.big_endian else "little")[::every]
    return list(judge_all(suite.program, inputs, (one,), target, partial(compile_program, parts=parts), wires=WIRES))


@pytest.mark.parametrize("number", range(len(CHOSEN)), ids=lambda number: CHOSEN[number].program.section)
def test_instruction(number: int, target: UnicornTarget) -> None:
    """On one configuration and with a quarter of the inputs; `bpfmips suite --config '*+blind'` judges all."""
    verdicts = judged(CHOSEN[number], number, target, PARTS, every=4)
    assert verdicts
    assert [str(verdict) for verdict in verdicts if verdict.status is not Status.AGREE] == []


@pytest.mark.parametrize("number", range(len(CHOSEN)), ids=lambda number: CHOSEN[number].program.section)
def test_without_blinding_the_tripwire_trips(number: int, target: UnicornTarget) -> None:
    verdicts = judged(CHOSEN[number], number, target, Parts(blinding=Blinding(forms={})), every=16)
    assert verdicts[0].status is Status.TRIPPED
    assert {trip.wire for trip in verdicts[0].trips} == {"blinding"}
    for shown in ("is an immediate of the image", "is the same with another key"):
        assert any(shown in trip.detail for trip in verdicts[0].trips), shown


@pytest.mark.parametrize("name", ["mips1-32", "mips32r6-32", "mips64r2-64"])
def test_jumps_that_the_code_of_constants_makes_long(name: str, target: UnicornTarget) -> None:
    suite = long_suite()
    for verdict in judge_all(suite.program, suite.inputs("little")[:3], (Config.parse(f"{name}le+blind"),), target, compile_program, wires=()):
        assert verdict.status is Status.AGREE, str(verdict)


def test_the_wire_sees_what_constants_leave_and_nothing_else(target: UnicornTarget) -> None:
    """A store at an offset, a shift by a count and a helper number are no constants in this sense."""
    program = assemble("r3 = 0x12345678\n *(u32 *)(r10 - 24) = 0x7654321\n r3 <<= 24\n r3 += -24\n call 7\n r0 = 0\n exit")
    for one in map(Config.parse, ("mips64r2-64le+blind", "mips1-32be+blind")):
        (verdict,) = judge_all(program, (Input(b""),), (one,), target, compile_program, wires=(blinding.WIRE,))
        assert verdict.status is Status.AGREE, str(verdict)


def keyed(program: Program, seed: int = 0) -> tuple[int, ...]:
    one = Config.parse("mips64r2-64le+blind")
    placement = place(Case(program, Input(b"", seed=seed)), one, LAYOUTS[64])
    return compile_program(placement.slots, one, placement.addresses).words


def test_the_key_is_that_of_the_program_whatever_the_input() -> None:
    program = assemble("r0 = 0x12345678\n exit")
    assert keyed(program, 1) == keyed(program, 2)
    assert keyed(program) == keyed(replace(program, source="another"))
    other = keyed(assemble("r0 = 0x12345678\n r1 = r2\n exit"))
    assert not set(keyed(program)[:2]) & set(other)
