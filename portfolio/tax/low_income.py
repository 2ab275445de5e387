"""The reliefs of low incomes: the low-income tax offset, and the low-income threshold of the Medicare levy.

Neither makes a convex tax: the offset ends, and the levy's steep range does, at an income above which the next dollar
bears less. So the optimisation leaves both out, and this module states two figures that are exact: by how much they
change the tax of the sales, and by how much other orders could cost less on account of them. The reliefs lower the tax
by brackets at an income ``x`` by ``R(x)``, piecewise linear and never below zero::

    R(x) = min(offset(x), tax by brackets(x)) + max(2 % x - levy(x), 0)

Left out: families, dependants and seniors, who have other thresholds; and whether the offset reduces the minimum tax on
gains from 1 July 2027, whose text was not read.
"""

from __future__ import annotations

from dataclasses import dataclass
from itertools import pairwise
from typing import TYPE_CHECKING

from portfolio.tax.gains import assess, assess_each
from portfolio.tax.regime import LEVY_FROM_AUD, LEVY_ON_EXCESS, LOW_INCOME_OFFSET, MEDICARE_LEVY, schedule_of

if TYPE_CHECKING:
    from portfolio.tax.kinds import Amounts
    from portfolio.tax.taxpayer import Taxpayer


@dataclass(frozen=True, slots=True)
class LowIncome:
    """The effect of both reliefs on the tax of single individuals by brackets.

    Attributes:
        change_aud: Change of the tax of the sales by the reliefs, AUD: with it, ``gains.tax_aud`` is the tax of a
            single person without dependants. The optimisation, budgets and tax set aside leave it out.
        most_better_aud: The most by which other orders could cost less than these on account of the reliefs, AUD.
    """

    change_aud: float
    most_better_aud: float


def low_income(taxpayer: Taxpayer, realised_aud: Amounts) -> LowIncome | None:
    """State the effect of the reliefs on the tax of sales, of all owners that are taxed by brackets; None without one.

    Args:
        taxpayer: The taxpayer.
        realised_aud: Totals of the sales by kind.
    """
    change = better = 0.0
    found = False
    for (_, alone), part in zip(taxpayer.each, assess_each(taxpayer, realised_aud), strict=True):
        if (income := alone.taxable_income_aud) is None or (year := alone.income_year) is None:
            continue
        before, after = (income + gain for gain in (assess(alone, {}).net_capital_gain_aud, part.net_capital_gain_aud))
        change += relief_aud(before, year) - relief_aud(after, year)
        better += max(relief_aud(x, year) for x in (income, *_kinks(year)) if x >= income) - relief_aud(after, year)
        found = True
    return LowIncome(change, better) if found else None


def relief_aud(income_aud: float, year: int) -> float:
    """Compute by how much the reliefs lower the tax by brackets and the levy of 2 % on a taxable income, AUD."""
    return min(offset_aud(income_aud), _basic(income_aud, year)) + MEDICARE_LEVY * income_aud - levy_aud(income_aud)


def offset_aud(income_aud: float) -> float:
    """Compute the low-income tax offset, AUD."""
    start, most, part = [row for row in LOW_INCOME_OFFSET if row[0] <= income_aud][-1]
    return max(most - part * (income_aud - start), 0.0)


def levy_aud(income_aud: float) -> float:
    """Compute the Medicare levy of a single person, AUD."""
    return min(MEDICARE_LEVY * income_aud, LEVY_ON_EXCESS * max(income_aud - LEVY_FROM_AUD, 0.0))


def _basic(income_aud: float, year: int) -> float:
    schedule = schedule_of(year)
    tax = schedule[0][1] * income_aud
    for (_, before), (start, rate) in pairwise(schedule):
        tax += (rate - before) * max(income_aud - start, 0.0)
    return tax


def _kinks(year: int) -> list[float]:
    """List all incomes at which a relief changes its slope; between two of them and beyond, it is linear."""
    free, first = schedule_of(year)[1]
    # Where the offset, still whole, pays all tax by brackets.
    covered = free + LOW_INCOME_OFFSET[0][1] / first
    full_levy = LEVY_ON_EXCESS * LEVY_FROM_AUD / (LEVY_ON_EXCESS - MEDICARE_LEVY)
    return [free, covered, LEVY_FROM_AUD, full_levy, *(start for start, _, _ in LOW_INCOME_OFFSET[1:])]
