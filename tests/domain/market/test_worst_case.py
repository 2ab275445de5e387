"""The worst case of a market's figures, by hand."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from support.builders import market, random_market
from support.depth import examples

from portfolio.errors import DataError
from portfolio.market.basis import Outlook
from portfolio.market.robust import Robust
from portfolio.market.worst_case import worst_case

TWO = market([0.10, 0.20], [0.06, 0.12], correlation=0.25, risk_free=0.04)
OUTLOOK = replace(TWO, basis=Outlook("a publication", 10.0))


def test_a_return_of_a_history_is_lower_by_standard_errors_of_its_mean() -> None:
    """104 weeks are two years: the standard errors are .10 / sqrt(2) and .20 / sqrt(2), and half of them are taken."""
    worst = worst_case(TWO, Robust(returns=0.5))

    assert worst.expected_returns == pytest.approx([0.06 - 0.05 / 2**0.5, 0.12 - 0.10 / 2**0.5])
    assert worst.Sigma is TWO.Sigma
    assert worst.risk_free == TWO.risk_free


def test_a_return_of_an_outlook_is_lower_by_half_of_its_range() -> None:
    ranged = replace(OUTLOOK, half_ranges=np.array([0.01, 0.03]))

    assert worst_case(ranged, Robust(returns=2.0)).expected_returns == pytest.approx([0.04, 0.06])


def test_the_covariance_grows_by_the_square_of_the_mean_volatility() -> None:
    """At half and half: .25 (.01 + .04 + 2 (.005)) = .015, and .5 (.5 (.10) + .5 (.20))^2 = .5 (.15)^2 = .01125."""
    w = np.array([0.5, 0.5])
    worst = worst_case(TWO, Robust(covariance=0.5))

    assert w @ TWO.Sigma @ w == pytest.approx(0.015)
    assert w @ worst.Sigma @ w == pytest.approx(0.015 + 0.01125)
    # Entry by entry: variances 1.5 times, the covariance .005 + .5 (.10) (.20) = .015.
    assert worst.Sigma == pytest.approx(np.array([[0.015, 0.015], [0.015, 0.06]]))


def test_a_distance_of_nothing_leaves_the_market_as_it_is() -> None:
    assert worst_case(OUTLOOK, Robust()) is OUTLOOK


def test_a_market_that_states_no_error_has_no_worst_case_of_returns() -> None:
    with pytest.raises(DataError, match=r"robust\.returns is 1, .* states no ranges .* leave robust\.returns out"):
        worst_case(OUTLOOK, Robust(returns=1.0))

    assert worst_case(OUTLOOK, Robust(covariance=0.5)).expected_returns.tolist() == [0.06, 0.12]


@pytest.mark.slow
@examples(100, quick=20)
@given(seed=st.integers(0, 10_000), kappa=st.floats(0, 1), r=st.floats(0, 3))
def test_no_market_within_the_box_is_worse_for_weights_that_are_not_negative(seed: int, kappa: float, r: float) -> None:
    """Returns anywhere in the box, and symmetric changes of the covariance anywhere within ``kappa s_i s_j``."""
    rng = np.random.default_rng(seed)
    prices = random_market(rng, 5)
    worst, w, s = worst_case(prices, Robust(r, kappa)), rng.dirichlet(np.ones(5)), np.sqrt(np.diag(prices.Sigma))
    moved = rng.uniform(-1, 1, (5, 5)) * kappa
    Sigma = prices.Sigma + (moved + moved.T) / 2 * np.outer(s, s)
    mu = prices.expected_returns + rng.uniform(-1, 1, 5) * r * s / np.sqrt(2)

    assert w @ Sigma @ w <= w @ worst.Sigma @ w + 1e-12
    assert mu @ w >= worst.expected_returns @ w - 1e-12
    assert np.linalg.eigvalsh(worst.Sigma)[0] >= np.linalg.eigvalsh(prices.Sigma)[0] - 1e-12
