"""A CPU with the errata of a configuration, in front of a target: what `fuzz.erratum_models` says happens at words of the loaded image.

The target installs hooks on `words`, and calls `at` before it executes one of them. In an image with all workarounds there are none.
"""

from collections import defaultdict
from collections.abc import Callable, MutableMapping
from typing import Protocol

from fuzz.erratum_models import Effect, Occurrence, occurrences
from fuzz.wires.flow import successors
from jit.compiled import Compiled

_MASK = (1 << 64) - 1


class Registers(Protocol):
    """What holds the registers: an engine."""

    def registers(self) -> list[int]:
        """The general registers, HI and LO."""

    def write_registers(self, values: list[int]) -> None:
        """Write them all."""


class Memory(Protocol):
    """The memory of the program."""

    def load(self, address: int, size: int) -> bytes:
        """Bytes."""

    def store(self, address: int, contents: bytes) -> None:
        """Change bytes."""


class _Core:
    """See `fuzz.erratum_models.Core`."""

    def __init__(self, values: list[int], memory: Memory, hang: Callable[[str], None]) -> None:
        self._values, self._memory, self._hang = values, memory, hang
        self.changed = False
        self.memo: MutableMapping[str, int] = {}

    def __getitem__(self, register: int) -> int:
        return self._values[register]

    def __setitem__(self, register: int, value: int) -> None:
        if register:
            self._values[register], self.changed = value & _MASK, True

    def load(self, address: int, size: int) -> bytes:
        return self._memory.load(address, size)

    def store(self, address: int, contents: bytes) -> None:
        self._memory.store(address, contents)

    def hang(self, reason: str) -> None:
        self._hang(reason)


class FaultyCpu:
    """The errata of one loaded image at a time; `hang` ends a run."""

    def __init__(self, memory: Memory, hang: Callable[[str], None]) -> None:
        self._memory, self._hang = memory, hang
        self._effects: dict[int, list[tuple[int, Effect]]] = {}
        self._memos: dict[int, dict[str, int]] = defaultdict(dict)
        self._run: object = None
        self._last: dict[int, set[int]] = {}

    @property
    def words(self) -> list[int]:
        """The words before which something may happen."""
        return sorted(self._effects)

    def load(self, compiled: Compiled) -> None:
        """An image is about to be run."""
        self._effects = {}
        found = occurrences(compiled)
        if found:
            self._install(found, compiled)
        self.begin(None)

    def _install(self, found: tuple[Occurrence, ...], compiled: Compiled) -> None:
        following = successors(compiled)
        # What happens after a word comes before what happens before the next one.
        for after in (True, False):
            for number, occurrence in enumerate(found):
                for effect in occurrence.effects:
                    if effect.after == after:
                        for at in following[effect.word] if after else (effect.word,):
                            self._effects.setdefault(at, []).append((number, effect))

    def begin(self, run: object) -> None:
        """Another run begins: nothing has happened yet."""
        self._run = run
        self._memos.clear()

    def at(self, word: int, run: object, engine: Registers) -> None:
        """The engine is about to execute the word, in that run."""
        if run != self._run:
            self.begin(run)
        values = engine.registers()
        core = _Core(values, self._memory, self._hang)
        for number, effect in self._effects.get(word, ()):
            core.memo = self._memos[number]
            effect.action(core)
        if core.changed:
            engine.write_registers(values)
