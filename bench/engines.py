"""The engines beside each other on fresh code, and judged executions: `python bench/engines.py`.

The program is straight eBPF of 64 instructions, arithmetic and stores to its stack. Every figure is the least of `ROUNDS` rounds, in microseconds.

    model, run         native loop alone, everything recorded
    model, fresh       words decoded, then that
    Unicorn, fresh     image loaded, then run: without hooks, and with those that record everything
    screen             for one of 16 inputs of a loaded image: memory filled, run, all compared natively
    judged             for one of 16 inputs: compilation, loading, the runs, variants and all wires, oracle included
"""

import random
import time
from collections import Counter
from collections.abc import Callable, Sequence

from ebpf.assembler import assemble
from ebpf.program import Program
from fuzz.case import Case, Input
from fuzz.groups import Grouped
from fuzz.judge import interpret, judge_all, recordings
from fuzz.lasting import rarely_collect
from fuzz.layout import place
from fuzz.model.target import ModelTarget
from fuzz.tally import Images
from fuzz.unicorn.target import UnicornTarget
from fuzz.verdict import Status
from fuzz.wires import WIRES
from jit.compiler import compile_program
from jit.config import BASE_CONFIGS, Config, all_configs
from jit.shared import Shared, covering

CONFIGS = ("mips1-32le", "mips32r2-32be", "mips3-32le", "mips64r2-64le", "mips64r6-64be")
INPUTS = 16
ROUNDS = 15
JUDGED_ROUNDS = 5


def program() -> Program:
    """64 instructions."""
    draw = random.Random(1)
    lines = ["r2 = 1", "r3 = *(u32 *)(r1 + 0)", "r4 = 3", "r5 = 4"]
    while len(lines) < 60:
        left, right = draw.randint(2, 5), draw.randint(2, 5)
        lines += [f"r{left} += r{right}", f"w{right} ^= w{left}", f"r{left} <<= {draw.randint(1, 40)}", "*(u64 *)(r10 - 8) = r3"]
    return assemble("\n".join((*lines[:62], "r0 = r3", "exit")), "bench")


def least(work: Callable[[], object]) -> float:
    """Microseconds."""
    work()
    found = []
    for _ in range(ROUNDS):
        start = time.perf_counter()
        work()
        found.append(time.perf_counter() - start)
    return 1e6 * min(found)


def measure(config: Config) -> list[float]:
    """A row of the table."""
    given = [Input(bytes(range(64)), seed=number) for number in range(INPUTS)]
    placements = [place(Case(program(), each), config) for each in given]
    first, wanted = placements[0], recordings(WIRES, lockstep=True)
    compiled = compile_program(first.slots, config, first.addresses)
    model, unicorn = ModelTarget(), UnicornTarget()
    expected = [(each, interpret(each, trace=True)) for each in placements]
    model.load(compiled, first)

    image, service = model._loaded(), model._serving(first, compiled)

    def native() -> float:
        model._prepare(first, wanted)
        model._begin(first, compiled)
        start = time.perf_counter()
        model._execute(image, first, service)
        return time.perf_counter() - start

    def fresh(target: UnicornTarget, everything: bool) -> None:
        target.load(compiled, first)
        target.run(first, wanted if everything else frozenset())

    # With its image still the loaded one.
    run = 1e6 * min(native() for _ in range(20 * ROUNDS))
    load = least(lambda: model.load(compiled, first))
    bare, hooked = least(lambda: fresh(unicorn, False)), least(lambda: fresh(unicorn, True))
    model.load(compiled, first)
    assert model.screen(expected, wanted) == [0] * INPUTS
    screen = least(lambda: model.screen(expected, wanted)) / INPUTS
    return [len(compiled.words), run, load + run, screen, bare, hooked, hooked / run, hooked / (load + run)]


def given() -> list[Input]:
    """The inputs of an image."""
    return [Input(bytes(range(64)), seed=number) for number in range(INPUTS)]


def each_image(target: ModelTarget) -> Images:
    """Base configurations, each with an image of its own."""
    verdicts = list(judge_all(program(), given(), BASE_CONFIGS, target, compile_program))
    assert {verdict.status for verdict in verdicts} == {Status.AGREE}
    assert len(verdicts) == INPUTS * len(BASE_CONFIGS)
    return Images(len(BASE_CONFIGS), len(BASE_CONFIGS), len(BASE_CONFIGS))


def grouped(configs: Sequence[Config], target: ModelTarget) -> Images:
    """As `bpfmips check` judges them: what compiler, tripwires and CPUs do not tell apart once."""
    judging = Grouped(program(), given(), target, WIRES, Shared(universe=covering(configs)))
    found = Counter[Status]()
    for verdict, others in judging.judge(configs):
        found[verdict.status] += 1 + len(others)
    assert found == {Status.AGREE: INPUTS * len(configs)}
    return judging.images


def judged(work: Callable[[], Images]) -> str:
    """The columns behind the name: configurations, compilations, images run, processor time of one of the inputs, how many a second."""
    images, spent = work(), list[float]()
    for _ in range(JUDGED_ROUNDS):
        start = time.process_time()
        work()
        spent.append(time.process_time() - start)
    each = 1e6 * min(spent) / (INPUTS * images.wanted)
    return f"{images.wanted} | {images.compiled} | {images.run} | {each:.1f} | {1e6 / each:.0f}"


def main() -> None:
    """Print the tables."""
    print("| configuration | words | model, run | model, fresh | screen | Unicorn, fresh | with hooks | hooks / run | hooks / fresh |")
    print("|---|---:|---:|---:|---:|---:|---:|---:|---:|")
    for name in CONFIGS:
        cells = " | ".join(f"{value:.0f}" if number == 0 else f"{value:.1f}" for number, value in enumerate(measure(Config.parse(name))))
        print(f"| {name} | {cells} |")
    target, everything = ModelTarget(), all_configs()
    rarely_collect()
    print(f"\n| everything on, {INPUTS} inputs an image | configurations | compilations | images run | judged, us each | a second and core |")
    print("|---|---:|---:|---:|---:|---:|")
    print(f"| each with an image of its own | {judged(lambda: each_image(target))} |")
    print(f"| as `check` judges them | {judged(lambda: grouped(BASE_CONFIGS, target))} |")
    print(f"| as `check --all-configs` does | {judged(lambda: grouped(everything, target))} |")


if __name__ == "__main__":
    main()
