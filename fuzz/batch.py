"""Many subjects, judged in worker processes.

    subjects ──► pool of workers, each with an engine of its own ──► Results, as they come

An engine is native code and may take its process with it. Then every task of the pool is lost, and which one did it is not told. So those that were
running are judged again one by one, each in a pool of its own: the one that breaks this as well is reported as a failure, and the others go on.
"""

import multiprocessing
import signal
from collections.abc import Callable, Generator, Iterator, Sequence
from concurrent.futures import FIRST_COMPLETED, Future, ProcessPoolExecutor, wait
from concurrent.futures.process import BrokenProcessPool
from functools import partial

from fuzz.lasting import lasting, rarely_collect
from fuzz.sources import Subject
from fuzz.tally import Result
from jit.config import Config

Work = Callable[[Subject], Result]

# How many tasks are handed over for each worker: enough that none waits, few enough that an interrupt ends soon.
_AHEAD = 3


def judge_subjects(
    subjects: Sequence[Subject],
    configs: Sequence[Config],
    jobs: int,
    tick: Callable[[], None] = lambda: None,
    *,
    tripwires: str = "all",
    engine: str = "both",
    explained: bool = False,
) -> Iterator[Result]:
    """Judge each subject on the configurations of its byte order, in `jobs` processes. Results come in the order in which they are ready.

    `tripwires` names them as `fuzz.wires.select` understands it, `engine` is one of `fuzz.engine.engines`; findings are `explained` if so asked.
    `tick` is called at least five times a second, and may raise. A subject that kills its process twice becomes a Result with a failure.
    """
    with lasting():
        from fuzz.worker import judge_subject

    yield from run_all(subjects, partial(judge_subject, configs=tuple(configs), tripwires=tripwires, engine=engine, explained=explained), jobs, tick)


def run_all(subjects: Sequence[Subject], work: Work, jobs: int, tick: Callable[[], None]) -> Iterator[Result]:
    """Do the work on all subjects; it must be a function that can be sent to another process."""
    waiting = list(reversed(subjects))
    while waiting:
        suspects = yield from _run_pool(waiting, work, jobs, tick)
        for subject in suspects:
            left = [subject]
            if (yield from _run_pool(left, work, 1, tick)):
                yield failed(subject, "the engine died")


def failed(subject: Subject, failure: str) -> Result:
    """The result of a subject that could not be judged."""
    program = subject.program
    return Result(subject.name, subject.version, program.source, program.section, subject.byte_order, len(subject.inputs), failure=failure)


def _run_pool(waiting: list[Subject], work: Work, jobs: int, tick: Callable[[], None]) -> Generator[Result, None, list[Subject]]:
    """Take subjects from the end of `waiting` until it is empty or the pool breaks; return those that were under way when it broke."""
    running: dict[Future[Result], Subject] = {}
    pool = ProcessPoolExecutor(jobs, initializer=_prepare_worker)
    try:
        while waiting or running:
            before = signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGINT})
            try:
                while waiting and len(running) < _AHEAD * jobs:
                    # It is waiting until it runs: a pool that is broken takes no more.
                    running[pool.submit(work, waiting[-1])] = waiting[-1]
                    waiting.pop()
            finally:
                signal.pthread_sigmask(signal.SIG_SETMASK, before)
            done, _ = wait(running, timeout=0.2, return_when=FIRST_COMPLETED)
            tick()
            for future in done:
                result = future.result()
                del running[future]
                yield result
    except BrokenProcessPool:
        tick()
        return [subject for future, subject in running.items()]
    except BaseException:
        _stop()
        raise
    finally:
        # With the wait no thread of the pool is left that would still write to what the end of the process closes.
        pool.shutdown(wait=True, cancel_futures=True)
    return []


def _prepare_worker() -> None:
    """An interrupt from the terminal goes to all processes of the group; workers end at once, without a word.

    They come into being while it is blocked, because an interrupt before this place would run through the code of the parent that they are copies of.
    """
    signal.signal(signal.SIGINT, signal.SIG_DFL)
    signal.pthread_sigmask(signal.SIG_UNBLOCK, {signal.SIGINT})
    rarely_collect()


def _stop() -> None:
    for process in multiprocessing.active_children():
        process.terminate()
