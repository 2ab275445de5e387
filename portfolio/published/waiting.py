"""What a sale would save by waiting, as a final event states it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date
from enum import StrEnum

from portfolio.published.order import Order
from portfolio.tax.gains import Assessment


class WaitFor(StrEnum):
    """The event that makes a later sale cheaper.

    Attributes:
        TWELVE_MONTHS: The units are then held for 12 months.
        NEXT_YEAR: The sale is then of the next financial year.
    """

    TWELVE_MONTHS = "twelve_months"
    NEXT_YEAR = "next_year"


@dataclass(frozen=True, slots=True)
class Wait:
    """Units of a parcel that the orders sell, and whose sale within 60 days would cost less tax.

    Attributes:
        ticker: The ETF.
        acquired: Day of the purchase.
        units: Units that the orders sell of the parcel.
        day: The first day of the cheaper sale.
        waits_for: The event of that day.
        saves_aud: Tax that is saved if these units alone are sold on that day, at the price of today, AUD. The law is
            that of the day, other income stays as it is, and losses that this year leaves are used then.
    """

    ticker: str
    acquired: date
    units: float
    day: date
    waits_for: WaitFor
    saves_aud: float


@dataclass(frozen=True, slots=True)
class LaterOptimum:
    """The best portfolio if nothing is sold now of the parcels that would save tax by waiting.

    Attributes:
        orders: The orders of today: sales, then purchases.
        units: Units held afterwards, by ticker.
        pods: Value of each pod's holdings afterwards, AUD, by pod and ticker.
        cash_left_aud: Cash after all orders and their costs, AUD.
        brokerage_aud: Brokerage of the orders, AUD.
        spread_aud: Half the spread of the orders, AUD.
        gains: Capital gains of the orders and the tax on them.
        objective: Objective of the portfolio. It can be above that of the orders that sell now where goals are kept
            less well.
        worse: Goals that these orders do not meet, and keep less well than the orders that sell now, by name.
    """

    orders: tuple[Order, ...]
    units: Mapping[str, float]
    pods: Mapping[str, Mapping[str, float]]
    cash_left_aud: float
    brokerage_aud: float
    spread_aud: float
    gains: Assessment
    objective: float
    worse: tuple[str, ...]
