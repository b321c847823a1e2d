"""Scripts of the corpus, loaded from their paths: `corpus` is data and no package."""

import importlib.util
import sys
from functools import cache
from pathlib import Path
from types import ModuleType


@cache
def load(path: Path) -> ModuleType:
    """The module, named after its directory and itself."""
    spec = importlib.util.spec_from_file_location(f"corpus_{path.parent.name}_{path.stem}", path)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    sys.modules[spec.name] = module
    spec.loader.exec_module(module)
    return module
