"""Compile the kernels, once; the only module here that knows numba.

Numba keeps what it compiled beside the source, or in ``NUMBA_CACHE_DIR``. Where it can write to neither (a
read-only image, a user without a home) it refuses to cache at all, even to read what set-up left there: such
a place is asked for here, as the last one to look at.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, TypeVar

import numba
from numba.core import caching

if TYPE_CHECKING:
    from collections.abc import Callable

Function = TypeVar("Function", bound="Callable[..., Any]")


class _ReadOnly(caching.InTreeCacheLocator):  # type: ignore[misc]
    """The place beside the source, where it can be read but not written."""

    @classmethod
    def from_function(cls, py_func: object, py_file: str) -> _ReadOnly:
        """Take it as it is: what is not there is compiled again, and cannot be kept."""
        return cls(py_func, py_file)


caching.CacheImpl._locator_classes.append(_ReadOnly)  # noqa: SLF001 - numba has no other door for it


def compiled(function: Function) -> Function:
    """Compile a function without Python in it, and keep the machine code for later starts."""
    kernel: Function = numba.njit(cache=True, nogil=True, error_model="numpy")(function)
    return kernel
