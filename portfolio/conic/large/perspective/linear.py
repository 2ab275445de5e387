"""Solve one relaxation of a block without risk: a linear program of a handful of rows, by the dual simplex method.

Newton's method of ``node`` needs a curvature, and such a block has none: that method took 35 steps per node, to weak
bounds. Here a free switch costs its share, ``z = u / upper``, so every variable has a box. The basis of the slack
columns is dual feasible, so no first phase is needed; at five rows a warm start is not worth the code. The ratio test
passes every variable that can go to its other bound while the dual still rises (Maros 2003, the long step), so a few
iterations of n times the rows are enough.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from portfolio.conic.large.perspective.compiled import compiled
from portfolio.conic.large.perspective.lagrangian import ANY, bound_at
from portfolio.conic.large.perspective.phases import CURVE, KNEE, UPPER, ZERO

if TYPE_CHECKING:
    import numpy.typing as npt

    from portfolio import Matrix, Vector
    from portfolio.conic.bound import States
    from portfolio.conic.large.perspective.lagrangian import BlockData, Costs

    Integers = npt.NDArray[np.int64]

# Tolerances for a violated bound and for a pivot.
_BROKEN, _PIVOT = 1e-10, 1e-11
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


class Columns(NamedTuple):
    """The linear program of a node: the variables, each row's slack, each row's amount bought out.

    Attributes:
        a: The rows, shape (m, n + 2 m).
        c: Costs; low, high: bounds, shape (n + 2 m,).
        b: Right-hand sides, shape (m,).
    """

    a: Matrix
    c: Vector
    low: Vector
    high: Vector
    b: Vector


class Basis(NamedTuple):
    """The state of the dual simplex method.

    Attributes:
        basis: The basic column of each row, shape (m,).
        place: The row of each basic column; -1 for a column outside the basis, shape (n + 2 m,).
        x: The value of each column, shape (n + 2 m,).
        y: The multipliers of the rows, shape (m,).
    """

    basis: Integers
    place: Integers
    x: Vector
    y: Vector


@compiled
def columns_of(block: BlockData, costs: Costs, states: States) -> Columns:
    """State the linear program of a node."""
    n, m = len(states), len(costs.rhs)
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
    for r in range(m):
        a[r, n + r], a[r, n + m + r] = 1.0, -1.0
        high[n + r] = 0.0 if r < block.equalities else np.inf
        if r >= block.equalities and block.most[r] < ANY:
            c[n + m + r], high[n + m + r] = block.most[r], np.inf
    return Columns(a, c, low, high, b)


@compiled
def slack_basis(columns: Columns, n: int) -> Basis:
    """Begin with the slacks as the basis: with each variable at its cheaper bound, they are dual feasible."""
    m, size = columns.a.shape
    basis, place, x = np.empty(m, dtype=np.int64), np.full(size, -1, dtype=np.int64), np.zeros(size)
    for r in range(m):
        basis[r] = n + r
        place[n + r] = r
    for i in range(n):
        x[i] = columns.low[i] if columns.c[i] >= 0.0 else columns.high[i]
    return Basis(basis, place, x, np.zeros(m))


@compiled
def solve_basis(columns: Columns, state: Basis) -> Matrix:
    """Find the basic columns' values and the multipliers; return the inverse of the basis."""
    m, size = columns.a.shape
    B = np.empty((m, m))
    for s in range(m):
        B[:, s] = columns.a[:, state.basis[s]]
    inverse = invert(B)
    rest = columns.b.copy()
    for j in range(size):
        if state.place[j] < 0 and state.x[j] != 0.0:
            for r in range(m):
                rest[r] -= columns.a[r, j] * state.x[j]
    for r in range(m):
        state.y[r] = 0.0
    for s in range(m):
        value = 0.0
        for r in range(m):
            value += inverse[s, r] * rest[r]
            state.y[r] -= inverse[s, r] * columns.c[state.basis[s]]
        state.x[state.basis[s]] = value
    return inverse


@compiled
def leaving_row(columns: Columns, state: Basis) -> tuple[int, float]:
    """Find the row whose basic column violates a bound most, and the violation; -1 where all bounds are kept."""
    leaving, worst = -1, _BROKEN
    for s in range(len(state.basis)):
        j = state.basis[s]
        broken = max(columns.low[j] - state.x[j], state.x[j] - columns.high[j])
        if broken > worst:
            leaving, worst = s, broken
    return leaving, worst


@compiled
def entering_column(columns: Columns, state: Basis, row: Vector, sign: float, worst: float) -> int:
    """Find the column that enters; -1 if the dual rises without limit. Columns on the way go to their other bound.

    *row* is the leaving row of the basis' inverse.
    """
    m, size = columns.a.shape
    low, high, x = columns.low, columns.high, state.x
    eligible, ratio, candidates = np.empty(size, dtype=np.int64), np.empty(size), 0
    for j in range(size):
        if state.place[j] >= 0 or low[j] == high[j]:
            continue
        alpha, d = 0.0, columns.c[j]
        for r in range(m):
            alpha += row[r] * columns.a[r, j]
            d += state.y[r] * columns.a[r, j]
        alpha *= sign
        at_low = x[j] == low[j]
        if (at_low and alpha > _PIVOT) or (not at_low and alpha < -_PIVOT):
            eligible[candidates] = j
            ratio[candidates] = max(d if at_low else -d, 0.0) / abs(alpha)
            candidates += 1
    entering, slope = -1, worst
    order = np.argsort(ratio[:candidates])
    for t in range(candidates):
        j = eligible[order[t]]
        alpha = 0.0
        for r in range(m):
            alpha += row[r] * columns.a[r, j]
        entering = j
        slope -= abs(alpha) * (high[j] - low[j])
        if slope <= 0.0:
            break
        if t < candidates - 1:
            x[j] = high[j] if x[j] == low[j] else low[j]
    return entering if slope <= 0.0 else -1


@compiled
def write_point(block: BlockData, states: States, x: Vector, u: Vector, z: Vector, phase: States) -> None:
    """Write the columns' values as a point of the block, with the phase of each variable."""
    for i in range(len(u)):
        u[i] = min(max(x[i], 0.0), block.upper[i])
        z[i] = 1.0 if states[i] == 1 else u[i] / block.upper[i]
        if states[i] == 1:
            phase[i] = KNEE if u[i] <= block.floor[i] else UPPER if u[i] >= block.upper[i] else CURVE
        else:
            phase[i] = ZERO if u[i] <= 0.0 else UPPER if u[i] >= block.upper[i] else CURVE


@compiled
def relax_linear(
    block: BlockData,
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
    columns = columns_of(block, costs, states)
    state = slack_basis(columns, n)
    largest = 1e-9
    for i in range(n):
        largest = max(largest, abs(columns.c[i]))
    x, multipliers = state.x, state.y
    best, off, steps, on = -np.inf, np.inf, 0, np.empty(n)
    for step in range(_ITERATIONS):
        steps = step + 1
        inverse = solve_basis(columns, state)
        for r in range(equalities, m):
            multipliers[r] = min(max(multipliers[r], 0.0), block.most[r])
        value = bound_at(block, costs, states, u, multipliers, on)
        if value > best:
            best = value
            best_y[:] = multipliers
        leaving, worst = leaving_row(columns, state)
        if leaving < 0:
            off = 0.0
            break
        out = state.basis[leaving]
        if not np.isfinite(x[out]) or best >= cut:
            break
        below = x[out] < columns.low[out]
        sign = -1.0 if below else 1.0
        entering = entering_column(columns, state, inverse[leaving], sign, worst)
        if entering < 0:
            # The dual rises without limit: the node contradicts its rows.
            for factor in (1.0, _FAR):
                for r in range(m):
                    move = multipliers[r] - sign * inverse[leaving, r] * factor * largest
                    y[r] = min(max(move, 0.0), block.most[r]) if r >= equalities else move
                value = bound_at(block, costs, states, u, y, on)
                if value > best:
                    best = value
                    best_y[:] = y
            break
        x[out] = columns.low[out] if below else columns.high[out]
        state.place[out], state.place[entering], state.basis[leaving] = -1, leaving, entering
    y[:] = best_y
    write_point(block, states, x, u, z, phase)
    best_u[:] = u
    return best, off, steps
