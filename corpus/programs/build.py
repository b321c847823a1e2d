"""Compile every program to its eight objects, or with --check say which committed ones the compiler would not produce.

The compiler is the clang of the ziglang package, pinned among the development dependencies: another version makes other objects. It is run in
this directory on relative names, without debug information and identification, so that the same sources give the same bytes.
"""

import argparse
import subprocess
import sys
import tempfile
from collections.abc import Iterator, Sequence
from pathlib import Path

PROGRAMS = Path(__file__).parent
OBJECTS = PROGRAMS / "objects"

CPUS = ("v1", "v2", "v3", "v4")
TARGETS = {"el": "bpfel-freestanding", "eb": "bpfeb-freestanding"}

# BTF, which declares maps, comes with debug information; no name of a directory must get into it.
DEBUGGING = ("-g", "-fdebug-compilation-dir=.")

# -fno-builtin: a loop must not become a call to memset or memcpy. -fno-jump-tables: no pointers to code in data.
FLAGS = (
    *("-O2", "-std=c11", "-Wall", "-Wextra", "-Werror", "-ffreestanding", "-fno-builtin", "-fno-jump-tables", "-fno-ident", "-fno-addrsig"),
    *("-fno-unwind-tables", "-fno-asynchronous-unwind-tables", "-fno-stack-protector"),
)


def names() -> tuple[str, ...]:
    """The programs, by the names of their sources."""
    return tuple(sorted(source.stem for source in PROGRAMS.glob("*.c")))


def calls_helpers(name: str) -> bool:
    """Whether a program needs functions and maps of its environment, and so cannot run without one."""
    return '#include "helpers.h"' in (PROGRAMS / f"{name}.c").read_text()


def object_names(name: str) -> Iterator[tuple[str, str, str]]:
    """The file name, -mcpu level and byte order ("el" or "eb") of each object of a program."""
    for cpu in CPUS:
        for order in TARGETS:
            yield f"{name}.{cpu}.{order}.o", cpu, order


def compile_object(name: str, cpu: str, order: str, output: Path) -> bytes:
    """The bytes of one object; raises RuntimeError with the compiler's messages when it refuses."""
    flags = (*FLAGS, *(DEBUGGING if calls_helpers(name) else ("-g0",)))
    command = [sys.executable, "-m", "ziglang", "cc", "-target", TARGETS[order], f"-mcpu={cpu}", *flags, "-c", f"{name}.c", "-o", str(output)]
    done = subprocess.run(command, cwd=PROGRAMS, capture_output=True, text=True, check=False)
    if done.returncode or done.stderr:
        raise RuntimeError(f"{name}.c: -mcpu={cpu} {order}: {done.stderr.strip() or 'the compiler failed'}")
    return output.read_bytes()


def differing(programs: Sequence[str], write: bool) -> list[str]:
    """The objects of these programs that differ from what the compiler produces; written anew when `write`."""
    found = []
    with tempfile.TemporaryDirectory() as directory:
        for name in programs:
            for file_name, cpu, order in object_names(name):
                contents = compile_object(name, cpu, order, Path(directory) / file_name)
                committed = OBJECTS / file_name
                if committed.exists() and committed.read_bytes() == contents:
                    continue
                found.append(file_name)
                if write:
                    committed.write_bytes(contents)
    return found


def strays() -> list[str]:
    """Objects that belong to no source."""
    expected = {file_name for name in names() for file_name, _, _ in object_names(name)}
    return sorted(path.name for path in OBJECTS.iterdir() if path.name not in expected)


def main() -> int:
    """The command line; the exit status is 1 when --check found a difference or a source does not compile."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--check", action="store_true", help="change nothing; exit with status 1 when an object differs")
    parser.add_argument("programs", nargs="*", metavar="PROGRAM", help="names of programs; all when there are none")
    options = parser.parse_args()
    unknown = sorted(set(options.programs) - set(names()))
    if unknown:
        parser.error(f"no such program: {', '.join(unknown)}")
    try:
        found = differing(options.programs or names(), write=not options.check)
    except RuntimeError as error:
        print(error, file=sys.stderr)
        return 1
    for file_name in found:
        print(f"{file_name} {'differs' if options.check else 'written'}")
    for file_name in strays():
        print(f"{file_name} belongs to no source")
    return 1 if options.check and (found or strays()) else 0


if __name__ == "__main__":
    sys.exit(main())
