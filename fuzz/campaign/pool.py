"""Processes that may die: an Executor that loses one task when a worker does, not all of them.

    submit ─► waiting tasks ─► worker, one task at a time, over a pipe of its own ─► Future
                                  │ notes: what it is at
                                  └ dies, or says nothing for too long ─► DeadWorkerError(reason, last note), and another worker takes its place

The pool of the standard library breaks as a whole when one process dies, and pools that share a queue between workers hang when one dies with its
lock. So each worker has a pipe of its own, and nothing is shared. A worker ends by itself when the other end of its pipe is gone, so that none
is left behind when the process that owns the pool is killed.
"""

import multiprocessing
import os
import signal
import threading
from collections import deque
from collections.abc import Callable
from concurrent.futures import Executor, Future
from contextlib import suppress
from dataclasses import dataclass
from multiprocessing import forkserver, resource_tracker
from multiprocessing.connection import Connection, wait
from pathlib import Path
from time import monotonic
from typing import Any, NamedTuple, ParamSpec, TypeVar

from fuzz.exceptions import named
from fuzz.lasting import rarely_collect
from fuzz.processor_time import ASLEEP, processor_time

_LOOK = 0.5
"""Seconds between two looks at the workers."""

_TRIES = 3
"""So often a task is given to another worker when one dies that had not begun with it."""

_PAGE = os.sysconf("SC_PAGE_SIZE")

P = ParamSpec("P")
T = TypeVar("T")


class DeadWorkerError(Exception):
    """A worker died with a task: why; the last note of the task, None when there was none; whether others have died with it as well."""

    def __init__(self, reason: str, note: Any = None, again: bool = False) -> None:
        super().__init__(reason)
        self.reason = reason
        self.note = note
        self.again = again


class _Task(NamedTuple):
    future: "Future[Any]"
    function: Callable[..., Any]
    arguments: tuple[Any, ...]
    keywords: dict[str, Any]
    tries: int = 0


@dataclass(slots=True, eq=False)
class _Worker:
    process: Any
    pipe: Connection
    task: _Task | None = None
    heard: float = 0.0
    spent: float = 0.0
    note: Any = None
    begun: bool = False
    killed: str = ""


# In a worker the pipe over which it tells what it is at.
_telling: Connection | None = None


def tell(note: Any) -> None:
    """In a task: what it is at now. It shows that the task is alive, and comes with DeadWorkerError when it dies. Elsewhere nothing happens."""
    if _telling is not None:
        _telling.send(("note", note))


class WorkerPool(Executor):
    """Worker processes, started when there is work for them.

    jobs      how many
    silence   seconds of processor time without a note after which a worker is taken to hang, and is killed; ten times as many by the clock
    memory    bytes that a worker may have resident, None for no limit. It is looked after from outside, because engines reserve address space by the
              gigabyte that they never touch, so that a limit on that would say nothing
    preload   modules that are loaded once for all workers
    """

    def __init__(self, jobs: int, silence: float = 60, memory: int | None = None, preload: tuple[str, ...] = ()) -> None:
        self._jobs = jobs
        self._silence = silence
        self._memory = memory
        self._context = multiprocessing.get_context("forkserver")
        self._context.set_forkserver_preload(list(preload))
        _start_server()
        self._waiting: deque[_Task] = deque()
        self._workers: list[_Worker] = []
        self._lock = threading.Lock()
        self._closing = False
        self._wake, self._waker = multiprocessing.Pipe(duplex=False)
        self._thread = threading.Thread(target=self._serve, daemon=True, name="worker pool")
        self._thread.start()

    def submit(self, fn: Callable[P, T], /, *args: P.args, **kwargs: P.kwargs) -> "Future[T]":
        """See `concurrent.futures.Executor`. The future raises DeadWorkerError when the worker did."""
        future: Future[T] = Future()
        with self._lock:
            if self._closing:
                raise RuntimeError("the pool is shut down")
            self._waiting.append(_Task(future, fn, args, kwargs))
        self._waker.send(None)
        return future

    def shutdown(self, wait: bool = True, *, cancel_futures: bool = False) -> None:
        """End the workers: at once, with what they are at, when futures are cancelled, else when all is done."""
        with self._lock:
            self._closing = True
            if cancel_futures:
                while self._waiting:
                    self._waiting.popleft().future.cancel()
                for worker in self._workers:
                    worker.process.kill()
        with suppress(OSError):
            self._waker.send(None)
        if wait:
            self._thread.join()

    @property
    def processes(self) -> tuple[int, ...]:
        """The process ids of the workers."""
        return tuple(worker.process.pid for worker in self._workers)

    # All that follows runs in the thread.

    def _serve(self) -> None:
        while True:
            with self._lock:
                done = self._closing and not self._waiting and not any(worker.task for worker in self._workers)
                if not done:
                    self._assign()
            if done:
                break
            listened = {worker.pipe: worker for worker in self._workers}
            for ready in wait([self._wake, *listened], timeout=self._patience()):
                if ready is self._wake:
                    self._wake.recv()
                else:
                    self._hear(listened[ready])  # type: ignore[index]
            self._kill_bad()
        for worker in self._workers:
            worker.pipe.close()
            worker.process.join()

    def _assign(self) -> None:
        for worker in self._workers:
            if worker.task is None and self._waiting:
                self._give(worker)
        while self._waiting and len(self._workers) < self._jobs:
            ours, theirs = multiprocessing.Pipe()
            process = self._context.Process(target=_work, args=(theirs,), daemon=True)
            process.start()
            theirs.close()
            self._workers.append(_Worker(process, ours))
            self._give(self._workers[-1])

    def _give(self, worker: _Worker) -> None:
        task = self._waiting.popleft()
        if not task.future.running() and not task.future.set_running_or_notify_cancel():
            return
        worker.task, worker.note, worker.begun = task, None, False
        worker.heard, worker.spent = monotonic(), processor_time(worker.process.pid)
        try:
            worker.pipe.send((task.function, task.arguments, task.keywords))
        except OSError:
            # It died while it had nothing to do, which its pipe will tell.
            pass
        except Exception as error:
            worker.task = None
            task.future.set_exception(error)

    def _patience(self) -> float | None:
        return _LOOK if any(worker.task for worker in self._workers) else None

    def _hear(self, worker: _Worker) -> None:
        try:
            kind, value = worker.pipe.recv()
        except (EOFError, OSError):
            self._bury(worker)
            return
        worker.heard, worker.spent = monotonic(), processor_time(worker.process.pid)
        if kind == "begun":
            worker.begun = True
            return
        if kind == "note":
            worker.note = value
            return
        task, worker.task = worker.task, None
        assert task is not None
        if kind == "done":
            task.future.set_result(value)
        elif isinstance(value, MemoryError):
            task.future.set_exception(DeadWorkerError("out of memory", worker.note))
        elif not isinstance(value, Exception):
            # A compiler that calls sys.exit, for one: interrupts do not come to workers. It must not end who asked.
            task.future.set_exception(DeadWorkerError(type(value).__name__, worker.note))
        else:
            task.future.set_exception(value)

    def _kill_bad(self) -> None:
        """Kill workers that have been silent for too long, or have taken too much memory."""
        for worker in self._workers:
            if worker.task is None or worker.killed:
                continue
            if self._is_silent(worker):
                worker.killed = f"no sign of life for {self._silence:g} s"
            elif self._memory is not None and _resident(worker.process.pid) > self._memory:
                worker.killed = "out of memory"
            if worker.killed:
                worker.process.kill()

    def _is_silent(self, worker: _Worker) -> bool:
        quiet = monotonic() - worker.heard
        if quiet < self._silence:
            return False
        return quiet >= ASLEEP * self._silence or processor_time(worker.process.pid) - worker.spent >= self._silence

    def _bury(self, worker: _Worker) -> None:
        worker.process.join()
        worker.pipe.close()
        with self._lock:
            self._workers.remove(worker)
        task = worker.task
        if task is not None and not worker.begun and not self._closing and task.tries < _TRIES:
            # It died before it knew of the task, which is for another one.
            self._waiting.appendleft(task._replace(tries=task.tries + 1))
        elif task is not None:
            task.future.set_exception(DeadWorkerError(worker.killed or _ending(worker.process.exitcode), worker.note))


def _start_server() -> None:
    """Start the process that workers are copies of, once. It and they do not hear of interrupts, which are for the owner of the pool."""
    # It would be started by the server, and unblock the signal.
    resource_tracker.ensure_running()
    before = signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGINT})
    try:
        forkserver.ensure_running()
    finally:
        signal.pthread_sigmask(signal.SIG_SETMASK, before)


def _resident(pid: int) -> int:
    """Bytes that a process has in memory, 0 where that cannot be told."""
    try:
        return int(Path(f"/proc/{pid}/statm").read_text().split()[1]) * _PAGE
    except (OSError, IndexError):
        return 0


def _ending(status: int) -> str:
    if status < 0:
        with suppress(ValueError):
            return signal.Signals(-status).name
    return f"exit status {status}"


def _work(pipe: Connection) -> None:
    """What a worker process does."""
    global _telling
    _telling = pipe
    rarely_collect()
    with suppress(EOFError, OSError):
        while True:
            function, arguments, keywords = pipe.recv()
            pipe.send(("begun", None))
            try:
                answer = "done", function(*arguments, **keywords)
            except BaseException as error:
                answer = "failed", error
            _answer(pipe, answer)
            if isinstance(answer[1], MemoryError):
                # What was going on is unknown; another process begins anew.
                os._exit(0)


def _answer(pipe: Connection, answer: tuple[str, Any]) -> None:
    try:
        pipe.send(answer)
    except OSError:
        raise
    except Exception as error:
        pipe.send(("failed", RuntimeError(f"an answer that cannot be sent: {named(error)}")))
