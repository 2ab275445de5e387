"""Bound a part of the search by the perspective of its variance; plain numpy, whatever the numbers are worth.

For every point of the program with risk ``r`` in [a, b], where ``|M u| <= r``, and for any D, t, theta >= 0 and any
point p with ``R = M'M + t ee' - diag(D)`` positive semidefinite and ``e.u = 1`` the budget,

    0 >= theta (|M u|^2 - r^2) >= theta (2 p'R u - p'R p + sum_i D[i] u[i]^2 - t - (a + b) r + a b),

the tangent of a convex function below, the chord of ``r^2`` above it. Added to the Lagrangian this is still a sum
over variables, now with a square where a variable is on: its minimum over the states of the switches is exact in
closed form (Frangioni & Gentile 2006; Zheng, Sun & Li 2014). That is all that a leaf claims.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

import numpy as np

from portfolio.conic.bound import FREE, ON, Bound, valid
from portfolio.conic.solution import Leaf

if TYPE_CHECKING:
    import numpy.typing as npt

    from portfolio import Matrix, Vector
    from portfolio.conic.program import Program
    from portfolio.conic.solution import Solution

_ROUNDING = 1e-12
# Of one operation, times two.
_ROUNDOFF = 2.3e-16


@dataclass(slots=True, eq=False)
class Splitting:
    """A variance taken apart: ``M'M + shift ee' = R + diag(D)``; shared by all leaves of a search.

    Attributes:
        D: The diagonal part, shape (s,), in the program's units.
        shift: How much of the budget's square is added.
    """

    D: Vector
    shift: float
    _checked: tuple[Program, _Parts | None] | None = field(default=None, repr=False)

    def parts(self, program: Program) -> _Parts | None:
        """Take the program's variance apart; None if what is left is not positive semidefinite, or there is none."""
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
    """Read the one cone, ``|M u| <= r``, and the budget; believe nothing."""
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
    # A factorisation in double precision errs by less than this; R is to be positive by more, or pays for it.
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
        splitting: The variance taken apart; None where risk plays no part.
        theta: Multiplier of the variance.
        point: Where the tangent touches, shape (s,).
        risks: The part's risk; what is outside is in other leaves.
        variance: The multipliers bound the variance, of which the objective is the root; else the objective itself.
    """

    splitting: Splitting | None = None
    theta: float = 0.0
    point: Vector | None = None
    risks: tuple[float, float] = (-math.inf, math.inf)
    variance: bool = False

    @property
    def interval(self) -> tuple[float, float]:
        """What risk the part is about."""
        return self.risks

    def bound(self, program: Program) -> Bound:
        """Minimise the Lagrangian over the leaf; infinite if that is more than anything feasible can cost."""
        if self.infeasible:
            return Leaf.bound(self, program)
        values, off, on = self.bounds(program, self.states[None, :])
        return Bound(float(values[0]), off[0], on[0])

    def bounds(self, program: Program, states: npt.NDArray[np.int8]) -> tuple[Vector, Matrix, Matrix]:
        """Do so for many settings of the switches at once, one a row: the values, with each off, with each on."""
        constant, on = self._terms(program)
        part = np.where(states == FREE, np.minimum(on, 0.0), np.where(states == ON, on, 0.0))
        value = constant + part.sum(axis=1)
        most = ceiling(program)

        def final(bounds: Matrix) -> Matrix:
            own = _root(program, bounds) if self.variance else bounds
            return np.where(own > most, math.inf, np.where(np.isnan(own), -math.inf, own))

        off = value[:, None] - part
        return final(value), final(off), final(off + on)

    def _terms(self, program: Program) -> tuple[float, Vector]:
        """Take the Lagrangian's minimum apart: what is there in any case, and what each switch adds that is on."""
        j = program.switched
        nothing = -math.inf, np.zeros(len(j))
        parts = self.splitting.parts(program) if self.splitting is not None else None
        if self.multipliers is None or (parts is None and (self.splitting is not None or self.variance)):
            return nothing
        y = valid(program, self.multipliers)
        lower, upper = program.lower.copy(), program.upper.copy()
        costs = 0.0 if self.variance else 1.0
        slope = costs * program.q + y @ program.A
        price = costs * program.k + y @ program.H
        constant = costs * program.offset - float(y @ program.b)
        size = float(abs(y) @ program.size) + costs * (
            abs(program.offset) + float(abs(program.q) @ np.maximum(abs(lower), abs(upper)))
        )
        curve = np.zeros(len(j))
        if parts is not None and self.point is not None and self.splitting is not None:
            theta, p, risk = max(self.theta, 0.0), self.point, parts.risk
            low, high = max(self.risks[0], lower[risk]), min(self.risks[1], upper[risk])
            lower[risk], upper[risk] = low, max(low, high)
            Rp = parts.R @ p
            # |u - p|^2, since u is not negative and sums to the total
            far = (parts.total + float(np.linalg.norm(p))) ** 2
            slope[j] += 2 * theta * Rp
            constant -= theta * (float(p @ Rp) + self.splitting.shift + parts.margin * far)
            size += theta * (2 * float(abs(Rp) @ (abs(p) + upper[j])) + self.splitting.shift + upper[risk] ** 2)
            curve = theta * self.splitting.D
            # The chord of the square of the risk; the variance itself is at most the square of the greatest.
            if not self.variance:
                slope[risk] -= theta * (low + high)
                constant += theta * low * high
            elif theta > 1:
                constant -= (theta - 1) * high**2
        on = _cheapest(curve, slope[j], program.floor, upper[j]) + price
        rest = np.minimum(slope * lower, slope * upper)
        rest[j] = 0.0
        constant += float(rest.sum()) - _ROUNDING * size
        return (constant, on) if math.isfinite(constant) and np.isfinite(on).all() else nothing


def on_bounds(program: Program, solution: Solution) -> Vector:
    """Bound the program from below with each switch on, by the leaves where it is, or can be, on; plain numpy."""
    least = np.full(len(program.switched), math.inf)
    groups: dict[tuple[object, ...], list[Leaf]] = {}
    for leaf in solution.leaves:
        key: tuple[object, ...] = (id(leaf),)
        if isinstance(leaf, PerspectiveLeaf) and not leaf.infeasible:
            key = (id(leaf.multipliers), leaf.theta, leaf.interval)
        groups.setdefault(key, []).append(leaf)
    for leaves in groups.values():
        first, states = leaves[0], np.array([leaf.states for leaf in leaves])
        if isinstance(first, PerspectiveLeaf) and not first.infeasible:
            values, _, on = first.bounds(program, states)
        else:
            found = first.bound(program)
            values, on = np.array([found.value]), found.on[None, :]
        each = np.where(states == ON, values[:, None], np.where(states == FREE, on, math.inf))
        least = np.minimum(least, each.min(axis=0))
    return least


def ceiling(program: Program) -> float:
    """Bound the objective of every feasible point from above."""
    ends = np.maximum(program.q * program.lower, program.q * program.upper)
    most = program.offset + float(ends.sum()) + float(program.k.sum())
    return most + 1e-9 * (abs(program.offset) + float(abs(ends).sum()) + float(program.k.sum()) + 1e-9)


def _cheapest(curve: Vector, slope: Vector, low: Vector, high: Vector) -> Vector:
    """Minimise ``curve u^2 + slope u`` over an interval, for each."""
    inside = np.divide(-slope, 2 * curve, out=np.where(slope < 0, np.inf, -np.inf), where=curve > 0)
    u = np.clip(inside, low, high)
    least: Vector = (curve * u + slope) * u
    return least


def _root(program: Program, variances: Vector) -> Vector:
    """Turn bounds on the variance into bounds on an objective: what the risk costs, and the least all else can."""
    risk = int(np.flatnonzero(program.A[program.cone_rows[0].start])[0])
    others = np.minimum(program.q * program.lower, program.q * program.upper)
    others[program.switched] = np.minimum(others[program.switched], 0.0)
    others[risk] = 0.0
    cost = float(program.q[risk])
    if cost < 0:
        return np.full_like(variances, -math.inf)
    roots: Vector = np.sqrt(np.maximum(variances, 0.0))
    found: Vector = program.offset + float(others.sum()) + cost * roots
    return found
