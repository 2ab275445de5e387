"""Simulated histories of prices with a known truth: a factor model with fat tails, from a seed.

The truth has the returns and volatilities of a bundled outlook. The three largest principal factors of its correlations
move the ETFs together, the rest of each ETF's variance is its own, so that the true correlations are near those of the
outlook and not equal; one chi-square variable per week scales all shocks, so that large moves come together (a
multivariate t distribution).
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date, timedelta
from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from collections.abc import Sequence

    from portfolio import Matrix, Vector
    from portfolio.market.snapshot import Market

# Ticker, ex-date, amount per unit in AUD, franked share.
Distribution = tuple[str, date, float, float]

WEEKS = 52
FACTORS = 3
# Degrees of freedom: the usual estimates for weekly returns of shares are 4 to 6.
FREEDOM = 5
# Of a unit, where the market states no price.
_PRICE = 50.0
# A Friday; the first price.
BEGINS = date(2016, 1, 1)
# No week takes more than half of a price: below that, a simulated ETF would be closed.
_LEAST = -0.5


@dataclass(frozen=True, slots=True, eq=False)
class Truth:
    """The distribution of the weekly returns of *n* ETFs.

    Attributes:
        tickers: The ETFs.
        means: Mean weekly returns, shape (n,).
        deviations: Standard deviations of weekly returns, shape (n,).
        loadings: Of the standardised returns on the factors, shape (n, FACTORS).
        alone: Standard deviations of what the factors leave of the standardised returns, shape (n,).
    """

    tickers: tuple[str, ...]
    means: Vector
    deviations: Vector
    loadings: Matrix
    alone: Vector

    @property
    def correlations(self) -> Matrix:
        """The true correlations, shape (n, n)."""
        made: Matrix = self.loadings @ self.loadings.T + np.diag(self.alone**2)
        return made


def truth_of(market: Market, tickers: Sequence[str]) -> Truth:
    """Take the truth of *tickers* from the figures of *market*."""
    places = market.positions(tickers)
    Sigma = np.asarray(market.Sigma)[np.ix_(places, places)]
    deviations = np.sqrt(np.diag(Sigma))
    values, vectors = np.linalg.eigh(Sigma / np.outer(deviations, deviations))
    loadings = vectors[:, -FACTORS:] * np.sqrt(values[-FACTORS:])
    alone = np.sqrt(np.maximum(1 - (loadings**2).sum(axis=1), 0.0))
    means = np.asarray(market.expected_returns)[places] / WEEKS
    return Truth(tuple(tickers), means, deviations / np.sqrt(WEEKS), loadings, alone)


def weekly_returns(truth: Truth, weeks: int, seed: int) -> Matrix:
    """Draw weekly returns, shape (weeks, n)."""
    generator = np.random.default_rng(seed)
    shocks = generator.standard_normal((weeks, FACTORS)) @ truth.loadings.T
    shocks += generator.standard_normal((weeks, len(truth.tickers))) * truth.alone
    # A t variable has the variance FREEDOM / (FREEDOM - 2).
    shocks *= np.sqrt((FREEDOM - 2) / generator.chisquare(FREEDOM, (weeks, 1)))
    return np.maximum(truth.means + truth.deviations * shocks, _LEAST)


def days(weeks: int) -> list[date]:
    """List the Fridays of *weeks* weekly returns: one more than there are returns."""
    return [BEGINS + timedelta(weeks=i) for i in range(weeks + 1)]


def units(market: Market, truth: Truth, returns: Matrix, dates: Sequence[date]) -> tuple[Matrix, list[Distribution]]:
    """Split total returns into prices of units, shape (weeks + 1, n), and a distribution per ETF and quarter.

    A quarter of the market's yield is paid of the price of the week before, in the first week of each quarter.
    """
    etfs = [market.etfs[place] for place in market.positions(truth.tickers)]
    prices = np.empty((len(returns) + 1, len(etfs)))
    prices[0] = [etf.price_aud or _PRICE for etf in etfs]
    yields = np.array([etf.distribution_yield for etf in etfs])
    found: list[Distribution] = []
    for t, each in enumerate(returns):
        is_paid = (dates[t].month - 1) // 3 != (dates[t + 1].month - 1) // 3
        # As it is written, so that price and payment together are the return to the last digit that a file has.
        paid = np.round(prices[t] * yields / 4, 6) if is_paid else np.zeros(len(yields))
        prices[t + 1] = prices[t] * (1 + each) - paid
        found += [
            (etf.ticker, dates[t + 1], float(amount), etf.franked_share)
            for etf, amount in zip(etfs, paid, strict=True)
            if amount > 0
        ]
    return prices, found


def prices_csv(tickers: Sequence[str], dates: Sequence[date], values: Matrix) -> str:
    """Write prices as ``podfolio market build`` and ``podfolio backtest`` read them."""
    rows = [f"{day},{','.join(f'{value:.6f}' for value in row)}" for day, row in zip(dates, values, strict=True)]
    return "\n".join([f"date,{','.join(tickers)}", *rows, ""])


def distributions_csv(paid: Sequence[Distribution]) -> str:
    """Write distributions as the commands read them."""
    rows = [f"{ticker},{day},{amount:.6f},{franked}" for ticker, day, amount, franked in paid]
    return "\n".join(["ticker,date,amount_aud,franked_share", *rows, ""])
