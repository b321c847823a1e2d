"""The tripwires, and how they are chosen by name."""

from collections.abc import Mapping

from fuzz.wires import abi, addresses, frame, hazards, legality, memory, ordering, sign_extension, uninitialised
from fuzz.wires.wire import Wire

WIRES: tuple[Wire, ...] = (
    sign_extension.WIRE,
    legality.WIRE,
    hazards.WIRE,
    ordering.WIRE,
    abi.WIRE,
    frame.WIRE,
    memory.WIRE,
    uninitialised.WIRE,
    addresses.WIRE,
)
"""All that are on unless something else is asked for."""

OTHERS: tuple[Wire, ...] = (sign_extension.TRAP,)
"""Those that only a name turns on."""

_CHOICES: Mapping[str, Wire] = {wire.name: wire for wire in (*WIRES, *OTHERS)}

NAMES = tuple(_CHOICES)
"""What can be chosen, one or several, besides "all" and "none"."""


def select(text: str) -> tuple[Wire, ...]:
    """The wires of a list of names separated by commas, or "all" or "none". Raises ValueError for a name that there is not."""
    if text in ("all", "none"):
        return WIRES if text == "all" else ()
    for name in text.split(","):
        if name not in _CHOICES:
            raise ValueError(f"unknown tripwire {name!r}; there is all, none, {', '.join(_CHOICES)}")
    return tuple(dict.fromkeys(_CHOICES[name] for name in text.split(",")))
