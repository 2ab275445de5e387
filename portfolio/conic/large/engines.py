"""Interface to the engines for programs of many switches: callers import no module behind this one."""

from __future__ import annotations

from typing import TYPE_CHECKING

from portfolio.conic.large.decomposition.decomposed_search import minimise
from portfolio.conic.large.decomposition.split import separable

if TYPE_CHECKING:
    from portfolio.conic.program import Program

__all__ = ["closes_sooner", "minimise"]

# Up to this many switches one tree over all of them closes as soon as blocks do, and numba is never loaded (a second,
# 136 MiB): the reference customer has 21 switches and takes 17 nodes, or a thousand where goals must give way. With 48
# switches blocks are twenty times as fast (docs/solver-notes.md).
_ONE_TREE = 24


def closes_sooner(program: Program) -> bool:
    """Return whether the search over blocks closes sooner than one tree over the whole program."""
    return len(program.switched) > _ONE_TREE and separable(program)
