"""The tripwires, and how they are chosen by name."""

from collections.abc import Mapping

from fuzz.wires import abi, addresses, atomicity, blinding, errata, frame, hazards, legality, memory, ordering, sign_extension, uninitialised
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
    blinding.WIRE,
    errata.WIRE,
    atomicity.WIRE,
)
"""All that are on unless something else is asked for."""

OTHERS: tuple[Wire, ...] = (sign_extension.TRAP,)
"""Those that only a name turns on."""

_CHOICES: Mapping[str, Wire] = {wire.name: wire for wire in (*WIRES, *OTHERS)}

NAMES = tuple(_CHOICES)
"""What can be chosen, one or several, besides "all" and "none"."""


def select(text: str) -> tuple[Wire, ...]:
    """The wires of a list of names separated by commas, "all" among them, or none for "none". Raises ValueError for a name that there is not."""
    if text == "none":
        return ()
    chosen: dict[str, Wire] = {}
    for name in text.split(","):
        if name != "all" and name not in _CHOICES:
            raise ValueError(f"unknown tripwire {name!r}; there is all, none, {', '.join(_CHOICES)}")
        chosen |= {wire.name: wire for wire in (WIRES if name == "all" else (_CHOICES[name],))}
    return tuple(chosen.values())
