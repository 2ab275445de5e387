"""Programs of several blocks: prices and blocks find what one tree finds, and prove it."""

from __future__ import annotations

import math
from dataclasses import replace
from typing import TYPE_CHECKING

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from support.block_toys import block_toy
from support.depth import examples

from portfolio.conic import proof, search
from portfolio.conic.bound import OFF, ON, valid
from portfolio.conic.large.decomposition.decomposed_search import minimise
from portfolio.conic.large.decomposition.proof_by_prices import Decomposed, DualPrices, Fixing
from portfolio.conic.large.decomposition.split import Split
from portfolio.conic.limits import Limits
from portfolio.conic.program import JOINT, Builder
from portfolio.conic.relaxation import Outcome, Relaxation
from portfolio.conic.restriction import Restriction, kept_by
from portfolio.conic.solution import Solution, Status, scale_of

if TYPE_CHECKING:
    from portfolio.conic.program import Program

pytestmark = pytest.mark.slow

GAP = 1e-4
# Solutions are solved to 1e-9, rows kept to 1e-7.
SOLVERS_AGREE = 1e-6

PROFILE = examples(60, quick=8)
seeds = st.integers(0, 2**32 - 1)


def agrees(program: Program, found: Solution) -> bool:
    """Whether a proven solution is that of one tree over everything."""
    plain = search.minimise(program, Limits(gap=GAP))
    if plain.status is Status.INFEASIBLE:
        return found.status is Status.INFEASIBLE
    near = abs(found.value - plain.value) <= GAP * scale_of(plain.value) + SOLVERS_AGREE
    return found.status is Status.OPTIMAL and near and found.bound <= plain.value + SOLVERS_AGREE


def toy(seed: int, **kind: bool) -> Program:
    return block_toy(np.random.default_rng(seed), **kind)


def fixed_toy() -> tuple[Program, Solution, Decomposed]:
    """Find a toy whose proof has every part: prices, something fixed, a tree."""
    for seed in range(1000):
        program = toy(seed)
        found = minimise(program)
        leaf = found.leaves[0]
        if isinstance(leaf, Decomposed) and found.x is not None and leaf.tree and len(leaf.fixings[0].off):
            return program, found, leaf
    raise AssertionError


@pytest.mark.oracle
@PROFILE
@given(seed=seeds, cone=st.booleans(), penalise=st.booleans())
def test_prices_and_blocks_find_and_prove_what_one_tree_finds(seed: int, cone: bool, penalise: bool) -> None:  # noqa: FBT001
    program = toy(seed, cone=cone, penalise=penalise)
    found = minimise(program, Limits(gap=GAP))
    assert agrees(program, found)
    assert proof.faults(program, found) == []


@PROFILE
@given(seed=seeds, penalise=st.booleans())
def test_any_prices_bound_every_feasible_point_and_each_switch(seed: int, penalise: bool) -> None:  # noqa: FBT001
    rng = np.random.default_rng(seed)
    program = toy(seed, penalise=penalise)
    split = Split(program)
    y = valid(program, np.where(split.joint, rng.normal(size=len(program.b)), 0.0))
    prices = split.reduced_costs(y)
    trees = tuple(search.minimise(split.block_at(block, prices), slack=0.1).leaves for block in split.blocks)
    bound = DualPrices(y, trees).bound(split)
    for _ in range(20):
        states = np.where(rng.random(len(program.switched)) < 0.5, ON, OFF).astype(np.int8)
        answer = Relaxation(program).solve_sharply(states)
        if answer.outcome is Outcome.SOLVED:
            value = program.value(answer.x, states == ON) + SOLVERS_AGREE
            assert bound.value <= value
            assert (bound.on[states == ON] <= value).all()


def test_rows_that_name_one_block_only_are_its_own() -> None:
    build = Builder()
    x = [build.variable(upper=1.0, cost=-1.0, block=p) for p in (0, 0, 1)]
    free = build.variable(upper=1.0)
    z = [build.switch(j) for j in x]
    build.at_most({x[0]: 1.0, x[1]: 1.0}, 1.5)
    build.at_most({x[2]: 1.0}, 0.5, switches={z[2]: 0.1})
    build.at_most({}, 2.0, switches={z[0]: 1.0, z[2]: 1.0})
    build.at_most({x[2]: 1.0, free: -1.0}, 0.0)
    build.norm_at_most(np.eye(2), x[:2], {}, 1.0)
    build.norm_at_most(np.eye(2), x[1:], {}, 1.0)
    split = Split(build.build())
    assert [block.rows.tolist() for block in split.blocks] == [[0, 4, 5, 6], [1]]
    assert split.joint_rows.tolist() == [2, 3, 7, 8, 9]
    assert split.joint_variables.tolist() == [free]


def test_a_program_of_one_block_is_left_to_one_tree() -> None:
    build = Builder()
    build.switch(build.variable(upper=1.0, cost=-1.0, block=0))
    build.switch(build.variable(upper=1.0, cost=-1.0, block=0))
    build.at_most({}, 1.0, switches={0: 1.0, 1: 1.0})
    found = minimise(build.build())
    assert found.status is Status.OPTIMAL
    assert found.value == pytest.approx(-1.0, abs=SOLVERS_AGREE)


def test_a_switch_of_no_block_is_left_to_one_tree() -> None:
    build = Builder()
    for block in (0, 1, JOINT):
        build.switch(build.variable(upper=1.0, cost=-1.0, block=block))
    build.at_most({}, 2.0, switches=dict.fromkeys(range(3), 1.0))
    assert minimise(build.build()).value == pytest.approx(-2.0, abs=SOLVERS_AGREE)


def test_a_block_without_any_point_makes_the_whole_infeasible() -> None:
    build = Builder()
    x = [build.variable(upper=0.4, cost=-1.0, block=p) for p in (0, 1)]
    for j in x:
        build.switch(j)
    build.equal({x[1]: 1.0}, 0.5)
    build.at_most({x[0]: 1.0, x[1]: 1.0}, 0.9)
    program = build.build()
    found = minimise(program)
    assert found.status is Status.INFEASIBLE
    assert proof.faults(program, found) == []


def test_blocks_that_cannot_agree_are_proven_to_contradict_each_other() -> None:
    # Each block alone can, together they hold too much: only prices can say so.
    build = Builder()
    for p in (0, 1):
        u = [build.variable(upper=0.8, block=p) for _ in range(3)]
        for j in u:
            build.switch(j, floor=0.1)
        build.equal(dict.fromkeys(u, 1.0), 1.0)
    build.at_most(dict.fromkeys(range(6), 1.0), 1.9)
    program = build.build()
    found = minimise(program)
    assert found.status is Status.INFEASIBLE
    assert proof.faults(program, found) == []


def test_a_stopped_search_says_what_it_knows() -> None:
    for asked in range(40):
        left = iter(range(asked))
        program = toy(5)
        found = minimise(program, Limits(stop=lambda left=left: next(left, None) is None))
        assert proof.faults(program, found) == []
        assert found.bound <= search.minimise(program).value + SOLVERS_AGREE
        assert found.status is not Status.INFEASIBLE
        assert found.status is not Status.OPTIMAL or found.x is not None


@PROFILE
@given(seed=seeds)
def test_the_same_program_gives_the_same_answer(seed: int) -> None:
    first, second = minimise(toy(seed)), minimise(toy(seed))
    assert (first.value, first.bound, first.nodes) == (second.value, second.bound, second.nodes)


def test_an_infinite_gap_is_never_called_optimal() -> None:
    found = minimise(toy(5), Limits(stop=lambda: True))
    assert (found.x, found.value, found.status) == (None, math.inf, Status.STOPPED)


def test_a_bound_that_was_not_proven_is_a_fault() -> None:
    program, found, _ = fixed_toy()
    assert proof.faults(program, replace(found, bound=found.value, value=found.value)) != []


def test_a_proof_without_a_leaf_of_its_tree_is_a_fault() -> None:
    program, found, leaf = fixed_toy()
    for i in range(len(leaf.tree)):
        less = replace(leaf, dual_prices=(), tree=leaf.tree[:i] + leaf.tree[i + 1 :])
        assert proof.faults(program, replace(found, leaves=(less,))) != []


def test_a_proof_without_a_leaf_of_a_block_is_a_fault() -> None:
    program, found, leaf = fixed_toy()
    fixing = leaf.fixings[0]
    for place, tree in enumerate(fixing.dual_prices.trees):
        trees = list(fixing.dual_prices.trees)
        trees[place] = tree[1:]
        less = Fixing(replace(fixing.dual_prices, trees=tuple(trees)), fixing.off)
        assert proof.faults(program, replace(found, leaves=(replace(leaf, dual_prices=(), fixings=(less,)),))) != []


def test_a_switch_that_was_fixed_without_a_reason_is_a_fault() -> None:
    program, found, leaf = fixed_toy()
    assert found.states is not None
    fixing = leaf.fixings[0]
    held = np.flatnonzero(found.states == ON)[:1]
    off = np.concatenate([fixing.off, held])
    kept = np.flatnonzero(~np.isin(np.arange(len(program.switched)), fixing.off))
    column = int(np.flatnonzero(kept == held[0])[0])
    tree = tuple(replace(part, states=np.delete(part.states, column)) for part in leaf.tree)
    more = replace(leaf, dual_prices=(), fixings=(Fixing(fixing.dual_prices, off),), tree=tree)
    assert proof.faults(program, replace(found, leaves=(more,))) != []


def test_prices_that_were_tampered_with_prove_less() -> None:
    program, found, leaf = fixed_toy()
    fixing = leaf.fixings[0]
    wrong = Fixing(replace(fixing.dual_prices, y=fixing.dual_prices.y * 3 + 1), fixing.off)
    assert proof.faults(program, replace(found, leaves=(replace(leaf, dual_prices=(), fixings=(wrong,)),))) != []


@PROFILE
@given(seed=seeds)
def test_a_restriction_has_the_optimum_of_the_whole_with_switches_off(seed: int) -> None:
    rng = np.random.default_rng(seed)
    program = toy(seed, penalise=bool(rng.integers(2)))
    off = rng.random(len(program.switched)) < 0.4
    small = Restriction(program, kept_by(program, off))
    states = np.where(rng.random(int((~off).sum())) < 0.6, ON, OFF).astype(np.int8)
    here = Relaxation(small.program).solve_sharply(states)
    there = Relaxation(program).solve_sharply(small.states(states))
    assert (here.outcome is Outcome.SOLVED) == (there.outcome is Outcome.SOLVED)
    if here.outcome is Outcome.SOLVED:
        value = small.program.value(here.x, states == ON)
        assert value == pytest.approx(program.value(there.x, small.states(states) == ON), abs=SOLVERS_AGREE)
        assert proof.violation(program, small.point(here.x), small.states(states)) <= proof.FEASIBLE
