"""Small campaigns for tests, and compilers that do what compilers should not. All can be sent to workers."""

import os
import signal
import sys
from collections.abc import Sequence
from pathlib import Path

from ebpf.instruction import Instruction
from fuzz.campaign.pool import WorkerPool
from fuzz.campaign.run import Run
from fuzz.campaign.state import Plan, State
from fuzz.case import Compiler
from fuzz.selftest.seeded_compiler import SeededCompiler as Seeded
from fuzz.trampoline.judge import Compiler as TrampolineCompiler
from jit.compiled import Addresses, Compiled
from jit.compiler import compile_program
from jit.config import Config
from jit.trampoline import compile_trampoline

__all__ = ("CONFIGS", "Bad", "Seeded", "campaign", "contents")

CONFIGS = ("mips32r2-32be", "mips64r2-64le")


class Bad:
    """Does to its process what `how` says when it meets this program."""

    def __init__(self, how: str, slots: Sequence[Instruction]) -> None:
        self.how = how
        self.slots = slots

    def __call__(self, slots: Sequence[Instruction], config: Config, addresses: Addresses) -> Compiled:
        if slots == self.slots:
            if self.how == "hang":
                while True:
                    pass
            elif self.how == "exit":
                sys.exit(3)
            else:
                os.kill(os.getpid(), getattr(signal, self.how))
        return compile_program(slots, config, addresses)


def campaign(
    directory: Path,
    compiler: Compiler = compile_program,
    *,
    cases: int = 16,
    jobs: int = 1,
    ahead: int = 2,
    silence: float = 30,
    seed: int = 1,
    configs: tuple[str, ...] = CONFIGS,
    tier: str = "all",
    trampolines: TrampolineCompiler = compile_trampoline,
    others: tuple[str, ...] = (),
) -> State:
    """A campaign from beginning to end. `others` are configurations of which each batch draws some."""
    state = State(directory)
    plan = Plan("test", seed, tier, configs, "all", cases, others)
    state.create(plan)
    pool = WorkerPool(jobs, silence, 2 << 30, ("fuzz.campaign.unit",))
    try:
        Run(plan, state, pool, compiler, lambda: ahead, None, trampolines=trampolines).run()
    finally:
        pool.shutdown(cancel_futures=True)
    return state


def contents(state: State) -> dict[str, list[tuple[object, ...]]]:
    """All that a campaign has come to, but for the time that it took; and the files."""
    queries = {
        "count": "SELECT * FROM count WHERE kind NOT IN ('seconds', 'time') ORDER BY kind, name",
        "matrix": "SELECT * FROM matrix ORDER BY row, config",
        "feature": "SELECT * FROM feature ORDER BY name",
        "corpus": "SELECT * FROM corpus ORDER BY file",
        "batch": "SELECT number, cases, judged, new, features, findings FROM batch ORDER BY number",
        "finding": "SELECT * FROM finding ORDER BY fingerprint",
    }
    found = {name: list(state.database.execute(query)) for name, query in queries.items()}
    for name in ("corpus", "findings"):
        found[f"files of {name}"] = [(path.name, path.read_text()) for path in sorted((state.directory / name).iterdir())]
    return found
