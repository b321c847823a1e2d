"""Throughput: judged executions a second and core, what the bare engine takes for the same, where the time goes, and how campaigns scale.

Usage: python bench/throughput.py [--programs N] [--no-scaling]; writes bench/throughput.md. To be run on a machine that does nothing else.

A judged execution is one program, compiled for one configuration, run on one input with all tripwires and lockstep, everything compared; an image
that is identical to one before, on an identical CPU, is not run again but counted. Programs are made by the generator, of about 64 instructions, with
eight inputs each, and judged by the model, of which Unicorn confirms one image in so many: on configurations that are drawn as a campaign draws them,
with and without options, others each time; on all that are alike but for ISA, width and byte order; and on all that there are. Beside it stands what
Unicorn alone takes.

Nothing judges a program twice: each turn is a process of its own, forked from one that has judged other programs only. So what is kept of a program,
as the code of its instructions is, has to be made, as in a campaign, and what is kept from program to program is there, as in a campaign.

The bare engine is Unicorn without hooks: image and inputs are put into memory, registers are written, the code is translated and run. The obvious
alternative is a process of QEMU in user mode for each execution, with the image and its input in a static executable, which ends with the low byte
of the result as its status.
"""

import argparse
import multiprocessing
import os
import platform
import sqlite3
import subprocess
import sys
import tempfile
from collections import defaultdict
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import replace
from functools import partial, wraps
from multiprocessing.connection import Connection
from pathlib import Path
from time import perf_counter, process_time
from typing import Any, NamedTuple

from ebpf.program import Program
from fuzz import judge
from fuzz.campaign.configurations import drawn, sampled
from fuzz.campaign.generation import BATCH
from fuzz.case import Case, Input
from fuzz.cli.fuzz import CONFIRM
from fuzz.cpu.machine import machine
from fuzz.engine.engines import engine
from fuzz.engine.entry import entry_registers
from fuzz.engine.target import Target
from fuzz.gen import GeneratedCase, batch
from fuzz.groups import Grouped
from fuzz.judge import judge_all
from fuzz.lasting import rarely_collect
from fuzz.layout import place
from fuzz.unicorn.engine import INTERRUPT_HOOK, Engine, HostMemory
from fuzz.verdict import Status, Verdict
from fuzz.wires import WIRES
from jit.compiler import compile_program
from jit.config import BASE_CONFIGS, Config, all_configs
from jit.shared import Shared, covering
from static_executables import processes

COMMAND = "python bench/throughput.py"
SEED, TURNS, OTHERS = 1, 3, 64
LENGTHS = range(56, 73)
_SOME = 49  # Of all configurations the bare engine runs one in so many.
BAR_RATE, BAR_BARE, BAR_QEMU, BAR_SCALING = 3000, 5.0, 10.0, 0.9


class Subject(NamedTuple):
    """A program with its inputs, the configurations that it is judged on, and its number among those that were made."""

    program: Program
    inputs: tuple[Input, ...]
    configs: tuple[Config, ...]
    number: int


def made(number: int) -> GeneratedCase | None:
    """A program of the generator's, as campaigns have them, but without what a process of QEMU has no place for."""
    features = replace(batch.features_of(SEED, number // BATCH, "block"), length=40, data=False, packet=False, misaligned=False)
    return batch.make_case(features, batch.choices(SEED, number // BATCH, "block", number % BATCH))


def subjects(count: int) -> Iterator[Subject]:
    """Generated programs of about 64 instructions."""
    found = number = 0
    while found < count:
        case = made(number)
        if case is not None and len(case.program.slots) in LENGTHS:
            yield Subject(case.program, case.inputs, configurations(found, case.program), number)
            found += 1
        number += 1


def configurations(number: int, program: Program) -> tuple[Config, ...]:
    """Those of a case of a campaign."""
    others = tuple(str(config) for config in all_configs() if config not in BASE_CONFIGS)
    chosen = [*BASE_CONFIGS, *map(Config.parse, drawn(SEED, number // BATCH, others))]
    return sampled(SEED, number // BATCH, number % BATCH, chosen, program.slots)


def judged(subject: Subject, target: Target) -> list[Verdict]:
    """Everything on."""
    return list(judge_all(subject.program, subject.inputs, subject.configs, target, compile_program, cpu=machine))


class Bare:
    """The engine alone."""

    def __init__(self) -> None:
        self._host = HostMemory()
        self._callback = INTERRUPT_HOOK(lambda *_: None)
        self._engines: dict[tuple[str, bool], Engine] = {}

    def __call__(self, subject: Subject, config: Config) -> Callable[[], None]:
        """What runs the image of a program on all inputs."""
        known = self._engines.get((config.cpu, config.big_endian)) or Engine(config, self._host, self._callback)
        self._engines[config.cpu, config.big_endian] = known
        placements = [place(Case(subject.program, given), config) for given in subject.inputs]
        compiled = compile_program(placements[0].slots, config, placements[0].addresses)
        image = compiled.image()

        def run() -> None:
            self._host.write_image(image, compiled.base, config.big_endian)
            known.install(())
            for placement in placements:
                known.map(placement.segments)
                for segment in placement.segments:
                    self._host.write(segment)
                known.write_registers(entry_registers(placement, compiled.frame_pointer))
                assert known.start(compiled.base, placement.layout.return_page) == 0

        return run


class Clock:
    """Seconds by what they were spent on, each where it is spent and not where that was called from."""

    def __init__(self) -> None:
        self.seconds: defaultdict[str, float] = defaultdict(float)
        self._active: list[str] = ["the rest"]
        self._last = process_time()

    def _switch(self) -> None:
        now = process_time()
        self.seconds[self._active[-1]] += now - self._last
        self._last = now

    def timed(self, what: str, function: Callable[..., Any]) -> Callable[..., Any]:
        """The function, with its time accounted for."""

        @wraps(function)
        def call(*arguments: Any, **named: Any) -> Any:
            self._switch()
            self._active.append(what)
            try:
                return function(*arguments, **named)
            finally:
                self._switch()
                self._active.pop()

        return call


def shares(chosen: Sequence[Subject], target: Target) -> dict[str, float]:
    """Where the time goes: generation and judging of all subjects, seconds by part."""
    clock = Clock()
    watched: list[tuple[Any, str, str]] = [
        (judge, "interpret", "oracle"),
        (judge, "place", "placing inputs in memory"),
        (judge, "trips_of", "tripwires on words"),
        (judge.Judge, "_key", "looking for the same image"),
        (target, "load", "engine: decoding and loading"),
        (target, "screen", "engine: running, recording, comparing, tripwires on runs"),
    ]
    before = [(owner, name, getattr(owner, name)) for owner, name, _ in watched]
    compiler = clock.timed("compiler", compile_program)
    make = clock.timed("generator", made)
    try:
        for owner, name, what in watched:
            inner = getattr(owner, name)
            # What a generator does it does when it is read.
            setattr(owner, name, clock.timed(what, (lambda *a, inner=inner: list(inner(*a))) if name == "trips_of" else inner))
        clock.timed("the rest", lambda: None)()
        clock.seconds.clear()
        for subject in chosen:
            make(subject.number)
            for _ in judge_all(subject.program, subject.inputs, subject.configs, target, compiler, cpu=machine):
                pass
        clock.timed("the rest", lambda: None)()
    finally:
        for owner, name, old in before:
            setattr(owner, name, old)
    return dict(clock.seconds)


# Campaigns.


def campaign(jobs: int, cases: int) -> tuple[float, float]:
    """Judged executions a second of a campaign with so many processes, without its beginning; and the share of a CPU that its main process takes."""
    skipped = 4
    with tempfile.TemporaryDirectory() as directory:
        out = str(Path(directory) / "out")
        arguments = [sys.executable, "-m", "fuzz", "fuzz", "--seed", str(SEED), "--cases", str(cases), "--jobs", str(jobs), "--out", out]
        before = os.times()
        start = perf_counter()
        # What the workers take is counted for the server that they come from, for which nobody waits.
        subprocess.run(arguments, check=True, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        took, after = perf_counter() - start, os.times()
        own = after.children_user + after.children_system - before.children_user - before.children_system
        database = sqlite3.connect(Path(out) / "campaign.sqlite")
        found = database.execute("SELECT judged, elapsed FROM batch ORDER BY number").fetchall()
        database.close()
    seconds = found[-1][1] - found[skipped - 1][1]
    return sum(count for count, _ in found[skipped:]) / seconds, own / took


def machine_scales() -> float:
    """What two processors of this machine do together by what each does alone, with a loop of Python that shares nothing: at best 1."""
    script = "from time import perf_counter as now; start = now(); sum(number & 3 for number in range(20_000_000)); print(now() - start)"
    loop = [sys.executable, "-c", script]

    def seconds(processes: int) -> float:
        running = [subprocess.Popen(loop, stdout=subprocess.PIPE, text=True) for _ in range(processes)]
        return max(float(process.communicate()[0]) for process in running)

    return seconds(1) / seconds(2)


class Turn(NamedTuple):
    """Of each program the seconds of judging it; of all of them executions, and how many of these were run."""

    seconds: tuple[float, ...]
    executions: int
    run: int


class Done(NamedTuple):
    """Executions of a program, how many of these were run, and whether all agree."""

    executions: int
    run: int
    agree: bool


def one_by_one(subject: Subject, target: Target) -> Done:
    """On its configurations, as campaigns do."""
    verdicts = judged(subject, target)
    return Done(len(verdicts), sum(not verdict.repeated for verdict in verdicts), {verdict.status for verdict in verdicts} == {Status.AGREE})


def in_groups(subject: Subject, target: Target) -> Done:
    """On its configurations, as `check --all-configs` does."""
    judging = Grouped(subject.program, subject.inputs, target, WIRES, Shared(universe=covering(subject.configs)))
    executions, agree = 0, True
    for verdict, others in judging.judge(subject.configs):
        executions, agree = executions + 1 + len(others), agree and verdict.status is Status.AGREE
    return Done(executions, judging.images.run * len(subject.inputs), agree)


def _turn(found: Connection, chosen: Sequence[Subject], target: Target, judging: Callable[[Subject, Target], Done]) -> None:
    """Judge programs, and tell what it took. Raises ValueError when one does not agree."""
    seconds, executions, run = [], 0, 0
    for subject in chosen:
        start = process_time()
        done = judging(subject, target)
        seconds.append(process_time() - start)
        if not done.agree:
            raise ValueError(f"program {subject.number} does not agree")
        executions, run = executions + done.executions, run + done.run
    found.send(Turn(tuple(seconds), executions, run))


def fresh(chosen: Sequence[Subject], target: Target, judging: Callable[[Subject, Target], Done] = one_by_one) -> Turn:
    """Judge programs in processes of their own, which this one must not have judged; of each the fastest turn."""
    context, turns = multiprocessing.get_context("fork"), []
    for _ in range(TURNS):
        found, told = context.Pipe(duplex=False)
        process = context.Process(target=_turn, args=(told, chosen, target, judging))
        process.start()
        told.close()
        turns.append(found.recv())
        process.join()
    return Turn(tuple(map(min, *(turn.seconds for turn in turns))), turns[0].executions, turns[0].run)


class Figures(NamedTuple):
    """What was measured on some configurations; `bare` are microseconds that the bare engine takes for an execution."""

    configurations: str
    turn: Turn
    bare: float

    @property
    def judged(self) -> float:
        """Microseconds per execution, those counted for which another stands."""
        return 1e6 * sum(self.turn.seconds) / self.turn.executions


def bare_engine(chosen: Sequence[Subject]) -> float:
    """Microseconds that it takes for an execution; of each image the fastest turn."""
    bare = Bare()
    seconds, executions = 0.0, 0
    for subject in chosen:
        for config in subject.configs:
            run = bare(subject, config)
            seconds, executions = seconds + min(_seconds(run) for _ in range(TURNS)), executions + len(subject.inputs)
    return 1e6 * seconds / executions


def by_unicorn(chosen: Sequence[Subject]) -> float:
    """Microseconds that it takes alone, with everything on, for an execution; one turn, after others have had theirs."""
    second = engine("unicorn")
    return 1e6 * sum(_seconds(partial(judged, subject, second)) for subject in chosen) / sum(len(each.inputs) * len(each.configs) for each in chosen)


def generation(chosen: Sequence[Subject], executions: int) -> float:
    """Microseconds of it for an execution; of each program the fastest turn."""
    return 1e6 * sum(min(_seconds(partial(made, subject.number)) for _ in range(TURNS)) for subject in chosen) / executions


def _seconds(function: Callable[[], object]) -> float:
    start = process_time()
    function()
    return process_time() - start


class Others(NamedTuple):
    """What stands beside: microseconds per execution, None for a process where QEMU is not installed."""

    generation: float
    unicorn: float
    process: float | None


def _judging(figures: Sequence[Figures], count: int) -> Iterator[str]:
    command = " ".join((COMMAND, *sys.argv[1:]))
    made_with = f"Python {platform.python_version()} on {platform.machine()}, {os.cpu_count()} processors"
    yield f"Made by `{command}` ({made_with}): {count} generated programs of"
    yield f"{LENGTHS.start} to {LENGTHS.stop - 1} instructions with 8 inputs each. Processor time for an execution; of {TURNS} turns the fastest,"
    yield f"each in a process that has judged {OTHERS} other programs, not these. An execution whose image has run before on the same CPU is counted,"
    yield "not run."
    yield ""
    yield f"| configurations | executions | of them run | µs | a second (bar {BAR_RATE}) | bare engine, µs | judged : bare (bar {BAR_BARE:g}) |"
    yield "|---|---:|---:|---:|---:|---:|---:|"
    for each in figures:
        rate, ratio = 1e6 / each.judged, each.judged / each.bare
        yield f"| {each.configurations} | {each.turn.executions} | {each.turn.run} | {each.judged:.0f} | {rate:.0f} | {each.bare:.0f} | {ratio:.2f} |"
    yield ""


def _beside(others: Others, drawn: Figures) -> Iterator[str]:
    yield "| beside it, on the drawn configurations | µs | a second |"
    yield "|---|---:|---:|"
    total = drawn.judged + others.generation
    yield f"| judged, and the program generated | {total:.0f} | {1e6 / total:.0f} |"
    yield f"| judged by Unicorn alone, everything on | {others.unicorn:.0f} | {1e6 / others.unicorn:.0f} |"
    if others.process is None:
        yield "| a process of QEMU | not installed | |"
    else:
        yield f"| a process of QEMU | {others.process:.0f} | {1e6 / others.process:.0f} |"
        yield ""
        yield f"* a process of QEMU : judged {others.process / drawn.judged:.0f} (bar: at least {BAR_QEMU:g})"
    yield ""


def _scaling(scaling: Sequence[tuple[int, float, float]], alone: float) -> Iterator[str]:
    """`alone` is how the machine scales."""
    yield "## Campaigns, judged executions a second"
    yield ""
    yield "| processes | a second | share of a CPU that the main process takes |"
    yield "|---:|---:|---:|"
    for jobs, rate, own in scaling:
        yield f"| {jobs} | {rate:.0f} | {100 * own:.1f} % |"
    yield ""
    yield f"* two processes : twice one {scaling[1][1] / (2 * scaling[0][1]):.2f} (bar: at least {BAR_SCALING:g})"
    yield f"* the same of a loop that shares nothing, which is what the machine gives: {alone:.2f}"
    yield ""


def _parts(parts: Mapping[str, float]) -> Iterator[str]:
    yield "## Where the time goes"
    yield ""
    yield "| | share |"
    yield "|---|---:|"
    whole = sum(parts.values())
    for what, seconds in sorted(parts.items(), key=lambda part: -part[1]):
        yield f"| {what} | {100 * seconds / whole:.1f} % |"
    yield ""


def main() -> int:
    """Measure, write the file; 1 when a bar is not met."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else "")
    parser.add_argument("--programs", type=int, default=60)
    parser.add_argument("--no-scaling", action="store_true")
    parser.add_argument("--cases", type=int, default=160, help="of the campaigns that scaling is measured with")
    given = parser.parse_args()
    made_first, target = list(subjects(OTHERS + given.programs)), engine("model", CONFIRM)
    # As workers do.
    rarely_collect()
    for subject in made_first[:OTHERS]:
        judged(subject, target)
    chosen = made_first[OTHERS:]
    swept = [subject._replace(configs=BASE_CONFIGS) for subject in chosen]
    everywhere = [subject._replace(configs=all_configs()) for subject in chosen]
    some = [subject._replace(configs=all_configs()[::_SOME]) for subject in chosen]
    # What is known of configurations as such is made once for a process.
    in_groups(made_first[0]._replace(configs=all_configs()), target)
    # The bare engine comes after all that must not have met these programs.
    drawn, base, everything = fresh(chosen, target), fresh(swept, target), fresh(everywhere, target, in_groups)
    parts = shares(chosen, target)
    figures = [
        Figures("drawn, 20 a program, as campaigns do", drawn, bare_engine(chosen)),
        Figures(f"the {len(BASE_CONFIGS)} base ones", base, bare_engine(swept)),
        Figures(f"all {len(all_configs())}, as `check --all-configs`", everything, bare_engine(some)),
    ]
    others = Others(generation(chosen, drawn.executions), by_unicorn(chosen), processes([(subject.program, subject.inputs) for subject in chosen]))
    scaling = [] if given.no_scaling else [(jobs, *campaign(jobs, given.cases)) for jobs in (1, 2)]
    lines = ["# Throughput", "", *_judging(figures, len(chosen)), *_beside(others, figures[0]), *_parts(parts)]
    lines += _scaling(scaling, machine_scales()) if scaling else ()
    text = "\n".join(lines)
    Path(__file__).with_suffix(".md").write_text(text, encoding="utf-8")
    print(text)
    met = all(1e6 / each.judged >= BAR_RATE and each.judged <= BAR_BARE * each.bare for each in figures)
    met &= others.process is None or others.process >= BAR_QEMU * figures[0].judged
    met &= not scaling or scaling[1][1] >= BAR_SCALING * 2 * scaling[0][1]
    return 0 if met else 1


if __name__ == "__main__":
    sys.exit(main())
