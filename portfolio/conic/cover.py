"""Check that the parts of a tree leave nothing out: plain counting, in whole numbers."""

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


# Up to so many parts are compared each with each; more are first taken apart.
_MANY = 4096

# So many are compared at once.
_AT_ONCE = 512


def covered(program: Program, leaves: Sequence[Leaf], on: Flags | None = None) -> bool:
    """Whether leaves leave out no setting of the switches, or none that has some of them *on*, whatever the risk.

    A leaf that is about an interval of the risk counts for that only: for the pieces between neighbouring ends of
    such intervals that it is about all of.
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
    """What the variable that bounds the one cone can be, by its bounds and the rows about it alone."""
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
    """Whether parts, each a setting of some switches, leave no setting out."""
    return _cover(parts, np.zeros(len(parts), dtype=np.intp), np.ones(len(parts), dtype=np.intp), 1)


def _cover(parts: Sequence[States], first: Indices, last: Indices, pieces: int) -> bool:
    """Whether parts, each about some neighbouring pieces of the risk, leave out no setting in any piece.

    Parts that have nothing in common cover everything if and only if they are as large, together. Where there are
    too many to compare, or some overlap: some switch, or some end of a piece, splits them all, as the root's did,
    and each side must be covered in turn.
    """
    if not len(parts):
        return False
    left = [(np.array(parts), first, last, 0, pieces)]
    while left:
        table, first, last, low, high = left.pop()
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
                left.append((side, first[own], last[own], low, high))
            continue
        cut = _cut(first, last, low, high)
        if cut is None:
            return False
        left += [(table, first, last, low, cut), (table, first, last, cut, high)]
    return True


def _cut(first: Indices, last: Indices, low: int, high: int) -> int | None:
    """Find an end of a piece, inside, that lies within no part; or any where there is no such."""
    if high - low < 2:  # noqa: PLR2004 - one piece has no end inside
        return None
    inside = np.zeros(high - low + 1, dtype=np.intp)
    np.add.at(inside, first - low + 1, 1)
    np.add.at(inside, last - low, -1)
    within = np.cumsum(inside)[1 : high - low]
    return low + 1 + int(np.argmin(within))


def _apart(table: npt.NDArray[np.int8], first: Indices, last: Indices) -> bool:
    """Whether no two parts have a setting in common."""
    on, off = (table == ON).astype(np.float32), (table == OFF).astype(np.float32)
    for start in range(0, len(table), _AT_ONCE):
        here = slice(start, start + _AT_ONCE)
        common = on[here] @ off[start:].T + off[here] @ on[start:].T == 0
        common &= (first[here, None] < last[start:]) & (first[start:] < last[here, None])
        if np.count_nonzero(common) > len(common):  # each has itself in common
            return False
    return True
