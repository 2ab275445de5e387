"""Solve one relaxation of a block without risk: a linear program of a handful of rows, by the dual simplex method.

Newton's method of ``node`` needs a curvature, and such a block has none: that method took 35 steps per node, to weak
bounds. Here a free switch costs its share, ``z = u / upper``, so every variable has a box. The basis of the slack
columns is dual feasible, so no first phase is needed; at five rows a warm start is not worth the code. The ratio test
passes every variable that can go to its other bound while the dual still rises (Maros 2003, the long step), so a few
iterations of n times the rows are enough.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from portfolio.conic.large.perspective.compiled import compiled
from portfolio.conic.large.perspective.node import CURVE, KNEE, UPPER, ZERO, Block, Costs, bound_at

if TYPE_CHECKING:
    from portfolio import Matrix, Vector
    from portfolio.conic.bound import States

# Tolerances for a violated bound and for a pivot, and the limit above which a multiplier is unbounded.
_BROKEN, _PIVOT, _ANY = 1e-10, 1e-11, 1e29
# Where the dual rises without limit, a step of this times the largest cost proves infeasibility.
_FAR = 1e6
_ITERATIONS = 100


@compiled
def invert(B: Matrix) -> Matrix:
    """Invert a small matrix by Gauss and Jordan, with pivots from the column."""
    m = len(B)
    W, inverse = B.copy(), np.eye(m)
    for c in range(m):
        pivot = c
        for r in range(c + 1, m):
            if abs(W[r, c]) > abs(W[pivot, c]):
                pivot = r
        if abs(W[pivot, c]) < _PIVOT:
            inverse[:] = np.nan
            return inverse
        for j in range(m):
            W[c, j], W[pivot, j] = W[pivot, j], W[c, j]
            inverse[c, j], inverse[pivot, j] = inverse[pivot, j], inverse[c, j]
        a = W[c, c]
        W[c] /= a
        inverse[c] /= a
        for r in range(m):
            if r != c and W[r, c] != 0.0:
                a = W[r, c]
                W[r] -= a * W[c]
                inverse[r] -= a * inverse[c]
    return inverse


@compiled
def relax_linear(  # noqa: C901, PLR0912, PLR0913, PLR0915, PLR0917 - one loop, as ``node.relax``
    block: Block,
    costs: Costs,
    states: States,
    u: Vector,
    y: Vector,
    phase: States,
    cut: float,
    best_u: Vector,
    best_y: Vector,
    z: Vector,
) -> tuple[float, float, int]:
    """Solve the relaxation without a cost of the variance; see ``node.relax``."""
    n, m, equalities = len(u), len(y), block.equalities
    # Columns: the variables; the slack of each row; and, for a row with a penalty price, the amount bought out.
    size = n + 2 * m
    a, c = np.zeros((m, size)), np.zeros(size)
    low, high = np.zeros(size), np.zeros(size)
    b = costs.rhs.copy()
    for i in range(n):
        if states[i] == 0:
            continue
        share = 1.0 / block.upper[i] if states[i] == -1 else 0.0
        low[i], high[i] = block.floor[i] if states[i] == 1 else 0.0, block.upper[i]
        c[i] = costs.q[i] + max(costs.k[i], 0.0) * share
        for r in range(m):
            a[r, i] = block.A[r, i] + block.eta[r] * block.h[i] * share
            if states[i] == 1:
                b[r] -= block.eta[r] * block.h[i]
    largest = 1e-9
    for i in range(n):
        largest = max(largest, abs(c[i]))
    for r in range(m):
        a[r, n + r], a[r, n + m + r] = 1.0, -1.0
        high[n + r] = 0.0 if r < equalities else np.inf
        if r >= equalities and block.most[r] < _ANY:
            c[n + m + r], high[n + m + r] = block.most[r], np.inf
    basis, place = np.empty(m, dtype=np.int64), np.full(size, -1, dtype=np.int64)
    x, d = np.zeros(size), np.zeros(size)
    for r in range(m):
        basis[r] = n + r
        place[n + r] = r
    for i in range(n):
        x[i] = low[i] if c[i] >= 0.0 else high[i]
    eligible, ratio = np.empty(size, dtype=np.int64), np.empty(size)
    best, off, steps, on = -np.inf, np.inf, 0, np.empty(n)
    for step in range(_ITERATIONS):
        steps = step + 1
        B = np.empty((m, m))
        for s in range(m):
            B[:, s] = a[:, basis[s]]
        inverse = invert(B)
        rest, y_ = b.copy(), np.zeros(m)
        for j in range(size):
            if place[j] < 0 and x[j] != 0.0:
                for r in range(m):
                    rest[r] -= a[r, j] * x[j]
        for s in range(m):
            value = 0.0
            for r in range(m):
                value += inverse[s, r] * rest[r]
                y_[r] -= inverse[s, r] * c[basis[s]]
            x[basis[s]] = value
        for r in range(equalities, m):
            y_[r] = min(max(y_[r], 0.0), block.most[r])
        value = bound_at(block, costs, states, u, y_, on)
        if value > best:
            best = value
            best_y[:] = y_
        # The most violated row, and the direction of its multiplier.
        leaving, worst = -1, _BROKEN
        for s in range(m):
            j = basis[s]
            broken = max(low[j] - x[j], x[j] - high[j])
            if broken > worst:
                leaving, worst = s, broken
        if leaving < 0:
            off = 0.0
            break
        if not np.isfinite(x[basis[leaving]]) or best >= cut:
            break
        out = basis[leaving]
        below = x[out] < low[out]
        sign = -1.0 if below else 1.0
        found = 0
        for j in range(size):
            if place[j] >= 0 or low[j] == high[j]:
                continue
            alpha, d[j] = 0.0, c[j]
            for r in range(m):
                alpha += inverse[leaving, r] * a[r, j]
                d[j] += y_[r] * a[r, j]
            alpha *= sign
            at_low = x[j] == low[j]
            if (at_low and alpha > _PIVOT) or (not at_low and alpha < -_PIVOT):
                eligible[found] = j
                ratio[found] = max(d[j] if at_low else -d[j], 0.0) / abs(alpha)
                found += 1
        # Go as far as the dual rises: each variable that the step passes goes to its other bound.
        entering, slope = -1, worst
        order = np.argsort(ratio[:found])
        for t in range(found):
            j = eligible[order[t]]
            alpha = 0.0
            for r in range(m):
                alpha += inverse[leaving, r] * a[r, j]
            entering = j
            slope -= abs(alpha) * (high[j] - low[j])
            if slope <= 0.0:
                break
            if t < found - 1:
                x[j] = high[j] if x[j] == low[j] else low[j]
        if entering < 0 or slope > 0.0:
            # The dual rises without limit: the node contradicts its rows.
            for factor in (1.0, _FAR):
                for r in range(m):
                    move = y_[r] - sign * inverse[leaving, r] * factor * largest
                    y[r] = min(max(move, 0.0), block.most[r]) if r >= equalities else move
                value = bound_at(block, costs, states, u, y, on)
                if value > best:
                    best = value
                    best_y[:] = y
            break
        x[out] = low[out] if below else high[out]
        place[out], place[entering], basis[leaving] = -1, leaving, entering
    y[:] = best_y
    for i in range(n):
        u[i] = min(max(x[i], 0.0), block.upper[i])
        z[i] = 1.0 if states[i] == 1 else u[i] / block.upper[i]
        if states[i] == 1:
            phase[i] = KNEE if u[i] <= block.floor[i] else UPPER if u[i] >= block.upper[i] else CURVE
        else:
            phase[i] = ZERO if u[i] <= 0.0 else UPPER if u[i] >= block.upper[i] else CURVE
    best_u[:] = u
    return best, off, steps
