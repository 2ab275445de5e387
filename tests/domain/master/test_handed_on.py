"""What one program or search hands on to the next: rows, portfolios, proofs."""

from __future__ import annotations

from functools import partial

import numpy as np
import pytest
from support.trade_cases import case as made
from support.trade_cases import optimise

from portfolio.case.case import Case
from portfolio.case.inventory import settle
from portfolio.conic.limits import never
from portfolio.conic.solution import Status
from portfolio.master.coordinated_portfolio import GAP
from portfolio.master.goal_programming import ANY, SearchSession
from portfolio.master.statement.formulation import Formulation

ARRAYS = ("q", "lower", "upper", "A", "H", "b", "floor", "k", "switched", "size")


def owner(seed: int) -> Case:
    """Make a customer who owns ETFs."""
    asked = made(seed)
    return Case(asked.market, asked.sleeves, settle(asked.market, asked.sleeves, asked.terms))


@pytest.mark.parametrize("seed", range(4))
def test_programs_that_share_their_structure_are_those_made_alone(seed: int) -> None:
    """One case states many programs, one after the other; a new case states each of them alone."""
    shared = owner(seed)
    goals = [goal for goal in shared.goals if goal.figure is not None]
    eased = {goal.name: goal.with_room(goal.asked, 0.01) for goal in goals}
    aims = [None, *((goal, 0.1) for goal in goals[:4])]
    for levels in (None, {}, eased, dict(list(eased.items())[:3])):
        for aim in aims:
            one = Formulation(shared, levels=levels, aim=aim)
            alone = Formulation(owner(seed), levels=levels, aim=aim)
            for name in ARRAYS:
                assert np.array_equal(getattr(one.program, name), getattr(alone.program, name)), (name, aim)
            assert (one.program.keys, one.program.aim) == (alone.program.keys, alone.program.aim)
            assert (one.restricted, one.risk_cones, one.levers) == (alone.restricted, alone.risk_cones, alone.levers)


@pytest.mark.parametrize("seed", range(2))
def test_each_row_has_a_key_of_its_own(seed: int) -> None:
    program = Formulation(owner(seed)).program
    assert len(set(program.keys)) == len(program.keys) == len(program.b)


def test_levels_that_a_known_portfolio_reaches_need_no_search() -> None:
    asked = owner(1)
    session = SearchSession(partial(Formulation, asked), never)
    form = session.formulate(levels={})
    assert session.solve(form, ANY).x is not None
    assert session.X is not None
    goals = {goal.name: goal for goal in asked.goals if goal.figure is not None}
    # Every goal at the portfolio's own figure, less a hundredth.
    figures = {name: asked.delivered(goal, session.X) for name, goal in goals.items()}
    levels = {name: goals[name].with_room(figure, 0.01) for name, figure in figures.items() if figure is not None}
    assert session.feasible(levels) is Status.OPTIMAL
    assert session.searches == 1
    # A figure beyond the portfolio's own is searched for, whatever the verdict; so is a program without a rule.
    name = next(name for name, goal in goals.items() if not goal.counts and name in levels)
    beyond = goals[name].with_room(levels[name], -0.02)
    session.feasible(levels | {name: beyond})
    assert session.searches == 2
    session.feasible(levels, ("max_weight",))
    assert session.searches == 3


def test_the_proof_of_a_portfolio_holds_without_a_rule_that_it_does_not_need() -> None:
    # At most 12 of seven ETFs forbids nothing, so that no proof needs it.
    _, master, _ = optimise(made(1))
    assert master.proof is not None
    proven = -master.certificate.bound - GAP * abs(master.certificate.objective)
    program = Formulation(owner(1), levels=master.levels, without=("max_etfs",)).program
    assert master.proof.holds(program, proven)
    # No proof holds for more than the optimum, nor for a program with other switches.
    assert not master.proof.holds(program, -master.certificate.objective + 0.01)
    shared = Formulation(owner(1), levels=master.levels, without=("duplicates",)).program
    assert len(shared.k) != len(program.k) or not master.proof.holds(shared, proven)
