"""The chance that capital and contributions grow to an amount, and the changes that bring it to a wanted chance.

Contributions make the final amount a sum of lognormal variables that move together. Its distribution is that of the
sum's conditional mean, given one normal variable: the comonotonic lower bound (Kaas, Dhaene & Goovaerts, "Upper and
lower bounds for sums of random variables", IME 27(2), 2000), with the variable of Vanduffel et al., "Comparing
approximations for risk measures of sums of nonindependent lognormal random variables", NAAJ 9(4), 2005. Without
contributions it is exact.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from math import exp, floor, inf, isfinite, log, log1p, sqrt
from statistics import NormalDist
from typing import TYPE_CHECKING

import numpy as np

from portfolio.terms.targets import MOST_YEARS

if TYPE_CHECKING:
    from collections.abc import Callable

    from portfolio import Vector
    from portfolio.funding.growth import Growth
    from portfolio.terms.targets import Target

# scipy's normal distribution would add 24 MiB to every process.
_NORMAL = NormalDist()
# A certain amount this near to the amount wanted, relatively, counts as that amount.
_SAME_AMOUNT = 1e-9
# A whole number of months may be short of that number by rounding.
_ROUNDED = 1e-9
# A score beyond this is a chance of 0 or 1 in double precision.
_CERTAIN = 60.0
_STEPS = 200
_EXACT = 1e-13
# A score this near to the score wanted is that score: the chance differs by less than half of it.
_SAME_SCORE = 1e-11


@dataclass(frozen=True, slots=True)
class Aim:
    """A money goal in money of its own: today's, or that of any day, in which only returns move.

    Attributes:
        amount_aud: What is wanted.
        years: In how many years.
        monthly_aud: What is added at the end of every full month.
        inflation: Growth per year of the money's own measure; 0 where amounts are in money of their day.
    """

    amount_aud: float
    years: float
    monthly_aud: float
    inflation: float

    @property
    def months(self) -> int:
        """Number of contributions."""
        return floor(12 * self.years + _ROUNDED)


def aim_of(target: Target, inflation: float) -> Aim:
    """State a money goal in its own money; *inflation* is per year, as a fraction."""
    return Aim(
        target.target_amount_aud,
        target.years,
        target.contribution_aud_per_month,
        inflation if target.in_todays_money else 0.0,
    )


def chance(aim: Aim, capital_aud: float, growth: Growth) -> float:
    """Compute the probability that the final amount is at least the amount wanted."""
    return _NORMAL.cdf(score(aim, capital_aud, growth))


def score(aim: Aim, capital_aud: float, growth: Growth) -> float:
    """Compute the normal score of the chance: infinite where the outcome is certain."""
    return _Outcome(aim, capital_aud, growth).score(aim.amount_aud)


def quantile_aud(aim: Aim, capital_aud: float, growth: Growth, probability: float) -> float:
    """Compute the amount that is not exceeded with *probability*; 0.5 gives the median."""
    return _Outcome(aim, capital_aud, growth).amount_aud(_NORMAL.inv_cdf(probability))


class _Outcome:
    """The final amount's distribution: ``fixed + sum(exp(at + slope * z))`` with *z* standard normal."""

    def __init__(self, aim: Aim, capital_aud: float, growth: Growth) -> None:
        # Ascending: the last contribution first, the capital of today last.
        years = aim.years - np.arange(aim.months, 0, -1) / 12 if aim.monthly_aud > 0 else np.zeros(0)
        amounts = np.append(np.full(years.size, aim.monthly_aud), capital_aud)
        years = np.maximum(np.append(years, aim.years), 0.0)
        variance, drift = growth.variance, growth.drift - log1p(aim.inflation)
        moves = (amounts > 0) & (variance * years > 0)
        self.fixed_aud = float(amounts[~moves] @ np.exp(drift * years[~moves]))
        amounts, years = amounts[moves], years[moves]
        # Weights of the conditioning variable: what each part becomes on average.
        weights = amounts * np.exp((drift + variance / 2) * years)
        covariances = variance * _sums_of_least(years, weights)
        self.slopes: Vector = covariances / sqrt(weights @ covariances) if years.size else years
        self.at: Vector = np.log(amounts) + drift * years + (variance * years - self.slopes**2) / 2

    def amount_aud(self, z: float) -> float:
        return self.fixed_aud + float(np.exp(self.at + self.slopes * z).sum())

    def score(self, wanted_aud: float) -> float:
        missing = wanted_aud - self.fixed_aud
        if missing <= _SAME_AMOUNT * wanted_aud:
            return inf
        if not self.at.size:
            return -inf
        # Newton's method on the logarithm, which is convex and rises: from the second step on, it comes from above.
        z, sought = 0.0, log(missing)
        for _ in range(_STEPS):
            parts = self.at + self.slopes * z
            top = float(parts.max())
            shares = np.exp(parts - top)
            total = float(shares.sum())
            step = (top + log(total) - sought) / (float(shares @ self.slopes) / total)
            z -= step
            if abs(step) <= _EXACT * (1 + abs(z)) or z < -_CERTAIN:
                break
        return -z


def _sums_of_least(years: Vector, weights: Vector) -> Vector:
    """Compute ``sum over j of weights[j] * min(years[j], years[k])`` for every *k*; *years* ascends."""
    before = np.cumsum(weights * years)
    after = weights.sum() - np.cumsum(weights)
    sums: Vector = before + years * after
    return sums


def needed_aud(aim: Aim, growth: Growth, chance: float) -> float:
    """Compute the least capital with which the amount is reached at *chance*."""
    z = _NORMAL.inv_cdf(chance)
    drift = growth.drift - log1p(aim.inflation)
    alone: float = aim.amount_aud * exp(z * sqrt(aim.years * growth.variance) - aim.years * drift)
    if not aim.monthly_aud or not aim.months:
        return alone
    return _least(lambda capital: score(aim, capital, growth) - z, alone)


def missing_per_month_aud(aim: Aim, capital_aud: float, growth: Growth, chance: float) -> float | None:
    """Compute the least further contribution per month for *chance*; None without a month left."""
    if not aim.months:
        return None
    z = _NORMAL.inv_cdf(chance)
    return _least(
        lambda more: score(replace(aim, monthly_aud=aim.monthly_aud + more), capital_aud, growth) - z,
        aim.amount_aud / aim.months,
    )


def missing_months(aim: Aim, capital_aud: float, growth: Growth, chance: float) -> int | None:
    """Compute how many months later *chance* is reached with the contributions going on; None if not in time.

    Waiting first lowers the chance, if at all, and then raises it, so that halving finds the month.
    """
    z, last = _NORMAL.inv_cdf(chance), floor(12 * (MOST_YEARS - aim.years) + _ROUNDED)

    def reached(months: int) -> bool:
        return score(replace(aim, years=aim.years + months / 12), capital_aud, growth) >= z

    if reached(0):
        return 0
    if last <= 0 or not reached(last):
        return None
    early = 0
    while last - early > 1:
        middle = (early + last) // 2
        early, last = (early, middle) if reached(middle) else (middle, last)
    return last


def _least(excess: Callable[[float], float], guess: float) -> float:
    """Find the least amount from 0 on at which *excess*, which rises, is not negative (Illinois false position)."""
    low, high = 0.0, guess
    at_low, at_high = excess(low), excess(high)
    if at_low >= 0:
        return 0.0
    while at_high < 0:
        low, at_low, high = high, at_high, 2 * high
        at_high = excess(high)
    side = 0
    for _ in range(_STEPS):
        if high - low <= _EXACT * high:
            break
        is_line = isfinite(at_low) and isfinite(at_high) and at_high > at_low
        middle = high - at_high * (high - low) / (at_high - at_low) if is_line else (low + high) / 2
        if not low < middle < high:
            middle = (low + high) / 2
        at = excess(middle)
        if abs(at) <= _SAME_SCORE:
            return middle
        if at < 0:
            low, at_low, at_high = middle, at, at_high / 2 if side < 0 else at_high
            side = -1
        else:
            high, at_high, at_low = middle, at, at_low / 2 if side > 0 else at_low
            side = 1
    return high
