"""What numba compiles, made ready before there are workers.

Compiled code is kept in numba's cache, so that only the first run of a version takes the time, a minute or more of it. Left to the workers each would
compile the same, and it would look as if an engine hung.
"""

from collections.abc import Callable
from threading import Timer

from ebpf.assembler import assemble
from fuzz.case import Input
from fuzz.engine.engines import ENGINES
from fuzz.judge import judge_all
from jit.compiler import compile_program
from jit.config import Config

SOON = 3.0
"""Seconds within which everything is there when it comes from the cache."""

_PROGRAM = "r0 = *(u64 *)(r1 + 0)\n*(u64 *)(r10 - 8) = r0\nexit\n"
_ENGINES = {"model": "model", "unicorn": "unicorn", "both": "both", "all": "both"}
"""Of each engine that has compiled code, what has the same and starts no other process."""
_CONFIGS = tuple(map(Config.parse, ("mips32r2-32le", "mips64r2-64le")))


def make_ready(engine: str, tell: Callable[[str], None]) -> None:
    """Judge a small program with an engine of `fuzz.engine.engines.ENGINES`, so that everything is compiled; tell when that takes its time."""
    if engine not in _ENGINES:
        return
    timer = Timer(SOON, tell, ["compiling native code; it is kept, and the next start is a quick one"])
    timer.daemon = True
    timer.start()
    try:
        for _ in judge_all(assemble(_PROGRAM), (Input(bytes(8)),), _CONFIGS, ENGINES[_ENGINES[engine]](), compile_program):
            pass
    finally:
        timer.cancel()
