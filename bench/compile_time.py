"""How compile time grows with the length of a program: from 64 instructions to a million, which is as many as Linux accepts.

Usage: python bench/compile_time.py; writes bench/compile_time.md and bench/compile_time.svg. Needs the extra `bench`.

Programs are random: arithmetic with registers and with constants of 8 and of 31 bits, loads, stores, an atomic addition, jumps over up to 20
instructions and one in 256 as far as it can. No program is compiled twice, so that little comes out of the caches of the compiler. Processor time
counts; of two turns with short programs the shorter one.
"""

import random
import resource
from pathlib import Path
from time import process_time

from matplotlib import pyplot, rcParams

from ebpf.instruction import Instruction
from ebpf.opcodes import BY_NAME
from fuzz.layout import LAYOUTS, addresses
from fuzz.suite.program import instruction
from jit.compiler import compile_program
from jit.config import Config

CONFIGS = ("mips32r2-32le", "mips64r6-64be+blind")
SIZES = (64, 256, 1024, 4096, 16384, 65536, 262144, 1_000_000)
MEASURED = 16384
"""So many instructions are compiled in one measurement at least, in as many programs as it takes."""

ROWS = (
    "ADD64_IMM",
    "XOR32_IMM",
    "MUL64_REG",
    "LDX_W",
    "STX_DW",
    "LSH64_REG",
    "DIV32_IMM",
    "JEQ64_IMM",
    "JSLT64_REG",
    "MOV64_IMM",
    "ADD32_REG",
    "ATOMIC_ADD_W",
)
BAR = 3.0
"""An instruction of the longest program may take so many times what one of the cheapest takes."""


def program(size: int, seed: int) -> list[Instruction]:
    """A valid program of so many slots; its registers are read and written, and it need not make sense."""
    draw = random.Random(seed)
    slots = [instruction("MOV64_IMM", number, imm=number) for number in range(10)]
    while len(slots) < size - 1:
        row = BY_NAME[draw.choice(ROWS)]
        src = draw.randrange(10) if isinstance(row.src, str) else 0
        imm = draw.choice((draw.randrange(-128, 128), draw.getrandbits(31))) if row.imm == "imm" else 0
        left = size - len(slots) - 2
        reach = 32000 if draw.randrange(256) == 0 else 20
        offset = 8 * draw.randrange(10) if row.offset == "memory" else draw.randrange(min(reach, left) + 1) if row.offset == "jump" else 0
        slots.append(instruction(row.name, draw.randrange(10), src, offset, imm))
    return [*slots, instruction("EXIT")]


def measure(config: Config, size: int) -> float:
    """Microseconds of processor time for an instruction."""
    count, where = max(1, MEASURED // size), addresses(LAYOUTS[config.width])
    turns = []
    for turn in range(2 if size <= MEASURED else 1):
        programs = [program(size, count * turn + number) for number in range(count)]
        start = process_time()
        for slots in programs:
            compile_program(slots, config, where)
        turns.append(process_time() - start)
    return min(turns) * 1e6 / (size * count)


def plot(times: dict[str, list[float]], path: Path) -> None:
    """Seconds over instructions, both logarithmic: what is linear is a straight line at 45 degrees."""
    rcParams["svg.hashsalt"] = "compile_time"
    figure, axes = pyplot.subplots(figsize=(7, 4.5))
    for name, each in times.items():
        axes.loglog(SIZES, [size * time / 1e6 for size, time in zip(SIZES, each, strict=True)], marker="o", label=name)
    axes.loglog(SIZES, [size * 1e-5 for size in SIZES], "k--", linewidth=0.8, label="10 µs an instruction")
    axes.set(xlabel="eBPF instructions", ylabel="seconds", title="Compile time")
    axes.grid(True, which="major", linewidth=0.3)
    axes.legend()
    figure.savefig(path, metadata={"Date": None}, bbox_inches="tight")


def main() -> None:
    """Measure, draw, write."""
    here = Path(__file__).parent
    times: dict[str, list[float]] = {}
    for name in CONFIGS:
        config = Config.parse(name)
        compile_program(program(64, 999), config, addresses(LAYOUTS[config.width]))
        times[name] = [measure(config, size) for size in SIZES]
        print(name, [f"{time:.1f}" for time in times[name]], flush=True)
    plot(times, here / "compile_time.svg")
    growth = {name: each[-1] / min(each) for name, each in times.items()}
    lines = ["# Compile time", "", "`python bench/compile_time.py` (extra `bench`): microseconds of processor time for an eBPF instruction.", ""]
    lines += [f"| configuration | {' | '.join(f'{size:,}' for size in SIZES)} | growth |", f"|---|{'---:|' * (len(SIZES) + 1)}"]
    lines += [f"| {name} | {' | '.join(f'{time:.1f}' for time in each)} | {growth[name]:.2f} |" for name, each in times.items()]
    memory = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss // 1024
    verdict = "holds" if max(growth.values()) <= BAR else "DOES NOT HOLD"
    lines += ["", f"Growth is the cost of an instruction of the longest program over the least cost in the row; the bar of {BAR} {verdict}."]
    lines += [f"The process took up to {memory} MiB.", "", "![seconds over instructions](compile_time.svg)", ""]
    (here / "compile_time.md").write_text("\n".join(lines))


if __name__ == "__main__":
    main()
