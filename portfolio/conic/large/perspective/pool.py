"""Make the arrays of a tree, and enlarge full arrays."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from portfolio.conic.large.perspective import tree
from portfolio.conic.large.perspective.tree import Pool

if TYPE_CHECKING:
    import numpy.typing as npt

# Size of the table of fingerprints of tried supports; a power of two.
_TABLE = 1 << 12


def new_pool(n: int, m: int, nodes: int, points: int) -> Pool:
    """Make the arrays of a tree of *nodes* with *n* switches and *m* rows, all empty."""
    fixes = nodes + n
    return Pool(
        numbers=np.zeros(8, dtype=np.int64),
        values=np.zeros(8),
        states=np.empty((nodes, n), dtype=np.int8),
        low=np.empty(nodes),
        high=np.empty(nodes),
        bound=np.empty(nodes),
        warm=np.zeros(nodes, dtype=np.int64),
        proof=np.zeros(nodes, dtype=np.int64),
        u=np.empty((nodes, n)),
        y=np.empty((nodes, m)),
        last_u=np.empty((nodes, n)),
        last_y=np.empty((nodes, m)),
        phase=np.empty((nodes, n), dtype=np.int8),
        heap=np.empty(nodes, dtype=np.int64),
        fix_node=np.empty(fixes, dtype=np.int64),
        fix_switch=np.empty(fixes, dtype=np.int64),
        fix_state=np.empty(fixes, dtype=np.int8),
        fix_proof=np.empty(fixes, dtype=np.int64),
        fix_bound=np.empty(fixes),
        leaf_node=np.empty(nodes, dtype=np.int64),
        leaf_kind=np.empty(nodes, dtype=np.int8),
        leaf_bound=np.empty(nodes),
        points=np.empty((points, n)),
        supports=np.empty((points, n), dtype=np.int8),
        worth=np.empty(points),
        tried=np.zeros(_TABLE, dtype=np.int64),
        branched=np.full(nodes, -1, dtype=np.int64),
        distance=np.empty(nodes),
        gain=np.zeros((2, n)),
        gains=np.zeros((2, n)),
    )


_BY_NODE = (
    "states",
    "low",
    "high",
    "bound",
    "warm",
    "proof",
    "u",
    "y",
    "last_u",
    "last_y",
    "phase",
    "heap",
    "branched",
    "distance",
)
_BY_LEAF = ("leaf_node", "leaf_kind", "leaf_bound")
_BY_FIX = ("fix_node", "fix_switch", "fix_state", "fix_proof", "fix_bound")


def grown(pool: Pool, budget: int) -> Pool:
    """Enlarge the arrays so that *budget* more nodes can be expanded."""
    n = pool.states.shape[1]
    for names, used, more in (
        (_BY_NODE + _BY_LEAF, int(pool.numbers[tree.NODES]), 2 * budget),
        (_BY_FIX, int(pool.numbers[tree.FIXES]), n * budget),
    ):
        size = len(getattr(pool, names[0]))
        if used + more > size:
            larger = max(2 * size, used + more)
            pool = pool._replace(**{name: _longer(getattr(pool, name), larger) for name in names})
    return pool


def _longer(array: npt.NDArray[Any], size: int) -> npt.NDArray[Any]:
    larger = np.empty((size, *array.shape[1:]), dtype=array.dtype)
    larger[: len(array)] = array
    return larger


def trimmed(pool: Pool) -> Pool:
    """Copy only the part of a finished tree that the proof needs, without spare room."""
    nodes, fixes = int(pool.numbers[tree.NODES]), int(pool.numbers[tree.FIXES])
    none = np.empty((0, 0))
    parts = {name: getattr(pool, name)[:nodes].copy() for name in _BY_NODE + _BY_LEAF}
    parts |= {name: getattr(pool, name)[:fixes].copy() for name in _BY_FIX}
    return pool._replace(**parts | {"last_u": none, "last_y": none, "phase": none.astype(np.int8)})
