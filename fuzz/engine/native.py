"""What numba compiles, made ready before there are workers.

Compiled code is kept in numba's cache, so that only the first run of a version takes the time, a minute or more of it. Left to the workers each would
compile the same, and it would look as if an engine hung.
"""

from collections.abc import Callable, Sequence
from threading import Event, Timer

from ebpf.assembler import assemble
from ebpf.instruction import Instruction
from fuzz.case import Compiler, Input
from fuzz.engine.engines import ENGINES
from fuzz.judge import judge_all
from jit.compiled import Addresses, Compiled
from jit.compiler import compile_program
from jit.config import Config

SOON = 3.0
"""Seconds within which everything is there when it comes from the cache."""

_PROGRAM = "r0 = *(u64 *)(r1 + 0)\n*(u64 *)(r10 - 8) = r0\nexit\n"
_ENGINES = {"model": "model", "unicorn": "unicorn", "both": "both", "all": "both"}
"""Of each engine that has compiled code, what has the same and starts no other process."""
_CONFIGS = tuple(map(Config.parse, ("mips32r2-32le", "mips64r2-64le")))

# What not every program needs: Unicorn beside the model, atomic operations, ways from word to word that matter, runs that are looked at one by one.
_REST = "w0 = 1\n*(u32 *)(r10 - 8) = w0\nw0 *= 3\nlock *(u32 *)(r10 - 8) += w0\nexit\n"
_ENGINES_OF_REST = {**_ENGINES, "model": "both"}
_CONFIGS_OF_REST = tuple(map(Config.parse, ("mips2-32le", *map(str, _CONFIGS))))


def make_ready(engine: str, tell: Callable[[str], None], whole: bool = False) -> None:
    """Judge a small program with an engine of `fuzz.engine.engines.ENGINES`, so that what nearly every run needs is compiled; tell when that takes
    its time. Then, or with `whole`, all the rest is made ready as well."""
    if engine not in _ENGINES:
        return
    late = Event()

    def soon() -> None:
        late.set()
        tell("compiling native code; it is kept, and the next start is a quick one")

    timer = Timer(SOON, soon)
    timer.daemon = True
    timer.start()
    try:
        _judge(_PROGRAM, _ENGINES[engine], _CONFIGS, compile_program)
        if whole or late.is_set():
            _judge(_REST, _ENGINES_OF_REST[engine], _CONFIGS_OF_REST, compile_program)
            _judge(_REST, _ENGINES_OF_REST[engine], _CONFIGS_OF_REST, _wrong)
    finally:
        timer.cancel()


def _judge(program: str, engine: str, configs: Sequence[Config], compiler: Compiler) -> None:
    for _ in judge_all(assemble(program), (Input(bytes(8)),), configs, ENGINES[engine](), compiler):
        pass


def _wrong(slots: Sequence[Instruction], config: Config, addresses: Addresses) -> Compiled:
    """An image in which something is found."""
    return compile_program((slots[0]._replace(imm=2), *slots[1:]), config, addresses)
