"""Programs as long as a kernel takes them, and branches of 21 bits at exactly their reach, run from end to end: compiled, run, compared.

Usage: python bench/long_programs.py [--part reach|million] [--jobs N] [CONFIG…]; writes bench/long_programs.md when it has done all.

reach     `beqzc` and `bnezc` of release 6 over 2**20 words, forwards and backwards, one less and one more. An eBPF jump reaches 32767 slots, so that
          most of these are divisions of 64 bits in 32-bit code, which are calls that keep all registers; 64-bit code has no instruction that takes
          so many words, and no jump that comes near. The 26 bits of `bc` reach 128 MiB, more than an image may have: for these there is a test of
          the layout alone.
million   1,000,000 instructions, which is as many as Linux accepts, on one configuration of each class of ISAs, plain and blinded, run and compared
          with the oracle at every instruction that is executed

Tripwires are off, but for the comparison at every instruction: those that look at ways through an image take minutes for one of these.
"""

import argparse
import random
import sys
from collections import Counter
from collections.abc import Iterator
from concurrent.futures import ProcessPoolExecutor
from multiprocessing import get_context
from pathlib import Path
from time import perf_counter

from ebpf.instruction import FRAME_POINTER
from fuzz.engine.engines import ENGINES
from fuzz.engine.target import Target
from fuzz.judge import judge_all
from fuzz.suite.program import Assembly, Suite, instruction, make_suite
from fuzz.suite.reach import jump_over
from fuzz.verdict import Status
from jit.compiled import Addresses, Compiled
from jit.compiler import compile_program
from jit.config import Config
from jit.mips import decode

REACH = 1 << 20
"""Words that 21 bits reach, counted from the instruction after the branch."""

LONG = instruction("SDIV64_REG", 8, 3)
TWO_WORDS, WORD = instruction("LSH32_IMM", 4, imm=3), instruction("STX_B", FRAME_POINTER, FRAME_POINTER, -1)

REACHING = ("mips32r6-32le", "mips64r6-32be")
_NARROW = ("mips2-32le", "mips32r2-32be", "mips32r6-32le", "mips3-32be", "mips64r2-32le", "mips64r6-32be")
_WIDE = ("mips3-64be", "mips64r2-64le", "mips64r6-64be")
MILLION = tuple(f"{name}{blind}" for name in (*_NARROW, *_WIDE) for blind in ("", "+blind"))
"""One of each class, as the columns of `bpfmips check`, plain and blinded."""


def over(words: int, forwards: bool, each: int) -> Suite:
    """A program with a conditional jump over so many words of code that never run, forwards or backwards; a division takes `each` of them."""
    assembly = Assembly()
    divisions = words // each - 10
    left = words - each * divisions
    filler = [LONG] * divisions + [TWO_WORDS] * (left // 2) + [WORD] * (left % 2)
    for register, offset in ((3, 0), (4, 8)):
        assembly.emit("LDX_DW", register, 1, offset)
    # All registers are in use, so that the division has to keep them.
    assembly.slots += [instruction("MOV64_IMM", register, imm=register) for register in (0, 2, 5, 6, 7, 8, 9)] + [WORD]
    jump_over(assembly, forwards, filler, "JEQ64_IMM", 3)
    return make_suite("JEQ64_IMM", assembly, ((0, 7), (7, 0)))


def million(size: int = 1_000_000) -> Suite:
    """Straight through arithmetic, with jumps over some of it."""
    draw = random.Random(size)
    assembly = Assembly()
    for register, offset in ((3, 0), (4, 8)):
        assembly.emit("LDX_DW", register, 1, offset)
    assembly.slots += [instruction("MOV64_IMM", register, imm=register) for register in (0, 5, 6, 7, 8, 9)]
    rows = ("ADD64_REG", "XOR32_IMM", "SUB64_IMM", "OR64_REG", "LSH64_IMM", "JSGT64_REG", "MOV32_IMM", "ADD32_REG", "JEQ32_IMM", "AND64_IMM")
    registers = (0, 3, 4, 5, 6, 7, 8, 9)
    while len(assembly.slots) < size - 1:
        name = draw.choice(rows)
        jumps, dst, src = name.startswith("J"), draw.choice(registers), draw.choice(registers) if name.endswith("REG") else 0
        imm = draw.randrange(32) if name == "LSH64_IMM" else draw.getrandbits(31) if name.endswith("IMM") else 0
        offset = draw.randrange(min(16, size - len(assembly.slots) - 2) + 1) if jumps else 0
        assembly.slots.append(instruction(name, dst, src, offset, imm))
    assembly.emit("EXIT")
    return make_suite("ADD64_REG", assembly, ((7, 9),))


class Compiling:
    """The compiler, which keeps its last image and the time that it took."""

    image: Compiled
    seconds = 0.0

    def __call__(self, slots: object, config: Config, addresses: Addresses) -> Compiled:
        """See `fuzz.case.Compiler`."""
        begun = perf_counter()
        self.image = compile_program(slots, config, addresses)  # type: ignore[arg-type]
        self.seconds = perf_counter() - begun
        return self.image


def judged(suite: Suite, config: Config, target: Target) -> tuple[Compiled, float, float, str]:
    """The image, the seconds that it took to compile and all of it, and the verdict."""
    compiler, begun = Compiling(), perf_counter()
    inputs = suite.inputs("big" if config.big_endian else "little")
    verdicts = list(judge_all(suite.program, inputs, (config,), target, compiler, wires=(), lockstep=True))
    wrong = [str(verdict) for verdict in verdicts if verdict.status is not Status.AGREE]
    return compiler.image, compiler.seconds, perf_counter() - begun, wrong[0] if wrong else "AGREE"


def farthest(image: Compiled) -> tuple[str, int]:
    """Mnemonic and distance of the conditional branch that goes farthest, in words."""
    found = [decode(word, image.config.isa) for word in set(image.words) if word >> 26 in (0b110110, 0b111110)]
    return max(((row.mnemonic, values[-1]) for row, values in filter(None, found) if "branch" in row.facts), key=lambda each: abs(each[1]))


def reach(name: str, target: Target) -> Iterator[str]:
    """A line for each direction and distance. The number of words at which it is the reach is found by measuring once."""
    config = Config.parse(name)
    for forwards in (True, False):
        wanted = REACH - 1 if forwards else -REACH
        small = judged(over(2000, forwards, 100), config, target)[0]
        each = Counter(small.slot_of)[small.slot_of[len(small.words) // 4]]
        first = judged(over(REACH - 200, forwards, each), config, target)[0]
        exact = REACH - 200 + abs(wanted) - abs(farthest(first)[1])
        for more in (-1, 0, 1):
            image, compiling, seconds, verdict = judged(over(exact + more, forwards, each), config, target)
            mnemonic, distance = farthest(image)
            long = abs(distance) < REACH // 2
            if long != (more > 0) or (not long and distance != wanted + (more if forwards else -more)):
                verdict = f"{verdict}, but the branch goes {distance} words"
            form = "long form" if long else f"{mnemonic} {distance:+,}"
            yield f"| {name} | {form} | {len(image.words):,} | {compiling:.1f} | {seconds:.1f} | {verdict} |"


def million_on(name: str, target: Target) -> Iterator[str]:
    """The line of a configuration."""
    suite = million()
    image, compiling, seconds, verdict = judged(suite, Config.parse(name), target)
    yield f"| {name} | {len(suite.program.slots):,} slots | {len(image.words):,} | {compiling:.1f} | {seconds:.1f} | {verdict} |"


PARTS = {"reach": (reach, REACHING), "million": (million_on, MILLION)}


def lines_of(task: tuple[str, str]) -> list[str]:
    """The lines of a part on a configuration."""
    part, name = task
    lines = []
    for line in PARTS[part][0](name, ENGINES["both"]()):
        lines.append(line)
        print(line, file=sys.stderr, flush=True)
    return lines


def main() -> None:
    """Run it."""
    arguments = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    arguments.add_argument("--part", choices=tuple(PARTS))
    arguments.add_argument("--jobs", type=int, default=1, help="so many configurations at once, each of which takes some gigabytes")
    arguments.add_argument("configs", nargs="*", metavar="CONFIG")
    given = arguments.parse_args()
    tasks = [(part, name) for part, (_, names) in PARTS.items() if given.part in (None, part) for name in given.configs or names]
    with ProcessPoolExecutor(given.jobs, max_tasks_per_child=1, mp_context=get_context("spawn")) as pool:
        found = [line for lines in pool.map(lines_of, tasks) for line in lines]
    lines = [
        "# Long programs",
        "",
        "`python bench/long_programs.py`: see there. Seconds of wall time, on both engines, compared at every instruction.",
        "",
        "| configuration | what | words | compiled in s | all in s | verdict |",
        "|---|---|---:|---:|---:|---|",
        *found,
    ]
    print("\n".join(lines))
    if not given.part and not given.configs:
        (Path(__file__).parent / "long_programs.md").write_text("\n".join(lines) + "\n")


if __name__ == "__main__":
    main()
