"""Compilation by numba, whose results are kept and loaded again in a small part of the time.

Before numba takes a function from its cache it prepares to compile: it imports all that it knows of the types of Python and numpy, for 0.2 s, more
than anything else at the start of a command. What is in the cache is machine code that needs none of that, only numba's allocator
(`numba.core.runtime`); and what is not in it is compiled by a pipeline that prepares for itself (`numba.core.compiler.CompilerBase`).
"""

from collections.abc import Callable
from typing import Any

import numba
from numba.core.caching import FunctionCache
from numba.core.ccallback import CFunc
from numba.core.runtime.nrt import rtsys
from numba.core.sigutils import normalize_signature


class _Cache(FunctionCache):
    """As that of numba, for functions that refer to no symbols but those of the allocator and ones that were added to LLVM by us."""

    def load_overload(self, sig: Any, target_context: Any) -> Any:
        """The function for a signature; None when it has to be compiled."""
        rtsys.initialize(target_context)
        try:
            with self._guard_against_spurious_io_errors():
                return self._load_overload(sig, target_context)  # type: ignore[no-untyped-call]
        except Exception:
            # A file of the cache is damaged, and reading one may raise anything. The index is begun anew, for what is saved is added to it.
            self.flush()  # type: ignore[no-untyped-call]
            return None


def njit(**options: Any) -> Callable[[Callable[..., Any]], Any]:
    """What `numba.njit` makes with these options, kept."""

    def decorate(function: Callable[..., Any]) -> Any:
        compiled = numba.njit(**options)(function)
        compiled._cache = _Cache(function)  # type: ignore[no-untyped-call]
        return compiled

    return decorate


def cfunc(signature: Any) -> Callable[[Callable[..., Any]], Any]:
    """What `numba.cfunc` makes, kept: `address` is that of a C function."""

    def decorate(function: Callable[..., Any]) -> Any:
        compiled: Any = CFunc(function, normalize_signature(signature), {}, {})  # type: ignore[no-untyped-call]
        compiled._cache = _Cache(function)  # type: ignore[no-untyped-call]
        compiled.compile()
        return compiled

    return decorate
