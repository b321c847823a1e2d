"""What else happens at words of the loaded image: the errata of the configuration's CPU, as `fuzz.cpu.erratum_models` says, and other CPUs that come
between the accesses of atomic operations, as `fuzz.cpu.interference` says.

The target installs hooks on `words`, and calls `at` before it executes one of them. In an image with all workarounds there are none, but in runs with
other CPUs those of atomic operations; in runs that are screened the model plays other CPUs itself (`fuzz.model.interference`).
"""

from collections import defaultdict
from collections.abc import Callable, MutableMapping, Sequence
from typing import NamedTuple, Protocol

from ebpf.instruction import Instruction
from fuzz.atomics import any_atomic
from fuzz.cpu.erratum_models import Effect, Occurrence, image_of, occurrences
from fuzz.cpu.interference import interruptions
from fuzz.verdict import Difference
from fuzz.wires.flow import next_words
from jit.compiled import Compiled

_MASK = (1 << 64) - 1

PATIENCE = 4096
"""Before so many words of a run other CPUs are looked at, which are those of some hundred atomic operations."""


class Registers(Protocol):
    """What holds the registers: an engine."""

    def registers(self) -> list[int]:
        """The general registers, HI and LO."""

    def write_registers(self, values: list[int]) -> None:
        """Write them all."""


class Host(NamedTuple):
    """What a target does for this: bytes of the memory of the program, to end a run with a reason, to keep a violation for its end."""

    load: Callable[[int, int], bytes]
    store: Callable[[int, bytes], None]
    hang: Callable[[str], None]
    violate: Callable[[Difference], None]


class _Core:
    """See `fuzz.cpu.erratum_models.Core`."""

    def __init__(self, values: list[int], host: Host, interference: int) -> None:
        self._values, self._host = values, host
        self.changed = False
        self.memo: MutableMapping[str, int] = {}
        self.interference = interference
        self.place = ""

    def __getitem__(self, register: int) -> int:
        return self._values[register]

    def __setitem__(self, register: int, value: int) -> None:
        if register:
            self._values[register], self.changed = value & _MASK, True

    def load(self, address: int, size: int) -> bytes:
        return self._host.load(address, size)

    def store(self, address: int, contents: bytes) -> None:
        self._host.store(address, contents)

    def hang(self, reason: str) -> None:
        self._host.hang(reason)

    def violation(self, expected: str, actual: str) -> None:
        self._host.violate(Difference("atomicity", self.place, expected, actual))


class FaultyCpu:
    """What happens in one loaded image at a time."""

    def __init__(self, host: Host) -> None:
        self._host = host
        self._image: tuple[Compiled, tuple[Instruction, ...]] | None = None
        self._occurrences: list[Occurrence] = []
        self._effects: dict[int, list[tuple[int, Effect]]] = {}
        self._errata = 0
        self._disturbed = False
        self._memos: dict[int, dict[str, int]] = defaultdict(dict)
        self._run: object = None
        self._looked, self.resting = 0, False

    def words(self, interference: bool) -> list[int]:
        """The words before which something may happen in a run, with other CPUs or without."""
        if interference and not self._disturbed:
            self._disturb()
        return sorted(word for word, effects in self._effects.items() if interference or any(number < self._errata for number, _ in effects))

    def load(self, compiled: Compiled, slots: tuple[Instruction, ...]) -> None:
        """An image is about to be run."""
        self._image = compiled, slots
        self._effects = {}
        self._occurrences = list(occurrences(compiled))
        self._errata, self._disturbed = len(self._occurrences), False
        if self._occurrences:
            self._install(next_words(compiled))
        self._begin(None)

    def _disturb(self) -> None:
        """Other CPUs come in: most runs are without them, and what they do takes long to find out."""
        self._disturbed = True
        if self._image is None or not any_atomic(self._image[1]):
            return
        compiled, slots = self._image
        self._occurrences += interruptions(image_of(compiled), compiled, slots)
        self._effects = {}
        self._install(next_words(compiled))

    def _install(self, following: Sequence[Sequence[int]]) -> None:
        # What happens after a word comes before what happens before the next one.
        for after in (True, False):
            for number, occurrence in enumerate(self._occurrences):
                for effect in occurrence.effects:
                    if effect.after == after:
                        for at in following[effect.word] if after else (effect.word,):
                            self._effects.setdefault(at, []).append((number, effect))

    def _begin(self, run: object) -> None:
        self._run = run
        self._memos.clear()
        self._looked, self.resting = 0, False

    def at(self, word: int, run: object, engine: Registers, interference: int) -> None:
        """The engine is about to execute the word, in that run.

        Afterwards `resting` tells whether other CPUs leave the rest of the run alone, as they do after some time: an image may run on.
        """
        if run != self._run:
            self._begin(run)
        disturbed = interference > 0 and not self.resting
        wanted = [pair for pair in self._effects.get(word, ()) if disturbed or pair[0] < self._errata]
        if not wanted:
            return
        values = engine.registers()
        core = _Core(values, self._host, interference)
        for number, effect in wanted:
            core.memo, core.place = self._memos[number], self._occurrences[number].detail
            effect.action(core)
        if core.changed:
            engine.write_registers(values)
        self._looked += 1
        if disturbed and self._looked >= PATIENCE:
            # Not in the middle of an operation.
            self.resting = not any(memo for number, memo in self._memos.items() if number >= self._errata)
