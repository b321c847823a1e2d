"""What lasts as long as the process, and what does not: when garbage is looked for."""

import gc
import signal
from collections.abc import Iterator
from contextlib import contextmanager


@contextmanager
def lasting() -> Iterator[None]:
    """What is made inside is not looked at for garbage, now or when the process ends: with numba that is a third of the time that a start takes.

    An interrupt waits until all is there: what is imported may catch it, and go on as if there had been none.
    """
    enabled, before = gc.isenabled(), signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGINT})
    gc.disable()
    try:
        yield
    finally:
        gc.freeze()
        if enabled:
            gc.enable()
        signal.pthread_sigmask(signal.SIG_SETMASK, before)


def rarely_collect() -> None:
    """Look for cycles of garbage a hundred times less often: judging makes many values and next to no cycles, and what is loaded stays."""
    gc.freeze()
    gc.set_threshold(70_000, 20, 20)
