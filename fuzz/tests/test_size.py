"""Programs of the size that a kernel takes, and images that grow the memory of the engine or lie across a border of `j` and `jal`."""

from collections.abc import Sequence

import pytest

from ebpf.assembler import assemble
from ebpf.instruction import Instruction
from ebpf.program import Program
from fuzz.case import Input
from fuzz.judge import judge_all
from fuzz.layout import LAYOUTS, before_border
from fuzz.suite.long import long_suite
from fuzz.suite.program import instruction
from fuzz.unicorn.target import UnicornTarget
from fuzz.verdict import Status
from jit.compiled import Addresses, Compiled
from jit.compiler import compile_program
from jit.config import Config

NAMES = ("mips1-32be", "mips32r2-32le", "mips32r6-32be", "mips3-64be", "mips64r2-64le", "mips64r6-64be")


def long_program(slots: int) -> Program:
    """Additions to r0 and multiplications of it, in one run of so many slots."""
    body = [
        instruction("MUL32_IMM", 0, imm=at % 0x7FFF + 3) if at % 3 else instruction("ADD64_IMM", 0, imm=at * 0x4001 % (1 << 31))
        for at in range(slots - 2)
    ]
    return Program("long", ".text", (instruction("MOV64_IMM", 0, imm=1), *body, instruction("EXIT")))


@pytest.mark.parametrize("name", NAMES)
def test_4096_instructions(name: str, target: UnicornTarget) -> None:
    (verdict,) = judge_all(long_program(4096), (Input(b""),), (Config.parse(name),), target, compile_program, wires=())
    assert verdict.status is Status.AGREE, str(verdict)


def test_an_image_that_needs_more_memory_and_then_small_ones(target: UnicornTarget) -> None:
    """More than 4 MiB, of which the first and the last instructions are executed."""
    config, small = Config.parse("mips3-64be"), assemble("r0 = 7\n exit")
    filler = (instruction("BSWAP64", 3),) * 80_000
    large = Program("large", ".text", (instruction("MOV64_IMM", 0, imm=1), instruction("JA32", imm=len(filler)), *filler, instruction("EXIT")))
    sizes = []

    def compiler(slots: Sequence[Instruction], config: Config, addresses: Addresses) -> Compiled:
        compiled = compile_program(slots, config, addresses)
        sizes.append(4 * len(compiled.words))
        return compiled

    for program in (small, large, small):
        (verdict,) = judge_all(program, (Input(b""),), (config,), target, compiler, wires=(), lockstep=False)
        assert verdict.status is Status.AGREE, str(verdict)
    assert sizes[1] > 4 << 20


@pytest.mark.parametrize(("name", "words"), list(zip(NAMES, (1, 2, 40_000, 3, 40_001, 60_000), strict=True)))
def test_an_image_across_a_border(name: str, words: int, target: UnicornTarget) -> None:
    """The long program of the suites, with a border after so many words: of the entry, or between its far ends."""
    config, suite = Config.parse(name), long_suite()
    layouts = {config.width: before_border(LAYOUTS[config.width], 4 * words)}
    inputs = suite.inputs("big" if config.big_endian else "little")[:2]
    for verdict in judge_all(suite.program, inputs, (config,), target, compile_program, layouts, wires=(), lockstep=words == 3):
        assert verdict.status is Status.AGREE, str(verdict)
