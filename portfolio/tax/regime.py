"""The law by date: each rule once, with the source. If the law changes, only this module changes.

The reform of capital gains is the Treasury Laws Amendment (Tax Reform No. 1) Act 2026, No. 49 of 2026,
reported to have received assent on 26 June 2026. The reform governs an individual's sales from 1 July 2027:

- An ETF bought earlier counts as sold and bought again just before 1 July 2027, at market value
  (ss 112-155 and 112-160). The gain until then is assessed with the real sale, and keeps the discount.
- The gain from then on is measured from a cost base indexed by the CPI, if the ETF was held for 12 months,
  counted from the real purchase (ss 110-36(1A) and 114-10). This gain has no discount, and bears at least 30 %
  (Div 119). Indexing makes no loss: a loss is measured from the plain cost base (s 110-55).
- Losses reduce the gains until 1 July 2027 first, then the later gains (ss 102-5 and 102-6).

- Individuals who get a listed income support payment at any time of the year pay no minimum tax.
- Trusts lose the discount as individuals do; no taxpayer here is a trust. Of a fund's gains from 1 July 2027, the
  fund's statement says which part is discountable and which is indexed.

The law for companies and super funds does not change. The Act itself was not read here, only summaries of the bill, its
amendments of June 2026 and the explanatory memorandum: so that indexed gains are the top of the income for the minimum
tax, and the list of payments, are taken from these.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import date, timedelta
from decimal import ROUND_HALF_UP, Decimal
from itertools import pairwise

from portfolio.errors import DataError
from portfolio.tax.taxpayer import Entity

# s 115-100: one half for individuals, one third for complying super funds; s 115-10 leaves companies out.
DISCOUNTS = {
    Entity.INDIVIDUAL: 1 / 2,
    Entity.SUPER_ACCUMULATION: 1 / 3,
    Entity.SUPER_PENSION: 1 / 3,
    Entity.COMPANY: 0.0,
}

# s 118-320: gains and losses from segregated current pension assets are disregarded.
DISREGARDED = frozenset({Entity.SUPER_PENSION})

# The company tax rate at which distributions are franked (s 202-60). Smaller companies frank at 25 %, but a fund holds
# mostly large companies, and only the fund's yearly statement gives the mix.
COMPANY_TAX = 0.30

# s 67-25: excess franking credits are refunded, but not to a corporate tax entity.
REFUNDED = frozenset({Entity.INDIVIDUAL, Entity.SUPER_ACCUMULATION, Entity.SUPER_PENSION})

# Former ITAA 1936, s 160APHO: the days at risk that franking credits require, without the days of purchase and of
# sale; applied by ss 207-145(1)(a) and 207-150(1)(a).
HOLDING_DAYS = 45

# Former ITAA 1936, s 160APHT: a natural person with at most this amount of credits per year is exempt from these days.
SMALL_SHAREHOLDER_CREDITS_AUD = 5_000.0

# s 119-10, with the Income Tax Rates Act 1986, s 12AA: the minimum rate of income tax on gains from 1 July 2027.
MINIMUM_RATE = 0.30

# Medicare Levy Act 1986, s 6. The minimum rate is a rate of income tax, so the levy is paid on top.
MEDICARE_LEVY = 0.02

# Income Tax Rates Act 1986, Sch 7, Pt I (residents): the rate of income tax from each amount of taxable income on, by
# the calendar year in which the financial year ends. The last schedule stands until the law changes. The amending Acts
# (No. 3 of 2024; No. 27 of 2025) were not read here: the figures are those that the tax office and the Parliament's
# summaries publish.
_FROM = (0.0, 18_200.0, 45_000.0, 135_000.0, 190_000.0)
SCHEDULES: Mapping[int, tuple[tuple[float, float], ...]] = {
    year: tuple(zip(_FROM, (0.0, first, 0.30, 0.37, 0.45), strict=True))
    for year, first in ((2025, 0.16), (2026, 0.16), (2027, 0.15), (2028, 0.14))
}

# s 61-115(1), as the tax office's legal database has it: the low-income tax offset from each amount of taxable income
# on, and the part of the excess by which it falls; nothing is left from the last amount on.
LOW_INCOME_OFFSET = ((0.0, 700.0, 0.0), (37_500.0, 700.0, 0.05), (45_000.0, 325.0, 0.015), (66_667.0, 0.0, 0.0))

# Medicare Levy Act 1986, s 7: a single person without dependants, who has no seniors and pensioners tax offset, pays no
# levy up to the threshold, and at most the part of the excess. The Act was not read here: the figures are those that
# the tax office publishes for 2024-25. The threshold is raised in most years; no later one was found, so it stands.
LEVY_FROM_AUD, LEVY_ON_EXCESS = 27_222.0, 0.10

# Div 296 (Treasury Laws Amendment (Building a Stronger and Fairer Super System) Act 2026, No. 8 of 2026): the total
# superannuation balance above which a person pays more tax on earnings of super from 2026-27, indexed later. The Act
# was not read here, but for the sections on its start: the amount is that of the Parliament's digest of the bill.
LARGE_SUPER_BALANCE_AUD = 3_000_000.0

# s 114-1: parcels acquired earlier allow a choice of indexing until 1999, which is not modelled. The ASX listed the
# first ETFs in 2001.
EARLIEST_PURCHASE = date(1999, 9, 22)

# Twice the highest yearly inflation on the ABS's record (1951, 24 %). A higher rate was meant as a percentage.
_WILDEST_INFLATION = 0.50

# The last month of a financial year.
_JUNE = 6

# First day of sales under the reform.
REFORM_STARTS = date(2027, 7, 1)


@dataclass(frozen=True, slots=True)
class Reform:
    """The facts that the reform needs and that were unknown when the reform became law.

    Attributes:
        cpi: All Groups CPI, weighted average of the eight capital cities (s 960-280), by the first day of the
            quarter; the quarters of the purchase, or of the start, and of the sale are required.
        values_aud: Price of a unit just before the start, by ticker: the market value (s 112-155). The other method
            that the law allows, apportioning (s 112-185), was only a draft in 2026, and not meant for assets with a
            market price.
    """

    cpi: Mapping[date, float] = field(default_factory=dict)
    values_aud: Mapping[str, float] = field(default_factory=dict)

    def __post_init__(self) -> None:
        """Refuse an index or a price that is not positive, and index numbers that look like rates of inflation."""
        for quarter, index in self.cpi.items():
            if quarter != first_of_quarter(quarter):
                message = (
                    f"the CPI is given for {quarter}; name quarters by their first day,"
                    f" this one {first_of_quarter(quarter)}"
                )
                raise DataError(message)
            _refuse_not_positive(f"the CPI of the quarter from {quarter}", index)
        for (earlier, then), (later, now) in pairwise(sorted(self.cpi.items())):
            years = (later - earlier).days / 365
            if abs(math.log(now / then)) > math.log1p(_WILDEST_INFLATION) * years:
                message = (
                    f"the CPI goes from {then} in the quarter from {earlier} to {now} in that from {later}; give"
                    " index numbers, not rates of inflation"
                )
                raise DataError(message)
        for ticker, value in self.values_aud.items():
            _refuse_not_positive(f"the value of {ticker} at the start of the reform", value)

    def index_factor(self, incurred: date, sale_day: date) -> float:
        """Compute the index factor for a cost incurred on one day and a sale on another; at least one.

        The factor is the index number of the sale's quarter over that of the cost's quarter, rounded half up to three
        decimals (s 960-275(1B), (1C) and (5)); a factor of one or less is not applied (s 960-270(2)). Within a quarter
        the factor is one, and no index is needed.

        Raises:
            DataError: If the index of a needed quarter is missing.
        """
        if first_of_quarter(incurred) == first_of_quarter(sale_day):
            return 1.0
        now, then = (self._index(day) for day in (sale_day, incurred))
        return float(max((now / then).quantize(Decimal("0.001"), ROUND_HALF_UP), Decimal(1)))

    def _index(self, day: date) -> Decimal:
        quarter = first_of_quarter(day)
        if quarter not in self.cpi:
            message = (
                f"the reform of capital gains needs the CPI of the quarter from {quarter}; none is given:"
                " put it into account.reform.cpi"
            )
            raise DataError(message)
        # Converted from the decimal digits, so that 101.05 / 100 is exactly between 1.010 and 1.011.
        return Decimal(repr(float(self.cpi[quarter])))

    def market_value_aud(self, ticker: str) -> float:
        """Return the price per unit just before the reform starts.

        Raises:
            DataError: If the price is missing.
        """
        if ticker not in self.values_aud:
            message = (
                f"the reform of capital gains needs the price of {ticker} just before {REFORM_STARTS}; none is given:"
                " put it into account.reform.values_aud"
            )
            raise DataError(message)
        return self.values_aud[ticker]


@dataclass(frozen=True, slots=True)
class Regime:
    """The law to apply.

    Attributes:
        reform: The reform, on by default since the reform is law. Sales before 1 July 2027 are not affected, and the
            CPI and the prices of 2027 are required only where a sale needs them. None: the law without the reform,
            for a comparison.
    """

    reform: Reform | None = field(default_factory=Reform)

    def reform_for(self, entity: Entity, sale_day: date) -> Reform | None:
        """Return the reform if the reform governs a sale by *entity* on *sale_day* (s 110-36(1A)); else None."""
        if self.reform is None or entity is not Entity.INDIVIDUAL or sale_day < REFORM_STARTS:
            return None
        return self.reform


def first_long_term_day(acquired: date) -> date:
    """Return the first day on which a sale counts as held for at least 12 months.

    A full year must lie between the days of purchase and of sale, without counting these two days (s 115-25(1);
    TD 2002/10; ATO, "The discount method": bought on 2 February 2001, sold on or after 3 February 2002).
    A month runs to the same day of the next month, or to the end of a month without that day (Acts
    Interpretation Act 1901, s 2G).
    """
    year_starts = acquired + timedelta(days=1)
    try:
        return year_starts.replace(year=year_starts.year + 1)
    except ValueError:  # from 29 February, the twelfth month ends on the last day of February
        return date(year_starts.year + 1, 3, 1)


def distributed_before_discount(discounted_aud: float) -> float:
    """Return the gain before the discount of a discounted gain that a fund distributed: twice (s 115-215(3)(b))."""
    return 2 * discounted_aud


def income_year(day: date) -> int:
    """Return the calendar year in which the financial year of *day* ends: 30 June (ITAA 1997, s 4-10)."""
    return day.year + (day.month > _JUNE)


def schedule_of(year: int) -> tuple[tuple[float, float], ...]:
    """Return a resident's rates of income tax, from each amount of taxable income on, in the financial *year*.

    Raises:
        DataError: If the year is before the first that is known here.
    """
    if year < min(SCHEDULES):
        message = (
            f"the brackets of the financial year that ends in {year} are not known, only those from"
            f" {min(SCHEDULES)} on: give marginal_tax_rate instead of taxable_income_aud"
        )
        raise DataError(message)
    return SCHEDULES[min(year, max(SCHEDULES))]


def first_of_quarter(day: date) -> date:
    """Return the first day of the quarter that contains *day*."""
    return day.replace(month=(day.month - 1) // 3 * 3 + 1, day=1)


def steady_cpi(annual_rate: float, *, until: date, starts: date = REFORM_STARTS) -> dict[date, float]:
    """Make an assumed CPI for plans: one index number per quarter from *starts*, growing by *annual_rate* per year.

    Raises:
        DataError: If the rate is so large that a percentage was meant.
    """
    if not abs(annual_rate) <= _WILDEST_INFLATION:
        message = f"inflation is {annual_rate} a year; give a fraction such as 0.025"
        raise DataError(message)
    quarter = first_of_quarter(starts)
    index: dict[date, float] = {}
    while quarter <= until:
        index[quarter] = 100 * (1 + annual_rate) ** (len(index) / 4)
        quarter = first_of_quarter(quarter + timedelta(days=95))
    return index


def _refuse_not_positive(what: str, value: float) -> None:
    if not (math.isfinite(value) and value > 0):
        message = f"{what} is {value}; it must be above 0"
        raise DataError(message)
