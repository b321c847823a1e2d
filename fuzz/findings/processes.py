"""Commands that end with all that they have started."""

import os
import signal
import subprocess
import time
from collections.abc import Mapping, Sequence
from contextlib import suppress
from pathlib import Path

_PATIENCE = 5.0


def run(
    command: Sequence[str], where: Path, environment: Mapping[str, str] | None = None, limit: float | None = None
) -> subprocess.CompletedProcess[str]:
    """Run a command in a directory to its end, whatever its exit status. After `limit` seconds it is ended, and TimeoutExpired is raised.

    An exception on the way, as an interrupt is, ends it with everything that it has started, and only then goes on: git leaves to others what it
    was asked for, and they would write on. Raises FileNotFoundError where there is no such command.
    """
    pipe = subprocess.PIPE
    with subprocess.Popen(
        command, cwd=where, env=environment, stdout=pipe, stderr=pipe, text=True, errors="replace", start_new_session=True
    ) as process:
        try:
            output, errors = process.communicate(timeout=limit)
        except BaseException:
            _end(process)
            raise
    return subprocess.CompletedProcess(command, process.returncode, output, errors)


def _end(process: subprocess.Popen[str]) -> None:
    """End a process and its group, and wait until none of it is left, for a few seconds at most."""
    until = time.monotonic() + _PATIENCE
    with suppress(ProcessLookupError):
        os.killpg(process.pid, signal.SIGKILL)
        process.wait()
        while time.monotonic() < until:
            os.killpg(process.pid, signal.SIGKILL)
            time.sleep(0.01)
