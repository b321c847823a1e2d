"""What engines can do, by name: what is judged on one is drawn from this, so that nothing is asked of it that it would refuse."""

from collections.abc import Callable, Mapping, Sequence
from importlib.util import find_spec
from types import MappingProxyType

from fuzz.engine.target import EVERYTHING, Ability, Target
from fuzz.qemu import models
from fuzz.recording.record import Recording
from fuzz.wires.wire import Wire
from jit.config import Config

_NOTHING: frozenset[Recording | Ability] = frozenset()

ABILITIES: Mapping[str, frozenset[Recording | Ability]] = MappingProxyType(
    {"both": EVERYTHING, "model": EVERYTHING, "unicorn": EVERYTHING, "all": EVERYTHING, "qemu": _NOTHING, "qiling": _NOTHING}
)
"""By the names of `fuzz.engine.engines.ENGINES`."""


def _without_qiling() -> str:
    """It is not imported for that."""
    return "" if find_spec("qiling") else "not installed: qiling (pip install 'bpfmips[qiling]')"


_MISSING: Mapping[str, Callable[[], str]] = MappingProxyType({"qemu": models.missing, "qiling": _without_qiling})


def missing(engine: str) -> str:
    """Why an engine cannot be used here; empty when it can."""
    return _MISSING[engine]() if engine in _MISSING else ""


def absent() -> Mapping[str, str]:
    """The engines that cannot be used here, and why."""
    return {name: reason for name in _MISSING if (reason := missing(name))}


def runs_on(engine: str, config: Config) -> bool:
    """Whether an engine has a CPU for the configuration."""
    return engine != "qiling" or not config.cpu_64


def fitting(wires: Sequence[Wire], engine: str) -> tuple[Wire, ...]:
    """Those of the tripwires that do not ask for more than an engine can do."""
    return tuple(wire for wire in wires if wire.needs | wire.asks <= ABILITIES[engine])


def in_lockstep(engine: str) -> bool:
    """Whether an engine tells the eBPF registers at each instruction."""
    return Recording.BOUNDARIES in ABILITIES[engine]


def telling(target: Target) -> Target:
    """The target, or our model in place of one that cannot tell what happens on the way: what is wrong with an image any engine shows."""
    if Recording.BOUNDARIES in getattr(target, "abilities", EVERYTHING):
        return target
    from fuzz.model.target import ModelTarget

    return ModelTarget()
