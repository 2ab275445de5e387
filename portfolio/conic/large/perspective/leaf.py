"""Bound a part of the search by the perspective of its variance; plain numpy, valid for any numbers in the leaf.

For every point of the program with risk ``r`` in [a, b], where ``|M u| <= r``, and for any D, t, theta >= 0 and any
point p with ``R = M'M + t ee' - diag(D)`` positive semidefinite and ``e.u = 1`` the budget,

    0 >= theta (|M u|^2 - r^2) >= theta (2 p'R u - p'R p + sum_i D[i] u[i]^2 - t - (a + b) r + a b),

which uses the tangent below a convex function and the chord above ``r^2``. Added to the Lagrangian this is still a sum
over variables, now with a square where a variable is on: its minimum over the states of the switches is exact in closed
form (Frangioni & Gentile 2006; Zheng, Sun & Li 2014). A leaf claims no more than this bound.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Self

import numpy as np

from portfolio.conic.bound import ROUNDING, all_valid
from portfolio.conic.solution import Leaf, nothing_proven, shared, sum_terms

if TYPE_CHECKING:
    from collections.abc import Sequence

    import numpy.typing as npt

    from portfolio import Matrix, Vector
    from portfolio.conic.program import Program

# Twice the rounding error of one operation.
_ROUNDOFF = 2.3e-16


@dataclass(slots=True, eq=False)
class Splitting:
    """A split of the variance: ``M'M + shift ee' = R + diag(D)``; all leaves of a search share one split.

    Attributes:
        D: The diagonal part, shape (s,), in the program's units.
        shift: Multiple of the budget's square that is added.
    """

    D: Vector
    shift: float
    _checked: tuple[Program, _Parts | None] | None = field(default=None, repr=False)

    def parts(self, program: Program) -> _Parts | None:
        """Split the program's variance; None if there is no variance, or if R is not positive semidefinite."""
        if self._checked is None or self._checked[0] is not program:
            self._checked = program, _take_apart(program, self.D, self.shift)
        return self._checked[1]


@dataclass(frozen=True, slots=True, eq=False)
class _Parts:
    risk: int
    R: Matrix
    margin: float
    total: float


def _take_apart(program: Program, D: Vector, shift: float) -> _Parts | None:
    """Read the one cone, ``|M u| <= r``, and the budget; trust no data of the leaf."""
    j = program.switched
    if len(program.cones) != 1 or len(np.unique(j)) < len(j) or not (D >= 0).all() or not shift >= 0:
        return None
    rows = program.cone_rows[0]
    first, tail = program.A[rows][0], program.A[rows][1:]
    named = np.flatnonzero(first)
    others = np.setdiff1d(np.arange(len(program.q)), j)
    if len(named) != 1 or named[0] in j or first[named[0]] >= 0 or program.b[rows].any() or tail[:, others].any():
        return None
    budgets = [
        r for r in range(program.equalities)
        if program.b[r] and not program.A[r, others].any() and np.ptp(program.A[r, j]) == 0.0
    ]  # fmt: skip
    if not budgets or program.lower[named[0]] < 0:
        return None
    e = program.A[budgets[0], j] / program.b[budgets[0]]
    M = tail[:, j] / first[named[0]]
    R = M.T @ M + shift * np.outer(e, e) - np.diag(D)
    total = float(program.b[budgets[0]] / program.A[budgets[0], j[0]])
    # A factorisation in double precision errs by less than this. R must be positive definite by more than this margin;
    # otherwise the bound deducts a term for the error.
    margin = _ROUNDOFF * len(j) ** 2 * float((np.diag(R) + 2 * D).max())
    for allowed in (-margin, margin):
        try:
            np.linalg.cholesky(R + allowed * np.eye(len(j)))
        except np.linalg.LinAlgError:
            continue
        return _Parts(int(named[0]), R, max(2 * allowed, 0.0), total)
    return None


@dataclass(frozen=True, slots=True, eq=False)
class PerspectiveLeaf(Leaf):
    """A part of the search space, bounded by its rows' multipliers and by the perspective of its variance.

    Attributes:
        splitting: The split of the variance; None where risk plays no part.
        theta: Multiplier of the variance.
        point: Point of tangency, shape (s,).
        risks: The part's interval of the risk; other leaves cover the rest.
        variance: The multipliers bound the variance, and the objective is its root; otherwise they bound the objective.
    """

    splitting: Splitting | None = None
    theta: float = 0.0
    point: Vector | None = None
    risks: tuple[float, float] = (-math.inf, math.inf)
    variance: bool = False

    @property
    def interval(self) -> tuple[float, float]:
        """The part's interval of the risk."""
        return self.risks

    @classmethod
    def bounds_of(cls, program: Program, leaves: Sequence[Self]) -> tuple[Vector, Matrix]:
        """Minimise the Lagrangian over many leaves; infinite where the bound exceeds every feasible point's cost."""
        values, on = nothing_proven(program, len(leaves))
        kinds: dict[tuple[object, ...], list[int]] = {}
        for i, leaf in enumerate(leaves):
            if leaf.multipliers is not None:
                kinds.setdefault((leaf.infeasible, leaf.variance, id(leaf.splitting)), []).append(i)
        for own in kinds.values():
            here = [leaves[i] for i in own]
            values[own], on[own] = Leaf.bounds_of(program, here) if here[0].infeasible else cls._alike(program, here)
        return values, on

    @classmethod
    def _alike(cls, program: Program, leaves: Sequence[Self]) -> tuple[Vector, Matrix]:
        """Bound leaves that share a split of the variance."""
        keys = [(id(leaf.multipliers), id(leaf.point), leaf.theta, leaf.risks) for leaf in leaves]
        distinct, which = shared(keys)
        bound_terms = _terms(program, [leaves[i] for i in distinct])
        if bound_terms is None:
            return nothing_proven(program, len(leaves))
        rest, on = bound_terms
        values, each = sum_terms(rest[which], on[which], np.array([leaf.states for leaf in leaves]))
        if leaves[0].variance:
            values, each = _root(program, values), _root(program, each)
        most = ceiling(program)
        return np.where(values > most, math.inf, values), np.where(each > most, math.inf, each)


def _terms(program: Program, leaves: Sequence[PerspectiveLeaf]) -> tuple[Vector, Matrix] | None:
    """Split the Lagrangian's minimum into terms, for each of some leaves that share a split of the variance.

    Returns:
        The term that does not depend on the switches, and the term of each switch when on; None if there is no valid
        bound.
    """
    j, splitting, variance = program.switched, leaves[0].splitting, leaves[0].variance
    parts = splitting.parts(program) if splitting is not None else None
    if parts is None and (splitting is not None or variance):
        return None
    y = all_valid(program, np.array([leaf.multipliers for leaf in leaves]))
    lower, upper = (np.tile(end, (len(leaves), 1)) for end in (program.lower, program.upper))
    costs = 0.0 if variance else 1.0
    slope = costs * program.q + y @ program.A
    switch_costs = costs * program.k + y @ program.H
    constant = costs * program.offset - y @ program.b
    size = abs(y) @ program.size + costs * (
        abs(program.offset) + float(abs(program.q) @ np.maximum(abs(program.lower), abs(program.upper)))
    )
    curve = np.zeros((len(leaves), len(j)))
    touched = np.array([leaf.point is not None for leaf in leaves])
    if parts is not None and splitting is not None and touched.any():
        nowhere = np.zeros(len(j))
        p = np.array([nowhere if leaf.point is None else leaf.point for leaf in leaves])
        theta = np.where(touched, np.maximum([leaf.theta for leaf in leaves], 0.0), 0.0)
        low, high = np.array([leaf.risks for leaf in leaves]).T
        risk = parts.risk
        low = np.where(touched, np.maximum(low, program.lower[risk]), program.lower[risk])
        high = np.where(touched, np.maximum(low, np.minimum(high, program.upper[risk])), program.upper[risk])
        lower[:, risk], upper[:, risk] = low, high
        Rp = p @ parts.R
        # |u - p|^2, since u is not negative and sums to the total
        far = (parts.total + np.sqrt((p**2).sum(axis=1))) ** 2
        slope[:, j] += 2 * theta[:, None] * Rp
        constant -= theta * ((p * Rp).sum(axis=1) + splitting.shift + parts.margin * far)
        reach = (abs(Rp) * (abs(p) + program.upper[j])).sum(axis=1)
        size += theta * (2 * reach + splitting.shift + high**2)
        curve = theta[:, None] * splitting.D
        # Bound the square of the risk by its chord, and the variance by the square of the greatest risk.
        if not variance:
            slope[:, risk] -= theta * (low + high)
            constant += theta * low * high
        else:
            constant -= np.maximum(theta - 1, 0.0) * high**2
    on = _cheapest(curve, slope[:, j], program.floor, program.upper[j]) + switch_costs
    rest = np.minimum(slope * lower, slope * upper)
    rest[:, j] = 0.0
    return constant + rest.sum(axis=1) - ROUNDING * size, on


def ceiling(program: Program) -> float:
    """Bound the objective of every feasible point from above."""
    ends = np.maximum(program.q * program.lower, program.q * program.upper)
    most = program.offset + float(ends.sum()) + float(program.k.sum())
    return most + 1e-9 * (abs(program.offset) + float(abs(ends).sum()) + float(program.k.sum()) + 1e-9)


def _cheapest(curve: Matrix, slope: Matrix, low: Vector, high: Vector) -> Matrix:
    """Minimise ``curve u^2 + slope u`` over an interval, for each entry."""
    with np.errstate(over="ignore"):  # an overflow is far outside the interval
        inside = np.divide(-slope, 2 * curve, out=np.where(slope < 0, np.inf, -np.inf), where=curve > 0)
    u = np.minimum(np.maximum(inside, low), high)
    least: Matrix = (curve * u + slope) * u
    return least


def _root(program: Program, variances: npt.NDArray[np.float64]) -> npt.NDArray[np.float64]:
    """Turn bounds on the variance into bounds on the objective: cost of the risk plus least of all other costs."""
    risk = int(np.flatnonzero(program.A[program.cone_rows[0].start])[0])
    others = np.minimum(program.q * program.lower, program.q * program.upper)
    others[program.switched] = np.minimum(others[program.switched], 0.0)
    others[risk] = 0.0
    cost = float(program.q[risk])
    if cost < 0:
        return np.full_like(variances, -math.inf)
    roots = np.sqrt(np.maximum(variances, 0.0))
    bounds: npt.NDArray[np.float64] = program.offset + float(others.sum()) + cost * roots
    return bounds
