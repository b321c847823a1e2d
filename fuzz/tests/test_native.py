"""Native code is made ready before there are workers."""

import subprocess
import sys
from pathlib import Path

import pytest

from fuzz.engine import native
from fuzz.engine.engines import ENGINES


def test_what_takes_long_is_told(monkeypatch: pytest.MonkeyPatch) -> None:
    told: list[str] = []
    monkeypatch.setattr(native, "SOON", 0.0)
    native.make_ready("model", told.append)
    assert told == ["compiling native code; it is kept, and the next start is a quick one"]


def test_what_is_ready_is_not_told(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(native, "SOON", 60.0)
    told: list[str] = []
    native.make_ready("both", lambda text: None)
    native.make_ready("both", told.append)
    assert told == []


@pytest.mark.parametrize("engine", sorted(set(ENGINES) - set(native._ENGINES)))
def test_engines_without_compiled_code_are_not_started(engine: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(native, "ENGINES", {})
    native.make_ready(engine, lambda text: pytest.fail(text))


_LATER = """
import gc
from numba.core.registry import CPUDispatcher
from fuzz.campaign.configurations import drawn
from fuzz.campaign.unit import Task, run_batch
from fuzz.engine.native import make_ready
from jit.compiler import compile_program
from jit.config import BASE_CONFIGS, all_configs

def known():
    found = set()
    for thing in gc.get_objects():
        try:
            found |= {thing.py_func.__qualname__} if isinstance(thing, CPUDispatcher) and thing.overloads else set()
        except ReferenceError:
            pass
    return found

make_ready("model", print, whole=True)
before = known()
base = tuple(map(str, BASE_CONFIGS))
others = tuple(str(config) for config in all_configs() if str(config) not in base)
for tier in ("single", "structured"):
    run_batch(Task(1, 0, tier, 8, base + drawn(1, 0, others), confirm=4), compile_program)
print(*sorted(known() - before))
"""


def test_workers_of_a_campaign_have_nothing_left_to_compile() -> None:
    found = subprocess.run([sys.executable, "-c", _LATER], capture_output=True, text=True, check=True, cwd=Path(__file__).parents[2])
    assert found.stdout.splitlines()[-1] == ""
