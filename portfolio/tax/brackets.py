"""The tax on a year's net gain, as the largest of a few linear functions.

One marginal rate makes one function. An individual's brackets make one for each bracket that the gain may reach, since
the rates rise with income: the tax is convex and piecewise linear.

Deliberately left out, since neither is convex: the threshold below which no Medicare levy is paid with the range above
it in which the levy rises by 10 % (Medicare Levy Act 1986, ss 7 and 8), and the low-income tax offset, which falls
between 37,500 and 66,667 AUD (ITAA 1997, Subdiv 61-D). So the levy is 2 % of every dollar of the gain.
``portfolio.tax.low_income`` has their effect. The surcharge, and offsets of seniors, are left out too.
"""

from __future__ import annotations

from dataclasses import dataclass
from itertools import pairwise
from typing import TYPE_CHECKING

from portfolio.tax.kinds import GAINS, Kind, effective_rate, inclusion
from portfolio.tax.regime import MEDICARE_LEVY, MINIMUM_RATE, SCHEDULES, income_year, schedule_of
from portfolio.tax.taxpayer import Entity

if TYPE_CHECKING:
    from collections.abc import Mapping
    from datetime import date

    from portfolio.tax.taxpayer import Taxpayer

# Rates this near to each other are the same.
_SAME = 1e-9


@dataclass(frozen=True, slots=True)
class Piece:
    """One linear part of the tax: ``early * e + indexed * i - less``.

    Attributes:
        early: Tax per dollar of the net gain without indexed gains, after losses and discount, ``e``.
        indexed: Tax per dollar of indexed gains after losses, ``i``.
        less: AUD that lower brackets save.
    """

    early: float
    indexed: float
    less: float


def pieces(taxpayer: Taxpayer) -> tuple[Piece, ...]:
    """Write the tax on a year's net gain as the largest of linear functions.

    Indexed gains are taken as the top of the income, and bear at least 30 % there: ``max(t(e + i), t(e) + 30 % i)``
    with the tax ``t`` by brackets. Since the rates rise, that is the largest of one function per bracket.
    """
    if taxpayer.taxable_income_aud is None or taxpayer.income_year is None:
        return (Piece(taxpayer.rate, effective_rate(Kind.INDEXED, taxpayer), 0.0),)
    income, found, less = taxpayer.taxable_income_aud, [], 0.0
    above = [(max(start - income, 0.0), rate) for start, rate in _reached(taxpayer)]
    before, least = above[0][1], 0.0 if taxpayer.minimum_tax_exempt else MINIMUM_RATE
    for start, rate in above:
        less += start * (rate - before)
        before = rate
        found.append(Piece(rate + MEDICARE_LEVY, max(rate, least) + MEDICARE_LEVY, less))
    return tuple(found)


def _reached(taxpayer: Taxpayer) -> list[tuple[float, float]]:
    """List the brackets from that of the income on."""
    assert taxpayer.taxable_income_aud is not None and taxpayer.income_year is not None  # noqa: S101, PT018 - by the caller
    schedule = schedule_of(taxpayer.income_year)
    ends = [*(end for end, _ in schedule[1:]), float("inf")]
    return [part for part, end in zip(schedule, ends, strict=True) if end > taxpayer.taxable_income_aud]


def rate_at(income_aud: float, year: int) -> float:
    """Return the tax on the next dollar of income, Medicare levy included, in a financial year."""
    rates = [rate for start, rate in schedule_of(year) if start <= income_aud]
    return rates[-1] + MEDICARE_LEVY


def saved_by_loss(taxpayer: Taxpayer) -> float:
    """Return the tax that a dollar of losses saves on a gain after the discount, on the next dollar of income.

    Of several owners, the least that a dollar of one owner's losses saves.
    """
    return min(alone.rate for _, alone in taxpayer.each) * inclusion(Kind.DISCOUNTABLE, taxpayer.entity)


def tax_on(taxpayer: Taxpayer, taxable_aud: Mapping[Kind, float]) -> float:
    """Compute the tax on a year's gains after losses and before the discount, by kind."""
    if taxpayer.taxable_income_aud is None:
        return sum(effective_rate(kind, taxpayer) * taxable_aud[kind] for kind in GAINS)
    early = sum(inclusion(kind, taxpayer.entity) * taxable_aud[kind] for kind in GAINS if kind is not Kind.INDEXED)
    indexed = taxable_aud[Kind.INDEXED]
    return max(part.early * early + part.indexed * indexed - part.less for part in pieces(taxpayer))


def most_above(taxpayer: Taxpayer, net_gain_aud: float, sale_day: date) -> float | None:
    """Bound the tax by brackets above the tax at the marginal rate on a net gain, AUD.

    The income is not known, only that its last dollar is taxed at the marginal rate: the tax is the highest where the
    income ends with its bracket. None where there is no such question: for other entities, and with brackets; and
    where the brackets of the day are not known.
    """
    year = income_year(sale_day)
    by_brackets = taxpayer.entity is not Entity.INDIVIDUAL or taxpayer.taxable_income_aud is not None
    if by_brackets or year < min(SCHEDULES):
        return None
    schedule = schedule_of(year)
    ends = [*(end for end, _ in schedule[1:]), float("inf")]
    # The first bracket, or the last whose rate is not above the marginal rate.
    own = max([0, *(k for k, (_, rate) in enumerate(schedule) if rate + MEDICARE_LEVY <= taxpayer.rate + _SAME)])
    left, more = net_gain_aud, 0.0
    for (_, rate), (start, end) in zip(schedule[own + 1 :], pairwise(ends[own:]), strict=True):
        part = min(left, end - start)
        more += part * max(rate + MEDICARE_LEVY - taxpayer.rate, 0.0)
        left -= part
    return more
