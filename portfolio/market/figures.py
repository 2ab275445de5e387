"""The figures of a portfolio, each defined once: risk, return, income, cost and tax.

All functions take weights of shape (n,) in the order of the market's ETFs. The weights of a sleeve sum to one, and so
do the weights of the whole portfolio.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from portfolio.market.measure import Figures
from portfolio.tax.regime import COMPANY_TAX

if TYPE_CHECKING:
    from portfolio import Vector
    from portfolio.market.snapshot import Market

# From this correlation of returns on, two ETFs count as nearly the same.
NEARLY_THE_SAME = 0.97


def figures(market: Market, w: Vector, *, cash: float = 0.0, cash_rate: float = 0.0) -> Figures:
    """Compute the figures of *w*.

    Args:
        market: The market's figures.
        w: Weights.
        cash: The share of the capital that is held as cash: without volatility, and as liquid as can be.
        cash_rate: Interest on cash per year, as a fraction.
    """
    volatility = float(np.sqrt(w @ market.Sigma @ w))
    interest = cash_rate * cash
    expected_return = float(market.expected_returns @ w) + interest
    excess = expected_return - market.risk_free * (float(w.sum()) + cash)
    return Figures(
        volatility=volatility,
        expected_return=expected_return,
        grossed_up_yield=float(grossed_up_yields(market) @ w) + interest,
        # Without risk there is no ratio; events of version 1 have a number here.
        sharpe_ratio=excess / volatility if volatility > 0 else 0.0,
        liquidity=float(market.column("liquidity") @ w) + cash,
    )


def etf_correlation(market: Market, i: int, j: int) -> float:
    """Compute the correlation of the returns of two ETFs."""
    return float(market.Sigma[i, j] / np.sqrt(market.Sigma[i, i] * market.Sigma[j, j]))


def correlation_distance(market: Market, i: int, j: int) -> float:
    """Compute the correlation distance of two ETFs (Mantegna 1999, scaled to 0..1)."""
    return float(np.sqrt(max(0.0, (1 - etf_correlation(market, i, j)) / 2)))


def economic_duplicates(market: Market, w: Vector) -> list[tuple[int, int, float]]:
    """List the pairs of ETFs held in *w*, shape (n,), that behave nearly the same, each with its correlation."""
    held = np.flatnonzero(w > 0)
    if len(held) < 2:  # noqa: PLR2004 - a pair
        return []
    Sigma = market.Sigma[np.ix_(held, held)]
    risks = np.diag(Sigma)
    rho = Sigma / np.sqrt(np.outer(risks, risks))
    near = np.argwhere(np.triu(rho >= NEARLY_THE_SAME, k=1))
    return [(int(held[i]), int(held[j]), float(rho[i, j])) for i, j in near]


def effective_holdings(w: Vector) -> float:
    """Compute the number of equal holdings with the same spread as *w*; 0 without holdings."""
    total = float(w.sum())
    return total**2 / float(w @ w) if total > 0 else 0.0


def franking_credits(market: Market) -> Vector:
    """Compute franking credits per year, as a fraction of the price: franked cash times 30/70."""
    return market.column("distribution_yield") * market.column("franked_share") * COMPANY_TAX / (1 - COMPANY_TAX)


def grossed_up_yields(market: Market) -> Vector:
    """Compute taxable income per year, as a fraction of the price: cash distributions plus franking credits."""
    return market.column("distribution_yield") + franking_credits(market)


def untaxed_yields(market: Market, counted: float) -> Vector:
    """Compute the cash per year that is not taxed when it is paid, as a fraction of the price, shape (n,).

    These are tax-deferred amounts, and the discount on capital gains that funds distribute.

    Args:
        market: The market's figures.
        counted: The part of a discountable gain that is taxed.
    """
    shares = market.column("tax_deferred_share") + (1 - counted) * market.column("discounted_gain_share")
    return market.column("distribution_yield") * shares


def net_tax(market: Market, rate: float, *, counted: float = 1.0) -> Vector:
    """Compute net tax on income per year, as a fraction of the price, shape (n,): ``r (y - u + f) - f``.

    Negative where franking credits exceed the tax: they are refunded, or pay tax on other income.

    Args:
        market: The market's figures.
        rate: Tax on one more dollar of income, as a fraction.
        counted: The part of a discountable gain that is taxed, for gains that funds distribute.
    """
    return rate * (grossed_up_yields(market) - untaxed_yields(market, counted)) - franking_credits(market)


def after_tax_returns(market: Market, rate: float, *, counted: float = 1.0) -> Vector:
    """Compute expected returns per year after fees and net tax on income, shape (n,): ``mu - T``."""
    return market.expected_returns - net_tax(market, rate, counted=counted)


def tax_efficiency(expected_return: float, tax: float) -> float | None:
    """Compute ten times the part of the expected return that net tax on income leaves.

    Above ten where franking credits exceed the tax. None if the return is not positive: the ratio has no meaning then.

    Args:
        expected_return: After fees, before tax, per year, as a fraction of the capital.
        tax: Net tax on income, likewise.
    """
    return 10 * (1 - tax / expected_return) if expected_return > 0 else None


def spread_cost_aud(market: Market, w: Vector, capital_aud: float) -> float:
    """Compute the cost of half the spread on each dollar of *w*."""
    return capital_aud * float(market.column("half_spread") @ w)
