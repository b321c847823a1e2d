"""What recording costs: images run with all recorded that tripwires and lockstep want, and compared with the oracle's trace.

Usage: python bench/tripwires.py; writes bench/tripwires.md.

The bare engine has no hook at all: image and input are put into memory, the registers are written, and the code is translated and run. The
target without recordings is what judges values alone: it counts instructions, serves calls, and compares memory and registers afterwards.
All three take turns on each image, so that what else the machine does meets all; of several turns the fastest counts.
"""

import os
import platform
import random
import sys
from collections.abc import Callable, Sequence
from pathlib import Path
from time import perf_counter
from typing import NamedTuple

from ebpf.assembler import assemble
from ebpf.program import Program
from fuzz.case import Case, Input
from fuzz.entry import entry_registers
from fuzz.layout import Placement, place
from fuzz.lockstep import first_difference
from fuzz.record import Recording
from fuzz.unicorn_engine import INTERRUPT_HOOK, Engine, HostMemory
from fuzz.unicorn_target import UnicornTarget
from jit.compiled import Compiled
from jit.compiler import compile_program
from jit.config import Config
from oracle import interpreter
from oracle.outcome import Outcome

COMMAND = "python bench/tripwires.py"
CONFIGS = ("mips64r2-64le", "mips64r6-64be", "mips3-64be", "mips64r2-32be", "mips32r2-32be", "mips1-32le")
PROGRAMS, TURNS, INPUTS = 12, 15, 16
ALL = frozenset(Recording)
BARS = {1: 4.0, INPUTS: 2.5}


class Subject(NamedTuple):
    """An image, where its inputs lie, and what the oracle says."""

    compiled: Compiled
    placements: tuple[Placement, ...]
    outcomes: tuple[Outcome, ...]


def program(seed: int) -> Program:
    """64 instructions: arithmetic of both widths, shifts, loads, stores, short branches."""
    draw = random.Random(seed)
    registers = (0, 3, 4, 5, 6, 7, 8, 9)
    lines = [f"r{number} = {draw.getrandbits(31)}" for number in registers]
    while len(lines) < 62:
        dst, src = draw.choice(registers), draw.choice(registers)
        kind, letter = draw.random(), draw.choice("rw")
        if kind < 0.35:
            lines.append(f"{letter}{dst} {draw.choice(('+=', '-=', '|=', '&=', '^=', '*='))} {draw.getrandbits(31)}")
        elif kind < 0.65:
            lines.append(f"{letter}{dst} {draw.choice(('+=', '-=', '|=', '&=', '^=', '='))} {letter}{src}")
        elif kind < 0.75:
            lines.append(f"{letter}{dst} {draw.choice(('<<=', '>>=', 's>>='))} {draw.randrange(32)}")
        elif kind < 0.85:
            lines.append(f"r{dst} = *({draw.choice(('u64', 'u32', 'u16', 'u8'))} *)(r1 + {8 * draw.randrange(8)})")
        elif kind < 0.92:
            lines.append(f"*({draw.choice(('u64', 'u32', 'u16', 'u8'))} *)(r1 + {8 * draw.randrange(8)}) = r{src}")
        else:
            lines.append(f"if {letter}{dst} {draw.choice(('==', '>', 's<'))} {letter}{src} goto +1")
    return assemble("\n".join((*lines, "r0 = 1", "exit")))


def subjects(config: Config) -> list[Subject]:
    """Different programs, each on as many inputs as are measured."""
    result = []
    for seed in range(PROGRAMS):
        given = [Input(random.Random(number).randbytes(64), seed=number) for number in range(INPUTS)]
        placements = tuple(place(Case(program(seed), each), config) for each in given)
        compiled = compile_program(placements[0].slots, config, placements[0].addresses)
        result.append(Subject(compiled, placements, tuple(interpreter.run(each.slots, each.world, trace=True) for each in placements)))
    return result


class Bare:
    """The engine alone."""

    def __init__(self, config: Config) -> None:
        self._host = HostMemory()
        self._callback = INTERRUPT_HOOK(lambda *_: None)
        self._engine = Engine(config, self._host, self._callback)

    def __call__(self, subject: Subject, inputs: int) -> None:
        """Run an image on so many inputs."""
        compiled = subject.compiled
        self._host.write_image(compiled.image(), compiled.config.big_endian)
        self._engine.install(())
        for placement in subject.placements[:inputs]:
            self._engine.map(placement.segments)
            for segment in placement.segments:
                self._host.write(segment)
            self._engine.write_registers(entry_registers(placement, compiled.frame_pointer))
            status = self._engine.start(compiled.base, placement.layout.return_page)
            assert status == 0


class Values:
    """The target, nothing recorded."""

    def __init__(self, target: UnicornTarget) -> None:
        self._target = target

    def __call__(self, subject: Subject, inputs: int) -> None:
        """Run an image on so many inputs."""
        self._target.load(subject.compiled, subject.placements[0])
        for placement in subject.placements[:inputs]:
            run = self._target.run(placement)
            assert run.outcome.fault is None


class Recorded:
    """The target, all recorded, in lockstep with the oracle."""

    def __init__(self, target: UnicornTarget) -> None:
        self._target = target

    def __call__(self, subject: Subject, inputs: int) -> None:
        """Run an image on so many inputs."""
        self._target.load(subject.compiled, subject.placements[0])
        for placement, outcome in zip(subject.placements[:inputs], subject.outcomes, strict=False):
            run = self._target.run(placement, ALL)
            assert first_difference(placement.slots, outcome, run, subject.compiled) is None


def measure(ways: Sequence[Callable[[Subject, int], None]], chosen: Sequence[Subject], inputs: int) -> list[float]:
    """Microseconds per image for each way."""
    best = [[float("inf")] * len(chosen) for _ in ways]
    for at, subject in enumerate(chosen):
        for _ in range(TURNS):
            for number, way in enumerate(ways):
                start = perf_counter()
                way(subject, inputs)
                best[number][at] = min(best[number][at], perf_counter() - start)
    return [1e6 * sum(times) / len(times) for times in best]


def main() -> int:
    """Measure, write the table; 1 when a bar is not met."""
    target = UnicornTarget()
    met = True
    lines = []
    for name in CONFIGS:
        config = Config.parse(name)
        chosen = subjects(config)
        ways = Bare(config), Values(target), Recorded(target)
        words = sum(len(subject.compiled.words) for subject in chosen) / len(chosen)
        for inputs in BARS:
            bare, values, recorded = measure(ways, chosen, inputs)
            met &= recorded <= BARS[inputs] * values
            figures = f"{bare:.0f} | {values:.0f} | {recorded:.0f} | {recorded / values:.2f} | {recorded / bare:.2f}"
            lines.append(f"| {config} | {words:.0f} | {inputs} | {figures} |")
            print(lines[-1], flush=True)
    Path(__file__).with_suffix(".md").write_text(report(lines))
    return 0 if met else 1


def report(lines: Sequence[str]) -> str:
    """The file."""
    machine = f"Python {platform.python_version()} on {platform.machine()}, {os.cpu_count()} processors"
    return f"""# What recording costs

Made by `{COMMAND}` ({machine}): {PROGRAMS} programs of 64 eBPF instructions, fastest of {TURNS} turns, microseconds per image for all its inputs,
loading included. Recorded: edges, operands, accesses, boundaries; inverted operands at the ready; lockstep with the oracle's trace, which is made
into arrays once for all configurations and not counted here. The bars, on the ratio to the target: {BARS[1]:g} with one input, {BARS[INPUTS]:g}
with {INPUTS}. The target does more than the bare engine on every run: it compares memory and registers, counts instructions and would serve calls.

| configuration | words | inputs | bare engine | target | recorded | recorded : target | recorded : bare engine |
|---|---|---|---|---|---|---|---|
""" + "\n".join((*lines, ""))


if __name__ == "__main__":
    sys.exit(main())
