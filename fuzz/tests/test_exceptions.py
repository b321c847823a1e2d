"""Exceptions from any depth, through functions of any shape: image and oracle agree, with all tripwires, on any configuration."""

from hypothesis import given, settings
from hypothesis import strategies as st

from ebpf.assembler import assemble
from ebpf.program import Program
from ebpf.validity import check
from fuzz.case import Input
from fuzz.judge import judge_all
from fuzz.unicorn.target import UnicornTarget
from fuzz.verdict import Status
from jit.compiler import compile_program
from jit.config import BASE_CONFIGS, Config

_TARGET = UnicornTarget()

# What a function does besides. None of it reads what nobody has written.
_STATEMENTS = (
    *(f"r{number} = {number * 1111}" for number in range(6, 10)),
    "*(u64 *)(r10 - 8) = r1",
    "*(u32 *)(r10 - 512) = r1",
    "r1 <<= 1",
    "r2 = 7\nr1 s/= r2",
    "r2 = r1\nr3 = r1\nr4 = r1\nr5 = r1\ncall kernel 1\nr1 = r0",
    "call 5\nr1 = r0",
    "may_goto +0",
    "w1 += 1",
)


@st.composite
def throwing(draw: st.DrawFn) -> Program:
    """A chain of functions, of which the last throws, or one on the way, or none."""
    depth = draw(st.integers(0, 7))
    thrower = draw(st.integers(0, depth + 1))
    parts = []
    for number in range(depth + 1):
        lines = [f"f{number}:", *draw(st.lists(st.sampled_from(_STATEMENTS), max_size=5))]
        if number == thrower:
            lines.append("call kernel 64")
        elif number < depth:
            lines += [f"call f{number + 1}", "r1 = r0", *draw(st.lists(st.sampled_from(_STATEMENTS), max_size=3)), "r0 = r1"]
        parts += [*lines, "r0 = r1" if number == depth and number != thrower else "r1 = 5\nr0 = 6" if number == thrower else "r1 = 6", "exit"]
    if draw(st.booleans()):
        parts += ["exception_callback:", *draw(st.lists(st.sampled_from(_STATEMENTS), max_size=5)), "r0 = r1", "exit"]
    program = assemble("\n".join(parts), "throwing")
    check(program)
    return program


@settings(max_examples=25)
@given(throwing(), st.sampled_from(BASE_CONFIGS))
def test_any_chain_of_functions(program: Program, config: Config) -> None:
    for verdict in judge_all(program, (Input(bytes(range(16)), seed=4),), (config,), _TARGET, compile_program):
        assert verdict.status is Status.AGREE, str(verdict)


@st.composite
def throwing_programs(draw: st.DrawFn) -> Program:
    """A chain of functions with programs among them, which tail calls enter, and an exception somewhere on the way."""
    depth = draw(st.integers(1, 6))
    thrower = draw(st.integers(1, depth + 1))
    parts = [".map table prog_array 4 4 8"]
    for number in range(depth + 1):
        lines = [f"f{number}:", "r9 = r1", *draw(st.lists(st.sampled_from(_STATEMENTS), max_size=4))]
        if number == thrower:
            lines += ["r1 = r9", "call kernel 64"]
        elif number < depth and draw(st.booleans()):
            parts.append(f".program table {number} f{number + 1}")
            lines += ["r1 = r9", "r2 = map_fd 0", f"r3 = {number}", "call 12"]
        elif number < depth:
            lines += ["r1 = r9", f"call f{number + 1}", "r1 = r0", *draw(st.lists(st.sampled_from(_STATEMENTS), max_size=3)), "r9 += r1"]
        parts += [*lines, "r0 = r9", "exit"]
    if draw(st.booleans()):
        parts += ["exception_callback:", "r9 = r1", *draw(st.lists(st.sampled_from(_STATEMENTS), max_size=5)), "r0 = r9", "exit"]
    program = assemble("\n".join(parts), "throwing")
    check(program)
    return program


@settings(max_examples=25)
@given(throwing_programs(), st.sampled_from(BASE_CONFIGS))
def test_any_chain_of_functions_and_programs(program: Program, config: Config) -> None:
    for verdict in judge_all(program, (Input(bytes(range(16)), seed=4),), (config,), _TARGET, compile_program):
        assert verdict.status is Status.AGREE, str(verdict)
