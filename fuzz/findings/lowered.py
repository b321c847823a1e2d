"""The code of the reference pages, compiled in a process of its own, because the compiler under test may kill its process, or never end.

A row is one task. Where the process dies with it each of its configurations becomes a task, so that those are shown with which nothing is wrong.
"""

from collections.abc import Sequence
from time import monotonic

from ebpf.opcodes import Row
from fuzz.campaign.pool import DeadWorkerError, WorkerPool
from fuzz.case import Compiler
from fuzz.reference import Answer, LoweredRow, compiled, lowerings
from jit.config import Config

PATIENCE = 2.0
"""Seconds for a row, which takes some milliseconds."""

LOST = 60.0
"""When a compiler that dies has cost so many seconds, nothing more is compiled: with some thousand images a report would never be done."""

_MEMORY = 1 << 30


def lowered_apart(compiler: Compiler, patience: float = PATIENCE, lost: float = LOST) -> tuple[LoweredRow, ...]:
    """See `fuzz.reference.lowerings`. Where the compiler died or took too long the row says so."""
    asking = _Asking(compiler, patience, lost)
    try:
        return lowerings(asking.ask)
    finally:
        asking.pool.shutdown(cancel_futures=True)


class _Asking:
    def __init__(self, compiler: Compiler, patience: float, lost: float) -> None:
        self.pool = WorkerPool(1, patience, _MEMORY, ("fuzz.reference", compiler.__module__))
        self._compiler = compiler
        self._patience = patience
        self._left = lost

    def ask(self, row: Row, configs: Sequence[Config]) -> tuple[Answer, ...]:
        """See `fuzz.reference.Ask`."""
        answers, _ = self._attempt(row, configs)
        if len(answers) == len(configs):
            return answers
        slow = set[int]()
        found = []
        for config in configs:
            if config.width in slow:
                # What is the same code of the compiler would take as long again.
                found.append(Answer(failed="not compiled, because it took too long on another configuration"))
                continue
            (answer,), late = self._attempt(row, (config,))
            slow |= {config.width} if late else set()
            found.append(answer)
        return tuple(found)

    def _attempt(self, row: Row, configs: Sequence[Config]) -> tuple[tuple[Answer, ...], bool]:
        """One answer for each configuration, or one for all where the process died; and whether it took too long."""
        if self._left <= 0:
            return (Answer(failed="not compiled, because the compiler had died or taken too long too often"),), False
        began = monotonic()
        try:
            return self.pool.submit(compiled, row, configs, self._compiler).result(), False
        except DeadWorkerError as death:
            took = monotonic() - began
            self._left -= took
            late = took >= self._patience
            reason = f"the compiler took more than {self._patience:g} s" if late else f"the compiler died: {death.reason}"
            return (Answer(failed=reason),), late
