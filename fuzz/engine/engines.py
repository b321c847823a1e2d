"""The engines by name, and two of them as one target.

    model     our own model of the architecture (`fuzz.model`): exact ISAs, hazards, fast
    unicorn   Unicorn, an emulator by others (`fuzz.unicorn.target`)
    qemu      QEMU in user mode (`fuzz.qemu`), which records nothing
    qiling    Qiling (`fuzz.qiling`), for 32-bit CPUs, which records nothing either
    all       both, and every input that agrees there on all others as well that are installed and can run it (`fuzz.engine.all_engines`)
    both      every input on both. The model records what wires and lockstep want; Unicorn runs without hooks, and again where there is doubt. A
              campaign confirms by Unicorn one image of so many, and all about which there is doubt

Where the engines end differently the verdict is about them (`Status.ENGINE`), unless a tripwire says that the image has left what the architecture
defines.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from types import MappingProxyType
from zlib import crc32

from fuzz.engine.all_engines import All, qiling
from fuzz.engine.disagreements import disagreements
from fuzz.engine.target import Run, Target
from fuzz.layout import Placement
from fuzz.model.target import ModelTarget
from fuzz.qemu.target import QemuTarget
from fuzz.recording.kept import kept
from fuzz.recording.record import Recording
from fuzz.unicorn.target import UnicornTarget
from jit.compiled import Compiled


class Both:
    """See `fuzz.engine.target.Target`. What is recorded is the model's.

    confirm  of so many images one runs on Unicorn although there is no doubt; which, the words of an image decide, so that it is the same whoever
             judges it, and when
    """

    def __init__(self, confirm: int = 1) -> None:
        self._model, self._unicorn = ModelTarget(), UnicornTarget()
        self._confirm = confirm
        self._image: tuple[Compiled, Placement] | None = None
        self._loaded = self._confirmed = False

    def load(self, compiled: Compiled, placement: Placement) -> None:
        """Make the image ready to run. Raises ValueError for an image that was compiled for other addresses, is too long, or breaks the ABI."""
        self._model.load(compiled, placement)
        self._image, self._loaded = (compiled, placement), False
        self._confirmed = self._confirm == 1 or crc32(compiled.image()) % self._confirm == 0

    @property
    def _second(self) -> UnicornTarget:
        """Unicorn with the image, which most images of a campaign never need there."""
        if not self._loaded:
            if self._image is None:
                raise ValueError("no image is loaded")
            self._unicorn.load(*self._image)
            self._loaded = True
        return self._unicorn

    def run(self, placement: Placement, recordings: frozenset[Recording] = frozenset()) -> Run:
        """Run the loaded image on an input. What happens to the image is told in the outcome and never raised."""
        run = self._model.run(placement, recordings)
        # Inverted operands are a question to one engine: the other one computes as if they were none.
        other = self._second.run(placement)
        plain = self._model.run(placement) if Recording.FLIPS in recordings and run.record.operands else run
        return replace(run, disagreements=tuple(disagreements(plain, other)))

    def screen(self, inputs: Sequence[tuple[Placement, Run]], recordings: frozenset[Recording] = frozenset(), variants: int = 0) -> list[int]:
        """Run the loaded image on inputs, and say of each what may not be as it must be; see `fuzz.engine.target`.

        Variants run on one engine: that the other one agrees about the image the inputs show.
        """
        found = self._model.screen(inputs, recordings)
        if self._confirmed:
            certain = [number for number in range(len(inputs) - variants) if not found[number]]
            _ask(self._second, tuple(inputs), certain, found)
        return found


Inputs = tuple[tuple[Placement, Run], ...]


@kept(16)
def _first(inputs: Inputs, count: int) -> Inputs:
    """The same value each time, of which other things are kept (`fuzz.recording.screen.batch`)."""
    return inputs[:count]


def _ask(target: Target, inputs: Inputs, numbers: Sequence[int], found: list[int]) -> None:
    """Screen the inputs with these numbers, in ascending order."""
    if not numbers:
        return
    if numbers[-1] < len(numbers):
        chosen = inputs if len(numbers) == len(inputs) else _first(inputs, len(numbers))
    else:
        chosen = tuple(inputs[number] for number in numbers)
    for number, doubt in zip(numbers, target.screen(chosen), strict=True):
        found[number] = doubt


ENGINES: Mapping[str, Callable[[], Target]] = MappingProxyType(
    {"both": Both, "model": ModelTarget, "unicorn": UnicornTarget, "qemu": QemuTarget, "qiling": qiling, "all": lambda: All(Both())}
)


def engine(name: str, confirm: int = 1) -> Target:
    """The engine of a campaign: of the images that the model runs Unicorn confirms one of `confirm`, and all about which there is doubt."""
    return Both(confirm) if name == "model" else ENGINES[name]()
