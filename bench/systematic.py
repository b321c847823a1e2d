"""How many judged executions a second the systematic suites come to: writes bench/systematic.md.

    python bench/systematic.py

The first subject of a row of each family is judged on all base configurations of its byte order, with all tripwires and lockstep,
as campaigns do it: by the model, with Unicorn beside it for one image in so many.
"""

import time
from pathlib import Path

from fuzz.cli.fuzz import CONFIRM
from fuzz.cpu.machine import machine
from fuzz.engine.engines import engine
from fuzz.judge import judge_all
from fuzz.suite.systematic import INPUTS, systematic_suites
from fuzz.verdict import Status
from jit.compiler import compile_program
from jit.config import BASE_CONFIGS

ROWS = ("SUB64_REG", "MUL32_IMM", "SDIV64_REG", "LSH64_IMM", "JSLT64_REG", "JGE32_IMM", "LDXSX_W", "STX_DW", "CMPXCHG_DW")
CONFIGS = tuple(config for config in BASE_CONFIGS if not config.big_endian)
NIGHT = 8 * 3600
"""Seconds."""


def main() -> None:
    """Measure, and write the report."""
    target, lines, total, spent = engine("model", CONFIRM), list[str](), 0, 0.0
    for name in ROWS:
        suite = next(systematic_suites(name))
        inputs = suite.inputs("little")[:INPUTS]
        # The first image costs what is done once for a process.
        verdicts = list(judge_all(suite.program, inputs[:1], CONFIGS[:1], target, compile_program))
        before = time.process_time()
        verdicts = list(judge_all(suite.program, inputs, CONFIGS, target, compile_program, cpu=machine))
        seconds = time.process_time() - before
        unlike = [verdict for verdict in verdicts if verdict.status is not Status.AGREE]
        if unlike:
            raise SystemExit(str(unlike[0]))
        total, spent = total + len(verdicts), spent + seconds
        lines.append(f"| {name} | {len(suite.program.slots)} | {len(verdicts)} | {len(verdicts) / seconds:.0f} |")
    runs = sum(len(suite.operands) for suite in systematic_suites())
    whole, rate = runs * len(BASE_CONFIGS), total / spent
    text = "\n".join(
        (
            "# Systematic suites",
            "",
            "`python bench/systematic.py`. One process, CPU time.",
            "",
            f"* all of them are {runs} runs, {whole / 1e6:.1f} million judged executions on {len(BASE_CONFIGS)} configurations",
            f"* the rows below come to {rate:.0f} a second: {2 * NIGHT * rate / 1e6:.0f} million in 8 hours on two cores (bar: 10 million)",
            "",
            "| row | slots | judged executions | a second |",
            "|---|---:|---:|---:|",
            *lines,
            "",
        )
    )
    print(text)
    (Path(__file__).parent / "systematic.md").write_text(text)


if __name__ == "__main__":
    main()
