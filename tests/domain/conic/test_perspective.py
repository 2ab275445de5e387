"""The compiled search of one block: agrees with the plain tree and with enumeration, and proves what it says."""

from __future__ import annotations

import math
from dataclasses import replace
from itertools import count

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from support.blocks import OBJECTIVES, enumerated, random_block
from support.depth import examples

from portfolio.conic import proof
from portfolio.conic.bound import FREE, OFF, ON
from portfolio.conic.large.perspective.block import BlockSearch
from portfolio.conic.large.perspective.diagonal import largest_diagonal, safe_diagonal
from portfolio.conic.large.perspective.leaf import PerspectiveLeaf, Splitting
from portfolio.conic.large.perspective.not_a_block import NotABlockError
from portfolio.conic.limits import Limits
from portfolio.conic.program import Builder
from portfolio.conic.search import minimise
from portfolio.conic.solution import Status, proven, scale_of

pytestmark = pytest.mark.slow

GAP = 1e-4
# Two answers within the gap of the same optimum, and a little for two solvers' rounding.
AGREE = 1.2 * GAP
# What is published keeps its rows to this.
SHARP = 1e-8

# With a slack a search may take very many nodes: what it says must hold wherever it ends.
NODES = 2_000

PROFILE = examples(60, quick=8)
seeds = st.integers(0, 2**32 - 1)
objectives = st.sampled_from(OBJECTIVES)


@pytest.mark.oracle
@PROFILE
@given(seeds, objectives, st.booleans(), st.integers(5, 16))
def test_it_agrees_with_the_plain_tree_and_proves_it(seed: int, objective: str, hard: bool, n: int) -> None:  # noqa: FBT001
    program = random_block(seed, n=n, objective=objective, hard=hard)
    solution, reference = BlockSearch(program).minimise(limits=Limits(gap=GAP)), minimise(program, Limits(gap=GAP))
    assert solution.status is reference.status
    assert proof.faults(program, solution) == []
    if solution.x is not None:
        assert abs(solution.value - reference.value) <= AGREE * scale_of(reference.value)


@pytest.mark.oracle
@PROFILE
@given(seeds, objectives, st.floats(0.0, 0.05))
def test_what_leaves_say_of_each_switch_is_never_above_the_truth(seed: int, objective: str, slack: float) -> None:
    program = random_block(seed, n=6, objective=objective)
    best, on = enumerated(program)
    solution = BlockSearch(program).minimise(limits=Limits(gap=GAP, node_limit=NODES), slack=slack)
    _, bounds = proven(program, solution.leaves)
    assert (bounds <= on + 1e-6).all()
    assert solution.nodes < NODES  # no slack asks for ever smaller parts of the risk
    if math.isfinite(best):
        assert solution.value == pytest.approx(best, abs=2e-4 * scale_of(best))
        # Whatever is not within the slack is known not to be.
        assert (bounds >= np.minimum(on, best + slack) - AGREE * scale_of(best) - 1e-6).all()
    else:
        assert solution.status is Status.INFEASIBLE


@PROFILE
@given(seeds, objectives)
def test_points_are_feasible_and_the_best_comes_first(seed: int, objective: str) -> None:
    program = random_block(seed, n=12, objective=objective)
    solution = BlockSearch(program).minimise(limits=Limits(node_limit=NODES), slack=0.02)
    values = [program.value(x, states == ON) for x, states in solution.points]
    assert values == sorted(values)
    assert values[:1] == ([solution.value] if solution.x is not None else [])
    assert all(proof.violation(program, x, states) <= SHARP for x, states in solution.points)


@PROFILE
@given(seeds, st.sampled_from(["volatility", "sharpe", "yield"]))
def test_other_costs_are_as_good_as_another_program(seed: int, objective: str) -> None:
    program = random_block(seed, n=9, objective=objective)
    rng = np.random.default_rng(seed + 1)
    search = BlockSearch(program)
    search.minimise()
    j = program.switched
    q, k = program.q.copy(), program.k + rng.uniform(0, 0.05, len(j))
    q[j] += rng.normal(size=len(j)) * 0.1
    changed = replace(program, q=q, k=k, offset=2.0)
    solution, reference = search.minimise(q, k, 2.0), minimise(changed)
    assert solution.status is reference.status
    assert proof.faults(changed, solution) == []
    if solution.x is not None:
        assert abs(solution.value - reference.value) <= AGREE * scale_of(reference.value)


@pytest.mark.parametrize("objective", OBJECTIVES)
def test_a_tampered_proof_is_found(objective: str) -> None:
    program = random_block(3, n=14, objective=objective)
    solution = BlockSearch(program).minimise()
    assert proof.faults(program, solution) == []
    assert proof.faults(program, replace(solution, bound=solution.bound + 0.01, value=solution.value)) != []
    assert proof.faults(program, replace(solution, leaves=solution.leaves[1:])) != []
    assert proof.faults(program, replace(solution, value=solution.value - 0.01)) != []
    perspective = [leaf for leaf in solution.leaves if isinstance(leaf, PerspectiveLeaf) and leaf.splitting is not None]
    splitting = perspective[0].splitting
    assert splitting is not None
    # A diagonal that is too large would prove anything.
    false = Splitting(splitting.D * 1.5, splitting.shift)
    leaves = tuple(replace(leaf, splitting=false) if leaf in perspective else leaf for leaf in solution.leaves)
    assert proof.faults(program, replace(solution, leaves=leaves)) != []


def test_an_interval_of_the_risk_that_no_leaf_is_about_is_found() -> None:
    program = random_block(3, n=14, objective="sharpe")
    solution = BlockSearch(program).minimise()
    top = max(leaf.interval[1] for leaf in solution.leaves)
    leaves = tuple(leaf for leaf in solution.leaves if leaf.interval[1] < top)
    assert proof.faults(program, replace(solution, leaves=leaves)) != []


@pytest.mark.oracle
@PROFILE
@given(seeds, st.floats(-1.0, 3.0))
def test_a_leaf_is_below_every_point_whatever_it_stores(seed: int, theta: float) -> None:
    program = random_block(seed, n=6, objective="sharpe")
    best, _ = enumerated(program)
    rng = np.random.default_rng(seed)
    search = BlockSearch(program)
    high = search.shape.high
    for variance in (False, True):
        leaf = PerspectiveLeaf(
            np.full(6, FREE, dtype=np.int8),
            rng.normal(size=len(program.b)),
            splitting=search.splitting,
            theta=theta,
            point=rng.uniform(-0.2, 0.5, 6),
            risks=(0.0, high),
            variance=variance,
        )
        assert leaf.bound(program).value <= best + 1e-9 or math.isinf(best)


def test_a_stop_ends_the_search_with_what_it_has() -> None:
    program = random_block(5, n=40, objective="volatility")
    asked = count()
    solution = BlockSearch(program).minimise(limits=Limits(gap=1e-9, stop=lambda: next(asked) > 0))
    assert solution.status is Status.STOPPED
    assert math.isfinite(solution.value)
    assert solution.bound < solution.value
    assert proof.faults(program, solution) == []
    unasked = BlockSearch(program).minimise(limits=Limits(stop=lambda: True))
    assert (unasked.status, unasked.x, unasked.nodes) == (Status.STOPPED, None, 0)


def test_the_same_program_has_the_same_answer() -> None:
    program = random_block(11, n=30, objective="sharpe")
    first, second = (BlockSearch(program).minimise() for _ in range(2))
    assert (first.value, first.bound, first.nodes, len(first.leaves)) == (
        second.value, second.bound, second.nodes, len(second.leaves),
    )  # fmt: skip


def test_a_limit_on_nodes_is_kept() -> None:
    program = random_block(5, n=40, objective="volatility")
    solution = BlockSearch(program).minimise(limits=Limits(gap=1e-9, node_limit=3))
    assert solution.nodes == 3
    assert proof.faults(program, solution) == []


def block(*, cone: bool = True) -> Builder:
    build = Builder()
    u = [build.variable(upper=0.7, cost=0.1 * j, block=0) for j in range(3)]
    for j in u:
        build.switch(j, floor=0.1)
    build.equal(dict.fromkeys(u, 1.0), 1.0)
    if cone:
        build.norm_at_most(np.eye(3), u, {build.variable(upper=2.0, cost=1.0, block=0): 1.0})
    return build


def test_what_is_not_a_block_is_refused() -> None:
    no_budget = Builder()
    no_budget.switch(no_budget.variable(upper=1.0))
    free = block()
    free.variable(upper=1.0)
    free.variable(upper=1.0)
    two = block()
    two.norm_at_most(np.eye(3), [0, 1, 2], {3: 2.0})
    mixed = block()
    mixed.at_most({0: 1.0}, 0.5, switches={1: 1.0})
    rewarded = block()
    rewarded.at_most({3: -1.0, 0: 1.0}, 0.5)
    for build in (no_budget, free, two, mixed, rewarded):
        with pytest.raises(NotABlockError):
            BlockSearch(build.build())


def test_costs_that_reward_risk_are_refused() -> None:
    program = block().build()
    with pytest.raises(NotABlockError):
        BlockSearch(program).minimise(-program.q)


def test_a_block_without_risk_is_a_knapsack() -> None:
    program = block(cone=False).build()
    solution = BlockSearch(program).minimise()
    # 0.7 of the first, at no cost, and the rest of the second.
    assert solution.value == pytest.approx(0.03, abs=1e-9)
    assert proof.faults(program, solution) == []


def test_a_pair_that_must_not_be_held_together_is_not() -> None:
    build = block(cone=False)
    build.at_most({}, 1.0, switches={0: 1.0, 1: 1.0})
    solution = BlockSearch(build.build()).minimise()
    assert solution.states is not None
    assert solution.states.tolist() == [ON, OFF, ON]
    assert solution.value == pytest.approx(0.06, abs=1e-9)
    assert proof.faults(build.build(), solution) == []


@PROFILE
@given(seeds, st.integers(1, 30))
def test_a_diagonal_leaves_a_positive_semidefinite_rest(seed: int, n: int) -> None:
    rng = np.random.default_rng(seed)
    M = rng.normal(size=(int(rng.integers(1, 2 * n + 1)), n))
    S = M.T @ M
    D = largest_diagonal(S)
    assert (D >= 0).all()
    assert np.linalg.eigvalsh(S - np.diag(D))[0] >= -1e-9 * np.trace(S)


@PROFILE
@given(seeds, st.integers(1, 40))
def test_a_safe_diagonal_of_a_singular_variance_leaves_no_negative_direction(seed: int, n: int) -> None:
    M = np.random.default_rng(seed).normal(size=(max(n // 2, 1), n))
    S = M.T @ M
    D = safe_diagonal(S)
    # Rounding of a factorisation in double precision.
    assert np.linalg.eigvalsh(S - np.diag(D))[0] >= -1e-12 * np.trace(S)


def test_a_diagonal_variance_is_all_diagonal() -> None:
    S = np.diag([1.0, 2.0, 5.0])
    assert largest_diagonal(S) == pytest.approx([1.0, 2.0, 5.0], rel=0.05)
