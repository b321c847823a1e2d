"""What each program must do: inputs and the answers to them, from somewhere else than the program.

`NAME.py` next to `NAME.c` has a function `answers(byte_order)` that returns, for each input, the context, the result and the context after
the run. Where the answers come from is said at its head: the standard library, Python integers or published test vectors.
This module puts them together, and can itself be loaded from its path, because `corpus` is data and no package.
"""

import importlib.util
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from types import MappingProxyType
from typing import NamedTuple

from ebpf.program import ByteOrder

PROGRAMS = Path(__file__).parent


class Answer(NamedTuple):
    """One run: the context at the start, the expected r0 as an unsigned 64-bit integer, the expected context at the end, whole."""

    memory: bytes
    r0: int
    after: bytes


def _answers(name: str, byte_order: ByteOrder) -> tuple[Answer, ...]:
    spec = importlib.util.spec_from_file_location(f"corpus_programs_{name}", PROGRAMS / f"{name}.py")
    if spec is None or spec.loader is None:
        raise ImportError(f"{PROGRAMS / name}.py: no module")
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    found = tuple(Answer(*answer) for answer in module.answers(byte_order))
    for answer in found:
        if not 0 <= answer.r0 < 1 << 64 or len(answer.memory) != len(answer.after):
            raise ValueError(f"{PROGRAMS / name}.py: the answer for {answer.memory[:16]!r}… is not a 64-bit result and a context of the same length")
    return found


def _answers_of(name: str) -> Callable[[ByteOrder], Sequence[Answer]]:
    return lambda byte_order: _answers(name, byte_order)


ANSWERS: Mapping[str, Callable[[ByteOrder], Sequence[Answer]]] = MappingProxyType(
    {source.stem: _answers_of(source.stem) for source in sorted(PROGRAMS.glob("*.c"))}
)
"""The answers of each program, by the name of its source, for objects of either byte order. Raises when a program has none."""
