"""Pools that break while they are given work: nothing is lost, and interrupts are heard again."""

import signal
from concurrent.futures import Future
from concurrent.futures.process import BrokenProcessPool
from typing import Any

import pytest

from fuzz import batch


class Pool:
    """Does work at once. The first one takes `TAKES` tasks, and then is broken."""

    TAKES = 2
    made = 0

    def __init__(self, jobs: int, initializer: object) -> None:
        self._left = self.TAKES if Pool.made == 0 else 1 << 30
        Pool.made += 1

    def submit(self, work: Any, subject: Any) -> "Future[Any]":
        if not self._left:
            raise BrokenProcessPool
        self._left -= 1
        future: Future[Any] = Future()
        future.set_result(work(subject))
        return future

    def shutdown(self, wait: bool, cancel_futures: bool) -> None:
        """There are no processes."""


def test_a_pool_that_breaks_when_it_is_given_work(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(Pool, "made", 0)
    monkeypatch.setattr(batch, "ProcessPoolExecutor", Pool)
    subjects: Any = tuple(range(12))
    work: Any = str
    results: list[Any] = list(batch.run_all(subjects, work, 2, lambda: None))
    assert sorted(results, key=int) == [str(number) for number in range(12)]
    assert Pool.made > 1
    assert signal.SIGINT not in signal.pthread_sigmask(signal.SIG_BLOCK, ())
