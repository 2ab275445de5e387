"""Yearly adjustments of cost bases by a fund that is an attribution managed investment trust (AMIT).

A fund's statement gives the AMIT cost base net amount of a financial year: the excess of the amounts that reduce the
cost base over those that increase it lowers the cost base, a shortfall raises it, just before the end of the year
(ss 104-107B and 104-107C). The amount below zero is a capital gain of that year (CGT event E10, s 104-107A).

The law adjusts each unit. A statement gives one amount for all units, so that the parts of the parcels are a convention
here: by the units owned at the end of the year.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, replace
from datetime import date
from typing import TYPE_CHECKING

from portfolio.errors import DataError

if TYPE_CHECKING:
    from collections.abc import Sequence

    from portfolio.tax.parcels import Parcel


@dataclass(frozen=True, slots=True)
class Adjustment:
    """The change of the cost base of an ETF's units in a financial year.

    Attributes:
        ticker: The ETF.
        year: The calendar year in which the financial year ends.
        change_aud: The change, AUD: below zero if it lowers the cost base.
    """

    ticker: str
    year: int
    change_aud: float

    @property
    def ends(self) -> date:
        """The last day of the financial year."""
        return date(self.year, 6, 30)


@dataclass(frozen=True, slots=True)
class AdjustedParcel:
    """A parcel before and after an adjustment.

    Attributes:
        acquired: Day of the purchase.
        units: Number of units.
        before_aud: Cost base before, AUD.
        after_aud: Cost base after, AUD; at least 0.
        gain_aud: The part of a reduction that exceeds the cost base: a capital gain of that year.
    """

    acquired: date
    units: float
    before_aud: float
    after_aud: float
    gain_aud: float


@dataclass(frozen=True, slots=True)
class Adjusted:
    """An adjustment, spread over parcels by the units owned at the end of its year.

    Attributes:
        ticker: The ETF.
        year: The calendar year in which the financial year ends.
        change_aud: The change, AUD: below zero if it lowers the cost base.
        parcels: The parcels that were owned then.
    """

    ticker: str
    year: int
    change_aud: float
    parcels: tuple[AdjustedParcel, ...]

    @property
    def gain_aud(self) -> float:
        """Capital gain of that year, AUD."""
        return math.fsum(parcel.gain_aud for parcel in self.parcels)


def adjust(
    parcels: Sequence[Parcel], adjustments: Sequence[Adjustment]
) -> tuple[tuple[Parcel, ...], tuple[Adjusted, ...]]:
    """Adjust the cost bases of *parcels*, year by year; return the parcels in their order, and the steps.

    Raises:
        DataError: If two adjustments are of the same ETF and year, or no unit of the ETF was owned then.
    """
    made, steps = list(parcels), []
    keys = [(one.year, one.ticker) for one in adjustments]
    if twice := {key for key in keys if keys.count(key) > 1}:
        year, ticker = min(twice)
        message = f"{ticker} is adjusted twice for the year to 30 June {year}: give one amount"
        raise DataError(message)
    for one in sorted(adjustments, key=lambda one: (one.year, one.ticker)):
        mine = [k for k, parcel in enumerate(made) if parcel.ticker == one.ticker and parcel.acquired <= one.ends]
        if not mine:
            message = f"no unit of {one.ticker} that is owned was acquired by {one.ends}: leave its adjustment out"
            raise DataError(message)
        total, told = math.fsum(made[k].units for k in mine), []
        for k in mine:
            before = made[k].cost_base_aud
            moved = before + one.change_aud * (made[k].units / total)
            made[k] = replace(made[k], cost_base_aud=max(moved, 0.0))
            told.append(AdjustedParcel(made[k].acquired, made[k].units, before, max(moved, 0.0), max(-moved, 0.0)))
        steps.append(Adjusted(one.ticker, one.year, one.change_aud, tuple(told)))
    return tuple(made), tuple(steps)
