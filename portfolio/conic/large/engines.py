"""Interface to the engines for programs of many switches: callers import no module behind this one."""

from __future__ import annotations

from typing import TYPE_CHECKING

from portfolio.conic.large.decomposition.decomposed_search import minimise
from portfolio.conic.large.decomposition.split import Split

if TYPE_CHECKING:
    from portfolio.conic.program import Program

__all__ = ["blocks_of", "minimise"]

# Up to this many switches one tree over all of them closes as soon as blocks do, and numba is never loaded (a second,
# 136 MiB): the reference customer has 21 switches and takes 17 nodes, or a thousand where goals must give way. With 48
# switches blocks are twenty times as fast (docs/solver-notes.md).
_ONE_TREE = 24


def blocks_of(program: Program) -> Split | None:
    """Split a program into its blocks; None where one tree over the whole program closes sooner."""
    split = Split(program)
    return split if split.separable and len(program.switched) > _ONE_TREE else None
