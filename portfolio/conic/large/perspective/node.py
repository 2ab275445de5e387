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

from typing import TYPE_CHECKING

import numpy as np

from portfolio.conic.large.perspective.compiled import compiled
from portfolio.conic.large.perspective.lagrangian import ANY, cheapest
from portfolio.conic.large.perspective.newton import (
    PROXIMAL,
    System,
    advance,
    backward,
    crossing,
    multiplier_step,
    newton_system,
    step_length,
)
from portfolio.conic.large.perspective.phases import begin, gather, new_bench, place, pushes, release

if TYPE_CHECKING:
    from portfolio import Vector
    from portfolio.conic.bound import States
    from portfolio.conic.large.perspective.lagrangian import BlockData, Costs
    from portfolio.conic.large.perspective.phases import Bench

# A cold start is damped (Levenberg 1944), and each step reduces the damping by this factor. Without the diagonal part,
# the variance has almost no curvature in many directions; an undamped step there ends at the other side of the box.
_FADE = 0.3
# How softly a step enforces the rows, in units of the response of a single variable: where fewer variables are free
# than rows are active, multipliers must not diverge.
_SOFT = 1e-4
# Number of first steps in which rows may still be far off.
_EARLY = 2
# Largest change of a multiplier in a step, relative to the largest slope: the multipliers of an infeasible node grow at
# this rate.
_LEAP = 30.0


@compiled
def tilt(block: BlockData, costs: Costs, y: Vector) -> tuple[float, float]:
    """Return the Lagrangian's cost of the variance, and of the count."""
    Theta, count_price = costs.theta, 0.0
    for r in range(len(y)):
        Theta += y[r] * costs.beta[r]
        count_price += y[r] * block.eta[r]
    return max(Theta, 0.0), count_price


@compiled
def evaluate(
    block: BlockData, costs: Costs, states: States, u: Vector, y: Vector, z: Vector, bench: Bench
) -> tuple[float, float, float, float]:
    """Evaluate the point: its rows, and the gradient of the Lagrangian without the variance.

    Returns the square of R at the point, the sum of the variables, the cost, and the largest violation of a row.
    """
    n, Ru = len(u), bench.Ru
    for i in range(n):
        Ru[i] = 0.0
        bench.slope[i] = costs.q[i]
    for i in range(n):
        if u[i] != 0.0:
            Ru += u[i] * block.R[i]
    V, quadratic, Z, primal, total = 0.0, 0.0, 0.0, costs.constant, 0.0
    for i in range(n):
        z[i] = 0.0
        if states[i] == 1:
            z[i] = 1.0
        elif u[i] > 0.0:
            z[i] = u[i] / bench.knee[i] if u[i] < bench.knee[i] else 1.0
        quadratic += u[i] * Ru[i]
        total += u[i]
        if z[i] > 0.0:
            V += block.D[i] * u[i] * u[i] / z[i]
            Z += block.h[i] * z[i]
            primal += costs.q[i] * u[i] + costs.k[i] * z[i]
    V += quadratic - block.shift * total * total
    primal += costs.theta * V
    off, slope = 0.0, bench.slope
    for r in range(len(y)):
        a = costs.beta[r] * V + block.eta[r] * Z - costs.rhs[r]
        for i in range(n):
            a += block.A[r, i] * u[i]
        bench.residual[r] = a
        if r < block.equalities:
            off = max(off, abs(a))
        elif block.most[r] < ANY:
            primal += block.most[r] * max(a, 0.0)
        else:
            off = max(off, a)
        if y[r] != 0.0:
            slope += y[r] * block.A[r]
    return quadratic, total, primal, off


@compiled
def bound_here(
    block: BlockData,
    costs: Costs,
    states: States,
    Theta: float,
    count_price: float,
    y: Vector,
    start: float,
    bench: Bench,
) -> tuple[float, float]:
    """Return the Lagrangian bound at the point's gradient, and the largest slope; *start* is the bound's constant."""
    bound, steepest = start, 0.0
    for r in range(len(y)):
        bound -= y[r] * costs.rhs[r]
    for i in range(len(states)):
        steepest = max(steepest, abs(bench.slope[i]))
        if states[i] == 0:
            continue
        on = (
            cheapest(Theta * block.D[i], bench.slope[i], block.floor[i], block.upper[i])
            + costs.k[i]
            + count_price * block.h[i]
        )
        if states[i] == 1 or on < 0.0:
            bound += on
    return bound, steepest


@compiled
def relax(
    block: BlockData,
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
    bench = new_bench(len(u), len(y))
    best, off, steps, whole = -np.inf, np.inf, 0, True
    soft, before = _SOFT, np.inf
    mean, spread = begin(block, costs, states, u, phase)
    patience, limit, damping = pace
    for step in range(int(limit)):
        steps = step + 1
        Theta, count_price = tilt(block, costs, y)
        place(block, costs, states, Theta, count_price, u, phase, bench)
        quadratic, total, primal, off = evaluate(block, costs, states, u, y, z, bench)
        # Along the budget use the true variance, not the shifted variance of R: the bound needs a budget multiplier
        # that is free of the shift.
        Ru, slope = bench.Ru, bench.slope
        Ru -= block.shift * total
        if Theta > 0.0:
            slope += (2.0 * Theta) * Ru
        shifted = 2.0 * Theta * block.shift * total
        constant = costs.constant - Theta * (quadratic + block.shift) + shifted
        bound, steepest = bound_here(block, costs, states, Theta, count_price, y, constant, bench)
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
            soft = max(0.2 * soft, PROXIMAL)
        before = off
        # Exchanging all phases at once may cycle. Careful mode cannot cycle: it steps only to the first crossing, and
        # releases a variable only after a full step of the free variables.
        careful = step >= patience
        push_count = pushes(block, states, Theta, phase, bench)
        released = 1 if careful and whole else 0 if careful else 2 + push_count // 4
        release(block, states, Theta, phase, released, 1e-9 * steepest, bench)
        f, a_rows = gather(block, phase, y, bench)
        curvature = 2.0 * Theta * mean
        delta = max(PROXIMAL, damping) * curvature + 1e-14
        damping *= _FADE
        if curvature < 1e-2 * spread:
            delta += 1e-2 * spread
        system = System(np.empty((f, f)), np.empty((a_rows, f)), np.zeros((a_rows, a_rows)), np.empty(f))
        newton_system(block, costs, Theta, count_price, u, phase, delta, system, bench)
        dy = multiplier_step(block, y, soft / (curvature + delta), system, bench)
        leap = _LEAP * (steepest + spread + curvature)
        length = step_length(block, costs, Theta, count_price, u, dy, leap, mean, spread, bench)
        change, first = system.gradient, -1
        for s in range(a_rows):
            for p in range(f):
                change[p] += system.G[s, p] * dy[s]
        backward(system.K, f, change)
        if careful:
            length, first = crossing(block, u, phase, length, change, bench)
        whole = first < 0
        for s in range(a_rows):
            r = bench.active[s]
            y[r] += length * dy[s]
            if r >= block.equalities:
                y[r] = min(max(y[r], 0.0), block.most[r])
        for p in range(f):
            # The system has R's curvature along the budget, but the slopes do not.
            y[0] -= 2.0 * Theta * block.shift * length * change[p]
        advance(block, states, Theta, u, phase, length, first, change, bench)
    return best, off, steps
