"""The same campaign on a cluster: a scheduler and three worker processes, one of which is killed in the middle."""

import gc
import os
import re
import signal
import socket
import subprocess
import sys
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner

from ebpf.program import ProgramError
from fuzz.campaign.cluster import ClusterExecutor
from fuzz.campaign.generation import generate
from fuzz.campaign.run import Run
from fuzz.campaign.state import Plan, State
from fuzz.case import Compiler
from fuzz.cli.fuzz import _version
from fuzz.cli.main import main
from fuzz.tests.campaigns import CONFIGS, Bad, campaign, contents
from jit.compiler import compile_program

distributed = pytest.importorskip("distributed", reason="dask.distributed is not installed")
dask = pytest.importorskip("dask")

CASES = 32


@pytest.fixture
def cluster() -> Iterator[Any]:
    # Workers that die at once with the same task before it is given up; three is the default.
    dask.config.set({"distributed.scheduler.allowed-failures": 1})
    with distributed.LocalCluster(n_workers=3, threads_per_worker=1, processes=True, host="127.0.0.1", dashboard_address=None) as made:
        yield made


def on_cluster(directory: Path, cluster: Any, compiler: Compiler, cases: int, kill_after: int | None = None) -> State:
    state = State(directory)
    plan = Plan("test", 1, "all", CONFIGS[:1], "all", cases)
    state.create(plan)
    executor = ClusterExecutor(cluster.scheduler_address)
    killed: list[int] = []

    def watch(run: Run) -> None:
        if kill_after is not None and run.state.next_batch >= kill_after and not killed:
            killed.append(next(iter(cluster.workers.values())).process.process.pid)
            os.kill(killed[0], signal.SIGKILL)

    try:
        Run(plan, state, executor, compiler, lambda: 6, None, watch).run()
    finally:
        executor.shutdown(cancel_futures=True)
    assert bool(killed) == (kill_after is not None)
    return state


def test_a_worker_is_killed_in_the_middle_and_nothing_is_lost_or_counted_twice(tmp_path: Path, cluster: Any) -> None:
    state = on_cluster(tmp_path / "cluster", cluster, compile_program, CASES, kill_after=1)
    assert contents(state) == contents(campaign(tmp_path / "local", cases=CASES, configs=CONFIGS[:1], jobs=2, ahead=4))


def test_a_case_that_kills_its_workers_is_found_among_the_others(tmp_path: Path, cluster: Any) -> None:
    lost = generate(1, 0, "all", 4)[3]
    state = on_cluster(tmp_path / "cluster", cluster, Bad("SIGKILL", lost.program.slots), 4)
    assert list(state.buckets) == ["engine workers of the cluster"]
    (found,) = state.buckets.values()
    assert found.program.slots == lost.program.slots
    assert state.counts["verdicts"]["AGREE"] == 3 * 8


@pytest.fixture
def scheduler() -> Iterator[tuple[subprocess.Popen[str], str]]:
    """A scheduler without workers, in a process of its own, and its address."""
    process = subprocess.Popen(
        [sys.executable, "-m", "distributed.cli.dask_scheduler", "--host", "127.0.0.1", "--port", "0", "--no-dashboard"],
        stderr=subprocess.PIPE,
        text=True,
    )
    assert process.stderr is not None
    yield process, next(found[0] for line in process.stderr if (found := re.search(r"tcp://\S+", line)))
    process.kill()
    process.wait()
    process.stderr.close()


@pytest.fixture
def other_protocol() -> Iterator[str]:
    """The address of a server that answers as those of the web do."""
    with socket.create_server(("127.0.0.1", 0)) as server:

        def answer() -> None:
            while True:
                try:
                    connection, _ = server.accept()
                except OSError:
                    return
                with connection:
                    connection.sendall(b"HTTP/1.1 400 Bad Request\r\n\r\n")
                    connection.recv(1 << 16)

        threading.Thread(target=answer, daemon=True).start()
        yield f"tcp://127.0.0.1:{server.getsockname()[1]}"
        # One that waits for the next connection is not woken by the end of the socket alone.
        server.shutdown(socket.SHUT_RDWR)


def refused(address: str) -> None:
    with pytest.raises(ProgramError, match=f"^--cluster: {address}: no scheduler: ") as caught:
        ClusterExecutor(address)
    assert "\n" not in str(caught.value)
    # None is left that would be closed some time, such as while the next one begins.
    assert not [each for each in gc.get_objects() if type(each) is distributed.Client]


@pytest.mark.parametrize("address", ["tcp://127.0.0.1:9", "tls://127.0.0.1:9", "none://127.0.0.1:9", "127.0.0.1"])
def test_no_scheduler_is_one_line(address: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("fuzz.campaign.cluster._PATIENCE", 1.0)
    refused(address)


def test_a_server_that_is_no_scheduler_is_one_line(other_protocol: str) -> None:
    refused(other_protocol)


def test_a_campaign_that_has_no_scheduler_leaves_nothing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("fuzz.campaign.cluster._PATIENCE", 1.0)
    result = CliRunner().invoke(main, ["fuzz", "--out", str(tmp_path / "new" / "campaign"), "--cluster", "tcp://127.0.0.1:9"])
    assert (result.exit_code, result.output.count("\n")) == (2, 1)
    assert result.output.startswith("--cluster: tcp://127.0.0.1:9: no scheduler: ")
    assert not list(tmp_path.iterdir())


def test_a_campaign_that_goes_on_is_left_as_it_is(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("fuzz.campaign.cluster._PATIENCE", 1.0)
    state = State(tmp_path)
    state.create(Plan(_version(), 1, "all", CONFIGS[:1], "all", CASES))
    state.close()
    there = {path: path.read_bytes() for path in tmp_path.rglob("*") if path.is_file()}
    result = CliRunner().invoke(main, ["fuzz", "--resume", str(tmp_path), "--cluster", "tcp://127.0.0.1:9"])
    assert (result.exit_code, result.output.count("\n")) == (2, 1)
    assert {path: path.read_bytes() for path in tmp_path.rglob("*") if path.is_file()} == there
    assert State(tmp_path).resume().cases == CASES


def test_a_scheduler_is_left_when_the_directory_is_of_no_use(
    tmp_path: Path, scheduler: tuple[subprocess.Popen[str], str], monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "file").write_text("")
    left: list[ClusterExecutor] = []
    shutdown = ClusterExecutor.shutdown

    def leave(executor: ClusterExecutor, **options: bool) -> None:
        left.append(executor)
        shutdown(executor, **options)

    monkeypatch.setattr(ClusterExecutor, "shutdown", leave)
    result = CliRunner().invoke(main, ["fuzz", "--out", str(tmp_path), "--cluster", scheduler[1]])
    assert (result.exit_code, result.output) == (2, f"{tmp_path}: not empty\n")
    assert [executor._client.status for executor in left] == ["closed"]


def test_a_scheduler_that_is_gone_is_one_line_and_nothing_is_lost(tmp_path: Path, scheduler: tuple[subprocess.Popen[str], str]) -> None:
    process, address = scheduler
    state, plan = State(tmp_path), Plan("test", 1, "all", CONFIGS[:1], "all", CASES)
    state.create(plan)
    executor = ClusterExecutor(address)

    def watch(run: Run) -> None:
        process.kill()

    try:
        # There are no workers: all that was asked for waits.
        with pytest.raises(ProgramError, match=f"{address}: the scheduler is gone; everything is kept, and --resume goes on$"):
            Run(plan, state, executor, compile_program, lambda: 2, 60.0, watch).run()
    finally:
        executor.shutdown(cancel_futures=True)


def test_a_scheduler_that_is_gone_is_told_after_what_was_applied(tmp_path: Path, scheduler: tuple[subprocess.Popen[str], str]) -> None:
    """And dask writes nothing of its own beside it."""
    process, address = scheduler
    command = [
        sys.executable,
        "-m",
        "fuzz",
        "fuzz",
        "--time",
        "60s",
        "--cluster",
        address,
        "--config",
        CONFIGS[0],
        "--out",
        str(tmp_path / "campaign"),
    ]
    worker = subprocess.Popen(
        [sys.executable, "-m", "distributed.cli.dask_worker", address, "--nthreads", "1", "--no-dashboard", "--no-nanny"],
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
        cwd=tmp_path,
    )
    campaign = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
    try:
        assert campaign.stderr is not None
        # The first line of progress.
        assert " cases " in campaign.stderr.readline()
        process.kill()
        out, err = campaign.communicate(timeout=60)
    finally:
        for one in (campaign, worker):
            one.kill()
            one.wait()
    lines = [line for line in err.splitlines() if " cases " not in line]
    assert (campaign.returncode, lines) == (2, [f"--cluster: {address}: the scheduler is gone; everything is kept, and --resume goes on"])
    assert re.search("^time  ", out, re.MULTILINE)


def test_whatever_is_asked_of_a_scheduler_that_is_gone(scheduler: tuple[subprocess.Popen[str], str], monkeypatch: pytest.MonkeyPatch) -> None:
    """While the client looks for it, and after it has given up."""
    monkeypatch.setattr("fuzz.campaign.cluster._PATIENCE", 1.0)
    process, address = scheduler
    executor = ClusterExecutor(address)
    assert executor.workers == 0
    process.kill()
    process.wait()
    try:
        asked_before_the_end = 0
        while executor._client.status != "closed":
            with pytest.raises(ProgramError, match="the scheduler is gone"):
                _ = executor.workers
            asked_before_the_end += 1
        assert asked_before_the_end
        with pytest.raises(ProgramError, match="the scheduler is gone"):
            _ = executor.workers
        with pytest.raises(ProgramError, match="the scheduler is gone"):
            executor.submit(int)
    finally:
        executor.shutdown(cancel_futures=True)
    with pytest.raises(ProgramError, match="the scheduler is gone"):
        executor.submit(int)


def test_what_is_not_the_fault_of_the_scheduler_is_not_told_as_such(scheduler: tuple[subprocess.Popen[str], str]) -> None:
    """A task that cannot be pickled, and a mistake in what is asked."""
    _, address = scheduler
    executor = ClusterExecutor(address)
    try:
        with pytest.raises(TypeError, match="Could not serialize"):
            executor.submit(print, threading.Lock())
        with pytest.raises(AttributeError, match="of_ours"), executor._asking():
            executor._client.mistake_of_ours()
        with pytest.raises(RuntimeError, match="of ours"), executor._asking():
            raise RuntimeError("mistake of ours")
        assert executor.workers == 0
    finally:
        executor.shutdown(cancel_futures=True)
