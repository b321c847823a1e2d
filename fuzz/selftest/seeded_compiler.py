"""The compiler with seeded bugs in it, by their names: one, or several at once.

Several go together when no two edit the same part: a cell of the lowering table at one width, the frame, the entry, and so on. Passes add up.
"""

from collections.abc import Sequence
from dataclasses import fields
from functools import cached_property
from typing import Any

from ebpf.instruction import Instruction
from ebpf.trampoline import Trampoline
from fuzz.selftest.seeded_bug import Bug
from fuzz.selftest.selftest import bugs
from jit.compiled import Addresses, Compiled
from jit.compiler import PARTS, Parts, compile_program
from jit.config import Config
from jit.lowering import LOWERING, Lowering
from jit.trampoline import PARTS as TRAMPOLINE_PARTS
from jit.trampoline import Image, Surroundings, compile_trampoline


def combined(chosen: Sequence[Bug]) -> Parts:
    """The parts of a compiler with all these bugs. Raises ValueError when two of them edit the same part."""
    changed: dict[str, Any] = {}
    cells: dict[tuple[str, str], Bug] = {}
    lowering = dict(LOWERING)
    passes = list(PARTS.passes)
    for bug in chosen:
        for name, row in bug.parts.lowering.items():
            for width in ("single", "pair"):
                cell = getattr(row, width)
                if cell is getattr(LOWERING[name], width):
                    continue
                if (other := cells.setdefault((name, width), bug)) is not bug:
                    raise ValueError(f"{bug.name} and {other.name} both edit the {width} cell of {name}")
                lowering[name] = Lowering(**{"single": lowering[name].single, "pair": lowering[name].pair, width: cell})
        if bug.parts.passes[: len(PARTS.passes)] != PARTS.passes and changed.setdefault("passes", bug) is not bug:
            raise ValueError(f"{bug.name} and {changed['passes'].name} both replace passes")
        if bug.parts.passes[: len(PARTS.passes)] == PARTS.passes:
            passes += bug.parts.passes[len(PARTS.passes) :]
        else:
            passes = [*bug.parts.passes, *passes[len(PARTS.passes) :]]
        for field in fields(Parts):
            if field.name in ("lowering", "passes") or getattr(bug.parts, field.name) == getattr(PARTS, field.name):
                continue
            if (other := changed.setdefault(field.name, bug)) is not bug:
                raise ValueError(f"{bug.name} and {other.name} both replace {field.name}")
    others = {name: getattr(bug.parts, name) for name, bug in changed.items() if name != "passes"}
    return Parts(lowering=lowering, passes=tuple(passes), **others)


class SeededCompiler:
    """See `fuzz.case.Compiler`. It can be sent to other processes, because it is made of names. Raises ValueError for a name that there is not."""

    def __init__(self, *names: str) -> None:
        self.names = names
        known = {bug.name for bug in bugs()}
        for name in names:
            if name not in known:
                raise ValueError(f"no seeded bug {name!r}")

    @cached_property
    def _parts(self) -> Parts:
        by_name = {bug.name: bug for bug in bugs()}
        return combined([by_name[name] for name in self.names])

    def __call__(self, slots: Sequence[Instruction], config: Config, addresses: Addresses) -> Compiled:
        """Compile a program."""
        return compile_program(slots, config, addresses, self._parts)

    def __reduce__(self) -> tuple[Any, ...]:
        return SeededCompiler, self.names


class SeededTrampolines:
    """See `fuzz.trampoline.judge.Compiler`: trampolines with a seeded bug, on the configurations where it applies. It can be sent to other processes.

    Raises ValueError for a name that no bug of trampolines has.
    """

    def __init__(self, name: str) -> None:
        found = next((bug for bug in bugs() if bug.name == name and bug.trampoline is not None), None)
        if found is None or found.trampoline is None:
            raise ValueError(f"no seeded bug of trampolines {name!r}")
        self.name = name
        self._code, _ = found.trampoline
        self._applies = frozenset(found.applies())

    def __call__(self, trampoline: Trampoline, config: Config, surroundings: Surroundings) -> Image:
        """Compile a trampoline."""
        return compile_trampoline(trampoline, config, surroundings, self._code if config in self._applies else TRAMPOLINE_PARTS)

    def __reduce__(self) -> tuple[Any, ...]:
        return SeededTrampolines, (self.name,)
