"""Compile the programs of this directory to objects of both byte orders for -mcpu=v1 and v3, or with --check say which would change.

The compiler is the clang of the ziglang package, as for the programs in `corpus/programs`.
"""

import argparse
import subprocess
import sys
import tempfile
from pathlib import Path

PACKETS = Path(__file__).parent
OBJECTS = PACKETS / "objects"
CPUS = ("v1", "v3")
TARGETS = {"el": "bpfel-freestanding", "eb": "bpfeb-freestanding"}
FLAGS = (
    *("-O2", "-g0", "-std=c11", "-Wall", "-Wextra", "-Werror", "-ffreestanding", "-fno-builtin", "-fno-jump-tables", "-fno-ident", "-fno-addrsig"),
    *("-fno-unwind-tables", "-fno-asynchronous-unwind-tables", "-fno-stack-protector"),
)


def compiled(name: str, cpu: str, order: str) -> bytes:
    """The bytes of one object; raises CalledProcessError when the compiler refuses."""
    with tempfile.TemporaryDirectory() as directory:
        output = Path(directory) / "a.o"
        command = ("cc", "-target", TARGETS[order], f"-mcpu={cpu}", *FLAGS, "-c", f"{name}.c", "-o", str(output))
        subprocess.run([sys.executable, "-m", "ziglang", *command], cwd=PACKETS, check=True)
        return output.read_bytes()


def main() -> int:
    """The command line; the exit status is 1 when --check found a difference."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--check", action="store_true", help="change nothing; exit with status 1 when an object differs")
    options = parser.parse_args()
    differing = False
    for source in sorted(PACKETS.glob("*.c")):
        for cpu in CPUS:
            for order in TARGETS:
                path, contents = OBJECTS / f"{source.stem}.{cpu}.{order}.o", compiled(source.stem, cpu, order)
                if not path.exists() or path.read_bytes() != contents:
                    print(path.name)
                    differing = True
                    if not options.check:
                        path.write_bytes(contents)
    return 1 if options.check and differing else 0


if __name__ == "__main__":
    raise SystemExit(main())
