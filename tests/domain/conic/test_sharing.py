"""Things that several blocks may have: solved without sharing first, then what sharing could bring."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from ladder_instances import formulation, instance
from support.block_toys import block_toy
from support.depth import examples

from portfolio.conic import proof, search
from portfolio.conic.bound import OFF, ON, valid
from portfolio.conic.large.decomposition.decomposed_search import minimise
from portfolio.conic.large.decomposition.proof_by_prices import Apart, DualPrices
from portfolio.conic.large.decomposition.sharing import groups_of, unshared
from portfolio.conic.large.decomposition.split import Split
from portfolio.conic.program import Builder
from portfolio.conic.relaxation import Outcome, Relaxation
from portfolio.terms.rules import Duplicates

if TYPE_CHECKING:
    from portfolio.conic.bound import States
    from portfolio.conic.program import Program
    from portfolio.conic.solution import Solution

pytestmark = pytest.mark.slow

# Solutions are solved to 1e-9, rows kept to 1e-7.
SOLVERS_AGREE = 1e-6

PROFILE = examples(60, quick=8)
seeds = st.integers(0, 2**32 - 1)


def shared_toy(seed: int) -> Program:
    return block_toy(np.random.default_rng(seed), penalise=True)


def supports(rng: np.random.Generator, program: Program, *, count: int = 20) -> list[States]:
    return [np.where(rng.random(len(program.switched)) < 0.4, ON, OFF).astype(np.int8) for _ in range(count)]


def best_at(program: Program, states: States) -> float | None:
    answer = Relaxation(program).solve_sharply(states)
    return program.value(answer.x, states == ON) if answer.outcome is Outcome.SOLVED else None


def apart_toy() -> tuple[Program, Solution, Apart]:
    """Find a toy that is proven apart, with a portfolio."""
    for seed in range(100):
        program = shared_toy(seed)
        found = minimise(program)
        if isinstance(found.leaves[0], Apart) and found.x is not None:
            return program, found, found.leaves[0]
    raise AssertionError


def test_the_owners_of_an_etf_are_a_group() -> None:
    form = formulation(instance(15, duplicates=Duplicates.PENALISE), never_worse=True)
    owners = {tuple(h.z for h in held) for held in form.by_etf.values() if len(held) > 1}
    assert {tuple(group.tolist()) for group in groups_of(form.program)} == owners


def test_without_sharing_a_program_that_penalises_it_is_the_one_that_forbids_it() -> None:
    penalised, forbidden = (formulation(instance(15, duplicates=d), never_worse=True).program for d in
                            (Duplicates.PENALISE, Duplicates.FORBID))  # fmt: skip
    alone = unshared(penalised, groups_of(penalised))
    assert len(alone.q) == len(forbidden.q)
    assert np.allclose(alone.floor, forbidden.floor)
    assert abs(search.minimise(alone).value - search.minimise(forbidden).value) <= 1e-4


@PROFILE
@given(seed=seeds)
def test_without_sharing_nothing_gets_dearer(seed: int) -> None:
    program = shared_toy(seed)
    groups = groups_of(program)
    alone = unshared(program, groups)
    for states in supports(np.random.default_rng(seed), program):
        for group in groups:
            states[group[np.flatnonzero(states[group] == ON)[1:]]] = OFF
        value, other = best_at(program, states), best_at(alone, states)
        assert value is None or (other is not None and other <= value + SOLVERS_AGREE)


@PROFILE
@given(seed=seeds)
def test_prices_bound_whatever_is_shared(seed: int) -> None:
    rng, program = np.random.default_rng(seed), shared_toy(seed)
    split = Split(program, groups_of(program))
    y = valid(program, np.where(split.joint, rng.normal(size=len(program.b)), 0.0))
    prices = split.reduced_costs(y)
    trees = tuple(search.minimise(split.block_at(block, prices), slack=0.1).leaves for block in split.blocks)
    bound = DualPrices(y, trees).bound(split)
    for states in supports(rng, program):
        value = best_at(program, states)
        if value is not None and any((states[group] == ON).sum() > 1 for group in split.groups):
            assert bound.value <= value + SOLVERS_AGREE
            assert (bound.on[states == ON] <= value + SOLVERS_AGREE).all()


def test_what_sharing_costs_at_least_is_part_of_the_bound() -> None:
    # Two blocks want the thing, the third does not; every owner after the first costs 0.3.
    build = Builder()
    for p, cost in enumerate((-1.0, -1.0, 1.0)):
        build.switch(build.variable(upper=1.0, cost=cost, block=p))
    extra = build.variable(upper=2.0, cost=0.3)
    build.at_most({extra: -1.0}, 1.0, switches=dict.fromkeys(range(3), 1.0))
    program = build.build()
    nothing = np.zeros(len(program.b))
    for groups, value in (((), -2.0), (groups_of(program), -1.7)):
        split = Split(program, groups)
        prices = split.reduced_costs(nothing)
        trees = tuple(search.minimise(split.block_at(block, prices)).leaves for block in split.blocks)
        assert DualPrices(nothing, trees).bound(split).value == pytest.approx(value, abs=SOLVERS_AGREE)


def test_a_part_in_which_nothing_can_be_shared_is_empty() -> None:
    program = shared_toy(1)
    split = Split(program, groups_of(program))
    off = np.isin(np.arange(len(program.switched)), np.concatenate([group[1:] for group in split.groups]))
    assert split.reduced_costs(np.zeros(len(program.b)), ban=off.astype(float)).constant == np.inf


def test_a_proof_without_a_leaf_of_either_case_is_a_fault() -> None:
    program, found, leaf = apart_toy()
    assert proof.faults(program, found) == []
    for less in (replace(leaf, alone=leaf.alone[1:]), replace(leaf, shared=leaf.shared[1:])):
        assert proof.faults(program, replace(found, leaves=(less,))) != []
