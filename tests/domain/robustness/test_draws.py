"""Markets drawn within the error of a market's figures: the distributions, and the same seed."""

from __future__ import annotations

from dataclasses import replace
from itertools import islice
from typing import TYPE_CHECKING

import numpy as np
import pytest
from support.builders import market, write_market

from portfolio.errors import DataError
from portfolio.market.basis import Outlook
from portfolio.market.snapshot import CASH, read
from portfolio.published.robustness import Drawn
from portfolio.robustness.draws import drawn_markets, draws_covariance, kind_of, seed_of, with_returns

if TYPE_CHECKING:
    from pathlib import Path

    from portfolio.market.snapshot import Market


def _made() -> Market:
    """Two ETFs and cash, over 104 weeks: two years."""
    made = market([0.2, 0.1, 0.002], [0.09, 0.06, 0.04], correlation=0.5)
    return replace(made, etfs=(*made.etfs[:2], replace(made.etfs[2], asset_class=CASH)))


def test_means_and_covariances_have_the_error_of_estimates_from_a_history() -> None:
    """Mean: variance Sigma_11 / 2 years = 0.04 / 2 = 0.02. Covariance: of a Wishart, variance 2 sigma^4 / 103.

    4,000 draws estimate a variance to a relative standard error of sqrt(2 / 4,000) = 2.2 %, a mean of deviation s to
    s / 63: bounds of four and a half of these.
    """
    made = _made()
    drawn = list(drawn_markets(made, seed_of("a"), 4_000))
    mu = np.array([each.expected_returns for each in drawn])
    first = np.array([each.Sigma[0, 0] for each in drawn])
    between = np.array([each.Sigma[0, 1] for each in drawn])

    assert mu[:, 0].mean() == pytest.approx(0.09, abs=4.5 * 0.02**0.5 / 63)
    assert mu[:, 0].var() == pytest.approx(0.02, rel=0.1)
    assert np.corrcoef(mu[:, 0], mu[:, 1])[0, 1] == pytest.approx(0.5, abs=0.05)
    assert first.mean() == pytest.approx(0.04, rel=4.5 * (2 / 103) ** 0.5 / 63)
    assert first.var() == pytest.approx(2 * 0.04**2 / 103, rel=0.1)
    assert between.mean() == pytest.approx(0.01, rel=0.02)
    # Anderson, theorem 3.3.2: the estimates of mean and covariance are independent.
    assert abs(np.corrcoef(mu[:, 0], first)[0, 1]) < 4.5 / 63


def test_the_return_of_cash_is_that_of_the_drawn_cash_etf() -> None:
    for each in drawn_markets(_made(), seed_of("a"), 5):
        assert each.risk_free == each.expected_returns[2] != 0.04


def test_the_same_request_draws_the_same_and_fewer_draws_are_the_first_of_more() -> None:
    few, many = (list(drawn_markets(_made(), seed_of("a"), number)) for number in (3, 7))
    other = next(drawn_markets(_made(), seed_of("b"), 1))

    for one, same in zip(few, islice(many, 3), strict=True):
        np.testing.assert_array_equal(one.expected_returns, same.expected_returns)
        np.testing.assert_array_equal(one.Sigma, same.Sigma)
    assert (other.expected_returns != few[0].expected_returns).all()


def test_a_history_too_short_for_its_etfs_keeps_the_covariance() -> None:
    made = _made()
    short = replace(made, basis=replace(made.basis, returns=5))  # type: ignore[type-var]

    assert draws_covariance(made)
    assert not draws_covariance(short)
    np.testing.assert_array_equal(next(drawn_markets(short, seed_of("a"), 1)).Sigma, made.Sigma)


def test_of_an_outlook_nothing_is_drawn_without_ranges_and_returns_within_them_with() -> None:
    """Uniform on a range of half width h: variance h^2 / 3."""
    outlook = replace(_made(), basis=Outlook("a publication"))
    ranged = replace(outlook, half_ranges=np.array([0.01, 0.0, 0.0]))
    drawn = [each.expected_returns for each in drawn_markets(ranged, seed_of("a"), 4_000)]
    moved = np.array(drawn) - outlook.expected_returns

    assert kind_of(outlook) is Drawn.NOTHING
    assert not list(drawn_markets(outlook, seed_of("a"), 5))
    assert kind_of(ranged) is Drawn.RANGES
    assert abs(moved[:, 0]).max() <= 0.01
    assert moved[:, 0].var() == pytest.approx(0.01**2 / 3, rel=0.1)
    assert not moved[:, 1:].any()


def test_a_change_of_returns_moves_the_return_of_cash_where_that_etf_moves() -> None:
    assert with_returns(_made(), np.array([0.01, 0.0, 0.0])).risk_free == 0.04
    assert with_returns(_made(), np.array([0.0, 0.0, 0.01])).risk_free == pytest.approx(0.05)


RANGED = (
    "ticker,expected_return,volatility,return_half_range,source\n"
    "CASH,0.04,0.01,,x\nBOND,0.05,0.05,0.005,x\nSTOCK,0.09,0.2,0.01,x\n"
)
OUTLOOK = (
    "basis,begins,ends,returns,returns_per_year,years,publication,priced_on,inflation\n"
    "outlook,,,,,10,A publication,2025-11-07,\n"
)


def test_an_outlook_states_ranges_per_etf(tmp_path: Path) -> None:
    read_back = read(write_market(tmp_path / "ranged", moments=RANGED, market=OUTLOOK))

    assert read_back.half_ranges is not None
    assert read_back.half_ranges.tolist() == [0.0, 0.005, 0.01]
    assert read(write_market(tmp_path / "plain", market=OUTLOOK)).half_ranges is None


@pytest.mark.parametrize(
    ("moments", "about", "named"),
    [
        (RANGED.replace("0.005", "-0.005"), OUTLOOK, "return_half_range of BOND"),
        (RANGED.replace("0.005", "wide"), OUTLOOK, "return_half_range of BOND must be a number"),
        (RANGED, None, "whose error follows from its length"),
    ],
)
def test_ranges_that_cannot_be_are_refused(tmp_path: Path, moments: str, about: str | None, named: str) -> None:
    files = {"moments": moments} | ({"market": about} if about else {})

    with pytest.raises(DataError, match=named):
        read(write_market(tmp_path / "wrong", **files))
