"""The loop of a campaign: batches go out to workers, results come in and are applied in the order of their numbers.

    Plan ─► Task 0, 1, 2 … ─► executor (processes, or a cluster) ─► BatchResult ─► in order ─► State
                ▲                                                                              │
                └──────────────────────────── the corpus, of two epochs ago ◄──────────────────┘

Same seed, same cases: every `_EVERY`-th batch mutates what was kept instead of generating, and which cases it is given depends on the state after a
batch a fixed distance before it, so that it makes no difference how many batches are under way.
"""

import random
import time
from collections.abc import Callable, Iterator
from concurrent.futures import FIRST_COMPLETED, Executor, Future, wait
from dataclasses import dataclass, field, replace
from typing import Any

from fuzz.campaign.configurations import of_batch
from fuzz.campaign.generation import BATCH, SYSTEMATIC, Generated
from fuzz.campaign.pool import DeadWorkerError
from fuzz.campaign.state import Plan, State
from fuzz.campaign.unit import BatchResult, Task, engine_finding, merged, reduce_finding, run_batch
from fuzz.case import Compiler
from fuzz.findings.finding import Finding
from fuzz.trampoline.judge import Compiler as TrampolineCompiler
from jit.trampoline import compile_trampoline

_EVERY = 4
"""One batch of so many mutates."""

_EPOCH = 32
"""Batches that see the same corpus; it is the one from before the epoch before, so that twice as many batches can be under way at any time."""

_PARENTS = 12
"""Cases that a batch which mutates is given."""

_DEATHS = 3
"""So often a batch is tried whose workers die and do not tell with which case, before it is taken apart."""

Note = Callable[["Run"], None]


@dataclass(slots=True)
class _Pending:
    """A batch under way, or a case of a batch that was taken apart.

    lost    cases whose workers died, and why
    deaths  how often a worker died without a word of where it was
    whole   the batch that this is a case of
    case    the number of that case
    parts   of a batch that was taken apart how many cases are still out, and the results of the others
    """

    task: Task
    lost: list[tuple[int, str]] = field(default_factory=list)
    deaths: int = 0
    whole: "_Pending | None" = None
    case: int = 0
    out: int = 0
    results: list[BatchResult] = field(default_factory=list)


@dataclass(slots=True)
class Run:
    """A campaign under way.

    ahead     how many batches are to be under way at once
    deadline  seconds of the whole campaign, those before it was resumed included
    watch     called five times a second

    trampolines  compiles trampolines
    """

    plan: Plan
    state: State
    executor: Executor
    compiler: Compiler
    ahead: Callable[[], int]
    deadline: float | None
    watch: Note = lambda run: None
    trampolines: TrampolineCompiler = compile_trampoline
    stopping: bool = False
    _started: float = 0.0
    _before: float = 0.0
    _number: int = 0
    _running: "dict[Future[Any], _Pending | Finding]" = field(default_factory=dict)
    _done: dict[int, tuple[BatchResult, _Pending]] = field(default_factory=dict)

    @property
    def elapsed(self) -> float:
        """Seconds, those before it was resumed included."""
        return self._before + time.monotonic() - self._started

    @property
    def left(self) -> float | None:
        """Seconds that are left, as far as that is known."""
        if self.deadline is not None:
            return max(0.0, self.deadline - self.elapsed)
        if self.plan.cases is None or not self.state.next_batch:
            return None
        return self.elapsed / self.state.next_batch * (-(-self.plan.cases // BATCH) - self.state.next_batch)

    def run(self) -> None:
        """Go on until it is time to end, or `stopping` is set. Batches that are under way then are waited for, unless it was set."""
        self._started, self._before = time.monotonic(), self.state.elapsed
        self._number = self.state.next_batch
        for finding in list(self.state.symptoms.values()):
            self._reduce(finding)
        while not self.stopping:
            self._submit()
            if self.deadline is not None and self.elapsed >= self.deadline:
                self._call_off()
            if not self._running:
                break
            done, _ = wait(self._running, timeout=0.2, return_when=FIRST_COMPLETED)
            for future in done:
                self._take(future, self._running.pop(future))
            self._apply()
            self.watch(self)
        self.state.end(self.elapsed)

    def _submit(self) -> None:
        while self._batches_under_way() < self.ahead() and (task := self._next_task()) is not None:
            self._send(_Pending(task))
            self._number += 1

    def _call_off(self) -> None:
        """Batches that nobody has begun with are not waited for when it is time to end."""
        for future, pending in list(self._running.items()):
            if isinstance(pending, _Pending) and future.cancel():
                del self._running[future]

    def _batches_under_way(self) -> int:
        numbers = {pending.task.number for pending in self._running.values() if isinstance(pending, _Pending)}
        return len(numbers) + len(self._done)

    def _send(self, pending: _Pending) -> None:
        self._running[self.executor.submit(run_batch, pending.task, self.compiler, self.trampolines)] = pending

    def _next_task(self) -> Task | None:
        """The next batch, None when there is none, or none as long as earlier ones have not been applied."""
        number, plan = self._number, self.plan
        cases = BATCH if plan.cases is None else min(BATCH, plan.cases - number * BATCH)
        if cases <= 0 or (self.deadline is not None and self.elapsed >= self.deadline):
            return None
        configs = of_batch(plan.seed, number, plan.configs, plan.drawn)
        task = Task(plan.seed, number, plan.tier, cases, configs, plan.tripwires, plan.engine, plan.confirm)
        if number % _EVERY != _EVERY - 1 or plan.tier == SYSTEMATIC:
            return task
        horizon = (number // _EPOCH - 1) * _EPOCH
        if horizon > self.state.next_batch:
            return None
        return replace(task, parents=self._parents(number, horizon))

    def _parents(self, number: int, horizon: int) -> tuple[Generated, ...]:
        """Cases to mutate, from the corpus as it was before the batch `horizon`."""
        known = [name for batch, name in self.state.corpus if batch < horizon]
        draw = random.Random(f"parents {self.plan.seed}/{number}")
        # What was found late was hard to reach.
        chosen = {known[int(len(known) * max(draw.random(), draw.random()))] for _ in range(_PARENTS)} if known else set[str]()
        return tuple(self.state.parents(name) for name in sorted(chosen))

    def _take(self, future: "Future[Any]", pending: "_Pending | Finding") -> None:
        try:
            result = future.result()
        except DeadWorkerError as death:
            if isinstance(pending, _Pending):
                self._after_death(pending, death)
            return
        if isinstance(pending, _Pending):
            self._finish(pending, result)
        else:
            self.state.replace(result)

    def _finish(self, pending: _Pending, result: BatchResult | None) -> None:
        whole = pending.whole
        if whole is None:
            assert result is not None
            self._done[pending.task.number] = (result, pending)
            return
        whole.out -= 1
        whole.results += [] if result is None else [result]
        if not whole.out:
            # When all cases are lost nobody is left who could tell what they were.
            self._done[whole.task.number] = (merged(whole.results) if whole.results else BatchResult(whole.task.number), whole)

    def _after_death(self, pending: _Pending, death: DeadWorkerError) -> None:
        """The case that was under way is lost; the batch is done again without it."""
        if isinstance(death.note, int):
            pending.lost.append((death.note, death.reason))
            pending.task = replace(pending.task, skip=(*pending.task.skip, death.note))
            self._send(pending)
            return
        pending.deaths += 1
        if pending.deaths < _DEATHS and not death.again:
            self._send(pending)
        elif pending.whole is not None:
            pending.whole.lost.append((pending.case, death.reason))
            self._finish(pending, None)
        else:
            self._take_apart(pending)

    def _take_apart(self, whole: _Pending) -> None:
        """Nobody knows which case it is that kills workers: each goes out on its own."""
        cases = [number for number in range(whole.task.cases) if number not in whole.task.skip]
        whole.out = len(cases)
        for case in cases:
            others = tuple(number for number in range(whole.task.cases) if number != case)
            self._send(_Pending(replace(whole.task, skip=others), whole=whole, case=case))

    def _apply(self) -> None:
        while (number := self.state.next_batch) in self._done:
            result, pending = self._done.pop(number)
            result.findings += _lost(pending, result)
            for finding in self.state.apply(result, self.elapsed):
                self._reduce(finding)

    def _reduce(self, finding: Finding) -> None:
        if not finding.reduced:
            future = self.executor.submit(reduce_finding, finding, self.plan.tripwires, self.plan.engine, self.compiler, self.trampolines)
            self._running[future] = finding


def _lost(pending: _Pending, result: BatchResult) -> Iterator[Finding]:
    for number, reason in pending.lost:
        yield engine_finding(pending.task, number, result.cases.get(number), reason)
