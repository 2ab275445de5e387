"""Draw markets within the error of a market's figures: the same seed gives the same markets.

A history's mean and covariance have the distributions of estimates from independent normal returns: the mean
``N(mu, Sigma / T)`` with *T* the years, and independent of it the covariance, Wishart with one degree of freedom less
than there are returns (Anderson, An Introduction to Multivariate Statistical Analysis, 3rd ed., theorem 3.3.2 and
corollary 7.2.3). An outlook's returns are uniform within the ranges that it states.

The random numbers are those of the Mersenne Twister, whose sequence numpy promises never to change (NEP 19).
"""

from __future__ import annotations

from dataclasses import replace
from hashlib import sha256
from typing import TYPE_CHECKING

import numpy as np

from portfolio.market.basis import History
from portfolio.market.snapshot import CASH
from portfolio.published.robustness import Drawn

if TYPE_CHECKING:
    from collections.abc import Iterator

    from portfolio import Vector
    from portfolio.market.snapshot import Market

# A history of fewer returns an ETF says too little of the covariance: the drawn one would be nearly singular.
RETURNS_PER_ETF = 2


def seed_of(request_id: str) -> str:
    """Return the seed of a request's draws, in hex."""
    return sha256(request_id.encode()).hexdigest()


def kind_of(market: Market) -> Drawn:
    """Say where draws of *market* come from."""
    if isinstance(market.basis, History):
        return Drawn.HISTORY
    return Drawn.NOTHING if market.half_ranges is None else Drawn.RANGES


def draws_covariance(market: Market) -> bool:
    """Return whether a history is long enough to draw the covariance."""
    basis = market.basis
    return isinstance(basis, History) and basis.returns >= RETURNS_PER_ETF * len(market.etfs)


def drawn_markets(market: Market, seed: str, number: int) -> Iterator[Market]:
    """Draw *number* markets; none of an outlook without ranges. Fewer draws are the first ones of more."""
    kind, basis = kind_of(market), market.basis
    random = np.random.RandomState(np.frombuffer(bytes.fromhex(seed), dtype=">u4").astype(np.uint32))
    n = len(market.etfs)
    L = np.linalg.cholesky(market.Sigma)
    for _ in range(0 if kind is Drawn.NOTHING else number):
        if not isinstance(basis, History):
            assert market.half_ranges is not None  # noqa: S101 - of this kind
            yield with_returns(market, market.half_ranges * random.uniform(-1.0, 1.0, n))
            continue
        years = basis.returns / basis.returns_per_year
        moved = with_returns(market, L @ random.standard_normal(n) / np.sqrt(years))
        if draws_covariance(market):
            freedom = basis.returns - 1
            Z = random.standard_normal((freedom, n)) @ L.T
            moved = replace(moved, Sigma=Z.T @ Z / freedom)
        yield moved


def with_returns(market: Market, change: Vector) -> Market:
    """Change the expected returns by *change*, shape (n,); that of the cash ETF is the return of cash."""
    mu = market.expected_returns + change
    return replace(market, expected_returns=mu, risk_free=float(mu[cash_etf(market)]))


def cash_etf(market: Market) -> int:
    """Find the ETF whose return is that of cash: the least volatile of its class."""
    volatilities = np.diag(market.Sigma)
    return min((i for i, etf in enumerate(market.etfs) if etf.asset_class == CASH), key=lambda i: volatilities[i])
