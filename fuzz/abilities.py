"""What engines can do, by name: what is judged on one is drawn from this, so that nothing is asked of it that it would refuse."""

from collections.abc import Callable, Mapping, Sequence
from types import MappingProxyType

from fuzz.qemu import models
from fuzz.record import Recording
from fuzz.target import EVERYTHING, Ability
from fuzz.wires.wire import Wire
from jit.config import Config

_NOTHING: frozenset[Recording | Ability] = frozenset()

ABILITIES: Mapping[str, frozenset[Recording | Ability]] = MappingProxyType(
    {"both": EVERYTHING, "model": EVERYTHING, "unicorn": EVERYTHING, "all": EVERYTHING, "qemu": _NOTHING}
)
"""By the names of `fuzz.engines.ENGINES`."""

_MISSING: Mapping[str, Callable[[], str]] = MappingProxyType({"qemu": models.missing})


def missing(engine: str) -> str:
    """Why an engine cannot be used here; empty when it can."""
    return _MISSING[engine]() if engine in _MISSING else ""


def absent() -> Mapping[str, str]:
    """The engines that cannot be used here, and why."""
    return {name: reason for name in _MISSING if (reason := missing(name))}


def runs_on(engine: str, config: Config) -> bool:
    """Whether an engine has a CPU for the configuration."""
    return True


def fitting(wires: Sequence[Wire], engine: str) -> tuple[Wire, ...]:
    """Those of the tripwires that do not ask for more than an engine can do."""
    return tuple(wire for wire in wires if wire.needs | wire.asks <= ABILITIES[engine])


def in_lockstep(engine: str) -> bool:
    """Whether an engine tells the eBPF registers at each instruction."""
    return Recording.BOUNDARIES in ABILITIES[engine]
