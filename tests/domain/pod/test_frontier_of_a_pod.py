"""Risk tolerance is a position on a pod's efficient frontier: against the second statement of stage 1."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from support.builders import OUTLOOK, TRAILING, mandate, market, random_market
from support.pod_oracle import best

from agents.mandate_files import bundled
from agents.mandate_files import load as load_mandate
from portfolio.market.measure import Measure
from portfolio.market.snapshot import load
from portfolio.pod.optimise import optimise_sleeve
from portfolio.terms.mandate import Objective

# Two solvers that stop at a billionth agree to this.
AGREE = 5e-6
# A goal that gives way may be missed by the tolerance on top.
TOLERANCE = 1.01

TWO = market([0.1, 0.2], [0.06, 0.12])


def two(objective: Objective, tolerance: float) -> tuple[float, float]:
    """Return the weight of the second ETF, and the volatility; the least volatile mix has a fifth of it."""
    found = optimise_sleeve(TWO, mandate("AB", objective=objective, max_position=0.9), 1.0, risk_tolerance=tolerance)
    return float(found.weights[1]), found.figures.volatility


def test_two_uncorrelated_etfs_stand_where_the_formula_says() -> None:
    # Volatility of x in the second: sqrt(0.01 (1 - x)^2 + 0.04 x^2); least sqrt(0.008) at 1/5, most 0.1803 at 0.9.
    least, most = np.sqrt(0.008), np.sqrt(0.0001 + 0.04 * 0.81)
    assert two(Objective.MAX_RETURN, 0.5) == pytest.approx((0.9, most), abs=AGREE)
    assert two(Objective.MAX_RETURN, 0.0)[1] == pytest.approx(least, abs=AGREE)
    assert two(Objective.MAX_RETURN, 0.25)[1] == pytest.approx((least + most) / 2, abs=AGREE)
    # The largest Sharpe ratio over cash at 4 % has half in each: 0.02 / 0.01 = 0.08 / 0.04.
    assert two(Objective.MAX_SHARPE, 0.5)[0] == pytest.approx(0.5, abs=AGREE)
    assert two(Objective.MAX_SHARPE, 0.75)[0] == pytest.approx((0.5 + 0.9) / 2, abs=AGREE)
    assert two(Objective.MAX_SHARPE, 1.0)[0] == pytest.approx(0.9, abs=1e-5)


@pytest.mark.parametrize("tolerance", [0.0, 0.3, 0.5, 0.8, 1.0])
@pytest.mark.parametrize("pod", sorted(bundled()))
@pytest.mark.parametrize("market_id", [TRAILING, OUTLOOK])
def test_the_bundled_pods_stand_where_a_second_statement_of_the_frontier_says(
    market_id: str, pod: str, tolerance: float
) -> None:
    prices, terms = load(market_id), load_mandate(pod)
    on_offer = {etf.ticker for etf in prices.etfs if not etf.is_closed}
    terms = replace(terms, universe=tuple(t for t in terms.universe if t in on_offer))
    plain = optimise_sleeve(prices, terms, 1.0)
    found = optimise_sleeve(prices, terms, 1.0, risk_tolerance=tolerance)
    point = found.frontier
    if tolerance == 0.5 or (tolerance > 0.5 and terms.objective is Objective.MIN_VOLATILITY):
        assert point is None
        assert (found.weights == plain.weights).all()
        assert found.mandate == plain.mandate
        return
    assert point is not None
    cap = terms.goals[Measure.VOLATILITY]
    least = best(prices, replace(terms, goals={}), Measure.VOLATILITY)
    greatest = best(prices, replace(terms, goals={Measure.VOLATILITY: cap}), Measure.RETURN)
    volatility, mean = plain.figures.volatility, plain.figures.expected_return
    assert (point.least_volatility, point.greatest_return) == pytest.approx((least, greatest), abs=AGREE)
    assert (point.objective_volatility, point.objective_return) == (volatility, mean)
    if tolerance < 0.5:
        at = least + 2 * tolerance * (volatility - least)
        assert point.volatility == pytest.approx(at, abs=AGREE)
        assert point.expected_return is None
        assert found.figures.volatility <= min(cap, at) + AGREE
        assert found.mandate.goals == {**terms.goals, Measure.VOLATILITY: min(cap, 1.15 * point.volatility)}
    else:
        at = mean + (2 * tolerance - 1) * (greatest - mean)
        assert point.expected_return == pytest.approx(at, abs=AGREE)
        assert point.volatility is None
        assert found.figures.expected_return >= at / TOLERANCE - AGREE
        floor = max(point.expected_return, terms.goals.get(Measure.RETURN, 0.0))
        assert found.mandate.goals == {**terms.goals, Measure.RETURN: floor}


@pytest.mark.parametrize("seed", range(12))
def test_alone_a_pod_that_tolerates_less_is_at_most_as_volatile_and_one_that_tolerates_more_earns_as_much(
    seed: int,
) -> None:
    rng = np.random.default_rng(500 + seed)
    prices = random_market(rng, 6)
    terms = mandate("ABCDEF", objective=list(Objective)[1 + seed % 3], max_position=0.5, min_effective_holdings=2.0)
    alone = [optimise_sleeve(prices, terms, 1.0, risk_tolerance=t).figures for t in (0.0, 0.2, 0.4, 0.5, 0.7, 0.9, 1.0)]
    volatilities = [figures.volatility for figures in alone[:4]]
    returns = [figures.expected_return for figures in alone[3:]]
    assert volatilities == sorted(volatilities) or np.diff(volatilities).min() > -AGREE
    assert returns == sorted(returns) or np.diff(returns).min() > -AGREE
    assert returns[-1] > returns[0] - AGREE
