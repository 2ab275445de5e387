"""Check that the parts of a tree leave nothing out: plain counting, no arithmetic."""

from __future__ import annotations

from itertools import pairwise
from typing import TYPE_CHECKING

import numpy as np

from portfolio.conic.bound import FREE, OFF, ON

if TYPE_CHECKING:
    from collections.abc import Sequence

    from portfolio.conic.bound import States
    from portfolio.conic.program import Program
    from portfolio.conic.solution import Leaf


def covered(program: Program, leaves: Sequence[Leaf]) -> bool:
    """Whether leaves leave out no setting of the switches, whatever the risk.

    A leaf that is about an interval of the risk counts for that only: between any two neighbouring ends of
    such intervals, those that are about all of it must cover every setting.
    """
    low, high = _risks(program)
    ends = {end for leaf in leaves for end in leaf.interval if low < end < high}
    cuts = sorted({low, high, *ends})
    pieces = list(pairwise(cuts)) if low < high else [(low, high)]
    return all(cover([leaf.states for leaf in leaves if _holds(leaf.interval, a, b)]) for a, b in pieces)


def _holds(interval: tuple[float, float], low: float, high: float) -> bool:
    return interval[0] <= low and high <= interval[1]


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
    """Whether parts of a tree, each a setting of some switches, leave no setting out.

    Some switch splits them all, as the root's did; each side must be covered in turn.
    """
    if not parts:
        return False
    left = [np.array(parts)]
    while left:
        table = left.pop()
        if (table == FREE).all(axis=1).any():
            continue
        splits = np.flatnonzero((table != FREE).all(axis=0))
        if not len(splits):
            return False
        for state in (OFF, ON):
            side = table[table[:, splits[0]] == state]
            if not len(side):
                return False
            side[:, splits[0]] = FREE
            left.append(side)
    return True
