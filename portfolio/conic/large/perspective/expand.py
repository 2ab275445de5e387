"""Search a block: best-first branch and bound over its switches and over intervals of its risk.

A node is a setting of some switches and an interval [a, b] of the risk ``r``. Where risk is a cost or enters a row, the
search replaces risk by the secant of the variance on the interval, ``r >= (V + a b) / (a + b)`` for every r in the
interval, so that the variance's perspective bounds the risk. Where the secant's error keeps a node open, the search
splits the interval.

One kernel expands a number of nodes and returns. Python checks the time limit between calls; the kernel never does.
"""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

import numpy as np

from portfolio.conic.large.perspective.block_objective import SECANT, costs_on, relaxed, variance
from portfolio.conic.large.perspective.compiled import compiled
from portfolio.conic.large.perspective.lagrangian import bound_at
from portfolio.conic.large.perspective.phases import LINE, ZERO
from portfolio.conic.large.perspective.tree import (
    BEST,
    BOUNDED,
    CUT,
    EXPANDED,
    FIXES,
    FORBIDDEN,
    HEAP,
    NOTHING,
    SLACK,
    STEPS,
    SUPPORT_SOLVED,
    add,
    allowed,
    close,
    keep,
    offer,
    pop,
    push,
    rounded,
    solve_support,
)

if TYPE_CHECKING:
    from portfolio import Vector
    from portfolio.conic.bound import States
    from portfolio.conic.large.perspective.block_objective import BlockObjective
    from portfolio.conic.large.perspective.lagrangian import BlockData, Costs
    from portfolio.conic.large.perspective.tree import Pool

# For a relaxation: steps before careful mode, greatest number of steps, and damping, for a child, the root, and a trial
# of a switch. Floats, as in ``tree``.
_WARM, _COLD, _TRIAL = (6.0, 40.0, 0.0), (20.0, 400.0, 1.0), (5.0, 12.0, 0.0)

# Number of trials in both states before the search trusts a switch's average gains (reliability branching, Achterberg,
# Koch & Martin 2005), and greatest number of untrusted switches to try per node.
_RELIABLE, _TRIALS = 1.0, 10
# Split an interval where the secant's error is at least this share of the gap, or this share of the largest cost. The
# second limit does not depend on the gap: it splits early enough for many nodes to share the halves.
_PART, _WIDE = 0.3, 0.05


@compiled
def learn(pool: Pool, switch: int, state: int, distance: float, gain: float) -> None:
    """Record the gain in the bound per unit of distance that the switch moved."""
    pool.gain[state, switch] += gain / max(distance, 1e-3)
    pool.gains[state, switch] += 1.0


@compiled
def try_switch(
    block: BlockData,
    goal: BlockObjective,
    pool: Pool,
    costs: Costs,
    node: int,
    states: States,
    i: int,
    fraction: float,
    value: float,
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
def choose(
    block: BlockData,
    goal: BlockObjective,
    pool: Pool,
    costs: Costs,
    node: int,
    states: States,
    z: Vector,
    value: float,
    effort: int,
) -> int:
    """Choose the switch to branch on: the switch with the largest promised product of gains in both states.

    Trials of switches take *effort* steps at most.
    """
    n, before = len(z), pool.numbers[STEPS]
    score = np.zeros(n)
    for i in range(n):
        if states[i] == -1 and z[i] > NOTHING and z[i] < 1.0 - NOTHING:
            score[i] = (1.0 - z[i]) * z[i] ** 0.15
    order = np.argsort(-score)
    fractions = z.copy()
    best, most, trials = -1, -1.0, 0
    for place in range(n):
        i = order[place]
        if score[i] <= 0.0:
            break
        exhausted = pool.numbers[STEPS] - before >= effort
        if min(pool.gains[0, i], pool.gains[1, i]) < _RELIABLE and trials < _TRIALS and not exhausted:
            trials += 1
            try_switch(block, goal, pool, costs, node, states, i, fractions[i], value)
        promise = 1.0
        for state in range(2):
            times, gain = pool.gains[state, i], 0.0
            if times > 0.0:
                gain = pool.gain[state, i] / times * (fractions[i] if state == 0 else 1.0 - fractions[i])
            promise *= max(gain, 1e-7)
        if promise > most:
            best, most = i, promise
    return best


@compiled
def explore(block: BlockData, goal: BlockObjective, pool: Pool, budget: int, effort: int) -> bool:
    """Expand up to *budget* nodes, or stop after *effort* steps. Return True when the tree is closed.

    Whatever solves a relaxation is called here: the compiler compiles it once more for each function that calls it.
    """
    n = len(block.D)
    on, z = np.zeros(n), np.zeros(n)
    support, phase = np.zeros(n, dtype=np.int8), np.zeros(n, dtype=np.int8)
    before = pool.numbers[STEPS]
    for _ in range(budget):
        if pool.numbers[STEPS] - before >= effort:
            break
        if is_closed(pool):
            return True
        node = pop(pool)
        states, low, high = pool.states[node].copy(), pool.low[node], pool.high[node]
        pool.numbers[EXPANDED] += 1
        if not allowed(goal, states):
            close(pool, node, FORBIDDEN, np.inf)
            continue
        warm = pool.warm[node]
        u, y = pool.last_u[warm].copy(), pool.last_y[warm].copy()
        pool.phase[node] = pool.phase[warm]
        costs = costs_on(goal, low, high, high)
        _, _, steps = relaxed(
            block, goal, costs, states, u, y, pool.phase[node], pool.values[CUT], 1e-8,
            _COLD if node == 0 else _WARM, pool.u[node], pool.y[node], z,
        )  # fmt: skip
        pool.numbers[STEPS] += steps
        pool.last_u[node], pool.last_y[node] = u, y
        value = record(block, pool, costs, node, states, on)
        if value >= pool.values[CUT]:
            close(pool, node, BOUNDED, value)
            continue
        if is_decided(states):
            value, _ = solve_support(block, goal, pool, states, u, y, pool.phase[node], 0.5 * (low + high))
            pool.last_u[node], pool.last_y[node] = u, y
            if value < np.inf:
                keep(goal, pool, states, u, value)
            close(pool, node, SUPPORT_SOLVED, value)
            continue
        # Look for an incumbent near the point.
        spread = math.sqrt(variance(block, u)) if goal.mode == SECANT else 0.0
        rounded(block, goal, states, z, support)
        if least_cost(states, support, value, on) < pool.values[BEST] + pool.values[SLACK]:
            begin_trial(pool, node, support, phase)
            offer(block, goal, pool, support, u.copy(), y.copy(), phase, max(spread, 1e-9))
        if value >= pool.values[CUT]:
            close(pool, node, BOUNDED, value)
            continue
        fix_switches(pool, node, states, value, on)
        fractional = is_fractional(states, z)
        if is_wide(goal, pool, node, value, spread, fractional):
            split_interval(block, goal, pool, node, states, spread, on)
            continue
        switch = choose(block, goal, pool, costs, node, states, z, value, effort) if fractional else -1
        branch(pool, node, states, value, switch, on, z)
    return is_closed(pool)


@compiled
def is_closed(pool: Pool) -> bool:
    """Return whether no open node can improve the incumbent enough."""
    return bool(pool.numbers[HEAP] == 0 or pool.bound[pool.heap[0]] >= pool.values[CUT])


@compiled
def is_decided(states: States) -> bool:
    """Return whether all switches are set."""
    decided = True
    for i in range(len(states)):
        decided = decided and states[i] != -1
    return decided


@compiled
def record(block: BlockData, pool: Pool, costs: Costs, node: int, states: States, on: Vector) -> float:
    """Bound a node by its own relaxation, or by its parent's record where that proves more; learn from the gain."""
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
    return value


@compiled
def least_cost(states: States, support: States, value: float, on: Vector) -> float:
    """Return the bound of a node with its free switches as in *support*; *on* is the cost of each when on."""
    for i in range(len(states)):
        if states[i] == -1:
            value -= min(on[i], 0.0)
            if support[i] == 1:
                value += on[i]
    return value


@compiled
def begin_trial(pool: Pool, node: int, support: States, phase: States) -> None:
    """Begin a support's solve with the phases of a node, and no variable of the support fixed at zero."""
    phase[:] = pool.phase[node]
    for i in range(len(phase)):
        if support[i] == 1 and phase[i] == ZERO:
            phase[i] = LINE


@compiled
def fix_switches(pool: Pool, node: int, states: States, value: float, on: Vector) -> None:
    """Fix each switch if the other state is already worse than the incumbent; *on* is the cost of each when on."""
    cut = pool.values[CUT]
    for i in range(len(states)):
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
            pool.fix_proof[fix], pool.fix_bound[fix] = pool.proof[node], other
            states[i] = state


@compiled
def is_fractional(states: States, z: Vector) -> bool:
    """Return whether a free switch is between its states at the node's point."""
    fractional = False
    for i in range(len(states)):
        fractional = fractional or (states[i] == -1 and z[i] > NOTHING and z[i] < 1.0 - NOTHING)
    return fractional


@compiled
def is_wide(goal: BlockObjective, pool: Pool, node: int, value: float, spread: float, fractional: bool) -> bool:
    """Return whether the secant's error at the point asks for a split of the interval at *spread*, the risk there."""
    low, high, cut = pool.low[node], pool.high[node], pool.values[CUT]
    if not (goal.mode == SECANT and low < spread < high):
        return False
    weight = goal.risk
    for r in range(len(goal.alpha)):
        weight += pool.last_y[node, r] * goal.alpha[r]
    error = weight * (spread - low) * (high - spread) / (low + high)
    enough = min(_PART * (cut - value), _WIDE)
    if not fractional:
        # The point is feasible for the program and costs *error* more. If that cost is below a cut with slack, no
        # split can close the node.
        enough = cut - value if cut > pool.values[BEST] else 0.0
    return bool(error > 0.0 and error >= enough and min(spread - low, high - spread) > 1e-7 * high)


@compiled
def split_interval(
    block: BlockData, goal: BlockObjective, pool: Pool, node: int, states: States, spread: float, on: Vector
) -> None:
    """Split a node's interval of the risk; both halves keep the fixed switches."""
    proof = pool.proof[node]
    for side in range(2):
        a, b = (pool.low[node], spread) if side == 0 else (spread, pool.high[node])
        half = bound_at(block, costs_on(goal, a, b, b), states, pool.u[proof], pool.y[proof], on)
        push(pool, add(pool, node, states, a, b, half))


@compiled
def branch(pool: Pool, node: int, states: States, value: float, switch: int, on: Vector, z: Vector) -> None:
    """Branch on the chosen switch; without one, on the free switch that the point holds most."""
    low, high = pool.low[node], pool.high[node]
    if switch < 0:
        most = -np.inf
        for i in range(len(states)):
            if states[i] == -1 and z[i] > most:
                switch, most = i, z[i]
    if switch < 0:
        push(pool, add(pool, node, states, low, high, value))
        return
    part = min(on[switch], 0.0)
    for state in (1, 0):
        states[switch] = state
        child = add(pool, node, states, low, high, value - part + (on[switch] if state == 1 else 0.0))
        pool.branched[child], pool.distance[child] = switch, z[switch] if state == 0 else 1.0 - z[switch]
        push(pool, child)
