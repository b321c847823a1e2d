"""The answers and the build script, loaded from their paths: `corpus` is data and no package."""

import importlib.util
import sys
from pathlib import Path
from types import ModuleType

PROGRAMS = Path(__file__).parents[1] / "programs"


def load(name: str) -> ModuleType:
    spec = importlib.util.spec_from_file_location(f"corpus_programs_{name}", PROGRAMS / f"{name}.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    sys.modules[spec.name] = module
    spec.loader.exec_module(module)
    return module


ANSWERS = load("answers").ANSWERS
build = load("build")
