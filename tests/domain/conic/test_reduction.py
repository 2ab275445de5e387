"""Relaxations that are reduced before they are solved prove as much as whole ones."""

from __future__ import annotations

import numpy as np
import pytest

from portfolio.conic import proof
from portfolio.conic.bound import FREE, OFF, ON, lagrangian_bound
from portfolio.conic.program import Builder, Program
from portfolio.conic.relaxation import Outcome, Relaxation
from portfolio.conic.search import minimise
from portfolio.conic.smaller import SmallerRelaxation
from portfolio.conic.solution import Status

# Both are solved to 1e-7 or better, numbers are of about one.
NEAR = 1e-5

ITEMS = 6


def made(seed: int) -> Program:
    """Make a program in which parts follow switches that say yes or no, at most four of them, and risk is bounded."""
    rng, build = np.random.default_rng(seed), Builder()
    held, invested = [], {}
    for _ in range(ITEMS):
        x, part, rest = (build.variable(upper=1.0, cost=-float(rng.uniform(0.1, 1.0))) for _ in range(3))
        yes = build.variable(upper=1.0, cost=0.1)
        held.append(build.switch(yes, floor=1.0, urgency=float(rng.uniform(1, 4))))
        build.at_most({part: 1.0, yes: -0.5}, 0.0)
        build.at_most({rest: 1.0, part: -1.0}, 0.0)
        build.at_most({x: 1.0, yes: -1.0}, 0.0)
        build.at_most({x: -1.0, yes: float(rng.uniform(0, 0.2))}, 0.0)
        build.equal({x: 1.0, part: -1.0, rest: -1.0}, 0.0)
        invested[x] = 1.0
    build.equal(invested, 1.0)
    build.at_most({}, 4.0, switches=dict.fromkeys(held, 1.0))
    build.norm_at_most(rng.normal(size=(4, ITEMS)), list(invested), {}, float(rng.uniform(0.7, 1.5)))
    return build.build()


@pytest.mark.parametrize("seed", range(25))
def test_a_reduced_relaxation_proves_as_much_as_the_whole_one(seed: int) -> None:
    program, rng = made(seed), np.random.default_rng(seed)
    for _ in range(8):
        states = rng.choice([FREE, FREE, OFF, ON], size=ITEMS).astype(np.int8)
        whole, small = Relaxation(program).solve_sharply(states), SmallerRelaxation(program).solve_sharply(states)
        assert (small.outcome is Outcome.INFEASIBLE) is (whole.outcome is Outcome.INFEASIBLE)
        costs = whole.outcome is not Outcome.INFEASIBLE
        proven = lagrangian_bound(program, states, small.multipliers, costs=costs).value
        if costs:
            expected = lagrangian_bound(program, states, whole.multipliers).value
            assert proven == pytest.approx(expected, abs=NEAR)
        else:
            assert proven > 0


@pytest.mark.parametrize("seed", range(25))
def test_a_tree_of_reduced_relaxations_is_proven(seed: int) -> None:
    program = made(seed)
    solution = minimise(program)
    assert solution.status in {Status.OPTIMAL, Status.INFEASIBLE}
    assert proof.faults(program, solution) == []
