"""Start-up of the command: `python bench/start_up.py`, which writes bench/start_up.md.

Counted is processor time of all processes of a command, user and system, the least of several rounds: other work on the machine changes it less than
time on the clock.
"""

import os
import resource
import subprocess
import sys
import tempfile
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

Made by `python bench/start_up.py`: seconds of processor time of a command, all its processes together, the least of {rounds} rounds. PROGRAM is two
instructions of assembly, which `check` judges in a process beside that of the command. `import fuzz.worker` is everything that judging needs, but no
native code called yet.

| command | seconds |
|---|---:|
"""


def seconds(command: list[str], environment: Mapping[str, str]) -> float:
    """What a command takes."""
    before = resource.getrusage(resource.RUSAGE_CHILDREN)
    subprocess.run(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, check=True, env=dict(environment))
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    return after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime


def main() -> None:
    """Measure, and write the tables."""
    with tempfile.TemporaryDirectory() as directory:
        program = Path(directory, "tiny.s")
        program.write_text(PROGRAM)
        given = [[str(program) if word == "PROGRAM" else word for word in words] for words in COMMANDS]
        named = [('python -c "import fuzz.worker"', [sys.executable, "-c", "import fuzz.worker"])]
        named += [(f"bpfmips {' '.join(words)}", [sys.executable, "-m", "fuzz", *command]) for words, command in zip(COMMANDS, given, strict=True)]
        lines = []
        for name, command in named:
            lines.append(f"| {name} | {min(seconds(command, os.environ) for _ in range(ROUNDS)):.2f} |")
            print(lines[-1], flush=True)
        empty = {**os.environ, "NUMBA_CACHE_DIR": f"{directory}/cache"}
        cold = seconds([sys.executable, "-m", "fuzz", "check", str(program), "--jobs", "1"], empty)
    after = f"The first start compiles the native code, {cold:.0f} s; numba keeps it beside the sources, or in the user's cache directory."
    Path(__file__).with_suffix(".md").write_text("\n".join((HEADER.format(rounds=ROUNDS) + "\n".join(lines), "", after, "")))


if __name__ == "__main__":
    main()
