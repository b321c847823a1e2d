"""Every object gives the answers under the oracle: all -mcpu versions, both byte orders, whole context and 64-bit result."""

from collections.abc import Iterator

import pytest

from corpus.tests.loading import ANSWERS, build
from ebpf import elf, validity
from ebpf.program import ByteOrder, Program, link
from oracle.interpreter import run
from oracle.outcome import Outcome
from oracle.world import Region, World

CONTEXT, DATA, FRAME_POINTER = 0x10_0000, 0x20_0000, 0x40_0000
LIMIT = 20_000
"""Executed instructions that a run may take, so that all of them stay cheap on an oracle in Python."""


def run_on(program: Program, memory: bytes) -> Outcome:
    """Run with every access checked for natural alignment, and with rubbish on the stack."""
    assert program.byte_order is not None
    regions = [Region("context", CONTEXT, memory, True)] if memory else []
    addresses = [DATA + 0x1000 * at for at in range(len(program.data))]
    for section, address in zip(program.data, addresses, strict=True):
        assert address % section.alignment == 0
        regions.append(Region(section.name, address, section.contents, section.writable))
    world = World(
        byte_order=program.byte_order,
        address_width=64,
        alignment=8,
        frame_pointer=FRAME_POINTER,
        stack=b"\xa5" * 4096,
        arguments=(CONTEXT, len(memory)),
        regions=tuple(regions),
        instruction_limit=LIMIT,
    )
    return run(link(program, addresses, code=0x80_0000), world)


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
