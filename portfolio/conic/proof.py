"""Check, without any solver, that a search proved what it says.

The leaves of the tree must cover every setting of the switches, and the Lagrangian bound of each,
recomputed from its multipliers, must not lie below the bound that is claimed. Then no feasible
point is better than the bound, whatever produced the multipliers.
"""

from __future__ import annotations

from itertools import pairwise
from typing import TYPE_CHECKING

import numpy as np

from portfolio.conic.bound import FREE, OFF, ON

if TYPE_CHECKING:
    from collections.abc import Sequence

    from portfolio import Vector
    from portfolio.conic.bound import States
    from portfolio.conic.program import Program
    from portfolio.conic.solution import Leaf, Solution

# How far the program's scaled rows, of order one, may be off at a point that counts as feasible.
FEASIBLE = 1e-7


def faults(program: Program, solution: Solution) -> list[str]:
    """Say what is wrong with a solution's proof; nothing, if it holds."""
    found = []
    if not _cover_all(solution.leaves, _risks(program)):
        found.append("the leaves of the search do not cover every setting of the switches")
    proven = min((_proven(program, leaf) for leaf in solution.leaves), default=np.inf)
    if not proven >= min(solution.bound, solution.value):
        found.append(f"the leaves prove {proven:.9g}, not the bound {solution.bound:.9g} that is claimed")
    if solution.x is not None and solution.states is not None:
        off = violation(program, solution.x, solution.states)
        if not off <= FEASIBLE:
            found.append(f"the solution breaks a row by {off:.2g}")
        value = program.value(solution.x, solution.states == ON)
        if not abs(value - solution.value) <= FEASIBLE * max(1.0, abs(value)):
            found.append(f"the solution's objective is {value:.9g}, not {solution.value:.9g}")
    return found


def violation(program: Program, x: Vector, states: States) -> float:
    """Find how far a point is outside the worst of the rows; zero inside all of them."""
    left = program.b - program.A @ x - program.H @ (states == ON)
    e, m, j = program.equalities, program.inequalities, program.switched
    off = [
        np.zeros(1),
        abs(left[:e]),
        -left[e : e + m],
        program.lower - x,
        x - program.upper,
        np.where(states == ON, program.floor - x[j], abs(x[j])),
        *(np.sqrt((left[rows][1:] ** 2).sum(keepdims=True)) - left[rows][0] for rows in program.cone_rows),
    ]
    return float(np.concatenate(off).max())


def _proven(program: Program, leaf: Leaf) -> float:
    value = leaf.bound(program).value
    return -np.inf if np.isnan(value) else value


def _cover_all(leaves: Sequence[Leaf], risks: tuple[float, float]) -> bool:
    """Whether the leaves leave out no setting of the switches, whatever the risk.

    A leaf that is about an interval of the risk counts for that only: between any two neighbouring ends of
    such intervals, those that are about all of it must cover every setting.
    """
    low, high = risks
    ends = {end for leaf in leaves for end in leaf.interval if low < end < high}
    cuts = sorted({low, high, *ends})
    pieces = list(pairwise(cuts)) if low < high else [(low, high)]
    return all(_cover([leaf.states for leaf in leaves if _holds(leaf.interval, a, b)]) for a, b in pieces)


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


def _cover(parts: Sequence[States]) -> bool:
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
