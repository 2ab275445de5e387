"""The objective of a block's search, and the relaxation of a node by the method that fits the objective."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from portfolio.conic.large.perspective.capped import relax_capped
from portfolio.conic.large.perspective.compiled import compiled
from portfolio.conic.large.perspective.lagrangian import Costs, bound_at
from portfolio.conic.large.perspective.linear import relax_linear
from portfolio.conic.large.perspective.node import relax

if TYPE_CHECKING:
    from portfolio import Matrix, Vector
    from portfolio.conic.bound import States
    from portfolio.conic.large.perspective.lagrangian import BlockData

# How risk enters: absent, as the variance itself, or through secants.
NONE, VARIANCE, SECANT = 0, 1, 2

# Artificial cost of the greatest variance where only switches have a cost, as a share of the largest cost.
_LITTLE = 1e-3


class BlockObjective(NamedTuple):
    """The objective and right-hand sides of one solve; only these change between solves.

    Attributes:
        q: Cost of the variables, shape (n,).
        k: Cost of the switches, shape (n,).
        risk: Cost of the risk; cost of the variance where mode is VARIANCE.
        mode: NONE, VARIANCE or SECANT.
        alpha: Coefficient of the risk in each row, shape (m,).
        cap: The row that caps the variance, or -1.
        rhs: Right-hand sides of the rows, shape (m,).
        low: Least risk.
        high: Greatest risk.
        most: Greatest number of switches that are on.
        H: Rows on switches alone, shape (j, n).
        limits: Limits of these rows, shape (j,).
        ceiling: Upper bound on the cost of every feasible point.
    """

    q: Vector
    k: Vector
    risk: float
    mode: int
    alpha: Vector
    cap: int
    rhs: Vector
    low: float
    high: float
    most: float
    H: Matrix
    limits: Vector
    ceiling: float


@compiled
def costs_on(goal: BlockObjective, low: float, high: float, cap: float) -> Costs:
    """Return the costs of a node on an interval of the risk, with the secant in place of the risk."""
    beta, rhs = np.zeros(len(goal.rhs)), goal.rhs.copy()
    theta, constant = 0.0, 0.0
    if goal.mode == VARIANCE:
        theta = goal.risk
    elif goal.mode == SECANT:
        theta = goal.risk / (low + high)
        constant = theta * low * high
        beta += goal.alpha / (low + high)
        rhs -= goal.alpha * (low * high / (low + high))
    if goal.cap >= 0:
        beta[goal.cap] = 1.0
        rhs[goal.cap] = cap * cap
    return Costs(goal.q, goal.k, theta, constant, beta, rhs)


@compiled
def relaxed(
    block: BlockData,
    goal: BlockObjective,
    costs: Costs,
    states: States,
    u: Vector,
    y: Vector,
    phase: States,
    cut: float,
    tolerance: float,
    pace: tuple[float, float, float],
    best_u: Vector,
    best_y: Vector,
    z: Vector,
) -> tuple[float, float, int]:
    """Solve a relaxation by the method that fits the goal; see ``node.relax``."""
    if goal.mode == NONE and goal.cap < 0:
        return relax_linear(block, costs, states, u, y, phase, cut, best_u, best_y, z)
    if goal.mode == NONE:
        return relax_capped(
            block, costs, goal.cap, states, u, y, phase, cut, tolerance, pace, best_u, best_y, z
        )  # fmt: skip
    if goal.risk == 0.0 and np.abs(goal.q).max() == 0.0:
        # Only switches cost: without curvature there is no Newton step. So add a small curvature, then recompute the
        # bound without that curvature, and correct the budget's multiplier for the small curvature's share of the
        # shift.
        little = _LITTLE / max(goal.high * goal.high, 1e-12)
        bent = Costs(costs.q, costs.k, costs.theta + little, costs.constant, costs.beta, costs.rhs)
        _, off, steps = relax(block, bent, states, u, y, phase, cut, tolerance, pace, best_u, best_y, z)
        best_y[0] += 2.0 * little * block.shift * best_u.sum()
        return bound_at(block, costs, states, best_u, best_y, np.empty(len(u))), off, steps
    return relax(block, costs, states, u, y, phase, cut, tolerance, pace, best_u, best_y, z)


@compiled
def variance(block: BlockData, u: Vector) -> float:
    """Evaluate the variance of a point that satisfies the budget."""
    value = -block.shift
    for i in range(len(u)):
        if u[i] != 0.0:
            a = block.D[i] * u[i]
            for j in range(len(u)):
                a += block.R[i, j] * u[j]
            value += a * u[i]
    return max(value, 0.0)
