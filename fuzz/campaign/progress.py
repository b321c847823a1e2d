"""What a campaign shows while it goes on: a table that changes in place on a terminal, lines elsewhere."""

import time
from collections import Counter
from collections.abc import Callable, Collection, Iterator
from typing import NamedTuple

from rich.console import Console
from rich.live import Live
from rich.table import Table

from ebpf.opcodes import ROWS
from fuzz.campaign.run import Run
from fuzz.campaign.saturation import Saturation, estimate
from fuzz.campaign.state import State, judged_of

_LINE_EVERY = 10.0
_WINDOW = 30.0
_REASONS = 5

REACHABLE = tuple(row.name for row in ROWS if not row.name.startswith("LDDW_"))
"""Rows that a program can have when it is compiled: wide loads that refer to something have been replaced by plain ones."""


class Figures(NamedTuple):
    """What is shown of a campaign."""

    cases: int
    judged: int
    shared: int
    cells: int
    possible: int
    findings: int
    sightings: int
    inconclusive: Counter[str]
    saturation: Saturation
    elapsed: float

    @property
    def unclear(self) -> int:
        """Executions that were not judged."""
        return int(self.inconclusive.total())


def figures(state: State, configs: Collection[str], elapsed: float) -> Figures:
    """The figures of a campaign that judges each case on these configurations: the matrix is one of these."""
    verdicts = state.counts.get("verdicts", Counter())
    shared = int(verdicts["shared"])
    return Figures(
        cases=int(state.counts.get("cases", Counter())["generated"]),
        judged=int(judged_of(verdicts)) - shared,
        shared=shared,
        cells=sum(config in configs for _, config in state.matrix),
        possible=len(REACHABLE) * len(configs),
        findings=len(state.buckets),
        sightings=state.sightings.total(),
        inconclusive=state.counts.get("inconclusive", Counter()),
        saturation=estimate(state.next_batch, state.features.values()),
        elapsed=elapsed,
    )


def duration(seconds: float | None) -> str:
    """Hours, minutes and seconds."""
    if seconds is None:
        return "?"
    whole = int(seconds)
    return f"{whole // 3600}:{whole // 60 % 60:02d}:{whole % 60:02d}"


class Progress:
    """Shows a campaign; `show` is to be called often."""

    def __init__(self, console: Console, write: Callable[[str], None]) -> None:
        self._write = write
        self._live = Live(console=console, auto_refresh=False, transient=True) if console.is_terminal else None
        self._shown = 0.0
        self._recent: list[tuple[float, int]] = []
        self._findings = 0
        self._batches = -1

    def show(self, run: Run) -> None:
        """Show what has changed."""
        now = time.monotonic()
        for finding in list(run.state.symptoms.values())[self._findings :]:
            self._write(f"finding: {finding.fingerprint}: {finding.details[0] if finding.details else finding.status}")
        self._findings = len(run.state.symptoms)
        every = 0.5 if self._live is not None else _LINE_EVERY
        if now - self._shown < every or run.state.next_batch == self._batches:
            return
        self._shown, self._batches = now, run.state.next_batch
        found = figures(run.state, frozenset(run.plan.configs), run.elapsed)
        self._recent = [(at, judged) for at, judged in self._recent if now - at < _WINDOW] + [(now, found.judged + found.shared)]
        first, judged = self._recent[0]
        speed = (found.judged + found.shared - judged) / (now - first) if now > first else 0.0
        if self._live is None:
            self._write(line(found, speed, run.left))
            return
        if not self._live.is_started:
            self._live.start()
        self._live.update(table(found, speed, run.left), refresh=True)

    def stop(self) -> None:
        """Leave the terminal as it was."""
        if self._live is not None and self._live.is_started:
            self._live.stop()


def line(found: Figures, speed: float, left: float | None) -> str:
    """One line."""
    return (
        f"{duration(found.elapsed)} cases {found.cases} judged {found.judged + found.shared} ({speed:.0f}/s) "
        f"cells {found.cells}/{found.possible} features {found.saturation.seen} (+{found.saturation.next_batch:.1f} a batch) "
        f"findings {found.findings} inconclusive {found.unclear} left {duration(left)}"
    )


def table(found: Figures, speed: float, left: float | None) -> Table:
    """The same, and more, as a table."""
    shown = Table(box=None, show_header=False, pad_edge=False)
    shown.add_column(style="bold")
    shown.add_column()
    for name, value in _rows(found):
        shown.add_row(name, value)
    shown.add_row("speed", f"{speed:.0f} judged a second")
    shown.add_row("time", f"{duration(found.elapsed)}, {duration(left)} left")
    return shown


def _rows(found: Figures) -> Iterator[tuple[str, str]]:
    seen = found.saturation
    yield "cases", str(found.cases)
    yield "judged", f"{found.judged + found.shared}, {found.shared} of them by the same image on the same CPU"
    yield "matrix", f"{found.cells} of {found.possible} cells (instruction × configuration), {100 * found.cells / found.possible:.1f} %"
    yield "features", f"{seen.seen}, at most {100 * seen.share:.1f} % of all; {seen.next_batch:.1f} new ones to be expected of the next batch"
    yield "findings", f"{found.findings}, seen {found.sightings} times"
    yield "inconclusive", str(found.unclear)
    for reason, number in found.inconclusive.most_common(_REASONS):
        yield "", f"{int(number)} {reason}"


def summary(found: Figures) -> Iterator[str]:
    """Lines at the end."""
    for name, value in _rows(found):
        yield f"{name:<13} {value}"
    speed = (found.judged + found.shared) / found.elapsed if found.elapsed else 0.0
    yield f"{'time':<13} {duration(found.elapsed)}, making findings small included; {speed:.0f} judged a second of all of it"
