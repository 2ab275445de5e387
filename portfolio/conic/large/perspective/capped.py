"""Solve one relaxation of a block whose only curvature is that of a cap on its variance.

The cap's multiplier is then the whole curvature of the Lagrangian, and Newton's method on all multipliers at once
converges slowly: 35 steps per node. For a fixed multiplier of the cap, the remaining problem takes a few steps. The
dual is concave in that multiplier, and its slope there is the excess of the variance over the cap: a bracketed search
in one dimension. Without switches the variance is ``a + b / multiplier^2`` (Markowitz' frontier), so the search draws
the secant in that inverse square, in which the secant is exact as long as no variable changes its phase.
"""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

import numpy as np

from portfolio.conic.large.perspective.compiled import compiled
from portfolio.conic.large.perspective.lagrangian import Costs
from portfolio.conic.large.perspective.linear import relax_linear
from portfolio.conic.large.perspective.node import relax
from portfolio.conic.large.perspective.phases import LINE

if TYPE_CHECKING:
    from portfolio import Vector
    from portfolio.conic.bound import States
    from portfolio.conic.large.perspective.lagrangian import BlockData

_ROUNDS = 25
# First guess of the least variance, as a share of the lesser of the known variance and the cap; largest factor per
# round, in the inverse square; and least distance from the ends of the bracket, as a share of the bracket.
_LEAST, _BEYOND, _INSIDE = 0.3, 64.0, 1e-3
# Share of the distance to the cut that a relaxation need not close: the node is branched on anyway.
_ROUGH = 0.01
# Violation of the rows above which Newton's method has failed; greatest number of restarts; and largest multiplier, in
# units of the curvature that the costs need: beyond this, rounding errors make the bound useless.
_LOST, _RESTARTS, _LARGEST = 1e-3, 3, 1e6
# Below this tolerance a relaxation determines a point, and must be accurate; within this distance of the solution,
# Newton's method converges with all multipliers.
_SHARP, _NEAR = 1e-10, 1e-6


@compiled
def spread_variance(block: BlockData, u: Vector, z: Vector) -> float:
    """Evaluate the perspective of the variance at a point that satisfies the budget."""
    value = -block.shift
    for i in range(len(u)):
        if u[i] != 0.0:
            a = block.D[i] * u[i] / max(z[i], 1e-12)
            for j in range(len(u)):
                a += block.R[i, j] * u[j]
            value += a * u[i]
    return value


@compiled
def following(t: float, last_t: float, V: float, last_V: float, most: float) -> float:
    """Return the inverse square of the next multiplier, by the secant through the last two; V is the variance."""
    least = _LEAST * min(V, most)
    step = t * (most - least) / (V - least)
    if last_t > 0.0 and (V - last_V) * (t - last_t) > 0.0:
        step = t + (most - V) * (t - last_t) / (V - last_V)
    return min(max(step, t / _BEYOND), t * _BEYOND)


@compiled
def within(Theta: float, across: float, stalled: int, ends: Vector) -> float:
    """Keep a multiplier inside its bracket.

    Where variables leave the solution, the dual has a kink. The secant ignores the kink, but the tangents, which cross
    at *across*, do not.
    """
    width = ends[1] - ends[0]
    if not ends[0] < Theta < ends[1] or stalled % 3 > 0:
        Theta = across if stalled % 3 < 2 else 0.5 * (ends[0] + ends[1])
    return min(max(Theta, ends[0] + _INSIDE * width), ends[1] - _INSIDE * width)


@compiled
def relax_capped(
    block: BlockData,
    costs: Costs,
    cap: int,
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
    """Solve the relaxation with a cap on the variance in row *cap*, without a cost of the variance.

    See ``node.relax``.
    """
    n, m = len(u), len(y)
    most = costs.rhs[cap]
    free = np.zeros(m)
    rhs = costs.rhs.copy()
    rhs[cap] = 0.0
    best, off, steps = -np.inf, np.inf, 0
    now_u, now_y = np.empty(n), np.empty(m)
    spread, mean = 0.0, 0.0
    for i in range(n):
        mean += (block.R[i, i] + block.D[i] - block.shift) / n
        spread = max(spread, abs(costs.q[i]), abs(costs.k[i]))
    sharp = tolerance < _SHARP
    # First try whether the cap is slack.
    unheld = Costs(costs.q, costs.k, 0.0, costs.constant, free, rhs)
    start_u, start_y, start_phase = u.copy(), y.copy(), phase.copy()
    best, off, steps = relax_linear(block, unheld, states, start_u, start_y, start_phase, cut, now_u, now_y, z)
    best_u[:], best_y[:] = now_u, now_y
    best_y[cap] = 0.0
    excess = spread_variance(block, start_u, z) - most
    if best >= cut or (off == 0.0 and excess <= 0.0):
        u[:], y[:], phase[:] = start_u, best_y, start_phase
        return best, off, steps
    # The multiplier at which the curvature of the variance matches the spread of the costs.
    typical = (spread + 1e-9) / mean
    Theta = y[cap] if y[cap] > 0.0 else typical
    # The ends of the bracket, with the dual's value and slope there.
    ends, values, slopes = np.array([0.0, np.inf]), np.array([best, np.inf]), np.array([excess, -1.0])
    last_t, last_V, stalled, cold = -1.0, 0.0, 0, 0
    for _ in range(_ROUNDS):
        lifted = Costs(costs.q, costs.k, Theta, costs.constant - Theta * most, free, rhs)
        y[cap] = 0.0
        bound, off, newton_steps = relax(block, lifted, states, u, y, phase, cut, 1e-9, pace, now_u, now_y, z)
        steps += newton_steps
        y[cap] = Theta
        if bound > best:
            best = bound
            best_u[:], best_y[:] = now_u, now_y
            best_y[cap] = Theta
        if best >= cut:
            break
        if off > _LOST:
            # Newton's method has failed, and the last iterate is useless: restart at a larger curvature.
            if cold > _RESTARTS:
                break
            cold += 1
            u[:], y[:] = 1.0 / n, 0.0
            for i in range(n):
                phase[i] = LINE
            last_t, Theta = -1.0, 4.0 * Theta
            continue
        V = spread_variance(block, u, z)
        excess = V - most
        end = 0 if excess > 0.0 else 1
        width = ends[1] - ends[0]
        ends[end], values[end], slopes[end] = Theta, bound, excess
        enough = 1e-12 if sharp else max(tolerance, _ROUGH * min(cut - best, 0.01 * spread))
        bracketed = ends[1] < np.inf
        # The tangents at both ends cross here; the height of the crossing is an upper bound on the dual.
        across = Theta
        if bracketed:
            across = ends[0] + (values[1] - values[0] - slopes[1] * (ends[1] - ends[0])) / (slopes[0] - slopes[1])
            if values[0] + slopes[0] * (across - ends[0]) - best <= enough:
                break
        if sharp and max(abs(excess) / most, off) <= _NEAR:
            break
        if Theta >= _LARGEST * typical and excess > 0.0:
            break
        t = 1.0 / (Theta * Theta)
        Theta = 1.0 / math.sqrt(following(t, last_t, V, last_V, most))
        last_t, last_V = t, V
        stalled = stalled + 1 if bracketed and ends[1] - ends[0] > 0.5 * width else 0
        if bracketed:
            if ends[1] - ends[0] <= 1e-13 * ends[1]:
                break
            Theta = within(Theta, across, stalled, ends)
    if sharp and best < cut:
        bound, off, newton_steps = relax(block, costs, states, u, y, phase, cut, tolerance, pace, now_u, now_y, z)
        steps += newton_steps
        if bound > best:
            best = bound
            best_u[:], best_y[:] = now_u, now_y
    return best, off, steps
