"""Compile the kernels, once; the only module here that knows numba.

Numba keeps what it compiled in ``NUMBA_CACHE_DIR``, beside the source, or in the user's cache. Two things it does not
do, and the places to keep things below do. It does not notice that a function called from another file changed: here
the stamp of every kernel is that of all files that hold kernels. And where it can write nowhere (a read-only image, a
user without a home) it does not even read what set-up left beside the source.
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
_KERNELS = ("node", "linear", "capped", "tree")


@lru_cache(maxsize=1)
def _stamp() -> bytes:
    return hashlib.sha256(b"".join((_HERE / f"{name}.py").read_bytes() for name in _KERNELS)).digest()


class _Together:
    """Kernels of this package are as fresh as the package."""

    def get_source_stamp(self) -> bytes:
        return _stamp()

    @classmethod
    def from_function(cls, py_func: object, py_file: str) -> object:
        return super().from_function(py_func, py_file) if Path(py_file).parent == _HERE else None  # type: ignore[misc]


class _Given(_Together, caching.UserProvidedCacheLocator):
    """The place that the environment names."""


class _Beside(_Together, caching.InTreeCacheLocator):
    """The place beside the source."""


class _Own(_Together, caching.UserWideCacheLocator):
    """The user's cache."""


class _ReadOnly(_Together, caching.InTreeCacheLocator):
    """The place beside the source where nothing can be written: what is not there is compiled at each start."""

    def ensure_cache_path(self) -> None:
        """Take it as it is."""


caching.CacheImpl._locator_classes[:0] = [_Given, _Beside, _Own, _ReadOnly]  # noqa: SLF001 - numba has no other door


def compiled(function: Function) -> Function:
    """Compile a function without Python in it, and keep the machine code for later starts."""
    return cast("Function", numba.njit(cache=True, nogil=True, error_model="numpy")(function))


def place(package: Path) -> str:
    """Say where the machine code is kept."""
    for locator in (_Given, _Beside, _Own):
        found = locator.from_function(place, str(package / "compiled.py"))
        if found is not None:
            return f"kept in {found.get_cache_path()}"  # type: ignore[attr-defined]
    return "and cannot keep it: no place here can be written, so every start compiles again (set NUMBA_CACHE_DIR)"
