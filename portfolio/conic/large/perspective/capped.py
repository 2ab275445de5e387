"""Solve one relaxation of a block whose only curvature is that of a cap on its variance.

The cap's multiplier is then the whole curvature of the Lagrangian, and Newton's method on all multipliers at once
hunts for it: 35 steps a node. For a multiplier that is held, the rest is a problem that takes a few steps. The
dual is concave in the multiplier, and its slope there is what the variance exceeds the cap by: a bracketed search
in one dimension. Without switches the variance is ``a + b / multiplier^2`` (Markowitz' frontier), so the secant is
drawn in that inverse square, in which it is exact as long as no variable changes its phase.
"""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

import numpy as np

from portfolio.conic.large.perspective.compiled import compiled
from portfolio.conic.large.perspective.linear import relax_linear
from portfolio.conic.large.perspective.node import LINE, Block, Costs, relax

if TYPE_CHECKING:
    from portfolio import Vector
    from portfolio.conic.bound import States

_ROUNDS = 25
# The first guess of the variance's least, as a share of what is known; how far a round may go beyond what is known, in
# the inverse square; and how near to the ends of the bracket.
_LEAST, _BEYOND, _INSIDE = 0.3, 64.0, 1e-3
# Of the distance to the cut, what a relaxation need not close: it is branched on anyway.
_ROUGH = 0.01
# How far the rows may be off where Newton's method has found anything, how often it may start again, and the largest
# multiplier, in units of the curvature that the costs need: what rounding spoils beyond it proves nothing.
_LOST, _RESTARTS, _LARGEST = 1e-3, 3, 1e6
# What is asked of a relaxation that is one of a point; from how near Newton's method finds it with all multipliers.
_SHARP, _NEAR = 1e-10, 1e-6


@compiled
def spread_variance(block: Block, u: Vector, z: Vector) -> float:
    """Evaluate the perspective of the variance of a point that keeps the budget."""
    value = -block.shift
    for i in range(len(u)):
        if u[i] != 0.0:
            a = block.D[i] * u[i] / max(z[i], 1e-12)
            for j in range(len(u)):
                a += block.R[i, j] * u[j]
            value += a * u[i]
    return value


@compiled
def relax_capped(  # noqa: C901, PLR0912, PLR0913, PLR0915, PLR0917 - one loop, as ``node.relax``
    block: Block,
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
    """Solve the relaxation whose row *cap* holds the variance down, at no cost of it; see ``node.relax``."""
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
    # Perhaps the cap holds nothing back.
    unheld = Costs(costs.q, costs.k, 0.0, costs.constant, free, rhs)
    start_u, start_y, start_phase = u.copy(), y.copy(), phase.copy()
    best, off, steps = relax_linear(block, unheld, states, start_u, start_y, start_phase, cut, now_u, now_y, z)
    best_u[:], best_y[:] = now_u, now_y
    best_y[cap] = 0.0
    excess = spread_variance(block, start_u, z) - most
    if best >= cut or (off == 0.0 and excess <= 0.0):
        u[:], y[:], phase[:] = start_u, best_y, start_phase
        return best, off, steps
    # Where the squares bend as much as the costs differ.
    typical = (spread + 1e-9) / mean
    Theta = y[cap] if y[cap] > 0.0 else typical
    # The ends of the bracket, with the dual's value and slope there.
    ends, values, slopes = np.array([0.0, np.inf]), np.array([best, np.inf]), np.array([excess, -1.0])
    last_t, last_V, stalled, cold = -1.0, 0.0, 0, 0
    for _ in range(_ROUNDS):
        held = Costs(costs.q, costs.k, Theta, costs.constant - Theta * most, free, rhs)
        y[cap] = 0.0
        bound, off, taken = relax(block, held, states, u, y, phase, cut, 1e-9, pace, now_u, now_y, z)
        steps += taken
        y[cap] = Theta
        if bound > best:
            best = bound
            best_u[:], best_y[:] = now_u, now_y
            best_y[cap] = Theta
        if best >= cut:
            break
        if off > _LOST:
            # Newton's method is lost, and so is where it was: start again, where the curvature is larger.
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
        # Where the tangents at both ends cross, and how high: nothing is above.
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
        least = _LEAST * min(V, most)
        following = t * (most - least) / (V - least)
        if last_t > 0.0 and (V - last_V) * (t - last_t) > 0.0:
            following = t + (most - V) * (t - last_t) / (V - last_V)
        last_t, last_V = t, V
        Theta = 1.0 / math.sqrt(min(max(following, t / _BEYOND), t * _BEYOND))
        # Where variables leave, the dual has a kink, of which the secant knows nothing, but the tangents do.
        stalled = stalled + 1 if bracketed and ends[1] - ends[0] > 0.5 * width else 0
        inside = ends[0] < Theta < ends[1]
        if bracketed and (not inside or stalled % 3 > 0):
            Theta = across if stalled % 3 < 2 else 0.5 * (ends[0] + ends[1])  # noqa: PLR2004
        if bracketed:
            width = ends[1] - ends[0]
            if width <= 1e-13 * ends[1]:
                break
            Theta = min(max(Theta, ends[0] + _INSIDE * width), ends[1] - _INSIDE * width)
    if sharp and best < cut:
        bound, off, taken = relax(block, costs, states, u, y, phase, cut, tolerance, pace, now_u, now_y, z)
        steps += taken
        if bound > best:
            best = bound
            best_u[:], best_y[:] = now_u, now_y
    return best, off, steps
