"""Relaxations on a working set prove as much as whole ones."""

from __future__ import annotations

import numpy as np
import pytest

from portfolio.conic import proof
from portfolio.conic.bound import FREE, OFF, ON, lagrangian_bound
from portfolio.conic.narrow import NarrowRelaxation
from portfolio.conic.program import Builder, Program
from portfolio.conic.proof import FEASIBLE, violation
from portfolio.conic.relaxation import Outcome
from portfolio.conic.search import minimise
from portfolio.conic.smaller import SmallerRelaxation
from portfolio.conic.solution import Status
from portfolio.conic.working_set import relaxation_of

# Both are solved to 1e-7 or better, numbers are of about one.
NEAR = 1e-5

OWNED, OTHERS = 5, 60


def made(seed: int) -> Program:
    """Make a program over few items with yes-or-no switches and many others, seven items at most, with bounded risk."""
    rng, build = np.random.default_rng(seed), Builder()
    switches, invested = [], {}
    for i in range(OWNED + OTHERS):
        x = build.variable(upper=float(rng.uniform(0.2, 0.6)), cost=-float(rng.uniform(0.1, 1.0)))
        invested[x] = 1.0
        if i < OWNED:
            yes = build.variable(upper=1.0, cost=0.1)
            build.at_most({x: 1.0, yes: -build.upper_of(x)}, 0.0)
            build.at_most({x: -1.0, yes: 0.05}, 0.0)
            switches.append(build.switch(yes, floor=1.0))
        else:
            switches.append(build.switch(x, floor=float(rng.uniform(0, 0.1)), cost=float(rng.uniform(0, 0.05))))
    build.equal(invested, 1.0)
    build.at_most({}, 7.0, switches=dict.fromkeys(switches, 1.0))
    build.norm_at_most(rng.normal(size=(8, len(invested))), list(invested), {}, float(rng.uniform(0.4, 1.2)))
    return build.build()


@pytest.mark.parametrize("seed", range(10))
def test_a_relaxation_on_a_working_set_proves_as_much_as_the_whole_one(seed: int) -> None:
    program, rng = made(seed), np.random.default_rng(seed)
    whole, narrow = SmallerRelaxation(program), relaxation_of(program)
    assert isinstance(narrow, NarrowRelaxation)
    for _ in range(6):
        states = rng.choice([FREE, FREE, FREE, OFF, ON], p=[0.3, 0.3, 0.2, 0.15, 0.05], size=OWNED + OTHERS)
        states = states.astype(np.int8)
        expected, answer = whole.solve_sharply(states), narrow.solve_sharply(states)
        costs = expected.outcome is not Outcome.INFEASIBLE
        bound = lagrangian_bound(program, states, answer.multipliers, costs=costs).value
        assert answer.outcome is expected.outcome
        if costs:
            assert bound == pytest.approx(lagrangian_bound(program, states, expected.multipliers).value, abs=NEAR)
        else:
            assert bound > 0


@pytest.mark.parametrize("seed", range(4))
def test_a_tree_of_relaxations_on_a_working_set_is_proven(seed: int) -> None:
    program = made(seed)
    solution = minimise(program, gap=0.02, node_limit=400)
    assert solution.status is not Status.UNDECIDED
    assert solution.x is not None
    assert solution.states is not None
    assert violation(program, solution.x, solution.states) <= FEASIBLE
    assert proof.faults(program, solution) == []
