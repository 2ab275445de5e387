"""Check that the parts of a tree leave no setting out: plain counting, in whole numbers."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

import numpy as np

from portfolio.conic.bound import FREE, OFF, ON

if TYPE_CHECKING:
    from collections.abc import Sequence

    import numpy.typing as npt

    from portfolio.conic.bound import States
    from portfolio.conic.program import Program
    from portfolio.conic.solution import Leaf

    Flags = npt.NDArray[np.bool_]
    Indices = npt.NDArray[np.intp]


# Greatest number of parts that are compared pairwise; larger sets are split first.
_MANY = 4096

# Number of parts compared at once.
_AT_ONCE = 512


def covered(program: Program, leaves: Sequence[Leaf], on: Flags | None = None) -> bool:
    """Return whether *leaves* cover every setting of the switches, or every setting with *on* switched on, at any risk.

    A leaf on an interval of the risk counts only for that interval: for the pieces between neighbouring ends of such
    intervals that lie wholly inside.
    """
    if on is not None and on.any():
        leaves = [replace(leaf, states=np.where(on, FREE, leaf.states)) for leaf in leaves if _may(leaf.states, on)]
    low, high = _risks(program)
    ends = {end for leaf in leaves for end in leaf.interval if low < end < high}
    starts, stops = [low, *sorted(ends)], [*sorted(ends), high]
    intervals = np.array([leaf.interval for leaf in leaves]).reshape(-1, 2)
    first, last = np.searchsorted(starts, intervals[:, 0]), np.searchsorted(stops, intervals[:, 1], side="right")
    return _cover([leaf.states for leaf in leaves], first, last, len(starts))


def _may(states: States, on: Flags) -> bool:
    return not (states[on] == OFF).any()


def _risks(program: Program) -> tuple[float, float]:
    """Return the range of the variable that bounds the one cone, by its bounds and the rows on this variable alone."""
    if len(program.cones) != 1:
        return -np.inf, np.inf
    named = np.flatnonzero(program.A[program.cone_rows[0].start])
    if len(named) != 1:
        return -np.inf, np.inf
    r, e, m = int(named[0]), program.equalities, program.inequalities
    rows = [
        i for i in range(e, e + m)
        if program.A[i, r] > 0 and np.count_nonzero(program.A[i]) == 1 and not program.H[i].any()
    ]  # fmt: skip
    return program.lower[r], min([program.upper[r], *(program.b[i] / program.A[i, r] for i in rows)])


def cover(parts: Sequence[States]) -> bool:
    """Return whether parts, each a setting of some switches, cover every setting."""
    return _cover(parts, np.zeros(len(parts), dtype=np.intp), np.ones(len(parts), dtype=np.intp), 1)


def _cover(parts: Sequence[States], first: Indices, last: Indices, pieces: int) -> bool:
    """Return whether parts, each on some neighbouring pieces of the risk, cover every setting in every piece.

    Disjoint parts cover the whole space if and only if their sizes add up to the size of the space. Where there are too
    many parts to compare, or some overlap, some switch or some end of a piece splits them all, as the root of the tree
    did, and each side must be covered in turn.
    """
    if not len(parts):
        return False
    stack = [(np.array(parts), first, last, 0, pieces)]
    while stack:
        table, first, last, low, high = stack.pop()
        some = np.minimum(last, high) > np.maximum(first, low)
        if not some.all():
            table, first, last = table[some], first[some], last[some]
        first, last = np.maximum(first, low), np.minimum(last, high)
        free = table == FREE
        if (free.all(axis=1) & (last - first == high - low)).any():
            continue
        size = sum(
            (b - a) << n for n, a, b in zip(free.sum(axis=1).tolist(), first.tolist(), last.tolist(), strict=True)
        )
        if size < (high - low) << table.shape[1]:
            return False
        if len(table) <= _MANY and _apart(table, first, last):
            continue
        splits = np.flatnonzero(~free.any(axis=0))
        if len(splits):
            for state in (OFF, ON):
                own = table[:, splits[0]] == state
                side = table[own]
                side[:, splits[0]] = FREE
                stack.append((side, first[own], last[own], low, high))
            continue
        cut = _cut(first, last, low, high)
        if cut is None:
            return False
        stack += [(table, first, last, low, cut), (table, first, last, cut, high)]
    return True


def _cut(first: Indices, last: Indices, low: int, high: int) -> int | None:
    """Find an inner end of a piece that lies within no part, or else within the fewest; None if there is none."""
    if high - low < 2:  # noqa: PLR2004 - one piece has no end inside
        return None
    inside = np.zeros(high - low + 1, dtype=np.intp)
    np.add.at(inside, first - low + 1, 1)
    np.add.at(inside, last - low, -1)
    within = np.cumsum(inside)[1 : high - low]
    return low + 1 + int(np.argmin(within))


def _apart(table: npt.NDArray[np.int8], first: Indices, last: Indices) -> bool:
    """Return whether no two parts have a setting in common."""
    on, off = (table == ON).astype(np.float32), (table == OFF).astype(np.float32)
    for start in range(0, len(table), _AT_ONCE):
        here = slice(start, start + _AT_ONCE)
        common = on[here] @ off[start:].T + off[here] @ on[start:].T == 0
        common &= (first[here, None] < last[start:]) & (first[start:] < last[here, None])
        if np.count_nonzero(common) > len(common):  # each part has itself in common
            return False
    return True
