"""Workers that die, hang or take too much memory cost their task and nothing else."""

import os
import signal
import time
from collections.abc import Iterator
from concurrent.futures import Future
from typing import Any

import pytest

from fuzz.campaign.pool import DeadWorkerError, WorkerPool, tell


def double(number: int) -> int:
    return 2 * number


def die(how: int) -> None:
    tell("dying")
    os.kill(os.getpid(), how)


def hang() -> None:
    tell("hanging")
    while True:
        pass


def sleep() -> None:
    tell("asleep")
    time.sleep(60)


def doze(seconds: float) -> str:
    time.sleep(seconds)
    return "awake"


def allocate() -> None:
    tell("allocating")
    taken = []
    while True:
        taken.append(bytearray(1 << 24))
        time.sleep(0.01)


def refuse_memory() -> None:
    tell("asking")
    raise MemoryError


def fail() -> None:
    raise ValueError("as told")


def talk(seconds: float) -> str:
    until = time.monotonic() + seconds
    while time.monotonic() < until:
        tell("alive")
        time.sleep(0.05)
    return "done"


def leave() -> None:
    os._exit(3)


def unsendable() -> object:
    return lambda: None


@pytest.fixture
def pool() -> Iterator[WorkerPool]:
    made = WorkerPool(2, silence=1.5, memory=1 << 30)
    yield made
    made.shutdown(cancel_futures=True)


def death(future: "Future[Any]") -> tuple[str, object]:
    with pytest.raises(DeadWorkerError) as caught:
        future.result(timeout=30)
    return caught.value.reason, caught.value.note


def test_results_come_and_exceptions_are_raised(pool: WorkerPool) -> None:
    assert [future.result(timeout=30) for future in [pool.submit(double, number) for number in range(50)]] == list(range(0, 100, 2))
    with pytest.raises(ValueError, match="as told"):
        pool.submit(fail).result(timeout=30)
    with pytest.raises(RuntimeError, match="cannot be sent"):
        pool.submit(unsendable).result(timeout=30)
    assert pool.submit(double, 4).result(timeout=30) == 8


def test_a_death_costs_one_task(pool: WorkerPool) -> None:
    futures = [pool.submit(die, signal.SIGSEGV) if number % 5 == 0 else pool.submit(double, number) for number in range(20)]
    for number, future in enumerate(futures):
        if number % 5 == 0:
            assert death(future) == ("SIGSEGV", "dying")
        else:
            assert future.result(timeout=30) == 2 * number
    assert death(pool.submit(refuse_memory)) == ("out of memory", "asking")
    assert death(pool.submit(leave)) == ("exit status 3", None)
    assert death(pool.submit(die, signal.SIGKILL)) == ("SIGKILL", "dying")


def test_a_task_that_is_silent_is_killed_and_one_that_talks_is_not(pool: WorkerPool) -> None:
    hanging, talking = pool.submit(hang), pool.submit(talk, 3.0)
    assert death(hanging) == ("no sign of life for 1.5 s", "hanging")
    assert talking.result(timeout=30) == "done"


def test_a_task_that_does_nothing_is_given_longer_than_one_that_is_busy() -> None:
    pool = WorkerPool(2, silence=0.5)
    try:
        awake, asleep = pool.submit(doze, 2.0), pool.submit(sleep)
        assert awake.result(timeout=30) == "awake"
        assert not asleep.done()
        assert death(asleep) == ("no sign of life for 0.5 s", "asleep")
    finally:
        pool.shutdown(cancel_futures=True)


def test_a_task_that_takes_too_much_memory_is_killed() -> None:
    pool = WorkerPool(1, silence=20, memory=256 << 20)
    try:
        assert death(pool.submit(allocate)) == ("out of memory", "allocating")
        assert pool.submit(double, 1).result(timeout=30) == 2
    finally:
        pool.shutdown(cancel_futures=True)


def test_workers_that_are_killed_with_nothing_to_do_are_replaced(pool: WorkerPool) -> None:
    for number in range(5):
        assert pool.submit(double, number).result(timeout=30) == 2 * number
        for pid in pool.processes:
            os.kill(pid, signal.SIGKILL)
    assert pool.submit(double, 8).result(timeout=30) == 16


def test_cancelled_futures_end_the_pool_at_once() -> None:
    pool = WorkerPool(1, silence=60)
    running, waiting = pool.submit(talk, 60), pool.submit(double, 1)
    time.sleep(0.5)
    started = time.monotonic()
    pool.shutdown(cancel_futures=True)
    assert time.monotonic() - started < 5
    assert waiting.cancelled()
    assert isinstance(running.exception(timeout=1), DeadWorkerError)
    with pytest.raises(RuntimeError, match="shut down"):
        pool.submit(double, 1)


def test_without_cancelling_all_is_done() -> None:
    with WorkerPool(2, silence=60) as pool:
        futures = [pool.submit(double, number) for number in range(6)]
    assert [future.result(timeout=0) for future in futures] == [0, 2, 4, 6, 8, 10]
