"""The ladder's smallest rung against brute force over supports, and the instances themselves.

``pytest tests/domain/master/test_ladder.py --ladder-seeds 20`` certifies more of them: some seconds a seed.
"""

from __future__ import annotations

import math
from collections import Counter
from itertools import chain, product
from math import comb
from typing import TYPE_CHECKING

import numpy as np
import pytest
from ladder_instances import Covariance, formulation, instance, pods_alone, universe_size
from support.brute_force import BruteForce
from support.builders import random_market, random_sleeves, terms
from support.depth import some_of
from support.oracles import Facts, ask_scip, enumerate_supports

from portfolio.conic import proof
from portfolio.conic.search import minimise
from portfolio.conic.solution import Status
from portfolio.terms.rules import Duplicates

if TYPE_CHECKING:
    from ladder_instances import Instance

    from portfolio.conic.solution import Solution

# Our gap is 1e-4 of objectives of about 0.5, SCIP's 1e-5.
AGREE = 2e-4
# What the solvers' accuracy in the rows is worth in the objective.
NOISE = 2e-6


def pytest_generate_tests(metafunc: pytest.Metafunc) -> None:
    if "seed" in metafunc.fixturenames:
        seeds = metafunc.config.getoption("ladder_seeds")
        metafunc.parametrize("seed", range(seeds) if seeds else some_of(range(2), every=2))


def search(made: Instance, *, never_worse: bool) -> Solution:
    program = formulation(made, never_worse=never_worse).program
    solution = minimise(program)
    assert proof.faults(program, solution) == []
    return solution


def assert_certified(solution: Solution, best: float) -> None:
    """Compare a search with the best objective there is (minus infinity: nothing is feasible)."""
    if math.isinf(best):
        assert solution.status is Status.INFEASIBLE
        return
    assert solution.status is Status.OPTIMAL
    assert -solution.bound >= best - NOISE
    assert best - AGREE * abs(best) <= -solution.value <= best + NOISE


@pytest.mark.oracle
@pytest.mark.parametrize("never_worse", [False, True])
@pytest.mark.parametrize("duplicates", list(Duplicates))
@pytest.mark.parametrize("covariance", list(Covariance))
def test_the_smallest_rung_is_certified_by_brute_force(
    seed: int, covariance: Covariance, duplicates: Duplicates, *, never_worse: bool
) -> None:
    made = instance(15, 4, seed, covariance, duplicates)
    best = BruteForce(Facts(*made, never_worse)).best()
    assert_certified(search(made, never_worse=never_worse), best)


@pytest.mark.oracle
@pytest.mark.parametrize("duplicates", list(Duplicates))
def test_so_is_the_rung_with_the_reference_customer_s_limits(seed: int, duplicates: Duplicates) -> None:
    made = instance(15, 4, seed, duplicates=duplicates, tight=True)
    assert_certified(search(made, never_worse=True), BruteForce(Facts(*made)).best())


@pytest.mark.oracle
@pytest.mark.parametrize("duplicates", list(Duplicates))
@pytest.mark.parametrize("never_worse", [False, True])
def test_pricing_the_joint_rows_does_not_change_what_brute_force_finds(
    duplicates: Duplicates, *, never_worse: bool
) -> None:
    for number in range(4):
        rng = np.random.default_rng(number)
        prices = random_market(rng, 6)
        sleeves = random_sleeves(rng, prices, 2, universe=4)
        asked = terms(duplicates=duplicates, max_weight=0.6, max_etfs=int(rng.integers(4, 7)))
        facts = Facts(prices, sleeves, asked, never_worse)
        assert BruteForce(facts).best() == pytest.approx(enumerate_supports(facts).best, abs=NOISE)


@pytest.mark.oracle
def test_brute_force_agrees_with_scip_where_an_etf_has_to_be_shared() -> None:
    # Four pods and 15 ETFs with limits that need 11 of 12: no portfolio with one owner an ETF.
    facts = Facts(*instance(15, 4, 0, duplicates=Duplicates.PENALISE, tight=True))
    assert math.isinf(BruteForce(Facts(*instance(15, 4, 0, tight=True))).best())
    assert ask_scip(facts).best == pytest.approx(BruteForce(facts).best(), rel=AGREE)


@pytest.mark.parametrize(("n", "pods"), [(15, 4), (60, 4), (120, 16)])
@pytest.mark.parametrize("covariance", list(Covariance))
def test_an_instance_is_what_it_says(n: int, pods: int, covariance: Covariance) -> None:
    market, sleeves, asked = instance(n, pods, 1, covariance)
    assert (len(market.etfs), len(sleeves), asked.rules.max_etfs) == (n, pods, 3 * pods)
    assert {len(s.mandate.universe) for s in sleeves} == {universe_size(n)}
    assert sum(s.share for s in sleeves) == pytest.approx(1)
    assert min(s.share for s in sleeves) > asked.rules.min_weight
    assert np.linalg.eigvalsh(market.Sigma)[0] > 0
    for sleeve in sleeves:
        for measure, goal in sleeve.mandate.goals.items():
            assert measure.met(goal, sleeve.figures.of(measure))


def test_instances_are_drawn_the_same_again() -> None:
    first = instance(30, 4, 7, Covariance.SAMPLE)
    pods_alone.cache_clear()
    again = instance(30, 4, 7, Covariance.SAMPLE)
    assert np.array_equal(first[0].Sigma, again[0].Sigma)
    for one, other in zip(first[1], again[1], strict=True):
        assert one.mandate == other.mandate
        assert np.array_equal(one.weights, other.weights)


def test_seeds_covariances_and_numbers_of_pods_make_different_instances() -> None:
    made = [instance(15, pods, seed, c)[0].Sigma for pods, seed, c in product((2, 3), (0, 1), Covariance)]
    assert len({Sigma.tobytes() for Sigma in made}) == len(made)


def test_without_the_never_worse_rows_a_formulation_has_none_of_them() -> None:
    made = instance(15, duplicates=Duplicates.PENALISE)
    whole, bare = (formulation(made, never_worse=choice).program for choice in (True, False))
    owners = Counter(chain.from_iterable(sleeve.mandate.universe for sleeve in made[1]))
    # Cost, tax, duplicates with a row for every two owners, and the cone of 16 rows; the other two are bounds.
    rows = 3 + sum(comb(number, 2) for number in owners.values()) + 16
    assert (len(whole.b) - len(bare.b), len(whole.cones) - len(bare.cones)) == (rows, 1)
