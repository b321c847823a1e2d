"""Which ways through the compiler's own Python a compilation took: pairs of lines, one executed behind the other in the same function.

This is `sys.settrace`, which makes a compilation many times slower, so that only a sample is traced. It is the same on all versions of Python.
"""

import sys
from collections.abc import Callable
from pathlib import Path
from types import CodeType, FrameType
from typing import Any, TypeVar

import jit

T = TypeVar("T")

_ROOT = Path(jit.__file__).parent
_UNTRACED = frozenset({"mips.py", "mips_rows.py", "bits.py", "config.py", "options.py"})
"""Tables and what belongs to them: which rows are used is seen from the code that comes out."""


def forget() -> None:
    """Drop what the compiler keeps of earlier compilations to use it again, whatever function keeps it: it would hide ways through the compiler."""
    for name, module in list(sys.modules.items()):
        if name.startswith("jit.") and Path(module.__file__ or "").name not in _UNTRACED:
            for kept in vars(module).values():
                if hasattr(kept, "cache_clear"):
                    kept.cache_clear()


def traced(function: Callable[[], T]) -> tuple[T, frozenset[str]]:
    """What the function returns, and the pairs of lines of the compiler that it went through, as `file:line>line`, with nothing kept of before."""
    pairs: set[tuple[str, int, int]] = set()
    names: dict[CodeType, str] = {}

    def enter(frame: FrameType, event: str, argument: Any) -> Any:
        code = frame.f_code
        name = names.get(code)
        if name is None:
            path = Path(code.co_filename)
            name = names[code] = str(path.relative_to(_ROOT)) if path.is_relative_to(_ROOT) and path.name not in _UNTRACED else ""
        if not name:
            return None
        last = frame.f_lineno

        def line(frame: FrameType, event: str, argument: Any) -> Any:
            nonlocal last
            if event == "line":
                pairs.add((name, last, frame.f_lineno))
                last = frame.f_lineno
            return line

        return line

    forget()
    before = sys.gettrace()
    sys.settrace(enter)
    try:
        result = function()
    finally:
        sys.settrace(before)
    return result, frozenset(f"{name}:{first}>{second}" for name, first, second in pairs)
