"""What each engine takes for a run: `python bench/engine_throughput.py`, which writes bench/engine_throughput.md.

Generated programs, so many of each tier, each with `INPUTS` inputs, on a 32-bit and a 64-bit configuration. Measured is what a campaign does with an
engine: an image loaded once, and every input run and compared with the oracle in the screen; not the compiler, not the oracle, no tripwires.

QEMU runs in processes that live as long as the target does. Beside it is what it takes when each image has a process of its own, which is what a
shell script with `qemu-mips` does. Counted are seconds of CPU of all processes together, which other work on the machine changes little.
"""

import os
import time
from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path

from fuzz.case import Case
from fuzz.engine.abilities import missing, runs_on
from fuzz.engine.engines import ENGINES
from fuzz.engine.target import Run, Target
from fuzz.gen import TIERS
from fuzz.gen.batch import cases
from fuzz.judge import interpret
from fuzz.layout import Placement, place
from fuzz.qemu.target import QemuTarget
from jit.compiled import Compiled
from jit.compiler import compile_program
from jit.config import Config

CONFIGS = ("mips32r2-32be", "mips64r6-64le")
PROGRAMS, INPUTS, ROUNDS = 4, 8, 5

Image = tuple[Compiled, tuple[tuple[Placement, Run], ...]]


def images(config: Config) -> Iterator[Image]:
    """Images of generated programs, with what the oracle says of their inputs."""
    for tier in TIERS:
        for case in cases(5, 1, tier, PROGRAMS):
            placements = [place(Case(case.program, given), config) for given in case.inputs[:INPUTS]]
            wanted = tuple((placement, interpret(placement)) for placement in placements)
            if all(run.outcome.fault is None for _, run in wanted):
                yield compile_program(placements[0].slots, config, placements[0].addresses), wanted


def judge(target: Target, chosen: list[Image]) -> None:
    """Load and run them all. Raises RuntimeError when a run is not as it must be."""
    for compiled, wanted in chosen:
        target.load(compiled, wanted[0][0])
        if any(target.screen(wanted)):
            raise RuntimeError(f"{compiled.config}: a run that is not as it must be")


def alone(chosen: list[Image]) -> None:
    """The same with a process of QEMU for each image."""
    for image in chosen:
        target = QemuTarget()
        judge(target, [image])
        target.close()


def used() -> float:
    """Seconds of CPU that this process and those that it has started have used so far; of others than this one in steps of a clock tick."""
    tick = os.sysconf("SC_CLK_TCK")
    total = time.process_time() + sum(os.times()[2:4])
    for task in Path("/proc/self/task").iterdir():
        for child in (task / "children").read_text().split():
            # Fields 14 and 15, utime and stime, counted from behind the name (proc(5)).
            fields = Path(f"/proc/{child}/stat").read_text().rpartition(")")[2].split()
            total += (int(fields[11]) + int(fields[12])) / tick
    return total


def mean(work: Callable[[], object]) -> float:
    """Seconds of CPU of a round, after a first one."""
    work()
    start = used()
    for _ in range(ROUNDS):
        work()
    return (used() - start) / ROUNDS


def rows() -> Iterator[str]:
    """The lines of the table."""
    for name in CONFIGS:
        config = Config.parse(name)
        chosen = list(images(config))
        runs = sum(len(wanted) for _, wanted in chosen)
        first = 0.0
        for engine in ("model", "unicorn", "qemu", "qemu, a process for each image", "qiling"):
            if missing(engine.split(",")[0]) or not runs_on(engine, config):
                continue
            work = partial(judge, ENGINES[engine](), chosen) if engine in ENGINES else partial(alone, chosen)
            seconds = mean(work)
            first = first or seconds
            yield f"| {name} | {engine} | {len(chosen)} | {runs} | {1e6 * seconds / runs:.0f} | {runs / seconds:.0f} | {seconds / first:.1f} |"


def main() -> None:
    """Measure, and write the table."""
    head = [
        "# Throughput of the engines",
        "",
        f"`python bench/engine_throughput.py`: generated programs, {INPUTS} inputs an image, the mean of {ROUNDS} rounds, in seconds of CPU of all",
        "processes that take part, on a machine with much other work, so that ratios count. A run is loaded (its share), executed, and compared",
        "with the oracle.",
        "",
        "| configuration | engine | images | runs | µs a run | runs a second of CPU | times the model's |",
        "|---|---|---:|---:|---:|---:|---:|",
    ]
    (Path(__file__).parent / "engine_throughput.md").write_text("".join(f"{line}\n" for line in (*head, *rows())))


if __name__ == "__main__":
    main()
