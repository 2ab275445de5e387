"""How money grows: the distribution of a portfolio's returns, after fees and tax on income."""

from __future__ import annotations

from dataclasses import dataclass
from math import log1p, sqrt
from typing import TYPE_CHECKING

from portfolio.market.figures import after_tax_returns

if TYPE_CHECKING:
    from portfolio import Vector
    from portfolio.market.snapshot import Market

# A mean return per year below this counts as this: the logarithm of what is left must exist.
_LEAST_RETURN = -0.99


@dataclass(frozen=True, slots=True)
class Growth:
    """Returns of different years, independent and lognormal.

    Attributes:
        mean: Expected return per year, as a fraction.
        volatility: Standard deviation of a year's return, as a fraction.
    """

    mean: float
    volatility: float

    @property
    def variance(self) -> float:
        """Variance of the logarithm of a year's growth."""
        return log1p((self.volatility / (1 + self._mean)) ** 2)

    @property
    def drift(self) -> float:
        """Mean of the logarithm of a year's growth."""
        return log1p(self._mean) - self.variance / 2

    @property
    def _mean(self) -> float:
        return max(self.mean, _LEAST_RETURN)

    def shifted(self, by: float) -> Growth:
        """Return the same volatility with another mean."""
        return Growth(self.mean + by, self.volatility)


def growth_of(market: Market, w: Vector, tax_rate: float, *, counted: float = 1.0, cash_rate: float = 0.0) -> Growth:
    """Compute the growth of holdings *w*, shape (n,), after fees and net tax on income.

    Where *w* sums to less than one, the rest is money with the interest *cash_rate*, which is taxed; *counted* is the
    part of a discountable gain that is taxed.
    """
    interest = cash_rate * (1 - tax_rate) * (1 - float(w.sum()))
    return Growth(
        float(after_tax_returns(market, tax_rate, counted=counted) @ w) + interest, sqrt(float(w @ market.Sigma @ w))
    )
