"""A customer who owns something in a market of many ETFs: one tree over hundreds of switches, which time cuts short."""

from __future__ import annotations

from dataclasses import replace
from datetime import date
from functools import cache
from itertools import count
from typing import TYPE_CHECKING

import numpy as np
import pytest
from support.builders import random_market, random_sleeves

from portfolio.case.case import Case
from portfolio.case.inventory import settle
from portfolio.errors import SolverError
from portfolio.master.coordinated_portfolio import CoordinatedPortfolio, optimise_all_pods
from portfolio.master.statement.formulation import Formulation
from portfolio.tax.parcels import Parcel
from portfolio.tax.taxpayer import Entity, Taxpayer
from portfolio.terms.goals import Row
from portfolio.terms.owned import Owned
from portfolio.terms.rules import OnUnreachable, Rules, Terms

if TYPE_CHECKING:
    from portfolio.pod.sleeve import Sleeve

ETFS, PODS, OWNED = 60, 4, 12
# Rules hold to this, as shares of the capital (docs/model.md, "The proof").
RULE = 1e-7


@cache
def case(seed: int, *, on_unreachable: OnUnreachable = OnUnreachable.RELAX) -> Case:
    rng = np.random.default_rng(seed)
    bare = random_market(rng, ETFS)
    etfs = tuple(
        replace(etf, ticker=f"E{i:02}", price_aud=round(float(rng.uniform(8, 160)), 2))
        for i, etf in enumerate(bare.etfs)
    )
    market = replace(bare, etfs=etfs)
    sleeves = random_sleeves(rng, market, PODS, universe=ETFS // 2)
    parcels = []
    for j in rng.choice(ETFS, size=OWNED, replace=False).tolist():
        units = float(max(1, round(7_000 / (etfs[j].price_aud or 1.0))))
        cost = round(units * (etfs[j].price_aud or 1.0) * float(rng.uniform(0.5, 1.2)), 2)
        parcels.append(Parcel(etfs[j].ticker, units, date(2020, 3, 9), cost))
    owned = Owned(date(2025, 11, 7), 5_000.0, tuple(parcels), Taxpayer(Entity.INDIVIDUAL, 0.32, 0.0))
    rules = Rules(max_weight=0.4, capital_tolerance=0.1)
    terms = Terms(total_capital_aud=0.0, rules=rules, owned=owned, on_unreachable=on_unreachable)
    return Case(market, [demanding(sleeve) for sleeve in sleeves], settle(market, sleeves, terms))


def demanding(sleeve: Sleeve) -> Sleeve:
    """Ask for 80 % of the pod's best alone: no portfolio that meets all goals is found within dozens of nodes."""
    measure = sleeve.mandate.objective.measure
    best = sleeve.figures.of(measure)
    goals = {measure: best / 0.8 if measure.lower_is_better else best * 0.8}
    return replace(sleeve, mandate=replace(sleeve.mandate, goals=goals))


def after(nodes: int) -> CoordinatedPortfolio:
    """Optimise until the searches have asked *nodes* times whether to stop."""
    left = count()
    return optimise_all_pods(case(0), stop=lambda: next(left) >= nodes)


def test_the_tree_is_one_that_time_may_cut_short() -> None:
    assert len(Formulation(case(0)).program.switched) > 100


@pytest.mark.parametrize("nodes", [8, 25])
def test_a_search_that_time_ends_gives_a_portfolio_that_keeps_the_rules_with_its_gap(nodes: int) -> None:
    master = after(nodes)
    held, rules = (master.X > 0).sum(axis=0), case(0).terms.rules
    weights, shares = master.X.sum(axis=0), [sleeve.share for sleeve in case(0).sleeves]

    assert held.max() == 1
    assert held.sum() <= rules.max_etfs
    assert weights[weights > 0].min() >= rules.min_weight - RULE
    assert weights.max() <= rules.max_weight + RULE
    assert master.X.sum(axis=1) == pytest.approx(shares, rel=rules.capital_tolerance + RULE)
    assert master.certificate.bound >= master.certificate.objective
    assert 0 <= master.certificate.gap < np.inf
    assert (master.certificate.certified, master.certificate.levels_proven) == (False, False)
    for goal in master.goals:
        is_met = goal.met(case(0).delivered(goal, master.X))
        assert (goal.name in master.held) == (is_met or not isinstance(goal.figure, Row)), goal.name


def test_a_portfolio_of_the_rules_alone_claims_no_more_than_one_with_the_stronger_row() -> None:
    # Cash gives 50 % a year, so every Sharpe ratio is negative, and the portfolio meets that goal by itself.
    losing = case(16)
    losing = Case(replace(losing.market, risk_free=0.5), losing.sleeves, losing.terms)
    left = count()
    master = optimise_all_pods(losing, stop=lambda: next(left) >= 14)

    assert losing.naive.sharpe_ratio < 0
    assert "never_worse.sharpe_ratio" in master.held
    assert (master.certificate.restricted, master.certificate.certified) == (("never_worse.sharpe_ratio",), False)


def test_goals_that_must_not_give_way_are_not_given_up_for_lack_of_time() -> None:
    left = count()
    with pytest.raises(SolverError, match="stopped before it found a portfolio"):
        optimise_all_pods(case(0, on_unreachable=OnUnreachable.FAIL), stop=lambda: next(left) >= 25)
