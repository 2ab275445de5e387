"""The fan of a money goal and the efficient frontier: their numbers, and those of the event."""

from __future__ import annotations

from dataclasses import replace
from math import sqrt
from typing import TYPE_CHECKING

import numpy as np
import pytest
from support.builders import OUTLOOK, TRAILING
from support.reported import optimised

from portfolio.funding.chance import chance, quantile_aud
from portfolio.funding.growth import growth_of as growth_in_market
from portfolio.market import snapshot
from report.facts.fans import PERCENTILES, aim_of, fans, growth_of
from report.facts.frontier import efficient, frontiers
from report.facts.standings import SEPARATE, SUGGESTED, TODAY

if TYPE_CHECKING:
    from bus.language.messages import MasterPortfolioOptimized

pytestmark = pytest.mark.xdist_group("answers")  # ``support.reported`` has each answer once a process


@pytest.fixture(params=["money-goals", "wanted"])
def event(request: pytest.FixtureRequest) -> MasterPortfolioOptimized:
    return optimised(request.param)


def test_the_model_of_a_fan_has_the_chance_of_the_event(event: MasterPortfolioOptimized) -> None:
    assert event.funding is not None
    for goal in (goal for goal in event.money_goals if goal.years > 0 and goal.median_aud > 0):
        growth, aim = growth_of(goal, event.funding.inflation), aim_of(goal, event.funding.inflation)

        assert chance(aim, goal.capital_aud, growth) == pytest.approx(goal.probability, abs=1e-9)
        lower = chance(aim, goal.capital_aud, growth.shifted(-0.01))
        assert lower == pytest.approx(goal.probability_if_lower, abs=1e-9)


def test_it_is_the_growth_of_the_goal_s_pod_in_the_market() -> None:
    event = optimised("money-goals")
    market = snapshot.load(event.market.id)
    assert event.funding is not None
    for goal in event.money_goals:
        w = np.zeros(len(market.etfs))
        weights = event.pods[goal.pod].weights
        w[market.positions(weights)] = list(weights.values())
        known = growth_in_market(market, w / w.sum(), event.terms.marginal_tax_rate)

        assert growth_of(goal, event.funding.inflation).volatility == pytest.approx(known.volatility, rel=1e-6)


def test_a_fan_begins_at_the_capital_and_ends_at_the_event_s_median(event: MasterPortfolioOptimized) -> None:
    made = fans(event)

    moving = [goal for goal in event.money_goals if goal.years > 0 and goal.median_aud > 0]
    assert len(made) == len(moving) > 0
    for fan, goal in zip(made, sorted(moving, key=lambda goal: (goal.priority, goal.years)), strict=True):
        assert goal.name in fan.title
        assert fan.years[0] == 0
        assert fan.years[-1] == pytest.approx(goal.years)
        assert fan.wanted_aud == goal.target_amount_aud
        assert [band[0] for band in fan.bands.values()] == pytest.approx([goal.capital_aud] * len(PERCENTILES))
        assert fan.bands[0.50][-1] == pytest.approx(goal.median_aud, rel=1e-9)
        ends = [fan.bands[each][-1] for each in PERCENTILES]
        assert ends == sorted(ends)
        assert f"{goal.median_aud:,.0f} at the median" in fan.alt


def test_the_share_of_simulated_outcomes_below_a_band_is_the_band_s() -> None:
    event = optimised("money-goals")
    assert event.funding is not None
    (goal,) = (goal for goal in event.money_goals if goal.goal_id == "retirement")
    growth, inflation = growth_of(goal, event.funding.inflation), event.funding.inflation
    random = np.random.default_rng(43)
    # Month by month, in today's money: a contribution at the end of each.
    drift, step = (growth.drift - np.log1p(inflation)) / 12, sqrt(growth.variance / 12)
    held = np.full(40_000, goal.capital_aud)
    for _ in range(round(12 * goal.years)):
        held = held * np.exp(drift + step * random.standard_normal(held.size)) + goal.contribution_aud_per_month

    (fan,) = (fan for fan in fans(event) if goal.name in fan.title)

    for each in PERCENTILES:
        assert (held < fan.bands[each][-1]).mean() == pytest.approx(each, abs=0.01)


def test_a_goal_that_is_due_now_or_has_no_money_has_no_fan() -> None:
    names = " ".join(fan.title for fan in fans(optimised("wanted")))

    assert "Now" not in names
    assert "None" not in names
    assert "Much" in names


def test_halfway_a_fan_is_that_of_a_goal_of_half_the_years() -> None:
    event = optimised("money-goals")
    assert event.funding is not None
    (goal,) = (goal for goal in event.money_goals if goal.goal_id == "boat")
    (fan,) = (fan for fan in fans(event) if goal.name in fan.title)
    half = replace(aim_of(goal, event.funding.inflation), years=goal.years / 2)

    expected = quantile_aud(half, goal.capital_aud, growth_of(goal, event.funding.inflation), 0.95)

    assert fan.bands[0.95][len(fan.years) // 2] == pytest.approx(expected)


@pytest.mark.parametrize("name", [TRAILING, OUTLOOK])
def test_no_mix_of_the_market_s_etfs_is_above_the_frontier(name: str) -> None:
    market = snapshot.load(name)
    line = efficient(market)
    random = np.random.default_rng(16)
    risks, returns = zip(*line, strict=True)
    mixes = random.dirichlet(np.full(len(market.etfs), 0.3), 20_000)

    mu = mixes @ market.expected_returns
    sigma = np.sqrt(np.einsum("ij,jk,ik->i", mixes, market.Sigma, mixes))

    assert returns == tuple(sorted(returns))
    assert risks == tuple(sorted(risks))
    # The line is convex between its points, so that it is at most a little above the frontier.
    least = np.interp(mu, returns, risks)
    assert (sigma >= least - 2e-4)[mu >= returns[0]].all()


@pytest.mark.parametrize("name", [TRAILING, OUTLOOK])
def test_its_points_are_those_of_another_solver(name: str) -> None:
    cvxpy = pytest.importorskip("cvxpy")
    market = snapshot.load(name)
    for risk, earned in efficient(market)[1:-1:9]:
        w = cvxpy.Variable(len(market.etfs), nonneg=True)
        variance = cvxpy.quad_form(w, cvxpy.psd_wrap(market.Sigma))
        rules = [cvxpy.sum(w) == 1, market.expected_returns @ w >= earned]
        least = cvxpy.Problem(cvxpy.Minimize(variance), rules).solve()

        assert risk == pytest.approx(sqrt(least), rel=1e-4)


def test_what_nobody_can_buy_is_not_on_the_frontier() -> None:
    market = snapshot.load(TRAILING)
    best = int(np.argmax(market.expected_returns))
    closed = replace(market.etfs[best], until=market.priced_on)
    without = replace(market, etfs=(*market.etfs[:best], closed, *market.etfs[best + 1 :]))

    assert max(earned for _, earned in efficient(without)) < market.expected_returns[best]


def test_the_points_are_the_portfolios_of_the_event() -> None:
    found = optimised("existing-investor")
    assert found.today
    assert found.separate
    assert found.suggested

    customers, whole = frontiers(found)

    assert [one.label for one in customers.placed] == [TODAY, SUGGESTED]
    assert [one.label for one in whole.placed] == [TODAY, SEPARATE, SUGGESTED]
    for one, standing in zip(whole.placed, (found.today, found.separate, found.suggested), strict=True):
        assert (one.volatility, one.expected_return) == (standing.volatility, standing.expected_return)
        earned = f"{found.market.basis.noun} {standing.expected_return:.2%}"
        assert f"{one.label}: volatility {standing.volatility:.2%}, {earned}" in whole.alt


def test_without_the_market_there_is_no_frontier() -> None:
    found = optimised("existing-investor")
    other = found.market.model_copy(update={"sha256": "0" * 64})

    assert list(frontiers(found.model_copy(update={"market": other}))) == []
