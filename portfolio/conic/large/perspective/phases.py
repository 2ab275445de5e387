"""The phases of a node's variables: each is fixed at a bound or at its knee, or free below or above the knee.

See ``node``.
"""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from portfolio.conic.large.perspective.compiled import compiled

if TYPE_CHECKING:
    import numpy.typing as npt

    from portfolio import Vector
    from portfolio.conic.bound import States
    from portfolio.conic.large.perspective.lagrangian import BlockData, Costs

ZERO, LINE, KNEE, CURVE, UPPER = 0, 1, 2, 3, 4

# The curvature and the price change by at most this factor in a step.
TRUST = 4.0


class Bench(NamedTuple):
    """Arrays that one relaxation works in.

    Attributes:
        knee: Where each variable's penalty turns from a slope into a square, shape (n,).
        w: The slope below the knee, shape (n,).
        slope: The gradient of the Lagrangian, shape (n,).
        Ru: Half the gradient of the variance without its diagonal part, shape (n,).
        push: How strongly its slope pushes each variable away from a fixed position, shape (n,).
        free: The free variables first, shape (n,).
        residual: The excess of each row, shape (m,).
        active: The active rows first, shape (m,).
        trust: Largest factor on the curvature and on the price in a step, shape (2,).
        swing: Their last changes, shape (2,).
    """

    knee: Vector
    w: Vector
    slope: Vector
    Ru: Vector
    push: Vector
    free: npt.NDArray[np.int64]
    residual: Vector
    active: npt.NDArray[np.int64]
    trust: Vector
    swing: Vector


@compiled
def new_bench(n: int, m: int) -> Bench:
    """Make the arrays for *n* variables and *m* rows."""
    return Bench(
        np.zeros(n),
        np.zeros(n),
        np.zeros(n),
        np.zeros(n),
        np.zeros(n),
        np.zeros(n, dtype=np.int64),
        np.zeros(m),
        np.zeros(m, dtype=np.int64),
        np.full(2, TRUST),
        np.zeros(2),
    )


@compiled
def begin(block: BlockData, costs: Costs, states: States, u: Vector, phase: States) -> tuple[float, float]:
    """Put the set switches in their phases; return the mean variance and the largest cost of a variable."""
    n = len(u)
    mean, spread = 0.0, 0.0
    for i in range(n):
        mean += (block.R[i, i] + block.D[i]) / n
        spread = max(spread, abs(costs.q[i]))
        if states[i] == 0:
            u[i], phase[i] = 0.0, ZERO
        elif states[i] == 1 and phase[i] < KNEE:
            phase[i] = KNEE
    return mean, spread


@compiled
def place(
    block: BlockData,
    costs: Costs,
    states: States,
    Theta: float,
    count_price: float,
    u: Vector,
    phase: States,
    bench: Bench,
) -> None:
    """Move each variable into its phase: a free variable's penalty turns at the knee from a slope into a square."""
    floor, upper, knee = block.floor, block.upper, bench.knee
    for i in range(len(u)):
        P = costs.k[i] + count_price * block.h[i]
        d = Theta * block.D[i]
        if states[i] == 1:
            knee[i], bench.w[i] = floor[i], 0.0
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
        bench.w[i] = d * e + P / e if e > 0.0 else 0.0
        place_free(i, e, upper[i], u, phase)


@compiled
def place_free(i: int, e: float, upper: float, u: Vector, phase: States) -> None:
    """Move a variable with a free switch into its phase; *e* is the knee."""
    if phase[i] == ZERO:
        u[i] = 0.0
    elif phase[i] == UPPER:
        u[i] = upper
    elif e >= upper:
        u[i] = min(max(u[i], 0.0), upper)
        phase[i] = LINE if u[i] < upper else UPPER
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


@compiled
def pushes(block: BlockData, states: States, Theta: float, phase: States, bench: Bench) -> int:
    """Measure how strongly its slope pushes each variable away from a fixed position; count the free variables."""
    slope, knee, w, push = bench.slope, bench.knee, bench.w, bench.push
    number = 0
    for i in range(len(push)):
        push[i] = 0.0
        twice = 2.0 * Theta * block.D[i]
        if states[i] == 0:
            continue
        if phase[i] == ZERO:
            push[i] = -slope[i] - w[i]
        elif phase[i] == KNEE:
            push[i] = max(-slope[i] - twice * knee[i], slope[i] + w[i] if states[i] == -1 else 0.0)
        elif phase[i] == UPPER:
            outer = states[i] == -1 and knee[i] >= block.upper[i]
            push[i] = slope[i] + (w[i] if outer else twice * block.upper[i])
        else:
            number += 1
    return number


@compiled
def release(
    block: BlockData, states: States, Theta: float, phase: States, most: int, small: float, bench: Bench
) -> None:
    """Release up to *most* variables, the strongest push first, where the push is above *small*."""
    slope, knee, push = bench.slope, bench.knee, bench.push
    for _ in range(most):
        i = int(np.argmax(push))
        if push[i] <= small:
            break
        push[i] = 0.0
        if phase[i] == ZERO:
            phase[i] = LINE if knee[i] > 0.0 else CURVE
        elif phase[i] == KNEE:
            phase[i] = CURVE if slope[i] + 2.0 * Theta * block.D[i] * knee[i] < 0.0 else LINE
        elif states[i] == -1 and knee[i] >= block.upper[i]:
            phase[i] = LINE
        elif block.upper[i] > block.floor[i]:
            phase[i] = CURVE


@compiled
def gather(block: BlockData, phase: States, y: Vector, bench: Bench) -> tuple[int, int]:
    """List the free variables and the active rows; return how many there are of each."""
    f, a_rows, residual = 0, 0, bench.residual
    for i in range(len(phase)):
        if phase[i] == LINE or phase[i] == CURVE:
            bench.free[f] = i
            f += 1
    for r in range(len(y)):
        holds = (
            r < block.equalities
            or (y[r] > 0.0 and y[r] < block.most[r])
            or (y[r] == 0.0 and residual[r] > 0.0 and block.most[r] > 0.0)
        )
        if holds or (r >= block.equalities and y[r] == block.most[r] and y[r] > 0.0 and residual[r] < 0.0):
            bench.active[a_rows] = r
            a_rows += 1
    return f, a_rows
