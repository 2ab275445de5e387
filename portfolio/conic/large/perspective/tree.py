"""Search a block: best-first branch and bound over its switches and over intervals of its risk.

A node is a setting of some switches and an interval [a, b] of the risk ``r``. Where risk is a cost or enters a row, the
search replaces risk by the secant of the variance on the interval, ``r >= (V + a b) / (a + b)`` for every r in the
interval, so that the variance's perspective bounds the risk. Where the secant's error keeps a node open, the search
splits the interval.

One kernel expands a number of nodes and returns. Python checks the time limit between calls; the kernel never does. The
kernel stores all results of a node in arrays (``Pool``); the leaves of the proof are made from these arrays.
"""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from portfolio.conic.large.perspective.capped import relax_capped
from portfolio.conic.large.perspective.compiled import compiled
from portfolio.conic.large.perspective.linear import relax_linear
from portfolio.conic.large.perspective.node import LINE, ZERO, Block, Costs, bound_at, relax

if TYPE_CHECKING:
    import numpy.typing as npt

    from portfolio import Matrix, Vector
    from portfolio.conic.bound import States

    Integers = npt.NDArray[np.int64]
    Table = npt.NDArray[np.int8]

# How risk enters: absent, as the variance itself, or through secants.
NONE, VARIANCE, SECANT = 0, 1, 2

# Indices into Pool.numbers, and into Pool.values.
NODES, HEAP, FIXES, LEAVES, EXPANDED, POINTS, STEPS, TRIED = 0, 1, 2, 3, 4, 5, 6, 7
BEST, CUT, GAP, SLACK, OFFSET, UNIT = 0, 1, 2, 3, 4, 5

# Kinds of leaf: bounded by a record, bounded by the optimum of the only support, in conflict with a row on switches, or
# never explored.
BOUNDED, SETTLED, FORBIDDEN, OPEN = 0, 1, 2, 3

_NOTHING = 1e-6
# Tolerance on the rows of a point, and greatest number of rounds to find the risk of a point.
_KEPT, _ROUNDS = 1e-9, 32
# Rounding sorts by weight: -2 for a switch that is already on, -z for a free switch. This threshold separates the two.
_HELD = -1.5
# A multiplier whose limit is at least this large is unbounded.
_ANY = 1e29
# For a relaxation: steps before careful mode, greatest number of steps, and damping, for a child, the root, a point and
# a trial of a switch. Floats, not integers: numba would compile the relaxation again for each type.
_WARM, _COLD = (6.0, 40.0, 0.0), (20.0, 400.0, 1.0)
_POINT, _TRIAL = (8.0, 60.0, 0.0), (5.0, 12.0, 0.0)

# Number of trials in both states before the search trusts a switch's average gains (reliability branching, Achterberg,
# Koch & Martin 2005), and greatest number of untrusted switches to try per node.
_RELIABLE, _TRIALS = 1.0, 10
# Split an interval where the secant's error is at least this share of the gap, or this share of the largest cost. The
# second limit does not depend on the gap: it splits early enough for many nodes to share the halves.
_PART, _WIDE = 0.3, 0.05
# Artificial cost of the greatest variance where only switches have a cost, as a share of the largest cost.
_LITTLE = 1e-3


class Goal(NamedTuple):
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


class Pool(NamedTuple):
    """The tree: nodes, the heap of open nodes, fixed switches, leaves, and points."""

    numbers: Integers
    values: Vector
    states: Table
    low: Vector
    high: Vector
    bound: Vector
    warm: Integers
    proof: Integers
    u: Matrix
    y: Matrix
    phase: Table
    last_u: Matrix
    last_y: Matrix
    heap: Integers
    fix_node: Integers
    fix_switch: Integers
    fix_state: Table
    fix_proof: Integers
    fix_bound: Vector
    leaf_node: Integers
    leaf_kind: Table
    leaf_bound: Vector
    points: Matrix
    supports: Table
    worth: Vector
    tried: Integers
    branched: Integers
    distance: Vector
    gain: Matrix
    gains: Matrix


@compiled
def costs_on(goal: Goal, low: float, high: float, cap: float) -> Costs:
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
def relaxed(  # noqa: PLR0913, PLR0917 - see ``node.relax``
    block: Block,
    goal: Goal,
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
def variance(block: Block, u: Vector) -> float:
    """Evaluate the variance of a point that satisfies the budget."""
    value = -block.shift
    for i in range(len(u)):
        if u[i] != 0.0:
            a = block.D[i] * u[i]
            for j in range(len(u)):
                a += block.R[i, j] * u[j]
            value += a * u[i]
    return max(value, 0.0)


@compiled
def settle(  # noqa: C901, PLR0912, PLR0913, PLR0917 - one loop, with every array the loop needs
    block: Block, goal: Goal, pool: Pool, support: States, u: Vector, y: Vector, phase: States, start: float
) -> tuple[float, float]:
    """Optimise one support exactly, with the risk itself in the objective; return the value and the risk.

    The value is infinity where the support has no feasible point. The secant on [r, r] touches the risk at r from
    above, so every step keeps the rows; r is the fixed point.
    """
    n = len(u)
    most, least = 0.0, 0.0
    for i in range(n):
        if support[i] == 1:
            most += block.upper[i]
            least += block.floor[i]
    if most < 1.0 - 1e-9 or least > 1.0 + 1e-9:
        return np.inf, start
    best_u, best_y, z = np.zeros(n), np.zeros(len(y)), np.zeros(n)
    risk, last_risk, last_error = start, 0.0, 0.0
    result = np.inf
    for round_ in range(_ROUNDS):
        costs = costs_on(goal, risk, risk, goal.high)
        _, off, steps = relaxed(
            block, goal, costs, support, u, y, phase, goal.ceiling, 1e-12, _POINT, best_u, best_y, z
        )  # fmt: skip
        pool.numbers[STEPS] += steps
        now = math.sqrt(variance(block, u)) if goal.mode != NONE or goal.cap >= 0 else 0.0
        if off > _KEPT and (goal.mode != SECANT or round_ > _ROUNDS // 8 or off == np.inf):
            return np.inf, now
        value = 0.0
        for i in range(n):
            if support[i] == 1:
                value += goal.q[i] * u[i] + goal.k[i]
        for r in range(block.equalities, len(y)):
            if block.most[r] < _ANY:
                excess = -goal.rhs[r]
                for i in range(n):
                    if support[i] == 1:
                        excess += block.eta[r] * block.h[i]
                value += block.most[r] * max(excess, 0.0)
        if goal.mode == VARIANCE:
            value += goal.risk * now * now
        elif goal.mode == SECANT:
            value += goal.risk * now
        if off <= _KEPT:
            result = min(result, value)
        if goal.mode != SECANT or abs(now - risk) <= _KEPT * risk or now <= 0.0:
            break
        # Find the fixed point of risk -> now by the secant method.
        error = now - risk
        following = now
        if round_ > 0 and error != last_error:
            following = risk - error * (risk - last_risk) / (error - last_error)
            if not 0.5 * min(now, risk) <= following <= 2.0 * max(now, risk):
                following = now
        last_risk, last_error, risk = risk, error, following
    return result, now


@compiled
def allowed(goal: Goal, states: States) -> bool:
    """Return whether the switches that are on keep the rows on switches alone."""
    for r in range(len(goal.limits)):
        used = 0.0
        for i in range(len(states)):
            if states[i] == 1:
                used += goal.H[r, i]
        if used > goal.limits[r] + 1e-9:
            return False
    return True


@compiled
def rounded(block: Block, goal: Goal, states: States, z: Vector, support: States) -> None:
    """Switch on the variables that a relaxation holds, largest first, as far as floors and rows on switches allow."""
    n = len(z)
    weight = np.empty(n)
    for i in range(n):
        weight[i] = -2.0 if states[i] == 1 else -z[i] if states[i] == -1 else 0.0
        support[i] = 0
    used, count = np.zeros(len(goal.limits)), 0.0
    least = 0.0
    for i in np.argsort(weight):
        if weight[i] > -_NOTHING:
            break
        if weight[i] > _HELD and (count + block.h[i] > goal.most + 1e-9 or least + block.floor[i] > 1.0 + 1e-9):
            continue
        fits = True
        for r in range(len(goal.limits)):
            fits = fits and used[r] + goal.H[r, i] <= goal.limits[r] + 1e-9
        if fits or weight[i] < _HELD:
            support[i] = 1
            count += block.h[i]
            least += block.floor[i]
            for r in range(len(goal.limits)):
                used[r] += goal.H[r, i]


@compiled
def seen(pool: Pool, support: States) -> bool:
    """Return whether a support was tried before, and record the support.

    The record keeps fingerprints only: a collision skips a support, and is too rare to justify more memory.
    """
    code = np.int64(1469598103934665603)
    for i in range(len(support)):
        code = (code ^ np.int64(support[i] + 2)) * np.int64(1099511628211)
    size = len(pool.tried)
    place = code & np.int64(size - 1)
    for _ in range(16):
        if pool.tried[place] == code:
            return True
        if pool.tried[place] == 0:
            break
        place = (place + 1) & np.int64(size - 1)
    pool.tried[place] = code
    return False


@compiled
def update_cut(goal: Goal, pool: Pool) -> None:
    """Update the bound at which a part of the tree is closed, in the units of the tree's own objective."""
    values = pool.values
    best, unit, offset = values[BEST], values[UNIT], values[OFFSET]
    if best == np.inf:
        return
    value = offset + unit * (math.sqrt(best) if goal.mode == VARIANCE else best)
    cut = value + values[SLACK] if values[SLACK] != 0.0 else value - 0.999 * values[GAP] * max(abs(value), 0.01)
    cut = (cut - offset) / unit
    values[CUT] = cut * max(cut, 0.0) if goal.mode == VARIANCE else cut


@compiled
def offer(  # noqa: PLR0913, PLR0917 - every array the kernel needs
    block: Block, goal: Goal, pool: Pool, support: States, u: Vector, y: Vector, phase: States, start: float
) -> float:
    """Optimise a support that was not tried yet, and keep the point if it is among the best."""
    if not allowed(goal, support) or seen(pool, support):
        return np.inf
    value, _ = settle(block, goal, pool, support, u, y, phase, start)
    if value < np.inf:
        keep(goal, pool, support, u, value)
    return value


@compiled
def keep(goal: Goal, pool: Pool, support: States, u: Vector, value: float) -> None:
    """Keep a point if it is among the best."""
    held = pool.numbers[POINTS]
    for s in range(held):
        if (pool.supports[s] == support).all():
            if value < pool.worth[s]:
                pool.worth[s] = value
                pool.points[s] = u
            if value < pool.values[BEST]:
                pool.values[BEST] = value
                update_cut(goal, pool)
            return
    place = held
    if held == len(pool.worth):
        place = int(np.argmax(pool.worth))
        if pool.worth[place] <= value:
            return
    else:
        pool.numbers[POINTS] = held + 1
    pool.worth[place] = value
    pool.points[place] = u
    pool.supports[place] = support
    if value < pool.values[BEST]:
        pool.values[BEST] = value
        update_cut(goal, pool)


@compiled
def push(pool: Pool, node: int) -> None:
    """Push a node on the heap: least bound first, then oldest first."""
    place = pool.numbers[HEAP]
    pool.numbers[HEAP] = place + 1
    heap, bound = pool.heap, pool.bound
    while place > 0:
        above = (place - 1) // 2
        if bound[heap[above]] <= bound[node]:
            break
        heap[place] = heap[above]
        place = above
    heap[place] = node


@compiled
def pop(pool: Pool) -> int:
    """Pop the node with the least bound from the heap."""
    heap, bound = pool.heap, pool.bound
    top = heap[0]
    size = pool.numbers[HEAP] - 1
    pool.numbers[HEAP] = size
    if size > 0:
        node, place = heap[size], 0
        while 2 * place + 1 < size:
            below = 2 * place + 1
            if below + 1 < size:
                left, right = heap[below], heap[below + 1]
                if bound[right] < bound[left] or (bound[right] == bound[left] and right < left):
                    below += 1
            if bound[heap[below]] > bound[node] or (bound[heap[below]] == bound[node] and heap[below] > node):
                break
            heap[place] = heap[below]
            place = below
        heap[place] = node
    return int(top)


@compiled
def close(pool: Pool, node: int, kind: int, bound: float) -> None:
    """Close a node and record a leaf."""
    leaf = pool.numbers[LEAVES]
    pool.numbers[LEAVES] = leaf + 1
    pool.leaf_node[leaf] = node
    pool.leaf_kind[leaf] = kind
    pool.leaf_bound[leaf] = bound


@compiled
def add(pool: Pool, parent: int, states: States, low: float, high: float, bound: float) -> int:
    """Add a node below *parent* and return the new index."""
    node = pool.numbers[NODES]
    pool.numbers[NODES] = node + 1
    pool.states[node] = states
    pool.low[node], pool.high[node], pool.bound[node] = low, high, bound
    pool.warm[node], pool.proof[node], pool.branched[node] = parent, pool.proof[parent], -1
    return int(node)


@compiled
def learn(pool: Pool, switch: int, state: int, distance: float, gain: float) -> None:
    """Record the gain in the bound per unit of distance that the switch moved."""
    pool.gain[state, switch] += gain / max(distance, 1e-3)
    pool.gains[state, switch] += 1.0


@compiled
def try_switch(  # noqa: PLR0913, PLR0917 - every array the kernel needs
    block: Block, goal: Goal, pool: Pool, costs: Costs, node: int, states: States, i: int, fraction: float, value: float
) -> None:
    """Set a switch on and off for a few steps each, to measure the gain in the bound."""
    n, m = len(states), len(goal.rhs)
    best_u, best_y, z = np.empty(n), np.empty(m), np.empty(n)
    for state in range(2):
        if pool.gains[state, i] >= _RELIABLE:
            continue
        states[i] = state
        u, y, phase = pool.last_u[node].copy(), pool.last_y[node].copy(), pool.phase[node].copy()
        bound, _, steps = relaxed(
            block,
            goal,
            costs,
            states,
            u,
            y,
            phase,
            pool.values[CUT],
            1e-8,
            _TRIAL,
            best_u,
            best_y,
            z,
        )
        pool.numbers[STEPS] += steps
        gain = min(max(bound - value, 0.0), max(pool.values[CUT] - value, 0.0))
        learn(pool, i, state, fraction if state == 0 else 1.0 - fraction, gain)
    states[i] = -1


@compiled
def choose(  # noqa: PLR0913, PLR0917 - every array the kernel needs
    block: Block, goal: Goal, pool: Pool, costs: Costs, node: int, states: States, z: Vector, value: float, effort: int
) -> int:
    """Choose the switch to branch on: the switch with the largest promised product of gains in both states.

    Trials of switches take *effort* steps at most.
    """
    n, before = len(z), pool.numbers[STEPS]
    score = np.zeros(n)
    for i in range(n):
        if states[i] == -1 and z[i] > _NOTHING and z[i] < 1.0 - _NOTHING:
            score[i] = (1.0 - z[i]) * z[i] ** 0.15
    order = np.argsort(-score)
    fractions = z.copy()
    chosen, most, trials = -1, -1.0, 0
    for place in range(n):
        i = order[place]
        if score[i] <= 0.0:
            break
        spent = pool.numbers[STEPS] - before >= effort
        if min(pool.gains[0, i], pool.gains[1, i]) < _RELIABLE and trials < _TRIALS and not spent:
            trials += 1
            try_switch(block, goal, pool, costs, node, states, i, fractions[i], value)
        promise = 1.0
        for state in range(2):
            times, gain = pool.gains[state, i], 0.0
            if times > 0.0:
                gain = pool.gain[state, i] / times * (fractions[i] if state == 0 else 1.0 - fractions[i])
            promise *= max(gain, 1e-7)
        if promise > most:
            chosen, most = i, promise
    return chosen


@compiled
def explore(  # noqa: C901, PLR0912, PLR0915 - one loop over nodes
    block: Block, goal: Goal, pool: Pool, budget: int, effort: int
) -> bool:
    """Expand up to *budget* nodes, or stop after *effort* steps. Return True when the tree is closed."""
    n, m = len(block.D), len(goal.rhs)
    on, z = np.zeros(n), np.zeros(n)
    support, phase = np.zeros(n, dtype=np.int8), np.zeros(n, dtype=np.int8)
    before = pool.numbers[STEPS]
    for _ in range(budget):
        if pool.numbers[STEPS] - before >= effort:
            break
        if pool.numbers[HEAP] == 0 or pool.bound[pool.heap[0]] >= pool.values[CUT]:
            return True
        node = pop(pool)
        states, low, high = pool.states[node].copy(), pool.low[node], pool.high[node]
        pool.numbers[EXPANDED] += 1
        if not allowed(goal, states):
            close(pool, node, FORBIDDEN, np.inf)
            continue
        decided = True
        for i in range(n):
            decided = decided and states[i] != -1
        warm = pool.warm[node]
        u, y = pool.last_u[warm].copy(), pool.last_y[warm].copy()
        pool.phase[node] = pool.phase[warm]
        costs = costs_on(goal, low, high, high)
        cold = node == 0
        _, _, steps = relaxed(
            block, goal, costs, states, u, y, pool.phase[node], pool.values[CUT], 1e-8,
            _COLD if cold else _WARM, pool.u[node], pool.y[node], z,
        )  # fmt: skip
        pool.numbers[STEPS] += steps
        pool.last_u[node], pool.last_y[node] = u, y
        proof = node
        value = bound_at(block, costs, states, pool.u[node], pool.y[node], on)
        if not value >= pool.bound[node]:
            proof = pool.proof[node]
            value = bound_at(block, costs, states, pool.u[proof], pool.y[proof], on)
        if pool.branched[node] >= 0:
            i = pool.branched[node]
            gain = min(value, pool.values[CUT]) - pool.bound[pool.warm[node]]
            learn(pool, i, states[i], pool.distance[node], max(gain, 0.0))
        pool.proof[node] = proof
        pool.bound[node] = value
        if value >= pool.values[CUT]:
            close(pool, node, BOUNDED, value)
            continue
        if decided:
            value, _ = settle(block, goal, pool, states, u, y, pool.phase[node], 0.5 * (low + high))
            pool.last_u[node], pool.last_y[node] = u, y
            if value < np.inf:
                keep(goal, pool, states, u, value)
            close(pool, node, SETTLED, value)
            continue
        # Look for an incumbent near the point.
        spread = math.sqrt(variance(block, u)) if goal.mode == SECANT else 0.0
        rounded(block, goal, states, z, support)
        there = value
        for i in range(n):
            if states[i] == -1:
                there -= min(on[i], 0.0)
                if support[i] == 1:
                    there += on[i]
        if there < pool.values[BEST] + pool.values[SLACK]:
            trial_u, trial_y = u.copy(), y.copy()
            phase[:] = pool.phase[node]
            for i in range(n):
                if support[i] == 1 and phase[i] == ZERO:
                    phase[i] = LINE
            offer(block, goal, pool, support, trial_u, trial_y, phase, max(spread, 1e-9))
        cut = pool.values[CUT]
        if value >= cut:
            close(pool, node, BOUNDED, value)
            continue
        # Fix each switch if the other state is already worse than the incumbent.
        for i in range(n):
            if states[i] != -1:
                continue
            part = min(on[i], 0.0)
            state, other = -1, value - part + on[i]
            if other >= cut:
                state = 0
            else:
                other = value - part
                if other >= cut:
                    state = 1
            if state >= 0:
                fix = pool.numbers[FIXES]
                pool.numbers[FIXES] = fix + 1
                pool.fix_node[fix], pool.fix_switch[fix], pool.fix_state[fix] = node, i, state
                pool.fix_proof[fix], pool.fix_bound[fix] = proof, other
                states[i] = state
        # Branch on the secant's error at the point, or on a switch with a fractional value.
        error = 0.0
        if goal.mode == SECANT and low < spread < high:
            weight = goal.risk
            for r in range(m):
                weight += pool.last_y[node, r] * goal.alpha[r]
            error = weight * (spread - low) * (high - spread) / (low + high)
        fractional = False
        for i in range(n):
            fractional = fractional or (states[i] == -1 and z[i] > _NOTHING and z[i] < 1.0 - _NOTHING)
        enough = min(_PART * (cut - value), _WIDE)
        if not fractional:
            # The point is feasible for the program and costs *error* more. If that cost is below a cut with slack, no
            # split can close the node.
            enough = cut - value if cut > pool.values[BEST] else 0.0
        split = error > 0.0 and error >= enough
        if split and min(spread - low, high - spread) > 1e-7 * high:
            # Both halves keep the fixed switches.
            for side in range(2):
                a, b = (low, spread) if side == 0 else (spread, high)
                half = bound_at(block, costs_on(goal, a, b, b), states, pool.u[proof], pool.y[proof], on)
                push(pool, add(pool, node, states, a, b, half))
            continue
        chosen = choose(block, goal, pool, costs, node, states, z, value, effort) if fractional else -1
        if chosen < 0:
            most = -np.inf
            for i in range(n):
                if states[i] == -1 and z[i] > most:
                    chosen, most = i, z[i]
        if chosen < 0:
            push(pool, add(pool, node, states, low, high, value))
            continue
        part = min(on[chosen], 0.0)
        for state in (1, 0):
            states[chosen] = state
            child = add(pool, node, states, low, high, value - part + (on[chosen] if state == 1 else 0.0))
            pool.branched[child], pool.distance[child] = chosen, z[chosen] if state == 0 else 1.0 - z[chosen]
            push(pool, child)
    return bool(pool.numbers[HEAP] == 0 or pool.bound[pool.heap[0]] >= pool.values[CUT])
