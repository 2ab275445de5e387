"""Stage 1 in the worst case: closed forms for two ETFs, and what a larger error does."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from support.builders import mandate, market, random_market
from support.depth import examples
from support.pod_oracle import best

from portfolio.market.basis import Outlook
from portfolio.market.figures import figures
from portfolio.market.measure import Measure
from portfolio.market.robust import Robust
from portfolio.market.worst_case import worst_case
from portfolio.pod.optimise import UnreachableMandateError, optimise_sleeve
from portfolio.terms.mandate import Objective

# An optimum is flat: weights are as good as the square root of their figure.
FLAT = 1e-4
TWO = market([0.10, 0.20], [0.06, 0.12], correlation=0.0, risk_free=0.04)


def test_least_volatility_of_two_etfs_in_the_worst_case_has_a_closed_form() -> None:
    """Variances .01 and .04 become 1.2 times as large, and the covariance .2 (.10) (.20) = .004.

    w_A = (s_B^2 - c) / (s_A^2 + s_B^2 - 2 c) = (.048 - .004) / (.012 + .048 - .008) = 11 / 13; in the market's own
    figures it is .04 / .05 = .8.
    """
    robust = optimise_sleeve(TWO, mandate("AB"), 1.0, robust=Robust(covariance=0.2))

    assert robust.weights == pytest.approx([11 / 13, 2 / 13], abs=FLAT)
    assert optimise_sleeve(TWO, mandate("AB"), 1.0).weights == pytest.approx([0.8, 0.2], abs=FLAT)
    # The figures are those of the market: (121 (.01) + 4 (.04)) / 169.
    assert robust.figures.volatility == pytest.approx((1.37 / 169) ** 0.5, abs=1e-6)


def test_the_largest_return_in_the_worst_case_leaves_the_etf_whose_return_is_least_known() -> None:
    """.06 - .005 = .055 against .12 - .08 = .04; a target of 8 % is kept in the market's own figures.

    .06 + .06 w_B >= .08 takes w_B = 1/3, at which the return in the worst case is 5 %.
    """
    ranged = replace(TWO, basis=Outlook("a publication", 10.0), half_ranges=np.array([0.005, 0.08]))
    asked = mandate("AB", objective=Objective.MAX_RETURN)

    assert optimise_sleeve(ranged, asked, 1.0).weights == pytest.approx([0, 1], abs=FLAT)
    assert optimise_sleeve(ranged, asked, 1.0, robust=Robust(returns=1.0)).weights == pytest.approx([1, 0], abs=FLAT)
    held = optimise_sleeve(ranged, replace(asked, goals={Measure.RETURN: 0.08}), 1.0, robust=Robust(returns=1.0))
    assert held.weights == pytest.approx([2 / 3, 1 / 3], abs=FLAT)
    assert held.figures.expected_return == pytest.approx(0.08, abs=1e-6)


def test_a_cap_on_volatility_is_of_the_market_s_own_figures() -> None:
    """At most 12 % of B alone (20 %) and A alone (10 %): .01 (1 - w)^2 + .04 w^2 = .0144, so w = .2 + sqrt(.128).

    In the worst case, with the variances 1.5 times as large and the covariance .01, the volatility there is above 16 %.
    """
    asked = mandate("AB", objective=Objective.MAX_RETURN, goals={Measure.VOLATILITY: 0.12})
    found = optimise_sleeve(TWO, asked, 1.0, robust=Robust(covariance=0.5))

    assert found.weights[1] == pytest.approx(0.2 + 0.128**0.5, abs=FLAT)
    assert figures(worst_case(TWO, Robust(covariance=0.5)), found.weights).volatility > 0.16


def test_a_worst_case_below_cash_is_refused_with_the_mend() -> None:
    """The standard error of the best excess is .20 / sqrt(2) = .14, and the excess .08."""
    asked = mandate("AB", objective=Objective.MAX_SHARPE)

    with pytest.raises(UnreachableMandateError, match=r"more than cash in the worst case .*: lower robust\.returns,"):
        optimise_sleeve(TWO, asked, 1.0, robust=Robust(returns=1.0))


@pytest.mark.parametrize("objective", list(Objective))
@pytest.mark.parametrize("seed", range(3))
def test_the_optimum_is_that_of_the_worst_market_where_there_are_no_goals(objective: Objective, seed: int) -> None:
    prices, robust = random_market(np.random.default_rng(seed), 6), Robust(returns=0.2, covariance=0.5)
    asked = mandate(prices.tickers, objective=objective, max_position=0.4)
    worst = worst_case(prices, robust)
    found = optimise_sleeve(prices, asked, 1.0, robust=robust)
    there = optimise_sleeve(worst, asked, 1.0)

    assert found.weights == pytest.approx(there.weights, abs=FLAT)
    assert there.figures.of(objective.measure) == pytest.approx(best(worst, asked, objective.measure), abs=2e-6)


@pytest.mark.slow
@examples(60, quick=10)
@given(seed=st.integers(0, 10_000), more=st.floats(0.001, 0.1))
def test_a_larger_error_of_one_return_never_raises_the_etf_s_weight(seed: int, more: float) -> None:
    """Exact for a linear objective: if w is best at h and v at h', then (h' - h)'(v - w) <= 0."""
    rng = np.random.default_rng(seed)
    known = replace(random_market(rng, 5), basis=Outlook("a publication", 10.0), half_ranges=rng.uniform(0, 0.03, 5))
    j = int(rng.integers(5))
    wider = replace(known, half_ranges=known.half_ranges + more * (np.arange(5) == j))
    asked = mandate(known.tickers, objective=Objective.MAX_RETURN, max_position=0.4, goals={Measure.VOLATILITY: 0.2})
    before, after = (optimise_sleeve(m, asked, 1.0, robust=Robust(returns=1.0)).weights[j] for m in (known, wider))

    assert after <= before + FLAT
