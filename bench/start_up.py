"""Start-up of the command: `python bench/start_up.py`, which writes bench/start_up.md.

Counted is processor time of all processes of a command, user and system, and time on the clock, the least of several rounds: other work on the
machine changes the former less. Python keeps what it has compiled of sources, whatever the environment says.
"""

import os
import resource
import subprocess
import sys
import tempfile
import time
from collections.abc import Mapping
from pathlib import Path

ROUNDS = 5

PROGRAM = "r0 = 1\nexit\n"

COMMANDS: tuple[tuple[str, ...], ...] = (
    ("--help",),
    ("configs",),
    ("oracle", "PROGRAM"),
    ("jit", "PROGRAM", "--config", "mips32r2-32le"),
    ("check", "PROGRAM", "--jobs", "1", "--config", "mips32r2-32le"),
    ("check", "PROGRAM", "--jobs", "1"),
    ("check", "PROGRAM", "--jobs", "2"),
)

HEADER = """# Start-up

Made by `python bench/start_up.py`: seconds of processor time of a command, all its processes together, and on the clock, the least of {rounds}
rounds. PROGRAM is two instructions of assembly, which `check` judges in a process beside that of the command. `import numba` is what compiles and
keeps native code; `import fuzz.worker` is everything that judging needs, but no native code called yet. The bar is 1 s.

| command | seconds of processor time | on the clock |
|---|---:|---:|
"""


def seconds(command: list[str], environment: Mapping[str, str]) -> tuple[float, float]:
    """What a command takes: of processors, and on the clock."""
    start = time.perf_counter()
    before = resource.getrusage(resource.RUSAGE_CHILDREN)
    subprocess.run(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, check=True, env=dict(environment))
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    return after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime, time.perf_counter() - start


def main() -> None:
    """Measure, and write the tables."""
    with tempfile.TemporaryDirectory() as directory:
        program = Path(directory, "tiny.s")
        program.write_text(PROGRAM)
        given = [[str(program) if word == "PROGRAM" else word for word in words] for words in COMMANDS]
        named = [(f'python -c "import {name}"', [sys.executable, "-c", f"import {name}"]) for name in ("numba", "fuzz.worker")]
        named += [(f"bpfmips {' '.join(words)}", [sys.executable, "-m", "fuzz", *command]) for words, command in zip(COMMANDS, given, strict=True)]
        environment = {name: value for name, value in os.environ.items() if name != "PYTHONDONTWRITEBYTECODE"}
        lines = []
        for name, command in named:
            found = [seconds(command, environment) for _ in range(ROUNDS + 1)]
            spent, took = (min(each) for each in zip(*found, strict=True))
            lines.append(f"| {name} | {spent:.2f} | {took:.2f} |")
            print(lines[-1], flush=True)
        empty = {**environment, "NUMBA_CACHE_DIR": f"{directory}/cache"}
        cold, _ = seconds([sys.executable, "-m", "fuzz", "check", str(program), "--jobs", "1"], empty)
    after = f"The first start compiles the native code, {cold:.0f} s; numba keeps it beside the sources, or in the user's cache directory."
    Path(__file__).with_suffix(".md").write_text("\n".join((HEADER.format(rounds=ROUNDS) + "\n".join(lines), "", after, "")))


if __name__ == "__main__":
    main()
