"""A block and a node's costs, as the kernels read them, and the Lagrangian bound at any multipliers."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from portfolio.conic.bound import ROUNDING
from portfolio.conic.large.perspective.compiled import compiled

if TYPE_CHECKING:
    from portfolio import Matrix, Vector
    from portfolio.conic.bound import States

# A multiplier whose limit is at least this large is unbounded.
ANY = 1e29

# Deduct this share of the summed terms from a bound, for rounding.
_HAIR = 4 * ROUNDING


class BlockData(NamedTuple):
    """Data that all nodes of a block share.

    Attributes:
        R: The variance less its diagonal part, positive semidefinite, shape (n, n).
        D: The diagonal part, shape (n,).
        floor: Least value when on, shape (n,).
        upper: Greatest value, shape (n,).
        A: Rows on the variables, shape (m, n); the equalities come first.
        eta: Coefficient of the count in each row, shape (m,).
        h: Contribution of each switch to the count, shape (n,).
        most: Greatest multiplier of each row, shape (m,): the penalty price of a violation.
        equalities: Number of rows that are equalities.
        shift: Multiple of the budget's square, which is one, that R includes: ``V = u'R u + ... - shift (e.u)^2``.
    """

    R: Matrix
    D: Vector
    floor: Vector
    upper: Vector
    A: Matrix
    eta: Vector
    h: Vector
    most: Vector
    equalities: int
    shift: float


class Costs(NamedTuple):
    """Costs and right-hand sides of a node.

    Attributes:
        q: Cost of the variables, shape (n,).
        k: Cost of the switches, shape (n,).
        theta: Cost of the variance.
        constant: Constant.
        beta: Coefficient of the variance in each row, shape (m,).
        rhs: Right-hand sides, shape (m,).
    """

    q: Vector
    k: Vector
    theta: float
    constant: float
    beta: Vector
    rhs: Vector


@compiled
def cheapest(curve: float, slope: float, low: float, high: float) -> float:
    """Minimise ``curve u^2 + slope u`` over an interval."""
    if curve > 0.0:
        u = min(max(-slope / (2.0 * curve), low), high)
        return (curve * u + slope) * u
    return min(slope * low, slope * high)


@compiled
def bound_at(block: BlockData, costs: Costs, states: States, u: Vector, y: Vector, on: Vector) -> float:
    """Evaluate the Lagrangian bound at multipliers *y* and tangent point *u*; write each switch's cost into *on*."""
    n, m = len(u), len(y)
    Theta, count_price, value = costs.theta, 0.0, costs.constant
    slope = costs.q.copy()
    for r in range(m):
        if y[r] != 0.0:
            Theta += y[r] * costs.beta[r]
            count_price += y[r] * block.eta[r]
            value -= y[r] * costs.rhs[r]
            slope += y[r] * block.A[r]
    quadratic = 0.0
    if Theta > 0.0:
        Ru = np.zeros(n)
        for i in range(n):
            if u[i] != 0.0:
                Ru += u[i] * block.R[i]
        for i in range(n):
            quadratic += Ru[i] * u[i]
            slope[i] += 2.0 * Theta * Ru[i]
    value -= Theta * (quadratic + block.shift)
    # Deduct the rounding error of sums in another order.
    value -= _HAIR * (Theta * (abs(quadratic) + block.shift) + float(np.abs(y).sum()))
    for i in range(n):
        on[i] = (
            cheapest(Theta * block.D[i], slope[i], block.floor[i], block.upper[i])
            + costs.k[i]
            + count_price * block.h[i]
        )
        if states[i] == 1 or (states[i] == -1 and on[i] < 0.0):
            value += on[i]
    return float(value)
