"""The worst case of a market's figures, for a customer who wants a portfolio that depends less on their error.

The returns are anywhere in a box around the market's, each by itself; the covariance is anywhere within a part of the
products of the volatilities, entry by entry. For weights that are not negative, the worst of both is one market:
``mu - r h`` and ``Sigma + k s s'`` (Tutuncu and Koenig, "Robust Asset Allocation", Annals of Operations Research 132,
2004: the upper bound of the covariance is the worst one, and here that bound is positive definite).
"""

from __future__ import annotations

from dataclasses import replace
from math import sqrt
from typing import TYPE_CHECKING

import numpy as np

from portfolio.errors import DataError
from portfolio.market.basis import History

if TYPE_CHECKING:
    from portfolio import Vector
    from portfolio.market.robust import Robust
    from portfolio.market.snapshot import Market


def errors_of_returns(market: Market) -> Vector | None:
    """Return the error of each expected return, shape (n,), per year; None where the market states none."""
    basis = market.basis
    if isinstance(basis, History):
        return np.sqrt(np.diag(market.Sigma)) / sqrt(basis.returns / basis.returns_per_year)
    return market.half_ranges


def worst_case(market: Market, robust: Robust) -> Market:
    """Replace the figures of *market* by the worst ones; return the same market where none is worse.

    The return of cash stays, since it is the rate that the others are compared with.

    Raises:
        DataError: If the market does not state the error of its returns, and the worst case depends on the error.
    """
    mu, Sigma = market.expected_returns, market.Sigma
    if not (robust.returns or robust.covariance):
        return market
    if robust.returns > 0:
        errors = errors_of_returns(market)
        if errors is None:
            raise DataError(_no_errors(market, robust))
        mu = mu - robust.returns * errors
    if robust.covariance > 0:
        s = np.sqrt(np.diag(Sigma))
        Sigma = Sigma + robust.covariance * np.outer(s, s)
    return replace(market, expected_returns=mu, Sigma=Sigma)


def _no_errors(market: Market, robust: Robust) -> str:
    return (
        f"robust.returns is {robust.returns:g}, and market {market.id} states no ranges of its returns and is no"
        " history, so that they have no worst case: leave robust.returns out, name a market of a history, or build the"
        " market with a column return_half_range in moments.csv"
    )
