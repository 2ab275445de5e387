"""The tree of a block's search: its nodes, the heap of open nodes, its points and its incumbent.

The kernels store all results of a node in arrays (``Pool``); the leaves of the proof are made from these arrays.
"""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from portfolio.conic.large.perspective.block_objective import NONE, SECANT, VARIANCE, costs_on, relaxed, variance
from portfolio.conic.large.perspective.compiled import compiled
from portfolio.conic.large.perspective.lagrangian import ANY

if TYPE_CHECKING:
    import numpy.typing as npt

    from portfolio import Matrix, Vector
    from portfolio.conic.bound import States
    from portfolio.conic.large.perspective.block_objective import BlockObjective
    from portfolio.conic.large.perspective.lagrangian import BlockData

    Integers = npt.NDArray[np.int64]
    Table = npt.NDArray[np.int8]

# Indices into Pool.numbers, and into Pool.values.
NODES, HEAP, FIXES, LEAVES, EXPANDED, POINTS, STEPS, TRIED = 0, 1, 2, 3, 4, 5, 6, 7
BEST, CUT, GAP, SLACK, OFFSET, UNIT = 0, 1, 2, 3, 4, 5

# Kinds of leaf: bounded by a record, bounded by the optimum of the only support, in conflict with a row on switches, or
# never explored.
BOUNDED, SUPPORT_SOLVED, FORBIDDEN, OPEN = 0, 1, 2, 3

# A switch of a relaxation that is this near to a state counts as in it.
NOTHING = 1e-6
# Tolerance on the rows of a point, and greatest number of rounds to find the risk of a point.
_KEPT, _ROUNDS = 1e-9, 32
# Rounding sorts by weight: -2 for a switch that is already on, -z for a free switch. This threshold separates the two.
_HELD = -1.5
# For the relaxation of a point: steps before careful mode, greatest number of steps, and damping. Floats, not integers:
# numba would compile the relaxation again for each type.
_POINT = (8.0, 60.0, 0.0)


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
def solve_support(
    block: BlockData,
    goal: BlockObjective,
    pool: Pool,
    support: States,
    u: Vector,
    y: Vector,
    phase: States,
    start: float,
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
            if block.most[r] < ANY:
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
def allowed(goal: BlockObjective, states: States) -> bool:
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
def rounded(block: BlockData, goal: BlockObjective, states: States, z: Vector, support: States) -> None:
    """Switch on the variables that a relaxation holds, largest first, as far as floors and rows on switches allow."""
    n = len(z)
    weight = np.empty(n)
    for i in range(n):
        weight[i] = -2.0 if states[i] == 1 else -z[i] if states[i] == -1 else 0.0
        support[i] = 0
    used, count = np.zeros(len(goal.limits)), 0.0
    least = 0.0
    for i in np.argsort(weight):
        if weight[i] > -NOTHING:
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
def update_cut(goal: BlockObjective, pool: Pool) -> None:
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
def offer(
    block: BlockData,
    goal: BlockObjective,
    pool: Pool,
    support: States,
    u: Vector,
    y: Vector,
    phase: States,
    start: float,
) -> float:
    """Optimise a support that was not tried yet, and keep the point if it is among the best."""
    if not allowed(goal, support) or seen(pool, support):
        return np.inf
    value, _ = solve_support(block, goal, pool, support, u, y, phase, start)
    if value < np.inf:
        keep(goal, pool, support, u, value)
    return value


@compiled
def keep(goal: BlockObjective, pool: Pool, support: States, u: Vector, value: float) -> None:
    """Keep a point if it is among the best."""
    size = pool.numbers[POINTS]
    for s in range(size):
        if (pool.supports[s] == support).all():
            if value < pool.worth[s]:
                pool.worth[s] = value
                pool.points[s] = u
            if value < pool.values[BEST]:
                pool.values[BEST] = value
                update_cut(goal, pool)
            return
    place = size
    if size == len(pool.worth):
        place = int(np.argmax(pool.worth))
        if pool.worth[place] <= value:
            return
    else:
        pool.numbers[POINTS] = size + 1
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
