"""Compile and link the program to its images, or with --check say which committed ones the compiler would not produce.

The compiler and linker are those of the ziglang package, pinned among the development dependencies. An image is the text section of the linked
file: code and constants, in the order of image.ld, without headers.
"""

import argparse
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

from elftools.elf.elffile import ELFFile

HERE = Path(__file__).parent
IMAGES = HERE / "images"
SOURCES = ("start", "hashes", "sorting", "numbers", "calendar")
TARGETS = {"el": "mips64el-freestanding", "eb": "mips64-freestanding"}

# -fno-pic, -mno-abicalls, -G0: nothing goes by gp, which holds no address here. -fno-builtin: no calls of a C library.
FLAGS = (
    *("-g0", "-std=c11", "-Wall", "-Wextra", "-Werror", "-ffreestanding", "-fno-builtin", "-fno-pic", "-mno-abicalls", "-G0", "-msoft-float"),
    *("-fno-sanitize=all", "-fno-stack-protector", "-fno-unwind-tables", "-fno-asynchronous-unwind-tables", "-fno-ident", "-fno-jump-tables"),
)


class Variant(NamedTuple):
    """How an image is compiled: clang's -mcpu, "O0" or "O2", byte order "el" or "eb"."""

    cpu: str
    optimisation: str
    order: str

    @property
    def file_name(self) -> str:
        return f"{self.cpu}.{self.optimisation}.{self.order}.bin"


VARIANTS = tuple(Variant(cpu, level, order) for cpu in ("mips3", "mips64r2") for level in ("O0", "O2") for order in TARGETS)


def _run(*command: str) -> None:
    done = subprocess.run((sys.executable, "-m", "ziglang", *command), cwd=HERE, capture_output=True, text=True, check=False)
    if done.returncode:
        raise RuntimeError(f"{' '.join(command)}: {done.stderr.strip()}")


def build(variant: Variant, directory: Path) -> bytes:
    """The image of a variant; raises RuntimeError with the messages of the compiler or linker when it refuses."""
    objects = []
    for source in SOURCES:
        objects.append(str(directory / f"{source}.o"))
        target = ("-target", TARGETS[variant.order], f"-mcpu={variant.cpu}", f"-{variant.optimisation}")
        _run("cc", *target, *FLAGS, "-c", f"{source}.c", "-o", objects[-1])
    linked = directory / "image.elf"
    _run("ld.lld", "-T", "image.ld", *objects, "-o", str(linked))
    with linked.open("rb") as file:
        section = ELFFile(file).get_section_by_name(".text")
        if section is None:
            raise RuntimeError("the linked file has no .text")
        return bytes(section.data())


def differing(write: bool) -> Iterator[str]:
    """The images that differ from what the compiler produces; written anew when `write`."""
    for variant in VARIANTS:
        with tempfile.TemporaryDirectory() as directory:
            image = build(variant, Path(directory))
        committed = IMAGES / variant.file_name
        if committed.exists() and committed.read_bytes() == image:
            continue
        yield variant.file_name
        if write:
            IMAGES.mkdir(exist_ok=True)
            committed.write_bytes(image)


def main() -> int:
    """The command line."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--check", action="store_true", help="change nothing, exit with 1 when an image differs")
    check = parser.parse_args().check
    found = list(differing(write=not check))
    print("\n".join(f"{name}: {'differs' if check else 'written'}" for name in found) or "nothing differs")
    return 1 if check and found else 0


if __name__ == "__main__":
    sys.exit(main())
