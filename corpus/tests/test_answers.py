"""Every object gives the answers under the oracle: all -mcpu versions, both byte orders, whole context and 64-bit result."""

from collections.abc import Iterator
from dataclasses import replace

import pytest

from corpus.tests.loading import ANSWERS, build
from ebpf import elf, validity
from ebpf.program import ByteOrder, Program
from fuzz.case import Case, Input
from fuzz.layout import place
from jit.config import Config
from oracle.interpreter import run
from oracle.outcome import Outcome

LIMIT = 20_000
"""Executed instructions that a run may take, so that all of them stay cheap on an oracle in Python."""


def run_on(program: Program, memory: bytes) -> Outcome:
    """Run with every access checked for natural alignment, and with rubbish on the stack."""
    placement = place(Case(program, Input(memory)), Config("mips64r2", 64, program.byte_order == "big"))
    world, _ = placement.fresh_world()
    assert world.alignment == 8
    return run(placement.slots, replace(world, instruction_limit=LIMIT))


def objects(name: str) -> Iterator[Program]:
    """The eight programs that a source was compiled to."""
    for file_name, _, order in build.object_names(name):
        (program,) = elf.load(build.OBJECTS / file_name)
        assert program.byte_order == {"el": "little", "eb": "big"}[order]
        yield program


@pytest.mark.parametrize("name", sorted(ANSWERS))
def test_every_object_gives_the_answers(name: str) -> None:
    orders: tuple[ByteOrder, ...] = ("little", "big")
    answers = {order: ANSWERS[name](order) for order in orders}
    for program in objects(name):
        validity.check(program)
        assert program.byte_order is not None
        for number, answer in enumerate(answers[program.byte_order]):
            outcome = run_on(program, answer.memory)
            at = f"{program.source}: input {number}"
            assert outcome.fault is None, f"{at}: {outcome.fault}"
            assert outcome.registers[0] == answer.r0, at
            assert outcome.memory.get("context", b"") == answer.after, at
