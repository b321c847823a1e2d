"""The same sources compiled for this machine give the answers: programs and answers agree without any eBPF in between.

All programs go into one shared library, in which `entry` of NAME.c is called entry_NAME. Undefined behaviour ends in a trap, which
kills the process: there is no milder way to see it without a runtime library.
"""

import _ctypes
import ctypes
import importlib.util
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from corpus.tests.loading import ANSWERS, PROGRAMS, build

NAMES = [name for name in ANSWERS if not build.calls_helpers(name)]
"""Programs that call helper functions would need these in the native process."""

FLAGS = "-O1 -g0 -std=c11 -shared -fPIC -nostdlib -ffreestanding -fno-builtin -fno-stack-protector -fsanitize=undefined -fsanitize-trap=undefined"


@pytest.fixture(scope="module")
def library(tmp_path_factory: pytest.TempPathFactory) -> Path:
    if importlib.util.find_spec("ziglang") is None:
        pytest.skip("the package ziglang, which carries the compiler, is not installed")
    directory = tmp_path_factory.mktemp("native")
    for name in NAMES:
        (directory / f"{name}.c").write_text(f'#define entry entry_{name}\n#include "{PROGRAMS / name}.c"\n')
    output = directory / "programs.so"
    sources = [f"{name}.c" for name in NAMES]
    done = subprocess.run(
        [sys.executable, "-m", "ziglang", "cc", *FLAGS.split(), *sources, "-o", str(output)],
        cwd=directory,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    return output


@pytest.fixture
def fresh(library: Path) -> Iterator[ctypes.CDLL]:
    """The library with its global variables as they are at the start."""
    loaded = ctypes.CDLL(str(library))
    yield loaded
    _ctypes.dlclose(loaded._handle)


@pytest.mark.skipif(sys.byteorder != "little", reason="the native run covers little-endian machines; the oracle covers both byte orders")
@pytest.mark.parametrize(("name", "number"), [(name, number) for name in NAMES for number in range(len(ANSWERS[name]("little")))])
def test_native_run_gives_the_answer(fresh: ctypes.CDLL, name: str, number: int) -> None:
    answer = ANSWERS[name]("little")[number]
    entry = fresh[f"entry_{name}"]
    entry.argtypes, entry.restype = [ctypes.c_void_p, ctypes.c_uint64], ctypes.c_uint64
    memory = ctypes.create_string_buffer(answer.memory + bytes(8), max(len(answer.memory), 1) + 8)
    assert entry(memory, len(answer.memory)) == answer.r0
    assert memory.raw[: len(answer.memory)] == answer.after
    assert not any(memory.raw[len(answer.memory) :])
