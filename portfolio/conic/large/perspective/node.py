"""Solve one relaxation of a block: a semismooth Newton method on the saddle point of its Lagrangian.

The block is

    minimise    q.u + k.z + theta V(u, z) + constant
    subject to  A u + beta V(u, z) + eta h.z  <= or =  rhs
                V(u, z) = u'R u - shift + sum_i D[i] u[i]^2 / z[i],   floor z <= u <= upper z,   0 <= z <= 1

with switches that are off (u = z = 0), on (z = 1) or free. For fixed multipliers ``y`` a free ``z`` is a function of
``u`` (the reverse Huber penalty, Pilanci, Wainwright & El Ghaoui 2015): below the knee ``e`` the variable's penalty has
a constant slope, above the knee the penalty is a square. So each variable is in one of five phases, and within the
phases the optimality conditions are smooth. Each iteration takes a Newton step and exchanges all phases at once where
the step crosses them or the gradient requires an exchange (block pivoting, Portugal, Judice & Vicente 1994). The small
proximal terms of the method of multipliers (Rockafellar 1976) keep every system regular. A child starts at the parent's
last iterate.

The multipliers of every iterate prove a bound in closed form; the relaxation returns the best of these bounds. A
relaxation that is not solved well has a weaker bound, never a wrong one.
"""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from portfolio.conic.large.perspective.compiled import compiled

if TYPE_CHECKING:
    from portfolio import Matrix, Vector
    from portfolio.conic.bound import States

ZERO, LINE, KNEE, CURVE, UPPER = 0, 1, 2, 3, 4

# A multiplier whose limit is at least this large is unbounded.
_ANY = 1e29

# Proximal terms, relative to the curvature: they keep a singular system solvable.
_PROXIMAL = 1e-9
# A cold start is damped (Levenberg 1944), and each step reduces the damping by this factor. Without the diagonal part,
# the variance has almost no curvature in many directions; an undamped step there ends at the other side of the box.
_FADE = 0.3
# How softly a step enforces the rows, in units of the response of a single variable: where fewer variables are free
# than rows are active, multipliers must not diverge.
_SOFT = 1e-4
# Number of first steps in which rows may still be far off.
_EARLY = 2
# The curvature and the price change by at most this factor in a step.
_TRUST, _LEAST_TRUST = 4.0, 1.02
# Deduct this share of the summed terms from a bound, for rounding.
_HAIR = 4e-12
# Largest change of a multiplier in a step, relative to the largest slope: the multipliers of an infeasible node grow at
# this rate.
_LEAP = 30.0


class Block(NamedTuple):
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
def cheapest(curve: float, slope: float, low: float, high: float) -> float:
    """Minimise ``curve u^2 + slope u`` over an interval."""
    if curve > 0.0:
        u = min(max(-slope / (2.0 * curve), low), high)
        return (curve * u + slope) * u
    return min(slope * low, slope * high)


@compiled
def bound_at(block: Block, costs: Costs, states: States, u: Vector, y: Vector, on: Vector) -> float:
    """Evaluate the Lagrangian bound at multipliers *y* and tangent point *u*; write each switch's cost into *on*."""
    n, m = len(u), len(y)
    Theta, price, value = costs.theta, 0.0, costs.constant
    slope = costs.q.copy()
    for r in range(m):
        if y[r] != 0.0:
            Theta += y[r] * costs.beta[r]
            price += y[r] * block.eta[r]
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
        on[i] = cheapest(Theta * block.D[i], slope[i], block.floor[i], block.upper[i]) + costs.k[i] + price * block.h[i]
        if states[i] == 1 or (states[i] == -1 and on[i] < 0.0):
            value += on[i]
    return float(value)


@compiled
def relax(  # noqa: C901, PLR0912, PLR0913, PLR0915, PLR0917 - one loop, with every array the loop needs
    block: Block,
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
    """Solve the relaxation from (*u*, *y*, *phase*), which are updated in place.

    Returns the best bound, proven by *best_u* and *best_y*; the largest violation of a row at the last point; and the
    number of steps. Stops as soon as the bound reaches *cut* or comes within *tolerance* of the point's value. *pace*
    gives the number of steps before careful mode, the greatest number of steps, and the damping of the first step.
    """
    n, m, e_rows = len(u), len(y), block.equalities
    D, floor, upper, A = block.D, block.floor, block.upper, block.A
    beta, eta, h, rhs = costs.beta, block.eta, block.h, costs.rhs
    knee, w, slope, Ru, push = np.zeros(n), np.zeros(n), np.zeros(n), np.zeros(n), np.zeros(n)
    residual, active = np.zeros(m), np.zeros(m, dtype=np.int64)
    free = np.zeros(n, dtype=np.int64)
    best, off, steps, whole = -np.inf, np.inf, 0, True
    soft, before = _SOFT, np.inf
    trust, swing = np.full(2, _TRUST), np.zeros(2)
    mean = 0.0
    spread = 0.0
    for i in range(n):
        mean += (block.R[i, i] + D[i]) / n
        spread = max(spread, abs(costs.q[i]))
        if states[i] == 0:
            u[i], phase[i] = 0.0, ZERO
        elif states[i] == 1 and phase[i] < KNEE:
            phase[i] = KNEE
    patience, limit, damping = pace
    for step in range(int(limit)):
        steps = step + 1
        Theta, price = costs.theta, 0.0
        for r in range(m):
            Theta += y[r] * beta[r]
            price += y[r] * eta[r]
        Theta = max(Theta, 0.0)
        # For each free variable: the knee where the penalty turns from a slope into a square, and the slope below the
        # knee.
        for i in range(n):
            P = costs.k[i] + price * h[i]
            d = Theta * D[i]
            if states[i] == 1:
                knee[i], w[i] = floor[i], 0.0
                if phase[i] == KNEE:
                    u[i] = floor[i]
                elif phase[i] == UPPER:
                    u[i] = upper[i]
                else:
                    u[i] = min(max(u[i], floor[i]), upper[i])
                continue
            if states[i] == 0:
                continue
            e = upper[i]
            if d * upper[i] * upper[i] > P:
                e = min(max(math.sqrt(max(P, 0.0) / d), floor[i]), upper[i])
            knee[i] = e
            w[i] = d * e + P / e if e > 0.0 else 0.0
            if phase[i] == ZERO:
                u[i] = 0.0
            elif phase[i] == UPPER:
                u[i] = upper[i]
            elif e >= upper[i]:
                u[i] = min(max(u[i], 0.0), upper[i])
                phase[i] = LINE if u[i] < upper[i] else UPPER
            elif e <= 0.0:
                u[i] = max(u[i], 0.0)
                phase[i] = CURVE
            elif phase[i] == KNEE:
                u[i] = e
            elif phase[i] == LINE:
                if u[i] > e:
                    phase[i] = CURVE
            elif u[i] < e:
                phase[i] = LINE
        # The point's variance, count and rows, and the gradient of the Lagrangian there.
        for i in range(n):
            Ru[i] = 0.0
            slope[i] = costs.q[i]
        for i in range(n):
            if u[i] != 0.0:
                Ru += u[i] * block.R[i]
        V, quadratic, Z, primal, total = 0.0, 0.0, 0.0, costs.constant, 0.0
        for i in range(n):
            z[i] = 0.0
            if states[i] == 1:
                z[i] = 1.0
            elif u[i] > 0.0:
                z[i] = u[i] / knee[i] if u[i] < knee[i] else 1.0
            quadratic += u[i] * Ru[i]
            total += u[i]
            if z[i] > 0.0:
                V += D[i] * u[i] * u[i] / z[i]
                Z += h[i] * z[i]
                primal += costs.q[i] * u[i] + costs.k[i] * z[i]
        V += quadratic - block.shift * total * total
        primal += costs.theta * V
        off = 0.0
        for r in range(m):
            a = beta[r] * V + eta[r] * Z - rhs[r]
            for i in range(n):
                a += A[r, i] * u[i]
            residual[r] = a
            if r < e_rows:
                off = max(off, abs(a))
            elif block.most[r] < _ANY:
                primal += block.most[r] * max(a, 0.0)
            else:
                off = max(off, a)
            if y[r] != 0.0:
                slope += y[r] * A[r]
        # Along the budget use the true variance, not the shifted variance of R: the bound needs a budget multiplier
        # that is free of the shift.
        Ru -= block.shift * total
        if Theta > 0.0:
            slope += (2.0 * Theta) * Ru
        shifted = 2.0 * Theta * block.shift * total
        bound = costs.constant - Theta * (quadratic + block.shift) + shifted
        for r in range(m):
            bound -= y[r] * rhs[r]
        steepest = 0.0
        for i in range(n):
            steepest = max(steepest, abs(slope[i]))
            if states[i] == 0:
                continue
            on = cheapest(Theta * D[i], slope[i], floor[i], upper[i]) + costs.k[i] + price * h[i]
            if states[i] == 1 or on < 0.0:
                bound += on
        if bound > best:
            best = bound
            best_u[:] = u
            best_y[:] = y
            best_y[0] -= shifted
        if bound >= cut or (off <= tolerance and primal - bound <= tolerance):
            break
        # Enforce a row harder if the violation does not shrink: either the row becomes feasible, or the multiplier
        # grows until it proves infeasibility.
        if step > _EARLY and off > 0.5 * before:
            soft = max(0.2 * soft, _PROXIMAL)
        before = off
        # Release variables that their slope pushes away from a fixed position, the strongest push first.
        small = 1e-9 * steepest
        held = 0
        for i in range(n):
            push[i] = 0.0
            twice = 2.0 * Theta * D[i]
            if states[i] == 0:
                continue
            if phase[i] == ZERO:
                push[i] = -slope[i] - w[i]
            elif phase[i] == KNEE:
                push[i] = max(-slope[i] - twice * knee[i], slope[i] + w[i] if states[i] == -1 else 0.0)
            elif phase[i] == UPPER:
                push[i] = slope[i] + (w[i] if states[i] == -1 and knee[i] >= upper[i] else twice * upper[i])
            else:
                held += 1
        # Exchanging all phases at once may cycle. Careful mode cannot cycle: it steps only to the first crossing, and
        # releases a variable only after a full step of the free variables.
        careful = step >= patience
        for _ in range(1 if careful and whole else 0 if careful else 2 + held // 4):
            i = int(np.argmax(push))
            if push[i] <= small:
                break
            push[i] = 0.0
            if phase[i] == ZERO:
                phase[i] = LINE if knee[i] > 0.0 else CURVE
            elif phase[i] == KNEE:
                phase[i] = CURVE if slope[i] + 2.0 * Theta * D[i] * knee[i] < 0.0 else LINE
            elif states[i] == -1 and knee[i] >= upper[i]:
                phase[i] = LINE
            elif upper[i] > floor[i]:
                phase[i] = CURVE
        f = 0
        for i in range(n):
            if phase[i] == LINE or phase[i] == CURVE:
                free[f] = i
                f += 1
        a_rows = 0
        for r in range(m):
            holds = (
                r < e_rows
                or (y[r] > 0.0 and y[r] < block.most[r])
                or (y[r] == 0.0 and residual[r] > 0.0 and block.most[r] > 0.0)
            )
            if holds or (r >= e_rows and y[r] == block.most[r] and y[r] > 0.0 and residual[r] < 0.0):
                active[a_rows] = r
                a_rows += 1
        # The Newton system: K on the free variables, G for the active rows, C for the movement of the knees.
        curvature = 2.0 * Theta * mean
        delta = max(_PROXIMAL, damping) * curvature + 1e-14
        damping *= _FADE
        if curvature < 1e-2 * spread:
            delta += 1e-2 * spread
        K, G, gradient = np.empty((f, f)), np.empty((a_rows, f)), np.empty(f)
        C = np.zeros((a_rows, a_rows))
        for p in range(f):
            i = free[p]
            line = phase[i] == LINE
            for s in range(p, f):
                K[p, s] = 2.0 * Theta * block.R[i, free[s]]
            K[p, p] += delta
            if line:
                gradient[p] = slope[i] + w[i]
            else:
                gradient[p] = slope[i] + 2.0 * Theta * D[i] * u[i]
                K[p, p] += 2.0 * Theta * D[i]
            own = 2.0 * Ru[i] + (D[i] * knee[i] if line else 2.0 * D[i] * u[i])
            for s in range(a_rows):
                r = active[s]
                G[s, p] = A[r, i] + beta[r] * own
                if line and eta[r] != 0.0:
                    G[s, p] += eta[r] * h[i] / knee[i]
            P = costs.k[i] + price * h[i]
            if line and P > 0.0 and Theta > 0.0 and floor[i] < knee[i] < upper[i]:
                for s in range(a_rows):
                    for r in range(s + 1):
                        first = beta[active[s]] / Theta - eta[active[s]] * h[i] / P
                        second = beta[active[r]] / Theta - eta[active[r]] * h[i] / P
                        C[s, r] += 0.25 * u[i] * w[i] * first * second
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
            right[s] += residual[active[s]]
            M[s, s] += _PROXIMAL * M[s, s] + soft / (curvature + delta)
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
                if active[s] >= e_rows and y[active[s]] == 0.0 and dy[s] < 0.0:
                    M[s, :] = 0.0
                    M[:, s] = 0.0
                    M[s, s] = 1.0
                    right[s] = 0.0
                    dropped = True
            if not dropped:
                break
        # Choose the step length.
        length = 1.0
        for s in range(a_rows):
            leap = _LEAP * (steepest + spread + curvature)
            if abs(dy[s]) * length > leap:
                length = leap / abs(dy[s])
        change, change_price = 0.0, 0.0
        for s in range(a_rows):
            change += dy[s] * beta[active[s]]
            change_price += dy[s] * eta[active[s]]
        # Where the curvature or the price oscillates, shrink the trust region.
        for c in range(2):
            now_change = change if c == 0 else change_price
            trust[c] = (
                max(_LEAST_TRUST, math.sqrt(trust[c])) if now_change * swing[c] < 0.0 else min(_TRUST, 1.2 * trust[c])
            )
            if now_change != 0.0:
                swing[c] = now_change
        if change != 0.0:
            reference = max(Theta, 1e-6 * spread / mean)
            if length * change > (trust[0] - 1.0) * reference:
                length = (trust[0] - 1.0) * reference / change
            elif -length * change > (1.0 - 1.0 / trust[0]) * reference and Theta > reference * 1e-3:
                length = (1.0 - 1.0 / trust[0]) * reference / -change
        if change_price != 0.0:
            typical, held = 0.0, 0
            for i in range(n):
                if u[i] > 0.0:
                    typical += Theta * D[i] * u[i] * u[i] + 1e-6 * spread
                    held += 1
            reference = max(price, 0.1 * typical / max(held, 1))
            if length * change_price > (trust[1] - 1.0) * reference:
                length = (trust[1] - 1.0) * reference / change_price
            elif -length * change_price > (1.0 - 1.0 / trust[1]) * price and price > 1e-2 * reference:
                length = (1.0 - 1.0 / trust[1]) * price / -change_price
        for s in range(a_rows):
            for p in range(f):
                gradient[p] += G[s, p] * dy[s]
        backward(K, f, gradient)
        first = -1
        if careful:
            for p in range(f):
                i = free[p]
                move = -gradient[p]
                if move > 0.0:
                    room = (knee[i] if phase[i] == LINE else upper[i]) - u[i]
                else:
                    room = u[i] - (0.0 if phase[i] == LINE else knee[i])
                if abs(move) * length > room:
                    length, first = max(room, 0.0) / abs(move), i
        whole = first < 0
        for s in range(a_rows):
            r = active[s]
            y[r] += length * dy[s]
            if r >= e_rows:
                y[r] = min(max(y[r], 0.0), block.most[r])
        for p in range(f):
            # The system has R's curvature along the budget, but the slopes do not.
            y[0] -= 2.0 * Theta * block.shift * length * gradient[p]
        for p in range(f):
            i = free[p]
            u[i] -= length * gradient[p]
            if i == first:
                # Place the variable exactly on the crossing, whatever the rounding.
                if gradient[p] < 0.0:
                    u[i] = max(u[i], knee[i] if phase[i] == LINE else upper[i])
                    if phase[i] == LINE and knee[i] < upper[i]:
                        u[i] = knee[i] * (1 + 1e-12)
                else:
                    u[i] = min(u[i], 0.0 if phase[i] == LINE else knee[i] * (1 - 1e-12))
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
                    phase[i] = KNEE if w[i] < 2.0 * Theta * D[i] * knee[i] * (1 - 1e-9) else CURVE
            elif u[i] < knee[i]:
                phase[i] = KNEE if w[i] < 2.0 * Theta * D[i] * knee[i] * (1 - 1e-9) else LINE
    return best, off, steps
