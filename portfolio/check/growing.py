"""What capital and contributions become, as docs/model.md ("Money goals") defines it: for the check alone.

Nothing is solved here. A told chance, or a told amount, is put back: does it give the amount that is wanted?
"""

from __future__ import annotations

from dataclasses import dataclass
from math import floor, inf, log1p, sqrt
from statistics import NormalDist
from typing import TYPE_CHECKING

import numpy as np

from portfolio.check.facts import FIGURE
from portfolio.check.tax import taxed_yield

if TYPE_CHECKING:
    from portfolio import Vector
    from portfolio.check.facts import Event
    from portfolio.market.snapshot import Market

# Relative rounding of an amount that was computed twice; and of one that was solved for, and is put back.
_ROUNDING, PUT_BACK = 1e-12, 2 * FIGURE
_LEAST_RETURN = -0.99
# Beyond this score a chance is 0 or 1 in double precision; and a score is found to this.
_FAR, _NEAR = 40.0, 1e-12


@dataclass(frozen=True, slots=True)
class Path:
    """The lognormal returns of a portfolio: mean and variance of a year, after fees and tax on income."""

    mean: float
    variance: float

    @classmethod
    def of(cls, market: Market, w: Vector, rate: float, counted: float) -> Path:
        """Take the tax on distributions and credits off the return; the credits pay part of that tax."""
        net = 0.0
        for share, mu, etf in zip(w.tolist(), market.expected_returns.tolist(), market.etfs, strict=True):
            credit = etf.distribution_yield * etf.franked_share * 3 / 7
            net += share * (mu - rate * (taxed_yield(etf, counted) + credit) + credit)
        return cls(net, float(w @ market.Sigma @ w))

    def higher(self, by: float) -> Path:
        """Change the mean."""
        return Path(self.mean + by, self.variance)


@dataclass(frozen=True, slots=True)
class Asked:
    """A money goal as the event tells it: its amount, time, inflation and contributions."""

    amount: float
    years: float
    monthly: float
    inflation: float

    @classmethod
    def of(cls, goal: Event, inflation: float) -> Asked:
        """Read a goal."""
        grows = inflation if goal["in_todays_money"] else 0.0
        return cls(goal["target_amount_aud"], goal["years"], goal["contribution_aud_per_month"], grows)

    def becomes(self, capital: float, path: Path, z: float) -> float:
        """Compute the final amount where the conditioning normal variable is *z*; infinite or certain *z* included."""
        mean = max(path.mean, _LEAST_RETURN)
        v = log1p(path.variance / (1 + mean) ** 2)
        d = log1p(mean) - v / 2 - log1p(self.inflation)
        months = self.months if self.monthly else 0
        # From now on: the capital first, then a contribution at the end of each month.
        paid = np.array([capital, *([self.monthly] * months)])
        at = np.minimum(np.arange(months + 1) / 12, self.years)
        lengths = np.diff(np.append(at, self.years))
        moved = (paid > 0) & (v * (self.years - at) > 0)
        still = float((paid * np.exp(d * (self.years - at)))[~moved].sum())
        if not moved.any():
            return still
        expected = np.where(moved, paid * np.exp((d + v / 2) * (self.years - at)), 0.0)
        exposed = np.cumsum(expected)
        spread = sqrt(v * float(lengths @ exposed**2))
        # The loading of each payment: its covariance with the exposure of all times after it.
        loads = v * np.cumsum((lengths * exposed)[::-1])[::-1] / spread
        if abs(z) == inf:
            return inf if z > 0 else still
        logs = d * (self.years - at) + (v * (self.years - at) - loads**2) / 2 + loads * z
        with np.errstate(over="ignore"):
            return still + float((paid * np.exp(logs))[moved].sum())

    @property
    def months(self) -> int:
        """Number of full months."""
        return floor(12 * self.years + FIGURE)

    def has_chance(self, told: float, capital: float, path: Path) -> bool:
        """Whether the chance of reaching the amount is the one told."""
        least, most = (self.becomes(capital, path, z) for z in (-inf, inf))
        if least == most or least >= self.amount * (1 - FIGURE):
            return told == float(least >= self.amount * (1 - FIGURE))
        # What is exceeded with a chance a little higher is less than the amount, with one a little lower more.
        less, more = (self.becomes(capital, path, -_score(told + by)) for by in (FIGURE, -FIGURE))
        return 0 <= told <= 1 and less <= self.amount * (1 + _ROUNDING) and more >= self.amount * (1 - _ROUNDING)

    def chance(self, capital: float, path: Path) -> float:
        """Find the chance of reaching the amount by halving the interval of the conditioning normal variable."""
        least, most = (self.becomes(capital, path, z) for z in (-inf, inf))
        if least == most or least >= self.amount * (1 - FIGURE):
            return float(least >= self.amount * (1 - FIGURE))
        low, high = -_FAR, _FAR
        while high - low > _NEAR:
            middle = (low + high) / 2
            low, high = (low, middle) if self.becomes(capital, path, middle) >= self.amount else (middle, high)
        return NormalDist().cdf(-high)

    def excess(self, capital: float, path: Path, wanted: float) -> float:
        """Compute by how much, relatively, the amount is exceeded that is reached with the chance *wanted*."""
        return self.becomes(capital, path, -_score(wanted)) / self.amount - 1


def is_least(told: float, excess: float) -> bool:
    """Whether what was told is what it takes, and no more: nothing, or as much as leaves no excess."""
    return told >= 0 and (abs(excess) <= PUT_BACK or (told == 0 and excess > 0))


def _score(probability: float) -> float:
    """Return the normal score; infinite outside (0, 1)."""
    if probability <= 0:
        return -inf
    return inf if probability >= 1 else NormalDist().inv_cdf(probability)
