"""What tripwires and lockstep cost: images judged with everything on, against the bare engine that runs the same images on the same inputs.

Usage: python bench/tripwires.py; writes bench/tripwires.md.

The bare engine is Unicorn without any hook: image and inputs are put into memory, the registers are written, and the code is translated and run. To
judge an image, on both engines, is to look at its words with all wires, to run it on all inputs and on the variants of the first one that wires want,
and to compare everything. The two take turns on each image, so that what else the machine does meets both; of several turns the fastest counts.
"""

import os
import platform
import random
import sys
from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path
from time import perf_counter
from typing import NamedTuple

from ebpf.assembler import assemble
from ebpf.instruction import Instruction
from ebpf.program import Program
from fuzz.case import Case, Input
from fuzz.engine.engines import Both
from fuzz.engine.entry import entry_registers
from fuzz.engine.target import Target
from fuzz.judge import Expectation, Expectations, Judge, interpret, recordings
from fuzz.layout import place
from fuzz.unicorn.engine import INTERRUPT_HOOK, Engine, HostMemory
from fuzz.verdict import Status
from fuzz.wires import WIRES
from jit.compiled import Addresses, Compiled
from jit.compiler import compile_program
from jit.config import Config

COMMAND = "python bench/tripwires.py"
CONFIGS = ("mips64r2-64le", "mips64r6-64be", "mips3-64be", "mips64r2-32be", "mips32r2-32be", "mips1-32le")
PROGRAMS, TURNS, INPUTS = 12, 15, 16
BARS = {1: 4.0, INPUTS: 2.5}


class Subject(NamedTuple):
    """An image, and what the oracle says of its inputs."""

    compiled: Compiled
    expectations: tuple[Expectation, ...]


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
        cases = [Case(program(seed), Input(random.Random(number).randbytes(64), seed=number)) for number in range(INPUTS)]
        placements = [place(case, config) for case in cases]
        compiled = compile_program(placements[0].slots, config, placements[0].addresses)
        expectations = tuple(Expectation(case, at, interpret(at, trace=True), at) for case, at in zip(cases, placements, strict=True))
        result.append(Subject(compiled, expectations))
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
        self._host.write_image(compiled.image(), compiled.base, compiled.config.big_endian)
        self._engine.install(())
        for _, placement, _, _ in subject.expectations[:inputs]:
            self._engine.map(placement.segments)
            for segment in placement.segments:
                self._host.write(segment)
            self._engine.write_registers(entry_registers(placement, compiled.frame_pointer))
            status = self._engine.start(compiled.base, placement.layout.return_page)
            assert status == 0


class Judged:
    """Everything on. What depends on inputs alone is known from the configurations before; of an image nothing is."""

    def __init__(self, target: Target) -> None:
        self._judge = Judge(target, self._compile, WIRES, recordings(WIRES, lockstep=True), True)
        self._worlds: dict[tuple[int, int], Expectations] = {}

    def _compile(self, slots: Sequence[Instruction], config: Config, addresses: Addresses) -> Compiled:
        return self._compiled

    def __call__(self, subject: Subject, inputs: int) -> None:
        """Judge an image on so many inputs."""
        self._compiled = replace(subject.compiled)
        world = self._worlds.setdefault((id(subject), inputs), Expectations(subject.expectations[:inputs]))
        verdicts = list(self._judge.image(self._compiled.config, world))
        assert [verdict.status for verdict in verdicts] == [Status.AGREE] * inputs


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
    target = Both()
    met = True
    lines = []
    for name in CONFIGS:
        config = Config.parse(name)
        chosen = subjects(config)
        ways = Bare(config), Judged(target)
        words = sum(len(subject.compiled.words) for subject in chosen) / len(chosen)
        for inputs, bar in BARS.items():
            bare, judged = measure(ways, chosen, inputs)
            met &= judged <= bar * bare
            lines.append(f"| {config} | {words:.0f} | {inputs} | {bare:.0f} | {judged:.0f} | {judged / bare:.2f} |")
            print(lines[-1], flush=True)
    Path(__file__).with_suffix(".md").write_text(report(lines))
    return 0 if met else 1


def report(lines: Sequence[str]) -> str:
    """The file."""
    machine = f"Python {platform.python_version()} on {platform.machine()}, {os.cpu_count()} processors"
    return f"""# What tripwires and lockstep cost

Made by `{COMMAND}` ({machine}): {PROGRAMS} programs of 64 eBPF instructions, fastest of {TURNS} turns, microseconds per image for all its inputs,
loading and translation included. Judged, on both engines: all wires on the words and on each run, the further runs of the first input that they want,
lockstep, comparison of everything. Not counted: compiling, and what depends on inputs alone and is the same for all configurations of a byte order
and width: the runs of the oracle, and the arrays that the screen makes of them.
The bars: {BARS[1]:g} with one input, {BARS[INPUTS]:g} with {INPUTS}.

| configuration | words | inputs | bare engine | judged | judged : bare engine |
|---|---|---|---|---|---|
""" + "\n".join((*lines, ""))


if __name__ == "__main__":
    sys.exit(main())
