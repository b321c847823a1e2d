"""How long a process has been at work, whatever else the machine has to do: patience that is measured by the clock ends too soon on a busy one."""

import os
from pathlib import Path

_TICK = 1 / os.sysconf("SC_CLK_TCK")

ASLEEP = 10
"""By the clock, so many times the patience is the end of it also for a process that does nothing."""


def processor_time(pid: int) -> float:
    """Seconds of processor time that a process has spent, 0 where that cannot be told."""
    try:
        # Fields 14 and 15; the name of the program before them is in parentheses, and may have any characters.
        fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
        return _TICK * (int(fields[11]) + int(fields[12]))
    except (OSError, IndexError):
        return 0
