"""Compile the kernels, once; the only module here that imports numba.

Numba caches compiled code in ``NUMBA_CACHE_DIR``, beside the source, or in the user's cache. The cache locators below
fix two gaps. First, numba does not notice a change to a function in another file: here the stamp of every kernel covers
all files that hold kernels. Second, where no location is writable (a read-only image, a user without a home), numba
does not even read the cache that set-up left beside the source.
"""

from __future__ import annotations

import hashlib
from functools import lru_cache
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar, cast

import numba
from numba.core import caching

if TYPE_CHECKING:
    from collections.abc import Callable

Function = TypeVar("Function", bound="Callable[..., Any]")

_HERE = Path(__file__).parent
_KERNELS = ("lagrangian", "phases", "newton", "node", "linear", "capped", "block_objective", "tree", "expand")


@lru_cache(maxsize=1)
def _stamp() -> bytes:
    return hashlib.sha256(b"".join((_HERE / f"{name}.py").read_bytes() for name in _KERNELS)).digest()


class _Together:
    """Mix-in: the stamp of every kernel in this package covers all kernels of the package."""

    def get_source_stamp(self) -> bytes:
        return _stamp()

    @classmethod
    def from_function(cls, py_func: object, py_file: str) -> object:
        return super().from_function(py_func, py_file) if Path(py_file).parent == _HERE else None  # type: ignore[misc]


class _Given(_Together, caching.UserProvidedCacheLocator):
    """The cache location that the environment names."""


class _Beside(_Together, caching.InTreeCacheLocator):
    """The cache beside the source."""


class _Own(_Together, caching.UserWideCacheLocator):
    """The user's cache."""


class _ReadOnly(_Together, caching.InTreeCacheLocator):
    """The cache beside the source where no location is writable: kernels missing there are compiled at each start."""

    def ensure_cache_path(self) -> None:
        """Accept the path as is."""


caching.CacheImpl._locator_classes[:0] = [_Given, _Beside, _Own, _ReadOnly]  # noqa: SLF001 - numba has no public hook


def compiled(function: Function) -> Function:
    """Compile a function that uses no Python objects, and cache the machine code for later starts."""
    return cast("Function", numba.njit(cache=True, nogil=True, error_model="numpy")(function))


def place(package: Path) -> str:
    """Return a message that names the cache location of the machine code."""
    for locator in (_Given, _Beside, _Own):
        cache = locator.from_function(place, str(package / "compiled.py"))
        if cache is not None:
            return f"kept in {cache.get_cache_path()}"  # type: ignore[attr-defined]
    return "and cannot keep it: no place here can be written, so every start compiles again (set NUMBA_CACHE_DIR)"
