"""One step of Newton's method on the saddle point of a node's Lagrangian, within the phases of its variables.

See ``node``.
"""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from portfolio.conic.large.perspective.compiled import compiled
from portfolio.conic.large.perspective.phases import CURVE, KNEE, LINE, TRUST, UPPER, ZERO

if TYPE_CHECKING:
    from portfolio import Matrix, Vector
    from portfolio.conic.bound import States
    from portfolio.conic.large.perspective.lagrangian import BlockData, Costs
    from portfolio.conic.large.perspective.phases import Bench

# Proximal terms, relative to the curvature: they keep a singular system solvable.
PROXIMAL = 1e-9
# The least factor by which the curvature and the price may change in a step.
_LEAST_TRUST = 1.02


class System(NamedTuple):
    """A Newton system: the free variables' curvature, the active rows, the movement of the knees, the gradient."""

    K: Matrix
    G: Matrix
    C: Matrix
    gradient: Vector


@compiled
def factor(K: Matrix, f: int) -> None:
    """Factor the first *f* rows of a positive definite matrix in place: K = U'U, U in the upper triangle."""
    for p in range(f):
        pivot = math.sqrt(max(K[p, p], 1e-300))
        K[p, p] = pivot
        for j in range(p + 1, f):
            K[p, j] /= pivot
        for i in range(p + 1, f):
            a = K[p, i]
            if a != 0.0:
                for j in range(i, f):
                    K[i, j] -= a * K[p, j]


@compiled
def forward(K: Matrix, f: int, v: Vector) -> None:
    """Solve U'x = v in place."""
    for p in range(f):
        v[p] /= K[p, p]
        a = v[p]
        for j in range(p + 1, f):
            v[j] -= a * K[p, j]


@compiled
def backward(K: Matrix, f: int, v: Vector) -> None:
    """Solve U x = v in place."""
    for p in range(f - 1, -1, -1):
        a = v[p]
        for j in range(p + 1, f):
            a -= K[p, j] * v[j]
        v[p] = a / K[p, p]


@compiled
def newton_system(
    block: BlockData,
    costs: Costs,
    Theta: float,
    count_price: float,
    u: Vector,
    phase: States,
    delta: float,
    system: System,
    bench: Bench,
) -> None:
    """Write the Newton system: K on the free variables, G for the active rows, C for the movement of the knees."""
    K, G, C, gradient = system
    free, active, slope, knee, w, Ru = bench.free, bench.active, bench.slope, bench.knee, bench.w, bench.Ru
    f, a_rows, beta, eta, h = len(K), len(G), costs.beta, block.eta, block.h
    for p in range(f):
        i = free[p]
        line = phase[i] == LINE
        for s in range(p, f):
            K[p, s] = 2.0 * Theta * block.R[i, free[s]]
        K[p, p] += delta
        if line:
            gradient[p] = slope[i] + w[i]
        else:
            gradient[p] = slope[i] + 2.0 * Theta * block.D[i] * u[i]
            K[p, p] += 2.0 * Theta * block.D[i]
        own = 2.0 * Ru[i] + (block.D[i] * knee[i] if line else 2.0 * block.D[i] * u[i])
        for s in range(a_rows):
            r = active[s]
            G[s, p] = block.A[r, i] + beta[r] * own
            if line and eta[r] != 0.0:
                G[s, p] += eta[r] * h[i] / knee[i]
        P = costs.k[i] + count_price * h[i]
        if line and P > 0.0 and Theta > 0.0 and block.floor[i] < knee[i] < block.upper[i]:
            for s in range(a_rows):
                for r in range(s + 1):
                    first = beta[active[s]] / Theta - eta[active[s]] * h[i] / P
                    second = beta[active[r]] / Theta - eta[active[r]] * h[i] / P
                    C[s, r] += 0.25 * u[i] * w[i] * first * second


@compiled
def multiplier_step(block: BlockData, y: Vector, softly: float, system: System, bench: Bench) -> Vector:
    """Solve the Newton system for the change of the active rows' multipliers; factors K, G and the gradient."""
    K, G, C, gradient = system
    f, a_rows, active = len(K), len(G), bench.active
    factor(K, f)
    forward(K, f, gradient)
    for s in range(a_rows):
        forward(K, f, G[s])
    M, N, dy = np.zeros((a_rows, a_rows)), np.zeros((a_rows, a_rows)), np.zeros(a_rows)
    right = np.zeros(a_rows)
    for s in range(a_rows):
        for r in range(s + 1):
            a = C[s, r]
            for p in range(f):
                a += G[s, p] * G[r, p]
            M[r, s] = a
        for p in range(f):
            right[s] -= G[s, p] * gradient[p]
        right[s] += bench.residual[active[s]]
        M[s, s] += PROXIMAL * M[s, s] + softly
    # A row without a multiplier that is violated now, but that the step would satisfy anyway, stays without a
    # multiplier.
    for _ in range(a_rows):
        N[:] = M
        dy[:] = right
        factor(N, a_rows)
        forward(N, a_rows, dy)
        backward(N, a_rows, dy)
        dropped = False
        for s in range(a_rows):
            if active[s] >= block.equalities and y[active[s]] == 0.0 and dy[s] < 0.0:
                M[s, :] = 0.0
                M[:, s] = 0.0
                M[s, s] = 1.0
                right[s] = 0.0
                dropped = True
        if not dropped:
            break
    return dy


@compiled
def step_length(
    block: BlockData,
    costs: Costs,
    Theta: float,
    count_price: float,
    u: Vector,
    dy: Vector,
    leap: float,
    mean: float,
    spread: float,
    bench: Bench,
) -> float:
    """Return the length at which no multiplier changes by more than *leap*, and curvature and price stay trusted."""
    active, trust, swing, a_rows = bench.active, bench.trust, bench.swing, len(dy)
    length = 1.0
    for s in range(a_rows):
        if abs(dy[s]) * length > leap:
            length = leap / abs(dy[s])
    change, change_price = 0.0, 0.0
    for s in range(a_rows):
        change += dy[s] * costs.beta[active[s]]
        change_price += dy[s] * block.eta[active[s]]
    # Where the curvature or the price oscillates, shrink the trust region.
    for c in range(2):
        now_change = change if c == 0 else change_price
        trust[c] = max(_LEAST_TRUST, math.sqrt(trust[c])) if now_change * swing[c] < 0.0 else min(TRUST, 1.2 * trust[c])
        if now_change != 0.0:
            swing[c] = now_change
    if change != 0.0:
        reference = max(Theta, 1e-6 * spread / mean)
        if length * change > (trust[0] - 1.0) * reference:
            length = (trust[0] - 1.0) * reference / change
        elif -length * change > (1.0 - 1.0 / trust[0]) * reference and Theta > reference * 1e-3:
            length = (1.0 - 1.0 / trust[0]) * reference / -change
    if change_price != 0.0:
        typical, positive = 0.0, 0
        for i in range(len(u)):
            if u[i] > 0.0:
                typical += Theta * block.D[i] * u[i] * u[i] + 1e-6 * spread
                positive += 1
        reference = max(count_price, 0.1 * typical / max(positive, 1))
        if length * change_price > (trust[1] - 1.0) * reference:
            length = (trust[1] - 1.0) * reference / change_price
        elif -length * change_price > (1.0 - 1.0 / trust[1]) * count_price and count_price > 1e-2 * reference:
            length = (1.0 - 1.0 / trust[1]) * count_price / -change_price
    return length


@compiled
def crossing(
    block: BlockData, u: Vector, phase: States, length: float, change: Vector, bench: Bench
) -> tuple[float, int]:
    """Shorten a step to the first change of a phase; return the length and that variable, -1 if there is none."""
    first, knee = -1, bench.knee
    for p in range(len(change)):
        i = bench.free[p]
        move = -change[p]
        if move > 0.0:
            room = (knee[i] if phase[i] == LINE else block.upper[i]) - u[i]
        else:
            room = u[i] - (0.0 if phase[i] == LINE else knee[i])
        if abs(move) * length > room:
            length, first = max(room, 0.0) / abs(move), i
    return length, first


@compiled
def advance(
    block: BlockData,
    states: States,
    Theta: float,
    u: Vector,
    phase: States,
    length: float,
    first: int,
    change: Vector,
    bench: Bench,
) -> None:
    """Take the step of the free variables, and exchange their phases; *first* lands exactly on its crossing."""
    floor, upper, knee = block.floor, block.upper, bench.knee
    for p in range(len(change)):
        i = bench.free[p]
        u[i] -= length * change[p]
        if i == first:
            # Place the variable exactly on the crossing, whatever the rounding.
            if change[p] < 0.0:
                u[i] = max(u[i], knee[i] if phase[i] == LINE else upper[i])
                if phase[i] == LINE and knee[i] < upper[i]:
                    u[i] = knee[i] * (1 + 1e-12)
            else:
                u[i] = min(u[i], 0.0 if phase[i] == LINE else knee[i] * (1 - 1e-12))
        beyond = bench.w[i] < 2.0 * Theta * block.D[i] * knee[i] * (1 - 1e-9)
        if states[i] == 1:
            if u[i] <= floor[i]:
                phase[i] = KNEE
            elif u[i] >= upper[i]:
                phase[i] = UPPER
        elif u[i] >= upper[i]:
            phase[i] = UPPER
        elif u[i] <= 0.0:
            phase[i] = ZERO
        elif phase[i] == LINE:
            if u[i] > knee[i]:
                phase[i] = KNEE if beyond else CURVE
        elif u[i] < knee[i]:
            phase[i] = KNEE if beyond else LINE
