"""A campaign on more than one machine: the same tasks, given to a `dask.distributed` cluster instead of processes of our own.

    scheduler     dask scheduler
    each machine  dask worker tcp://SCHEDULER:8786 --nworkers auto --nthreads 1       with bpfmips installed
    campaign      bpfmips fuzz --cluster tcp://SCHEDULER:8786 --out DIR

Workers need the package and nothing else: batches come as numbers, results go back, and the state is where the campaign was started. A worker that
vanishes loses its batches to others, and each batch is counted once. A batch whose workers die again and again is taken apart: its cases go out
one by one, and the one that kills its worker is an engine finding. A worker that hangs is for the cluster to notice.
"""

import gc
import logging
from collections.abc import Iterator
from concurrent.futures import Executor, Future
from contextlib import contextmanager, suppress
from typing import Any

from ebpf.program import ProgramError
from fuzz.campaign.pool import DeadWorkerError


class SchedulerGoneError(ProgramError):
    """The scheduler was there, and is not any more."""


_PATIENCE = 5.0
"""Seconds to wait for the scheduler."""


class ClusterExecutor(Executor):
    """Tasks on a cluster, behind the interface of `concurrent.futures`. Raises ProgramError when there is none at the address, or no dask here."""

    def __init__(self, address: str) -> None:
        self._address = address
        self._client = _connected(address)
        # Each task runs one function of one process, which holds engines: a worker has one thread for tasks.
        self._executor = self._client.get_executor(pure=False, retries=0)

    @property
    def workers(self) -> int:
        """The threads of all workers that are there now. Raises ProgramError when the scheduler is gone."""
        with self._asking():
            return sum(self._client.nthreads().values())

    def submit(self, fn: Any, /, *args: Any, **kwargs: Any) -> "Future[Any]":
        """See `concurrent.futures.Executor`. The future raises DeadWorkerError when the task's workers died, ProgramError when the scheduler is gone,
        as this does."""
        from distributed.scheduler import KilledWorker

        future: Future[Any] = Future()
        with self._asking():
            inner = self._executor.submit(fn, *args, **kwargs)

        def settle(done: "Future[Any]") -> None:
            if future.cancelled():
                # It was called off; the cluster may have done it all the same.
                return
            if done.cancelled():
                # By nobody here: a client that loses its scheduler gives up what it has asked for.
                future.set_exception(self._gone())
            elif (error := done.exception()) is None:
                future.set_result(done.result())
            elif isinstance(error, KilledWorker):
                future.set_exception(DeadWorkerError("workers of the cluster", again=True))
            else:
                future.set_exception(error)

        inner.add_done_callback(settle)
        return future

    def shutdown(self, wait: bool = True, *, cancel_futures: bool = False) -> None:
        """Leave the cluster; what was asked of it is given up."""
        with suppress(Exception):
            self._executor.shutdown(wait=wait and not cancel_futures)
        with suppress(Exception):
            self._client.close(timeout=_PATIENCE)

    @contextmanager
    def _asking(self) -> Iterator[None]:
        """One line for what dask raises when nobody answers. All else is let through: it is a task that cannot be sent, or a bug."""
        from distributed.client import ClosedClientError

        try:
            yield
        except (OSError, ClosedClientError):
            # Connections that break or cannot be made, times that run out (both are OSErrors), and a client that has given up.
            raise self._gone() from None
        except (RuntimeError, AttributeError):
            # What a client that has given up is made of is closed, or is None; the same kinds from one that has not are something else.
            if self._client.status not in ("closing", "closed"):
                raise
            raise self._gone() from None

    def _gone(self) -> ProgramError:
        return SchedulerGoneError(f"--cluster: {self._address}: the scheduler is gone; everything is kept, and --resume goes on")


def _connected(address: str) -> Any:
    """A client of the scheduler there. Raises ProgramError."""
    try:
        from distributed import Client
    except ImportError:
        raise ProgramError("--cluster: dask.distributed is not installed; it comes with bpfmips[cluster]") from None
    _silence()
    try:
        return Client(address, timeout=_PATIENCE, set_as_default=False)
    except (OSError, ValueError, TypeError, ImportError, MemoryError) as error:
        # Nobody there, no address, a kind of address that is not set up here, other versions there; what servers of other protocols answer is
        # taken for a length in bytes.
        reason = " ".join(str(error).split())
    # A client that has failed is closed when it is collected. If that were while another one begins, distributed would wait for itself for ever.
    gc.collect()
    raise ProgramError(f"--cluster: {address}: no scheduler: {reason}")


def _silence() -> None:
    """What goes wrong with the cluster is told by us, in one line: dask writes to standard error what it meets, tracebacks and all."""
    for name in ("distributed", *(name for name in logging.root.manager.loggerDict if name.startswith("distributed."))):
        logging.getLogger(name).setLevel(logging.CRITICAL + 1)
