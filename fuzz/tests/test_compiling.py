"""Native code is loaded without what only compiling needs, and is compiled where there is none."""

import os
import subprocess
import sys
from pathlib import Path
from types import ModuleType

import pytest

from fuzz.engine.native import make_ready
from fuzz.recording.compiling import cfunc, njit

_COMPILING = "numba.np.linalg"
"""A module that numba imports before it compiles, or prepares to."""

_JUDGE = f"""
import sys
from fuzz.engine.native import make_ready
make_ready("both", lambda text: sys.exit(text))
print({_COMPILING!r} in sys.modules)
"""


def test_what_is_there_is_loaded_alone() -> None:
    make_ready("both", print)
    done = subprocess.run([sys.executable, "-c", _JUDGE], capture_output=True, text=True, check=True)
    assert done.stdout == "False\n"


def module(directory: Path, constant: int) -> ModuleType:
    """A module of a file, because numba keeps what it compiles beside the file of a function."""
    path = directory / "some_functions.py"
    path.write_text(f"def add(x):\n    return x + {constant}\n")
    made = ModuleType("some_functions")
    made.__file__ = str(path)
    exec(compile(path.read_text(), str(path), "exec"), made.__dict__)
    return made


def test_functions(tmp_path: Path) -> None:
    for hits in (0, 1):
        add = njit()(module(tmp_path, 5).add)
        assert (add(37), sum(add.stats.cache_hits.values())) == (42, hits)


@pytest.mark.parametrize("suffix", ["nbi", "nbc"])
@pytest.mark.parametrize("left", [0, 40])
def test_a_damaged_cache_is_made_anew(tmp_path: Path, suffix: str, left: int) -> None:
    njit()(module(tmp_path, 5).add)(37)
    for path in tmp_path.rglob(f"*.{suffix}"):
        os.truncate(path, left)
    for hits in (0, 1):
        add = njit()(module(tmp_path, 5).add)
        assert (add(37), sum(add.stats.cache_hits.values())) == (42, hits)


def test_a_changed_function_is_compiled_again(tmp_path: Path) -> None:
    assert njit()(module(tmp_path, 5).add)(37) == 42
    # Longer, because numba looks at size and time of a file.
    assert njit()(module(tmp_path, 1000).add)(37) == 1037


def test_functions_for_c(tmp_path: Path) -> None:
    for hits in (0, 1):
        made = cfunc("int64(int64)")(module(tmp_path, 5).add)
        assert (made.ctypes(37), made.cache_hits) == (42, hits)
