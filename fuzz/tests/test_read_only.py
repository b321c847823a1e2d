"""A campaign on a read-only file system."""

import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from fuzz.tests.campaigns import campaign

_MOUNT = 'mount --bind "$0" "$0" && mount -o remount,ro,bind "$0" && shift && exec "$@"'


def _report(directory: Path, out: Path) -> subprocess.CompletedProcess[str]:
    """In a name space in which the directory is read-only."""
    command = [sys.executable, "-m", "fuzz", "report", str(directory), "--out", str(out)]
    return subprocess.run(["unshare", "-rm", "sh", "-c", _MOUNT, str(directory), "-", *command], capture_output=True, text=True, check=False)


@pytest.mark.skipif(
    shutil.which("unshare") is None or subprocess.run(["unshare", "-rm", "mount", "--bind", "/tmp", "/tmp"], check=False).returncode != 0,
    reason="no name spaces",
)
def test_it_is_reported_elsewhere(tmp_path: Path) -> None:
    directory, out = tmp_path / "night", tmp_path / "report"
    campaign(directory, cases=8, configs=("mips32r2-32be",)).close()
    assert sorted(path.name for path in directory.iterdir() if path.is_file()) == ["campaign.sqlite"]
    found = _report(directory, out)
    assert (found.returncode, found.stderr) == (0, "")
    assert (out / "report.html").is_file()
    (directory / "campaign.sqlite-wal").write_bytes(b"not yet in the file")
    found = _report(directory, out)
    assert found.returncode == 2
    assert found.stderr == f"{directory}/campaign.sqlite-wal: cannot be read where nothing can be written: copy the campaign to where it can\n"
