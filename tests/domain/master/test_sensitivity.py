"""Prices of goals: against programs solved again with cvxpy, each pod holding the same ETFs."""

from __future__ import annotations

from functools import cache

import numpy as np
import pytest
from support.builders import final_event, random_market, random_sleeves, request, terms
from support.depth import some_of
from support.goal_oracle import COUNTS, DOCUMENTED, ROWS, Lexicographic, asked_in_order, lower
from support.oracles import Facts

from bus.language.messages import MasterPortfolioOptimized
from portfolio.case.case import Case
from portfolio.market.snapshot import Market
from portfolio.master.coordinated_portfolio import CoordinatedPortfolio, optimise_all_pods
from portfolio.pod.sleeve import Sleeve
from portfolio.terms.rules import Duplicates, Terms

# A step to either side, as a part of a figure: large against the solver's 1e-9, small against the curvature.
STEP = 1e-4
# What the curvature, and a solver's accuracy over the step, leave of a price; prices are of order one.
PRICE = 2e-2
# Two solvers' optima at one support; and the same solver's at two levels near each other.
GAIN = 2e-6
NOISE = 2e-7
# Random instances, chosen so that a goal of every kind binds in some.
SEEDS = (0, 1, 3, 6, 7, 8, 10, 20, 25, 33, 39, 41, 53, 59)

Instance = tuple[Market, list[Sleeve], Terms]


@cache
def binding(seed: int) -> tuple[Instance, CoordinatedPortfolio]:
    """Two pods whose goals leave little room, all of which can be met."""
    rng = np.random.default_rng(600 + seed)
    prices = random_market(rng, 6)
    sleeves = random_sleeves(rng, prices, 2, universe=4, slack=0.995)
    asked = terms(duplicates=Duplicates.PENALISE, max_weight=0.9, min_weight=0.005)
    instance = prices, sleeves, asked
    return instance, optimise_all_pods(Case(*instance))


def at_the_support(seed: int, changed: dict[str, float]) -> float | None:
    """The best objective at the master's support, with all goals at what was asked but those changed."""
    instance, master = binding(seed)
    facts = Facts(*instance)
    programs = Lexicographic(facts)
    programs.supports = [(master.X > 0).astype(float)]
    programs.held = asked_in_order(facts) | changed
    return programs.objective()


def eased(name: str, asked: float, step: float) -> float:
    return asked + (step if lower(name) else -step)


@cache
def measured(seed: int) -> dict[str, tuple[float, float, float]]:
    """By goal: the gain per unit to either side of what was asked, and that of one percent; not where it kinks."""
    found = {}
    for name, asked in asked_in_order(Facts(*binding(seed)[0])).items():
        if name.split(".")[1] in COUNTS:
            continue
        step = STEP * abs(asked)
        values = [at_the_support(seed, {name: eased(name, asked, d)}) for d in (-step, 0.0, step, 0.01 * abs(asked))]
        if None in values:
            continue
        tighter, now, easier, percent = values
        found[name] = ((now - tighter) / step, (easier - now) / step, percent - now)
    return found


def near(told: float, sides: tuple[float, float], asked: float) -> bool:
    """Whether a price lies between the two sides' slopes, which differ at a kink, as far as they are known."""
    slack = PRICE * max(abs(side) for side in sides) + NOISE / (STEP * abs(asked))
    return min(sides) - slack <= told <= max(sides) + slack


@pytest.mark.oracle
@pytest.mark.parametrize("seed", some_of(SEEDS, every=5))
def test_a_price_is_the_slope_of_the_best_objective_at_the_same_etfs(seed: int) -> None:
    (prices, sleeves, terms_asked), master = binding(seed)
    asked = asked_in_order(Facts(prices, sleeves, terms_asked))
    assert not master.best_together
    for name, (tighter, easier, percent) in measured(seed).items():
        price = master.prices.get(name)
        if price is None:
            continue
        assert near(price.per_unit, (tighter, easier), asked[name]), (name, price, tighter, easier)
        assert price.one_percent == pytest.approx(percent, abs=3 * GAIN + 1e-2 * percent), name


def test_goals_of_every_kind_have_a_price_somewhere() -> None:
    priced = {
        name.split(".")[1] if "never" not in name else name
        for seed in SEEDS
        for name, price in binding(seed)[1].prices.items()
        if price.per_unit > 1e-3
    }
    assert set(DOCUMENTED) <= priced
    assert {f"never_worse.{row}" for row in ROWS if row not in COUNTS} <= priced


def test_a_cap_that_no_mix_could_reach_has_a_price_of_nothing() -> None:
    event = final_event(request())
    assert isinstance(event, MasterPortfolioOptimized)
    (cap,) = (goal for goal in event.goals if goal.name == "delta.volatility")
    assert (cap.met, cap.price, cap.gain_of_one_percent) == (True, 0.0, 0.0)


@pytest.mark.parametrize("seed", SEEDS)
def test_what_does_not_bind_has_no_price_and_nothing_has_a_negative_one(seed: int) -> None:
    (prices, sleeves, asked), master = binding(seed)
    for goal in master.goals:
        price = master.prices.get(goal.name)
        if price is None:
            continue
        assert price.per_unit >= 0
        assert price.one_percent >= 0
        value = Case(prices, sleeves, asked).delivered(goal, master.X)
        assert value is not None
        room = (goal.asked - value) * (1 if goal.lower_is_better else -1)
        if room > 1e-3 * abs(goal.asked):
            assert (price.per_unit, price.one_percent) == (0.0, 0.0), goal.name
