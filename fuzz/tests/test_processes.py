"""Commands of git and of working trees end with all that they have started."""

import os
import signal
import sys
import threading
import time
from pathlib import Path
from types import FrameType

import pytest

from fuzz.findings.processes import run


def test_what_a_command_says(tmp_path: Path) -> None:
    """Not necessarily in UTF-8."""
    script = "import os, sys; print(os.getcwd(), os.environ['A']); sys.stderr.buffer.write(b'\\xff'); sys.exit(3)"
    found = run([sys.executable, "-c", script], tmp_path, {"A": "b"})
    assert (found.returncode, found.stdout, found.stderr) == (3, f"{tmp_path} b\n", "\ufffd")


def test_there_is_no_such_command(tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError):
        run(["no-such-command"], tmp_path)


def test_an_exception_ends_what_the_command_has_started(tmp_path: Path) -> None:
    class InterruptedHereError(Exception):
        pass

    def end(number: int, frame: FrameType | None) -> None:
        raise InterruptedHereError

    def interrupt() -> None:
        while not started.exists() or not started.read_text().endswith("\n"):
            time.sleep(0.01)
        os.kill(os.getpid(), signal.SIGUSR1)

    started = tmp_path / "started"
    before = signal.signal(signal.SIGUSR1, end)
    try:
        threading.Thread(target=interrupt).start()
        with pytest.raises(InterruptedHereError):
            run(["sh", "-c", "(while :; do echo >> written; sleep 0.01; done) & echo $! > started; wait"], tmp_path)
    finally:
        signal.signal(signal.SIGUSR1, before)
    size = (tmp_path / "written").stat().st_size
    time.sleep(0.2)
    assert (tmp_path / "written").stat().st_size == size
