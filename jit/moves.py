"""Moves that happen at once: arguments of a call that come from registers which are targets themselves."""

from collections.abc import Mapping
from typing import NamedTuple

from jit.code import Emitter
from jit.registers import T9


class Source(NamedTuple):
    """A register plus a signed 16-bit constant."""

    register: int
    constant: int = 0


def move_all(e: Emitter, wanted: Mapping[int, Source]) -> None:
    """Give each target register what its source holds before any of the moves. Uses t9 where they form a cycle."""
    add = "daddiu" if e.config.width == 64 else "addiu"
    pending = dict(wanted)
    while pending:
        free = next((t for t in pending if not any(source.register == t for other, source in pending.items() if other != t)), None)
        if free is not None:
            source = pending.pop(free)
            if source.constant:
                e.op(add, free, source.register, source.constant)
            else:
                e.move(free, source.register)
            continue
        # Only cycles are left: free one register of one of them.
        target = next(iter(pending))
        e.move(T9, target)
        pending = {t: source._replace(register=T9) if source.register == target else source for t, source in pending.items()}
