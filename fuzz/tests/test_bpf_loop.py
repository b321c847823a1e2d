"""bpf_loop with any arguments and callbacks of any shape: image and oracle agree, with all tripwires, on any configuration."""

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

_COUNTS = st.integers(0, 12) | st.sampled_from((0x80_0000, 0x80_0001, 0xFFFF_FFFF)) | st.integers(0, 5).map(lambda low: 0x1234_5678 << 32 | low)
_FLAGS = st.just(0) | st.sampled_from((1, 1 << 31, 1 << 32, 1 << 63))

# What a callback does besides; r6 is the index, r7 the context.
_STATEMENTS = (
    "r8 = 1",
    "r9 = r6; r9 <<= 40",
    "*(u64 *)(r7 + 0) = r6",
    "*(u64 *)(r10 - 512) = r6",
    "r3 = *(u64 *)(r7 + 0); r3 += r6; *(u64 *)(r7 + 0) = r3",
    "call 5; *(u64 *)(r10 - 8) = r0",
    "r1 = r6; r2 = r6; r3 = r7; r4 = r6; r5 = 7; call kernel 1; *(u64 *)(r7 - 8) = r0",
    "may_goto +0",
    "r1 = 2; r2 = code inner; r3 = 0; r4 = 0; call 181; r9 = r0",
)


@st.composite
def looping(draw: st.DrawFn) -> Program:
    """A program that stores what it has in r6 to r9 behind the loop, a callback that stops at some index, and one that it may call itself."""
    count, stop = draw(_COUNTS), draw(st.integers(0, 12))
    body = "\n".join(draw(st.lists(st.sampled_from(_STATEMENTS), max_size=5)))
    program = assemble(
        f"""
            r6 = r1; r7 = 7; r8 = -8; r9 = r10
            *(u64 *)(r10 - 16) = r7
            *(u64 *)(r10 - 8) = r8
            r1 = {count} ll
            r2 = code callback
            r3 = r10
            r3 += -8
            r4 = {draw(_FLAGS)} ll
            call 181
            *(u64 *)(r10 - 24) = r7; *(u64 *)(r10 - 32) = r8; *(u64 *)(r10 - 40) = r9; *(u64 *)(r10 - 48) = r0
            exit
        callback:
            r6 = r1; r7 = r2
            {body}
            r0 = 1
            if r6 == {stop} goto out
            r0 = 0
        out:
            exit
        inner:
            r6 = 9; r7 = 9; r8 = 9; r9 = 9
            r0 = r1
            exit
        """,
        "looping",
    )
    check(program)
    return program


@settings(max_examples=25)
@given(looping(), st.sampled_from(BASE_CONFIGS))
def test_any_loop(program: Program, config: Config) -> None:
    for verdict in judge_all(program, (Input(bytes(range(16)), seed=4),), (config,), _TARGET, compile_program):
        assert verdict.status is Status.AGREE, str(verdict)
