"""Code size and executed instructions of the JIT, for each shipped program and configuration.

    python bench/code_size.py            writes bench/code_size.csv and bench/code_size.md

A row of the CSV file is an object on a configuration: 8-byte eBPF slots and 4-byte MIPS words of the program with all that belongs to its image
(entry, exit, constants), and the instructions that both execute on the first input of the program. Runtime routines and helpers count with the
call only: what is behind it is not the JIT's. Everything is counted and nothing is timed, so the files are the same on every machine.
"""

import csv
from collections import defaultdict
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

from fuzz.case import Case
from fuzz.judge import interpret
from fuzz.layout import place
from fuzz.sources import Refusal, Subject, shipped_subjects
from fuzz.unicorn.target import UnicornTarget
from jit.compiler import compile_program
from jit.config import BASE_CONFIGS

HERE = Path(__file__).parent


class Measurement(NamedTuple):
    """One object on one configuration."""

    program: str
    version: str
    configuration: str
    bpf_slots: int
    bpf_executed: int
    mips_words: int
    mips_executed: int


def measure(subject: Subject, target: UnicornTarget) -> Iterator[Measurement]:
    """All configurations of the subject's byte order."""
    case = Case(subject.program, subject.inputs[0])
    for config in BASE_CONFIGS:
        if config.big_endian != (subject.byte_order == "big"):
            continue
        placement = place(case, config)
        compiled = compile_program(placement.slots, config, placement.addresses)
        target.load(compiled, placement)
        oracle, run = interpret(placement).outcome, target.run(placement).outcome
        if oracle.fault or run.fault or run.return_value != oracle.return_value:
            raise SystemExit(f"{subject} {config}: not measured, because the image is wrong: {run.fault or run.return_value}")
        yield Measurement(subject.name, subject.version, str(config), len(placement.slots), oracle.executed, len(compiled.words), run.executed)


def summary(measurements: list[Measurement]) -> Iterator[str]:
    """A Markdown table of the sums by configuration, and one of the ratios by program for a few of them."""
    sums: dict[str, list[int]] = defaultdict(lambda: [0, 0, 0, 0])
    for m in measurements:
        for column, value in enumerate((m.bpf_slots, m.bpf_executed, m.mips_words, m.mips_executed)):
            sums[m.configuration][column] += value
    yield "# Code size and executed instructions"
    yield ""
    yield "Made by `python bench/code_size.py` (all shipped objects, their first inputs); each object and configuration is a row of `code_size.csv`."
    yield ""
    yield "| configuration | eBPF slots | MIPS words | words per slot | eBPF executed | MIPS executed | executed per eBPF instruction |"
    yield "|---|---:|---:|---:|---:|---:|---:|"
    for name, (slots, executed, words, mips) in sums.items():
        yield f"| {name} | {slots} | {words} | {words / slots:.2f} | {executed} | {mips} | {mips / executed:.2f} |"
    chosen = ("mips1-32le", "mips32r2-32le", "mips32r6-32le", "mips3-64le", "mips64r2-64le", "mips64r6-64le")
    yield ""
    yield "MIPS words per eBPF slot / MIPS instructions executed per eBPF instruction, v4 objects:"
    yield ""
    yield f"| program | slots | {' | '.join(chosen)} |"
    yield f"|---|---:|{'---:|' * len(chosen)}"
    by_program: dict[str, dict[str, Measurement]] = defaultdict(dict)
    for m in measurements:
        if m.version == "v4":
            by_program[m.program][m.configuration] = m
    for program, row in by_program.items():
        cells = [f"{m.mips_words / m.bpf_slots:.2f} / {m.mips_executed / m.bpf_executed:.2f}" for m in (row[name] for name in chosen)]
        yield f"| {program} | {row[chosen[0]].bpf_slots} | {' | '.join(cells)} |"


def main() -> None:
    """Measure everything and write both files."""
    target = UnicornTarget()
    measurements: list[Measurement] = []
    for subject in shipped_subjects(None):
        if isinstance(subject, Refusal):
            raise SystemExit(subject.message)
        measurements.extend(measure(subject, target))
    with (HERE / "code_size.csv").open("w", newline="", encoding="utf-8") as file:
        writer = csv.writer(file, lineterminator="\n")
        writer.writerow(Measurement._fields)
        writer.writerows(measurements)
    (HERE / "code_size.md").write_text("\n".join(summary(measurements)) + "\n", encoding="utf-8")
    print(f"{len(measurements)} measurements in {HERE / 'code_size.csv'}, sums in {HERE / 'code_size.md'}")


if __name__ == "__main__":
    main()
